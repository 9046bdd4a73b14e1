"""A replica that lags may answer headquarters' reads, and decides nothing."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
from conftest import Ask, Server
from small_bank import JIANGSU, SmallBank
from sqlalchemy import func, select

from schema.graph import Engine
from tenants.credentials import Credentials
from tenants.database import Database, DatabaseUnavailable
from tenants.organisation import Directory

HQ = SmallBank.headquarters


@pytest.fixture
async def database(server: Server, template: str, credentials: Credentials) -> AsyncIterator[Database]:
    """Two clones of one bank: the second stands for a replica that has fallen behind for good."""
    name = f"{template}_{os.urandom(4).hex()}"
    await server.run(f"create database {name} template {template} strategy file_copy")
    replicated = Credentials(credentials.url, read_url=server.to(name))
    database = Database(replicated, connections=3)
    await database.open()
    yield database
    await database.close()
    await server.run(f"drop database {name} with (force)")


MOVE = """mutation { moveUnit(input: {idempotencyKey: "m", unitCode: "320000", newParentCode: "NORTH",
    expectedVersion: 1}) { ... on MoveUnitSuccess { unit { version parent { code } } } } }"""
REGISTER = """mutation { registerClient(input: {idempotencyKey: "k", branchCode: "310000", legalName: "New",
    registrationNumber: "91310000132149237G"}) { ... on RegisterClientSuccess { client { legalName } } } }"""


async def test_headquarters_reads_from_the_replica(ask: Ask) -> None:
    await ask(HQ, REGISTER)
    for engine in (ask.engine, Engine(compiled=False)):
        ask.engine = engine
        assert (await ask(HQ, "{ clients { totalCount } }"))["clients"]["totalCount"] == 7
        there = await ask(SmallBank.shanghai, "{ clients { totalCount } }")
        assert there["clients"]["totalCount"] == 4, "a branch reads where it writes"


async def test_headquarters_answers_come_from_the_replica_unless_they_must_be_fresh(
    ask: Ask, database: Database
) -> None:
    await ask(HQ, REGISTER)
    headquarters = await ask.directory.scope(HQ)
    count = "(select convert_to(count(*)::text, 'UTF8') from bank.client)"
    assert await database.answer(headquarters, count, ()) == b"7"
    assert await database.answer(headquarters, count, (), fresh=True) == b"8"
    assert await database.answer(await ask.directory.scope(SmallBank.shanghai), count, ()) == b"4"


async def test_a_change_is_shown_as_it_was_made(ask: Ask) -> None:
    assert (await ask(HQ, REGISTER))["registerClient"]["client"] == {"legalName": "New"}
    assert (await ask(HQ, MOVE))["moveUnit"]["unit"] == {"version": 2, "parent": {"code": "NORTH"}}


async def test_who_sees_what_does_not_wait_for_the_replica(ask: Ask) -> None:
    await ask(HQ, MOVE)
    assert JIANGSU not in (await ask.directory.scope(SmallBank.east)).branches


async def test_slow_statements_of_headquarters_keep_nobody_from_being_known(database: Database) -> None:
    directory = Directory(database)
    scope = await directory.scope(HQ)
    async with (
        database.transaction(scope) as one,
        database.transaction(scope) as two,
        database.transaction(scope) as three,
    ):
        for transaction in (one, two, three):
            await transaction.rows(select(func.pg_backend_pid()))
        directory.forget()
        assert (await directory.scope(SmallBank.shanghai)).branches
        assert (await directory.scope(SmallBank.huaxia)).clients


async def test_a_replica_that_is_not_there_stops_the_start(credentials: Credentials) -> None:
    gone = Credentials(credentials.url, read_url="postgresql://x@127.0.0.1:1/bank")
    with pytest.raises(DatabaseUnavailable, match="READ_DATABASE_URL"):
        await Database(gone).open()
