"""What is written at once is written under its scope and no other, and leaves nothing behind on its connection."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from small_bank import JIANGSU, SHANGHAI, SmallBank

from domain.access import Caller
from tenants.at_once import ABREAST, AtOnce, NotAtOnce
from tenants.database import Database, DatabaseUnavailable, Door
from tenants.organisation import Directory

BO, JUN, HQ = SmallBank.shanghai, SmallBank.jiangsu, SmallBank.headquarters
WRITE = """with made as (
    insert into bank.idempotency_key (branch_id, subject, key, operation, payload_sha256, result)
    select $1::int, 'bo', $2::text, 'test', repeat('0', 64), '{}' where $1 is not null
    returning 1
) select (select count(*) from made) as made, current_setting('transaction_read_only') as reads"""
SETTINGS = "select current_setting('app.branches', true), current_setting('app.clients', true)"
SEEN = "select branch_id, count(*) as clients, min(created_at) as since from bank.client group by branch_id"


async def keys(administrator: asyncpg.Connection) -> list[tuple[int, str]]:
    """What was written."""
    found = await administrator.fetch("select branch_id, key from bank.idempotency_key order by key")
    return [tuple(row) for row in found]


@pytest.mark.parametrize("caller", [BO, HQ])
async def test_a_change_is_there_when_it_is_answered(
    database: Database, directory: Directory, administrator: asyncpg.Connection, caller: Caller
) -> None:
    transaction = AtOnce(database, await directory.scope(caller))
    (row,) = await transaction.write(WRITE, (SHANGHAI, "k"), tenant=SHANGHAI)
    assert (row["made"], row["reads"]) == (1, "off")
    assert await keys(administrator) == [(SHANGHAI, "k")]


async def test_no_tenant_is_written_to_but_those_in_scope(
    database: Database, directory: Directory, administrator: asyncpg.Connection
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await AtOnce(database, await directory.scope(BO)).write(WRITE, (JIANGSU, "k"), tenant=JIANGSU)
    assert await keys(administrator) == []
    # The next on the same connection has its own scope, and nothing of the one before.
    await AtOnce(database, await directory.scope(JUN)).write(WRITE, (JIANGSU, "k"), tenant=JIANGSU)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await AtOnce(database, await directory.scope(JUN)).write(WRITE, (SHANGHAI, "l"), tenant=SHANGHAI)
    assert await keys(administrator) == [(JIANGSU, "k")]


async def test_nothing_stays_set_on_the_connection(database: Database, directory: Directory) -> None:
    scope = await directory.scope(BO)
    await AtOnce(database, scope).write(WRITE, (SHANGHAI, "k"), tenant=SHANGHAI)
    connections = database._writing[Door.PORTAL].connections
    seat = await connections.take()
    try:
        assert [value or "" for value in await seat.connection.fetchrow(SETTINGS)] == ["", ""]
        assert not seat.connection.is_in_transaction()
        assert await seat.connection.fetchval("select count(*) from bank.client") == 0
    finally:
        connections.give(seat)


async def test_what_is_read_at_once_is_what_the_scope_sees(database: Database, directory: Directory) -> None:
    rows = await AtOnce(database, await directory.scope(JUN)).fetch(SEEN, ())
    assert [(row["branch_id"], row[1]) for row in rows] == [(JIANGSU, 2)]
    assert len(await AtOnce(database, await directory.scope(HQ)).fetch(SEEN, ())) == 4


@pytest.mark.parametrize(
    "text",
    [
        "select id from bank.client for update",
        "select clients.* from (select array_agg(branch_id) as branches from bank.client) clients",
        "select 1 as one, 2 as one",
    ],
    ids=["locks", "an array", "two of one name"],
)
async def test_what_takes_a_transaction_is_refused(
    database: Database, directory: Directory, text: str
) -> None:
    transaction = AtOnce(database, await directory.scope(BO))
    for _ in range(2):
        with pytest.raises(NotAtOnce):
            await transaction.fetch(text, ())
    assert await transaction.fetch("select 1 as one", ()) == [{"one": 1}]


async def test_a_connection_that_died_while_idle_is_replaced_and_the_change_made_once(
    database: Database, directory: Directory, administrator: asyncpg.Connection
) -> None:
    transaction = AtOnce(database, await directory.scope(BO))
    await transaction.write(WRITE, (SHANGHAI, "a"), tenant=SHANGHAI)
    await administrator.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and usename = 'branchgraph_portal'"
    )
    await transaction.write(WRITE, (SHANGHAI, "b"), tenant=SHANGHAI)
    assert await keys(administrator) == [(SHANGHAI, "a"), (SHANGHAI, "b")]
    with pytest.raises(asyncpg.UniqueViolationError):
        await transaction.write(WRITE, (SHANGHAI, "b"), tenant=SHANGHAI)
    await transaction.write(WRITE, (SHANGHAI, "c"), tenant=SHANGHAI)


async def test_one_tenants_queue_leaves_connections_to_the_others(
    database: Database, directory: Directory, administrator: asyncpg.Connection
) -> None:
    scope = await directory.scope(HQ)
    slow = WRITE.replace("where $1", "from (select pg_sleep(0.2) where $1::int is not null) slept where $1")
    queue = [
        asyncio.create_task(AtOnce(database, scope).write(slow, (SHANGHAI, f"k{n}"), tenant=SHANGHAI))
        for n in range(12)
    ]
    await asyncio.sleep(0)
    await AtOnce(database, scope).write(WRITE, (JIANGSU, "j"), tenant=JIANGSU)
    assert sum(task.done() for task in queue) <= 2 * ABREAST < len(queue)
    await asyncio.gather(*queue)
    assert len(await keys(administrator)) == 13


async def test_behind_a_pooler_nothing_is_done_at_once(database: Database) -> None:
    assert database.works_at_once
    assert not Database(database._credentials, pooled=True).works_at_once


async def test_a_database_that_is_closed_says_so(database: Database, directory: Directory) -> None:
    transaction = AtOnce(database, await directory.scope(BO))
    await database.close()
    with pytest.raises(DatabaseUnavailable):
        await transaction.write(WRITE, (SHANGHAI, "k"), tenant=SHANGHAI)
