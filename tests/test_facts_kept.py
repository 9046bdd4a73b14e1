"""Kept is rebuilt: whatever is written, by whom and how, the facts are what they come from."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from dataclasses import replace

import asyncpg
import pytest
from click.testing import CliRunner
from fact_histories import SOURCES, TODAY, History, facts_of, put, set_day
from small_bank import JIANGSU, SHANGHAI, SmallBank, client_id

from api.facts_command import facts_command
from tenants.credentials import Credentials
from tenants.database import Database, Transaction
from tenants.facts import Difference, differences, rebuild
from tenants.organisation import Directory
from tenants.roles import Login
from tenants.tables.facts import KEPT

STEPS = 81
# Other histories: change it, and the steps, and let it run for a while.
SEED = int(os.environ.get("FACTS_SEED", "1"))


async def different(administrator: asyncpg.Connection) -> list[Difference]:
    async with administrator.transaction():
        return await differences(Transaction(administrator, None))


async def test_kept_is_rebuilt_after_any_history(administrator: asyncpg.Connection) -> None:
    """Inserts, updates, deletes, rows that move to another client, several rows a statement; on several days."""
    history = History(SEED)
    await administrator.execute("update bank.client_fact set valid_from = '2024-01-01'")
    for step in range(STEPS):
        if step % 30 == 0:
            await set_day(administrator, TODAY + dt.timedelta(days=step))
        await history.step(administrator, SOURCES[step % len(SOURCES)])
        if step % 9 == 8:
            assert await different(administrator) == [], f"after step {step}"
    versions = await administrator.fetchval("select count(*) from bank.client_fact_version")
    assert versions > 0
    async with administrator.transaction():
        # A rebuild finds nothing to do, and so leaves no trace.
        assert await rebuild(Transaction(administrator, None)) == len(SmallBank().clients)
    assert await administrator.fetchval("select count(*) from bank.client_fact_version") == versions


async def test_what_gets_past_the_triggers_is_found_and_mended(administrator: asyncpg.Connection) -> None:
    await set_day(administrator, TODAY)
    for table in SOURCES:
        await administrator.execute(f"alter table bank.{table} disable trigger user")
    await administrator.execute("update bank.client set employees = 77 where id = $1", client_id(0))
    for table in SOURCES[1:]:
        period = {"period_end": dt.date(2024, 6, 30)} if table == "financial_statement" else {}
        await put(
            administrator, table, period | ({"due_on": dt.date(2020, 1, 1)} if table == "posting" else {})
        )
    assert await different(administrator) == [
        Difference(SHANGHAI, client_id(0), it) for it in sorted(SOURCES)
    ]
    async with administrator.transaction():
        await rebuild(Transaction(administrator, None), [SHANGHAI])
    assert await different(administrator) == []


async def test_staff_of_a_branch_keep_facts_in_their_own_transactions(
    database: Database, directory: Directory, administrator: asyncpg.Connection
) -> None:
    await set_day(administrator, TODAY)
    async with database.transaction(await directory.scope(SmallBank.jiangsu), write=True) as transaction:
        connection = transaction.connection
        await connection.execute("set local app.facts_deferred = 'on'")
        before = await connection.fetch("select client_id, default_count from bank.client_facts order by 1")
        await put(connection, "credit_event", {}, index=3)
        await connection.execute("update bank.client set employees = 9 where branch_id = $1", JIANGSU)
        after = await connection.fetch(
            "select default_count, employees from bank.client_facts order by client_id"
        )
        assert [row["client_id"] for row in before] == [client_id(3), client_id(4)]
        assert [tuple(row) for row in after] == [(1, 9), (0, 9)]
    assert await different(administrator) == []


async def test_a_new_client_has_facts_at_once(administrator: asyncpg.Connection) -> None:
    await administrator.execute(
        "insert into bank.client (branch_id, id, registration_country, registration_number, legal_name, currency) "
        "values (4, gen_random_uuid(), 'DE', 'HRB 1', 'Neu GmbH', 'EUR')"
    )
    row = await administrator.fetchrow("select * from bank.client_facts where currency = 'EUR'")
    known = {name: value for name, value in dict(row).items() if value is not None}
    for name in ("branch_id", "client_id", "currency", "changed_at"):
        known.pop(name)
    assert known == {
        "status": "ACTIVE",
        "national_key_project": False,
        "statement_count": 0,
        "exposure_minor": 0,
        "facility_limit_minor": 0,
        "facility_count": 0,
    }
    assert await different(administrator) == []


async def test_of_two_writers_at_once_neither_is_forgotten(
    credentials: Credentials, administrator: asyncpg.Connection
) -> None:
    first, second = [await asyncpg.connect(credentials.url) for _ in range(2)]
    begun = first.transaction()
    await begun.start()
    await put(first, "credit_event", {})
    waiting = asyncio.create_task(put(second, "credit_event", {}))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await begun.commit()
    await waiting
    assert (await facts_of(administrator))["default_count"] == 2
    assert await different(administrator) == []
    await first.close()
    await second.close()


async def test_headquarters_may_load_first_and_make_the_facts_afterwards(
    database: Database, directory: Directory, administrator: asyncpg.Connection
) -> None:
    scope = await directory.operator()
    async with database.transaction(scope, write=True) as transaction:
        connection = transaction.connection
        await connection.execute("set local app.facts_deferred = 'on'")
        await connection.execute(
            "insert into bank.client "
            "(branch_id, id, registration_country, registration_number, legal_name, currency) "
            "values (4, '00000000-0000-7000-8000-000000000001', 'DE', 'HRB 1', 'Neu GmbH', 'EUR')"
        )
        count = "select count(*) from bank.client_facts where currency = 'EUR'"
        assert await connection.fetchval(count) == 0
        await connection.execute("select app.make_facts('{4}', '{00000000-0000-7000-8000-000000000001}')")
        assert await connection.fetchval(count) == 1
    assert await different(administrator) == []


async def test_facts_are_seen_by_staff_of_the_branch_and_no_client(
    credentials: Credentials, database: Database, directory: Directory
) -> None:
    scope = await directory.scope(SmallBank.jiangsu)
    for relation in ("client_fact", "client_facts"):
        async with database.transaction(scope) as transaction:
            rows = await transaction.connection.fetch(f"select branch_id from bank.{relation}")
            assert {row["branch_id"] for row in rows} == {JIANGSU}
        async with database.transaction(replace(scope, branches=())) as transaction:
            assert await transaction.connection.fetch(f"select from bank.{relation}") == []
    company = await asyncpg.connect(credentials.dsn(Login.CLIENT))
    for relation in ("client_fact", "client_fact_version", "client_facts", "standing", "region_class"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await company.fetch(f"select from bank.{relation}")
    await company.close()


async def test_the_facts_of_a_client_go_with_it(administrator: asyncpg.Connection) -> None:
    await set_day(administrator, TODAY)
    await administrator.execute("update bank.client_fact set valid_from = '2024-01-01'")
    await put(administrator, "credit_event", {})
    for table in ("posting", "credit_event", "facility", "financial_statement", "contact"):
        await administrator.execute(f"delete from bank.{table} where client_id = $1", client_id(0))
    await administrator.execute("delete from bank.client where id = $1", client_id(0))
    for table in ("client_fact", "client_fact_version"):
        assert not await administrator.fetchval(
            f"select count(*) from bank.{table} where client_id = $1", client_id(0)
        )


def test_every_source_has_a_family() -> None:
    assert set(SOURCES) == set(KEPT)


def test_the_command_names_who_differs_and_mends_it(
    credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", credentials.url)

    async def spoil() -> None:
        administrator = await asyncpg.connect(credentials.url)
        await administrator.execute(
            "update bank.client_fact set employees = -1 where client_id = $1", client_id(0)
        )
        await administrator.close()

    asyncio.run(spoil())
    check = CliRunner().invoke(facts_command, ["check"])
    assert check.exit_code == 1
    assert f"client {client_id(0)} of branch {SHANGHAI}: what comes of client differs" in check.output
    rebuilt = CliRunner().invoke(facts_command, ["rebuild"])
    assert (rebuilt.exit_code, "the facts of 7 clients" in rebuilt.output) == (0, True)

    async def mended() -> bool:
        administrator = await asyncpg.connect(credentials.url)
        async with administrator.transaction():
            found = await different(administrator)
        await administrator.close()
        return found == []

    assert asyncio.run(mended())
