"""What the jobs that ship do, by the bank's day: earmarks expire, limits age, old keys are forgotten."""

from __future__ import annotations

import datetime as dt

import asyncpg
from limit_bank import (
    MILLION,
    OFFICER,
    Books,
    add_node,
    balance,
    client_of,
    open_limits,
    top,
    yuan,
)
from small_bank import HQ, JIANGSU, SHANGHAI

from tenants.actions import limits
from tenants.database import Database
from tenants.jobs.work import JOBS, Work
from tenants.limits.verifying import verify
from tenants.organisation import Directory

DO = {job.name: job.do for job in JOBS}
JUNE = dt.date(2026, 6, 1)


async def the_day_is(administrator: asyncpg.Connection, day: dt.date) -> None:
    await administrator.execute("update bank.business_day set day = $1", day)


async def test_time_takes_back_what_it_was_given_for(
    administrator: asyncpg.Connection, database: Database, directory: Directory
) -> None:
    await open_limits(administrator)
    short = await add_node(
        administrator,
        SHANGHAI,
        1,
        5 * MILLION,
        client_id=client_of(0, SHANGHAI)[1],
        valid_until=dt.date(2026, 5, 31),
    )
    await administrator.execute(
        "update bank.limit_node set addition_minor = $3, addition_from = '2026-01-01', "
        "addition_until = '2026-05-30' where branch_id = $1 and id = $2",
        JIANGSU,
        top(JIANGSU),
        10 * MILLION,
    )
    await administrator.execute(
        "update bank.limit_node set dealt_minor = dealt_minor + $2 where id = $1",
        await administrator.fetchval("select parent_id from bank.limit_node where id = $1", top(JIANGSU)),
        10 * MILLION,
    )
    await administrator.execute(
        "insert into bank.idempotency_key (branch_id, subject, key, operation, payload_sha256, result, created_at) "
        "values ($1, 'bo', 'old', 'o', 'p', '{}', now() - interval '31 days'), "
        "($1, 'bo', 'young', 'o', 'p', '{}', now() - interval '29 days')",
        HQ,
    )
    books = Books(database, directory, OFFICER)
    for amount in (1_000_000, 2_000_000):
        await books.done(limits.earmark, client_of(0, SHANGHAI), "TERM_LOAN", yuan(amount))
    work = Work(database, directory, key_days=30, log_days=30)
    assert await DO["expire_earmarks"](work) is None
    assert await DO["age_limits"](work) is None
    assert await balance(administrator, short) == (3_000_000, 0, 0)

    await the_day_is(administrator, JUNE)
    assert await DO["expire_earmarks"](work) == "2 earmarks"
    assert await DO["age_limits"](work) == "2 limits aged"
    assert await DO["forget"](work) == "1 idempotency keys"
    assert await balance(administrator, short) == (0, 0, 0)
    terms = await administrator.fetch(
        "select status, addition_minor, addition_until from bank.limit_node where id = any ($1) order by branch_id",
        [short[1], top(JIANGSU)],
    )
    assert [tuple(row) for row in terms] == [("EXPIRED", 0, None), ("ACTIVE", 0, None)]
    keys = await administrator.fetch("select key from bank.idempotency_key where subject = 'bo'")
    assert [row["key"] for row in keys] == ["young"]
    # Done once more there is nothing to do, and the books are exact.
    assert [await DO[name](work) for name in ("expire_earmarks", "age_limits", "forget")] == [None] * 3
    async with database.transaction(await directory.operator()) as transaction:
        assert await verify(transaction) == []
