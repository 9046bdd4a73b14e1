"""Demo banks for the tests: where to load them, loading, cutting a load off, telling two loads apart."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import asyncpg
from conftest import Server

from tenants.credentials import Credentials
from tenants.database import Database
from tenants.demo import demo_is_loaded, load_demo
from tenants.organisation import Directory

CLIENTS = 2_000
# Of these 2,000 clients and all they have. Every PostgreSQL from 15 on gives it; a change of the demo's SQL
# changes it, and the test that fails then prints the new one.
CHECKSUM = "fdf37ec1b4a2752f"
TABLES = (
    "region",
    "region_indicator",
    "unit",
    "staff",
    "client",
    "contact",
    "facility",
    "posting",
    "financial_statement",
    "credit_event",
    "client_month",
    "interaction",
    "complaint",
    "rating",
    "client_link",
)


class PowerCutError(Exception):
    """What ends a load in the middle."""


def power_cut_after_the_first_clients(line: str) -> None:
    if line.startswith("clients up to"):
        raise PowerCutError


def silent(line: str) -> None:
    del line


@contextmanager
def empty_database(server: Server, blank: str) -> Iterator[Credentials]:
    """A migrated database of its own, dropped at the end. Not inside an event loop."""
    name = f"branchgraph_demo_{os.getpid()}_{os.urandom(4).hex()}"
    credentials = Credentials(server.to(name))
    asyncio.run(server.run(f"create database {name} template {blank} strategy file_copy"))
    try:
        yield credentials
    finally:
        asyncio.run(server.run(f"drop database {name} with (force)"))


async def load(credentials: Credentials, clients: int, say: Callable[[str], None] = silent) -> None:
    database = Database(credentials, connections=2)
    await database.open()
    try:
        await load_demo(database, Directory(database), say=say, clients=clients)
    finally:
        await database.close()


async def is_loaded(credentials: Credentials) -> bool:
    database = Database(credentials, connections=2)
    await database.open()
    try:
        return await demo_is_loaded(database)
    finally:
        await database.close()


async def rows_of(credentials: Credentials, table: str) -> int:
    connection = await asyncpg.connect(credentials.url, timeout=20)
    try:
        count: int = await connection.fetchval(f"select count(*) from bank.{table}")
    finally:
        await connection.close()
    return count


async def checksums(credentials: Credentials) -> dict[str, str]:
    """Of every table, and of all."""
    connection = await asyncpg.connect(credentials.url, timeout=20)
    try:
        await connection.execute("set timezone = 'UTC'")
        of = {
            table: await connection.fetchval(
                f"select md5(string_agg(t::text, ';' order by t::text collate \"C\")) from bank.{table} as t"
            )
            for table in TABLES
        }
    finally:
        await connection.close()
    return {"all": hashlib.sha256("".join(of.values()).encode()).hexdigest()[:16], **of}
