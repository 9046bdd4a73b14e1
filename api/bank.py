"""Where this process finds its bank: a database of yours, or an embedded one that it starts or joins."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from api.embedded import EmbeddedError, EmbeddedPostgres, default_home
from api.settings import Settings
from tenants import guard, migrations
from tenants.compensation.shipped import ensure_default_fund
from tenants.credentials import Credentials, set_passwords
from tenants.database import LOST, Database, DatabaseUnavailable, Transaction
from tenants.divisions.shipped import install_default_models
from tenants.limits.shipped import ensure_authorities
from tenants.playbooks.shipped import ensure_playbooks
from tenants.scorecards.models import ensure_default_model
from tenants.segments.shipped import ensure_defaults

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
    """Bring the database up to date, put into force what ships, give the login roles their passwords.

    Not inside an event loop.

    Raises DatabaseUnavailable where it cannot be reached, entered or altered.
    """
    try:
        if not asyncio.run(migrations.is_current(credentials.administrator_dsn)):
            migrations.upgrade(credentials.url)
        asyncio.run(set_passwords(credentials))
        asyncio.run(put_into_force_what_ships(credentials))
    except (*LOST, TimeoutError, asyncpg.PostgresError, SQLAlchemyError) as problem:
        # SQLAlchemy's own words would repeat the statement.
        cause = getattr(problem, "orig", None) or problem
        raise DatabaseUnavailable(
            f"the database cannot be prepared: {cause or type(cause).__name__}. Is it running, does DATABASE_URL "
            f"name it, and may its user create roles and schemas?"
        ) from problem


async def put_into_force_what_ships(credentials: Credentials) -> None:
    """The rule sets, playbooks and models of division that ship, where the bank has none of its own."""
    connection = await asyncpg.connect(credentials.administrator_dsn, timeout=10)
    try:
        async with connection.transaction():
            # One process at a time: the second finds them there.
            await connection.execute("select pg_advisory_xact_lock(hashtext('branchgraph what ships'))")
            transaction = Transaction(connection, None)
            await ensure_defaults(transaction)
            await ensure_playbooks(transaction)
            await ensure_authorities(transaction)
            await install_default_models(transaction)
            await ensure_default_fund(transaction)
            await ensure_default_model(transaction)
    finally:
        await connection.close()


async def refresh_statistics(credentials: Credentials) -> None:
    """Let the planner know what a large load has brought, as only the tables' administrator may."""
    connection = await asyncpg.connect(credentials.administrator_dsn, timeout=10)
    try:
        await connection.execute("analyze", timeout=600)
    finally:
        await connection.close()


def database_of(settings: Settings, credentials: Credentials) -> Database:
    """The door to the database, not yet open."""
    return Database(
        credentials,
        connections=settings.database_connections,
        pooled=settings.database_pooler == "transaction",
        statement_timeout_ms=settings.statement_timeout_ms,
    )


@dataclass(frozen=True, slots=True)
class Bank:
    """A bank, and the embedded server that keeps it where this process runs one."""

    credentials: Credentials
    embedded: EmbeddedPostgres | None


@contextmanager
def running_bank(settings: Settings, *, migrating: bool = False, alone: bool = False) -> Iterator[Bank]:
    """The bank, its embedded server running for as long as this lasts.

    An embedded bank is always migrated, one on a server of yours only when `migrating`: that takes an
    administrator, and a moment of your choice. Where another process runs the embedded server already, it is
    joined; refused as EmbeddedError if we are to be `alone`.
    """
    embedded = embedded_of(settings)
    if embedded is None:
        credentials = credentials_of(settings, None)
        if migrating:
            migrate(credentials)
        yield Bank(credentials, None)
        return
    _forget_postgresql_settings()
    try:
        _start_or_join(embedded, alone=alone)
        asyncio.run(found_database(embedded))
        credentials = credentials_of(settings, embedded)
        migrate(credentials)
        yield Bank(credentials, embedded)
    finally:
        embedded.stop()


@asynccontextmanager
async def open_bank(settings: Settings, *, migrating: bool = False) -> AsyncIterator[Database]:
    """The bank's database, open, for a command. Raises UnsafeDatabase where the tenants are not kept apart."""
    bank = running_bank(settings, migrating=migrating)
    there = await asyncio.to_thread(bank.__enter__)
    try:
        async with opened(settings, there.credentials) as database:
            await guard.verify(database)
            yield database
    finally:
        await asyncio.to_thread(bank.__exit__, None, None, None)


@asynccontextmanager
async def opened(settings: Settings, credentials: Credentials) -> AsyncIterator[Database]:
    """The door to the database, open. Raises DatabaseUnavailable."""
    database = database_of(settings, credentials)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def forget(settings: Settings) -> list[Path]:
    """Delete what this checkout keeps in its data home. Raises EmbeddedError while a server runs there."""
    home = data_home(settings)
    postgresql = home / "postgresql"
    if postgresql.exists():
        # Whoever can start the server on it knows that it is one of ours and that nobody else uses it.
        with EmbeddedPostgres(postgresql):
            pass
    gone = [path for path in (postgresql, identity_home(settings)) if path.exists()]
    for path in gone:
        shutil.rmtree(path)
    return gone


def _forget_postgresql_settings() -> None:
    """asyncpg would apply the user's PGPORT, PGSSLMODE, … to our own socket, which they are not about."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


def _start_or_join(embedded: EmbeddedPostgres, *, alone: bool) -> None:
    try:
        embedded.start()
    except EmbeddedError:
        if alone or not asyncio.run(_is_served_by_another(embedded)):
            raise


async def _is_served_by_another(embedded: EmbeddedPostgres) -> bool:
    """Whether another process of ours runs the server: then its socket answers."""
    try:
        connection = await asyncpg.connect(embedded.dsn(), timeout=5)
    except (OSError, EmbeddedError, asyncpg.PostgresError, TimeoutError):
        return False
    await connection.close()
    return True
