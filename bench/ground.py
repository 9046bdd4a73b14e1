"""The bank that is measured: the demo bank, loaded once, on an embedded PostgreSQL that runs meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
from sqlalchemy import select

from api.bank import Bank, opened, running_bank
from api.embedded import default_home
from api.issuer import parse_persona
from api.settings import Settings
from bench.operations import BRANCH, PERSONAS
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.demo import demo_is_loaded, load_demo
from tenants.organisation import Directory
from tenants.scope import Scope
from tenants.tables import client

HERE = Path(__file__).parent
SAMPLED_CLIENTS = 300
MAINTENANCE_LIMIT_S = 3600


@dataclass(frozen=True, slots=True)
class Ground:
    """The bank while its server runs.

    `scopes` are by persona; `clients` are keys (branch, id) of clients in the branch's scope; `home` is private
    to the bench and holds what servers write.
    """

    credentials: Credentials
    home: Path
    postmaster: int
    scopes: Mapping[str, Scope]
    clients: tuple[tuple[int, UUID], ...]


@contextmanager
def prepared(clients: int, say: Callable[[str], None]) -> Iterator[Ground]:
    """The bank with so many clients: loaded if it is not yet there (about a minute per 50,000)."""
    home = default_home(HERE) / str(clients)
    settings = Settings(data_home=home, database_url=None, read_database_url=None)
    with running_bank(settings, migrating=True, alone=True) as bank:
        scopes, sample = asyncio.run(_load(settings, bank, clients, say))
        yield Ground(bank.credentials, home, _postmaster(home), scopes, sample)


async def _load(
    settings: Settings, bank: Bank, clients: int, say: Callable[[str], None]
) -> tuple[dict[str, Scope], tuple[tuple[int, UUID], ...]]:
    async with opened(settings, bank.credentials) as database:
        directory = Directory(database)
        if not await demo_is_loaded(database):
            await load_demo(database, directory, clients=clients, say=say)
            await _tidy(bank.credentials)
        scopes = {persona: await directory.scope(parse_persona(persona)) for persona in PERSONAS}
        return scopes, await _sample(database, scopes[BRANCH])


async def _tidy(credentials: Credentials) -> None:
    """Statistics and visibility as they are in a bank that has been at work for a while."""
    connection = await asyncpg.connect(credentials.administrator_dsn, timeout=10)
    try:
        await connection.execute("vacuum analyze", timeout=MAINTENANCE_LIMIT_S)
        await connection.execute("checkpoint", timeout=MAINTENANCE_LIMIT_S)
    finally:
        await connection.close()


async def _sample(database: Database, scope: Scope) -> tuple[tuple[int, UUID], ...]:
    # In no order that an index has, so that they lie all over the table.
    statement = select(client.c.branch_id, client.c.id).order_by(client.c.phone).limit(SAMPLED_CLIENTS)
    async with database.transaction(scope) as transaction:
        return tuple((row["branch_id"], UUID(int=row["id"].int)) for row in await transaction.rows(statement))


def _postmaster(home: Path) -> int:
    return int((home / "postgresql" / "pgdata" / "postmaster.pid").read_text().split("\n")[0])
