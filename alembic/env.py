"""How Alembic reaches the database: one asyncpg connection, one lock, and limits on waiting."""

from __future__ import annotations

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tenants.tables import metadata

LOCK = "branchgraph migrations"
BEFORE = ("set lock_timeout = '10s'", "set statement_timeout = '15min'", "set timezone = 'UTC'")


def _run(connection: Connection) -> None:
    # Held by the session, not the transaction: a second process waits for the first to finish, which may take
    # longer than a lock may be waited for afterwards.
    connection.execute(text("select pg_advisory_lock(hashtext(:name))"), {"name": LOCK})
    for statement in BEFORE:
        connection.execute(text(statement))
    connection.execute(text("create schema if not exists app"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table_schema="app",
        include_schemas=True,
        include_name=lambda name, kind, _: kind != "schema" or name == metadata.schema,
        compare_type=True,
        compare_server_default=False,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _connect() -> None:
    url = context.config.attributes.get("url") or make_url(os.environ["DATABASE_URL"]).set(
        drivername="postgresql+asyncpg"
    )
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_run)
    await engine.dispose()


asyncio.run(_connect())
