"""The server refuses to start on a database, or under roles, that would not keep tenants apart."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from tenants import guard
from tenants.credentials import Credentials
from tenants.database import Database, DatabaseUnavailable
from tenants.guard import UnsafeDatabase
from tenants.roles import CLIENT, HEADQUARTERS, OWNER, PORTAL, Login

ALONE = pytest.mark.skipif(
    "DATABASE_URL" in os.environ, reason="changes the login roles, which belong to the whole server"
)


async def refusal(database: Database) -> list[str]:
    with pytest.raises(UnsafeDatabase) as refused:
        await guard.verify(database)
    for finding in refused.value.findings:
        assert finding in str(refused.value)
    assert "python -m api migrate" in str(refused.value)
    return refused.value.findings


@asynccontextmanager
async def for_a_while(administrator: asyncpg.Connection, statement: str, undo: str) -> AsyncIterator[None]:
    await administrator.execute(statement)
    try:
        yield
    finally:
        await administrator.execute(undo)


async def test_a_database_in_order_is_served_from(database: Database) -> None:
    await guard.verify(database)
    assert await guard.warnings(database) == []


async def test_asking_leaves_nothing_behind(database: Database) -> None:
    await guard.verify(database)
    for pool in database._pools.values():
        async with pool.acquire() as connection:
            assert not connection.is_in_transaction()
            assert await connection.fetchval("show search_path") == '"$user", public'


@ALONE
@pytest.mark.parametrize(
    ("statement", "undo", "found"),
    [
        (f"alter role {PORTAL} superuser", f"alter role {PORTAL} nosuperuser", "superuser"),
        (f"alter role {CLIENT} bypassrls", f"alter role {CLIENT} nobypassrls", "bypass row-level security"),
        (f"alter role {HEADQUARTERS} createrole", f"alter role {HEADQUARTERS} nocreaterole", "create roles"),
        (f"grant {OWNER} to {PORTAL}", f"revoke {OWNER} from {PORTAL}", f"is a member of {OWNER}"),
        (
            f"alter table bank.contact owner to {PORTAL}",
            "select 1",
            f"role {PORTAL}: owns table bank.contact",
        ),
        (
            f"alter role {PORTAL} set app.branches = '{{6}}'",
            f"alter role {PORTAL} reset app.branches",
            "must not be set",
        ),
    ],
    ids=["superuser", "bypass", "createrole", "member", "owner", "scope"],
)
async def test_a_login_role_that_may_too_much_is_refused(
    credentials: Credentials, administrator: asyncpg.Connection, statement: str, undo: str, found: str
) -> None:
    async with for_a_while(administrator, statement, undo):
        database = Database(credentials, connections=1)
        await database.open()
        assert any(found in finding for finding in await refusal(database))
        await database.close()


async def test_a_scope_that_a_connection_brings_along_is_refused(
    credentials: Credentials, administrator: asyncpg.Connection
) -> None:
    await administrator.execute(
        f"do $$ begin execute format('alter role {PORTAL} in database %I set app.branches = ''{{6}}''', "
        "current_database()); end $$"
    )
    database = Database(credentials, connections=1)
    await database.open()
    assert f"{PORTAL} starts with a scope: the server's or the pooler's configuration sets app.*" in (
        await refusal(database)
    )
    await database.close()


class Mapped(Credentials):
    """What a pooler does that knows one user only."""

    def dsn(self, login: Login) -> str:
        del login
        return Credentials.dsn(self, Login.HEADQUARTERS)


async def test_roles_that_a_pooler_maps_to_one_are_refused(credentials: Credentials) -> None:
    database = Database(Mapped(credentials.url), connections=1)
    await database.open()
    assert await refusal(database) == [
        f"the connection for {login} works as {HEADQUARTERS}: a pooler or pg_hba.conf maps it"
        for login in sorted((CLIENT, PORTAL))
    ]
    await database.close()


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            "update app.alembic_version set version_num = '0001'",
            "the schema is at revision 0001, this code needs",
        ),
        ("insert into app.alembic_version values ('9999')", "0014, 9999, this code needs"),
        ("delete from app.alembic_version", "the schema is at revision none, this code needs"),
        ("drop table app.alembic_version", "the schema is not there"),
        (
            f"revoke select on app.alembic_version from {CLIENT}",
            f"the schema is not there, or not open to {CLIENT}",
        ),
        (f"revoke usage on schema app from {PORTAL}", f"the schema is not there, or not open to {PORTAL}"),
    ],
    ids=["older", "two", "none", "no table", "closed", "no schema"],
)
async def test_another_revision_is_refused(
    database: Database, administrator: asyncpg.Connection, statement: str, found: str
) -> None:
    await administrator.execute(statement)
    assert any(found in finding for finding in await refusal(database)), await refusal(database)


async def test_every_hole_is_listed_at_once(database: Database, administrator: asyncpg.Connection) -> None:
    await administrator.execute(
        f"alter table bank.client no force row level security; grant truncate on bank.contact to {PORTAL}"
    )
    assert await refusal(database) == [
        "bank.client: row-level security is not forced on the owner",
        f"bank.contact: TRUNCATE is granted to {PORTAL}",
    ]


async def test_a_database_that_does_not_answer_is_not_called_unsafe(credentials: Credentials) -> None:
    database = Database(credentials, connections=1)
    await database.open()
    await database.close()
    with pytest.raises(DatabaseUnavailable):
        await guard.verify(database)
