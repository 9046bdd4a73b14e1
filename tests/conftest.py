"""A real PostgreSQL for the tests: one throw-away server per worker, one cloned database per test."""

from __future__ import annotations

import asyncio
import datetime as dt
import fcntl
import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from small_bank import SmallBank, found_small_bank
from sqlalchemy.engine import make_url

from api.embedded import EmbeddedPostgres
from domain.access import Caller
from schema.graph import Engine
from schema.request import Request
from tenants import migrations
from tenants.credentials import Credentials, set_passwords
from tenants.database import Database
from tenants.organisation import Directory

COLLECT_AFTER_OBJECTS = 50_000


def pytest_collection_finish() -> None:
    """Do as the server does (`api/serving.py`): what is there from the start is no garbage.

    Walking through it again and again took a third of the suite's time; what tests leave behind is still found.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 20, 20)


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL server on which tests make and drop databases."""

    dsn: str

    def to(self, database: str) -> str:
        """The administrator's DSN of one database."""
        return make_url(self.dsn).set(database=database).render_as_string(hide_password=False)

    async def run(self, statement: str) -> None:
        """One statement outside of any transaction."""
        connection = await asyncpg.connect(self.dsn, timeout=20)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """DATABASE_URL's server where it is set, else an embedded one made for this worker."""
    if url := os.environ.get("DATABASE_URL"):
        yield Server(url)
        return
    # Not below pytest's own directory: that one is closed to the user that PostgreSQL runs as.
    home = Path(tempfile.mkdtemp(prefix="branchgraph-test-"))
    home.chmod(0o755)
    try:
        with EmbeddedPostgres(home / "data", durable=False) as embedded:
            yield Server(embedded.dsn())
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def blank(server: Server) -> Iterator[str]:
    """The name of a migrated database without a row of ours, to clone from."""
    name = f"branchgraph_blank_{os.getpid()}"
    # Roles belong to the whole server: workers that share one must not make them at the same time.
    with Path(tempfile.gettempdir(), "branchgraph-test.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        asyncio.run(server.run(f"create database {name}"))
        migrations.upgrade(server.to(name))
        asyncio.run(set_passwords(Credentials(server.to(name))))
    yield name
    asyncio.run(server.run(f"drop database {name} with (force)"))


@pytest.fixture(scope="session")
def template(server: Server, blank: str) -> Iterator[str]:
    """The name of a migrated database with the small bank in it, to clone from."""
    name = f"branchgraph_test_{os.getpid()}"
    asyncio.run(server.run(f"create database {name} template {blank} strategy file_copy"))
    asyncio.run(_furnish(Credentials(server.to(name))))
    yield name
    asyncio.run(server.run(f"drop database {name} with (force)"))


async def _furnish(credentials: Credentials) -> None:
    database = Database(credentials)
    await database.open()
    try:
        await found_small_bank(database)
    finally:
        await database.close()


@pytest.fixture
async def credentials(server: Server, template: str) -> AsyncIterator[Credentials]:
    """A database of this test's own, with the small bank in it."""
    name = f"{template}_{os.urandom(4).hex()}"
    await server.run(f"create database {name} template {template} strategy file_copy")
    yield Credentials(server.to(name))
    await server.run(f"drop database {name} with (force)")


@pytest.fixture
async def database(credentials: Credentials) -> AsyncIterator[Database]:
    """The product's own door to that database."""
    database = Database(credentials, connections=5)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def administrator(credentials: Credentials) -> AsyncIterator[asyncpg.Connection]:
    """A connection that may change the schema, for tests that take a guard away."""
    connection = await asyncpg.connect(credentials.url, timeout=20)
    yield connection
    await connection.close()


@pytest.fixture
def directory(database: Database) -> Directory:
    """Callers to scopes."""
    return Directory(database)


@pytest.fixture(scope="session")
def small_bank() -> SmallBank:
    """Names and ids of what is in the small bank."""
    return SmallBank()


class Ask:
    """Puts an operation to the graph as one caller, the way a request does."""

    def __init__(self, database: Database, directory: Directory, engine: Engine) -> None:
        self.engine = engine
        self.database = database
        self.directory = directory
        self.statements: list[str] = []
        database.observer = self.statements.append

    async def full(self, caller: Caller, query: str, **variables: Any) -> dict[str, Any]:
        """The whole response; a fault of the server's own fails the test."""
        scope = await self.directory.scope(caller)
        request = Request(
            database=self.database,
            directory=self.directory,
            organisation=await self.directory.organisation(),
            scope=scope,
            today=dt.date(2026, 1, 15),
        )
        self.statements.clear()
        answered = await self.engine.answer(
            request,
            self.engine.documents.find(query),
            variables=variables,
            operation=None,
            reading_only=False,
            report=_fail,
        )
        body: dict[str, Any] = orjson.loads(answered.body)
        return body

    async def __call__(self, caller: Caller, query: str, **variables: Any) -> Any:
        """The data of a response without errors."""
        body = await self.full(caller, query, **variables)
        assert "errors" not in body, body["errors"]
        return body["data"]

    async def error(self, caller: Caller, query: str, **variables: Any) -> dict[str, Any]:
        """The only error of a response."""
        body = await self.full(caller, query, **variables)
        (error,) = body["errors"]
        assert isinstance(error, dict)
        return error


def _fail(cause: BaseException) -> str:
    raise AssertionError("a fault of the server's own") from cause


@pytest.fixture(scope="session")
def engine() -> Engine:
    """What answers operations, as in development."""
    return Engine(explains=True)


@pytest.fixture
def ask(database: Database, directory: Directory, engine: Engine) -> Ask:
    """The graph over this test's database."""
    return Ask(database, directory, engine)
