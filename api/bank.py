"""Where this process finds its bank: a database of yours, or an embedded one that it starts or joins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg

from api.embedded import EmbeddedError, EmbeddedPostgres, default_home
from api.settings import Settings
from tenants import migrations
from tenants.credentials import Credentials, set_passwords
from tenants.database import Database

CHECKOUT = Path(__file__).resolve().parent.parent
DATABASE_NAME = "bank"


def data_home(settings: Settings) -> Path:
    """The directory of everything that this checkout keeps."""
    return settings.data_home or default_home(CHECKOUT)


def identity_home(settings: Settings) -> Path:
    """Where the development issuer keeps its key."""
    return data_home(settings) / "identity"


def embedded_of(settings: Settings) -> EmbeddedPostgres | None:
    """The embedded server of this checkout, not yet started; None where DATABASE_URL names another."""
    return None if settings.database_url else EmbeddedPostgres(data_home(settings) / "postgresql")


def credentials_of(settings: Settings, embedded: EmbeddedPostgres | None) -> Credentials:
    """How to reach the database, once it runs."""
    if settings.database_url:
        password = settings.database_role_password
        return Credentials(
            settings.database_url,
            settings.read_database_url,
            password.get_secret_value() if password else None,
        )
    assert embedded is not None
    return Credentials(embedded.dsn(DATABASE_NAME))


async def found_database(embedded: EmbeddedPostgres) -> None:
    """Make the bank's own database on an embedded server that has none yet."""
    connection = await asyncpg.connect(embedded.dsn(), timeout=10)
    try:
        name = await connection.fetchval("select datname from pg_database where datname = $1", DATABASE_NAME)
        if name is None:
            await connection.execute(f"create database {DATABASE_NAME}")
    finally:
        await connection.close()


def migrate(credentials: Credentials) -> None:
    """Bring the database up to date and give the login roles their passwords. Not inside an event loop."""
    migrations.upgrade(credentials.url)
    asyncio.run(set_passwords(credentials))


def database_of(settings: Settings, credentials: Credentials) -> Database:
    """The door to the database, not yet open."""
    return Database(
        credentials,
        connections=settings.database_connections,
        pooled=settings.database_pooler == "transaction",
        statement_timeout_ms=settings.statement_timeout_ms,
    )


@contextmanager
def running_bank(settings: Settings) -> Iterator[Credentials]:
    """A migrated bank for a command: the server's, if one runs here, else started for as long as it takes."""
    embedded = embedded_of(settings)
    if embedded is not None:
        try:
            embedded.start()
        except EmbeddedError:
            if not asyncio.run(_is_served_by_another(embedded)):
                raise
    try:
        if embedded is not None:
            asyncio.run(found_database(embedded))
        credentials = credentials_of(settings, embedded)
        migrate(credentials)
        yield credentials
    finally:
        if embedded is not None:
            embedded.stop()


@asynccontextmanager
async def open_bank(settings: Settings) -> AsyncIterator[Database]:
    """The bank's database, open, for a command."""
    bank = running_bank(settings)
    credentials = await asyncio.to_thread(bank.__enter__)
    try:
        database = database_of(settings, credentials)
        await database.open()
        try:
            yield database
        finally:
            await database.close()
    finally:
        await asyncio.to_thread(bank.__exit__, None, None, None)


async def _is_served_by_another(embedded: EmbeddedPostgres) -> bool:
    """Whether another process of ours runs the server: then its socket answers."""
    try:
        connection = await asyncpg.connect(embedded.dsn(), timeout=5)
    except (OSError, EmbeddedError, asyncpg.PostgresError, TimeoutError):
        return False
    await connection.close()
    return True
