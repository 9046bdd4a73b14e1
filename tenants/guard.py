"""Nobody is served from an unsafe database: what the server asks of it before the first request."""

from __future__ import annotations

import asyncio

import asyncpg

from domain.access import Caller, Role
from tenants import catalogue, migrations
from tenants.database import Database, Transaction
from tenants.roles import Login
from tenants.scope import Scope

CONNECTIONS = [(login, False) for login in Login] + [(Login.HEADQUARTERS, True)]
"""Every door that requests go through; headquarters' reads may go to a replica."""

REMEDY = (
    "Run `python -m api migrate`. What a migration does not mend was changed by hand: undo it as an administrator "
    "of the database. Until then the server does not start, since callers could see other branches' rows."
)


class UnsafeDatabase(Exception):
    """The database would not keep the tenants apart; the message names each hole and what to do."""

    def __init__(self, findings: list[str]) -> None:
        self.findings = findings
        listed = "".join(f"\n  - {finding}" for finding in findings)
        super().__init__(f"the database is not safe to serve from:{listed}\n{REMEDY}")


async def verify(database: Database) -> None:
    """Ask through the login roles' own connections. Raises UnsafeDatabase and DatabaseUnavailable."""
    found = await asyncio.gather(*(_behind(database, login, write=write) for login, write in CONNECTIONS))
    if any(found):
        raise UnsafeDatabase(sorted(set().union(*found)))


async def _behind(database: Database, login: Login, *, write: bool) -> set[str]:
    async with database.transaction(_nothing(login), write=write) as transaction:
        found = {*await _about_the_door(transaction, login)}
        found |= {*await catalogue.findings(transaction.connection)}
    return found | {*await _about_the_revision(database, login, write=write)}


async def warnings(database: Database) -> list[str]:
    """What does not forbid serving, and should be mended where the server's administrator can be asked."""
    async with database.transaction(_nothing(Login.PORTAL)) as transaction:
        return await catalogue.warnings(transaction.connection)


def _nothing(login: Login) -> Scope:
    return Scope(Caller("server", Role.AUDITOR), login, ())


async def _about_the_door(transaction: Transaction, login: Login) -> list[str]:
    """Whether this connection is the role's own, and brings no scope that nobody stated."""
    await transaction.connection.execute(
        "set local app.branches to default; set local app.clients to default"
    )
    row = await transaction.connection.fetchrow(
        "select session_user::text as session, current_user::text as current, "
        "nullif(current_setting('app.branches', true), '') as branches, "
        "nullif(current_setting('app.clients', true), '') as clients"
    )
    found = [
        f"the connection for {login} works as {user}: a pooler or pg_hba.conf maps it"
        for user in {row["session"], row["current"]} - {str(login)}
    ]
    if row["branches"] or row["clients"]:
        found.append(f"{login} starts with a scope: the server's or the pooler's configuration sets app.*")
    return found


async def _about_the_revision(database: Database, login: Login, *, write: bool) -> list[str]:
    head = migrations.head()
    try:
        async with database.transaction(_nothing(login), write=write) as transaction:
            there = await migrations.there(transaction.connection)
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError, asyncpg.InsufficientPrivilegeError):
        return [f"the schema is not there, or not open to {login}; this code needs revision {head}"]
    return [] if there == head else [f"the schema is at revision {there}, this code needs {head}"]
