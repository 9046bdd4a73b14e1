"""Every tenant table with rows in two branches, open to every role: it is the policies alone that refuse."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from conftest import Server
from full_bank import something_everywhere
from small_bank import BEIJING, JIANGSU, SHANGHAI, client_id

from tenants.credentials import Credentials
from tenants.roles import Login

BRANCHES = f"{{{SHANGHAI},{JIANGSU}}}"
CLIENTS = f"{{{client_id(1)},{client_id(4)}}}"
"""A client user's own: the same company, kept by two branches."""

FRESH = {
    "valid_from": "1999-12-31T00:00:00Z",
    "currency": "USD",
    "bucket": "RESERVED",
    "class_code": "RISK",
    "cap_id": "900",
    "subject": "nobody",
}
"""Of a key's columns that are no ids: what no row has."""


@dataclass(frozen=True)
class Tenant:
    """A tenant table as the catalogue knows it: its columns that can be written, key first."""

    name: str
    columns: list[str]
    key: list[str]
    foreign: list[str] = field(default_factory=list)
    """Columns, other than branch_id, that refer to another tenant table."""


async def tenant_tables(administrator: asyncpg.Connection) -> list[Tenant]:
    rows = await administrator.fetch(
        """
        select c.oid::regclass::text as name,
            array(select attname::text from pg_attribute a where a.attrelid = c.oid and attnum > 0
                and not attisdropped and attgenerated = '' order by attnum) as columns,
            array(select attname::text from pg_index i join pg_attribute a on a.attrelid = c.oid
                and a.attnum = any (i.indkey) where i.indrelid = c.oid and i.indisprimary
                and attname <> 'branch_id') as key,
            array(select distinct attname::text from pg_constraint k join pg_attribute a on a.attrelid = c.oid
                and a.attnum = any (k.conkey) where k.conrelid = c.oid and k.contype = 'f'
                and b.attnum = any (k.conkey) and attname <> 'branch_id' and attgenerated = '') as foreign
        from pg_class c join pg_attribute b on b.attrelid = c.oid and b.attname = 'branch_id'
        where c.relkind in ('r', 'p') and c.relnamespace::regnamespace::text !~ '^pg_' order by 1
        """
    )
    return [Tenant(**row) for row in rows]


@pytest.fixture(scope="module")
def template(server: Server, odd_template: str) -> Iterator[str]:
    """A bank with something in every table, to clone from; the tables are asked of the catalogue."""
    name = f"{odd_template}_{os.urandom(4).hex()}"
    asyncio.run(server.run(f"create database {name} template {odd_template} strategy file_copy"))
    asyncio.run(_open_to_everybody(server.to(name)))
    yield name
    asyncio.run(server.run(f"drop database {name} with (force)"))


async def _open_to_everybody(dsn: str) -> None:
    administrator = await asyncpg.connect(dsn, timeout=60)
    try:
        await administrator.execute(
            "grant select, insert, update, delete on all tables in schema bank "
            f"to {Login.PORTAL}, {Login.CLIENT}"
        )
        for branch, currency in ((SHANGHAI, "CNY"), (BEIJING, "EUR")):
            await administrator.execute(something_everywhere(branch, currency))
        found = await tenant_tables(administrator)
        assert len(found) >= 9
        for table in found:
            there = await administrator.fetch(f"select distinct branch_id from {table.name}")
            assert {SHANGHAI, BEIJING} <= {row["branch_id"] for row in there}, (
                f"give {table.name} rows in the test"
            )
    finally:
        await administrator.close()


@pytest.fixture
async def tables(administrator: asyncpg.Connection) -> list[Tenant]:
    """Every tenant table."""
    return await tenant_tables(administrator)


@dataclass(frozen=True)
class Outcome:
    """Everything that a caller learns from a statement."""

    answer: str
    code: str = ""
    detail: str = ""
    hint: str = ""
    constraint: str = ""

    def without(self, *values: object) -> Outcome:
        """The same with what the caller had said itself blotted out."""
        told = [self.answer, self.code, self.detail, self.hint, self.constraint]
        for value in values:
            told = [part.replace(str(value), "…") for part in told]
        return Outcome(*told)


@asynccontextmanager
async def entered(credentials: Credentials, login: Login) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(credentials.dsn(login), timeout=20)
    yield connection
    await connection.close()


async def tried(
    connection: asyncpg.Connection,
    statement: str,
    *values: object,
    branches: str | None = None,
    clients: str | None = None,
) -> Outcome:
    """What a statement answers under these settings; nothing of it is kept. Rows are told as JSON."""
    await connection.execute("begin")
    try:
        for setting, value in (("app.branches", branches), ("app.clients", clients)):
            if value is not None:
                await connection.execute("select set_config($1, $2, true)", setting, value)
        if statement.startswith("select"):
            rows = await connection.fetch(statement, *values)
            return Outcome(json.dumps([dict(row) for row in rows], default=str))
        return Outcome(await connection.execute(statement, *values))
    except asyncpg.PostgresError as error:
        told = (error.args[0], error.sqlstate, error.detail, error.hint, error.constraint_name)
        return Outcome(*(part or "" for part in told))
    finally:
        await connection.execute("rollback")


def is_nothing(outcome: Outcome) -> bool:
    return outcome.code != "" or outcome.answer in ("[]", '[{"count": 0}]', "UPDATE 0", "DELETE 0")


async def a_row(administrator: asyncpg.Connection, table: Tenant, branch: int) -> dict[str, Any]:
    text = await administrator.fetchval(
        f"select to_jsonb(t) from {table.name} t where branch_id = $1 order by {', '.join(table.key)} limit 1",
        branch,
    )
    row: dict[str, Any] = json.loads(text)
    return row


def fresh(row: dict[str, Any], table: Tenant) -> dict[str, Any]:
    """The same row under a key that nobody has."""
    return row | {column: FRESH.get(column) or str(uuid4()) for column in table.key}


async def inserted(
    caller: asyncpg.Connection,
    table: Tenant,
    row: dict[str, Any],
    conflict: str = "",
    *,
    branches: str | None,
) -> Outcome:
    columns = ", ".join(table.columns)
    statement = (
        f"insert into {table.name} ({columns}) "
        f"select {columns} from jsonb_populate_record(null::{table.name}, $1::jsonb) {conflict}"
    )
    return await tried(caller, statement, json.dumps(row), branches=branches)
