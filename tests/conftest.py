"""A real PostgreSQL for the tests: one throw-away server per worker, one cloned database per test."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import fcntl
import gc
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import hypothesis
import orjson
import pytest
from small_bank import SmallBank, found_small_bank
from sqlalchemy.engine import make_url

from api.embedded import EmbeddedPostgres
from api.embedded_settings import usable_memory_mib
from domain.access import Caller
from schema.graph import Engine, graph
from schema.request import Request
from tenants import migrations
from tenants.credentials import Credentials, set_passwords
from tenants.database import Database
from tenants.organisation import Directory

if TYPE_CHECKING:
    from drawn_values import Pool

COLLECT_AFTER_OBJECTS = 50_000
IN_MEMORY = Path("/dev/shm")
ROOM_IN_MEMORY_MIB = 4096

# The same examples wherever the suite runs; RANDOM_EXAMPLES=1 looks for others.
hypothesis.settings.register_profile(
    "suite",
    derandomize=not os.environ.get("RANDOM_EXAMPLES"),
    deadline=None,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("suite")


# Begun first, so that at the end no worker waits for the other's last long file.
LONGEST = (
    "test_compiled_tenants.py",
    "test_compiled_tenants_of_a_client.py",
    "test_demo_loading.py",
    "test_demo.py",
    "test_serving_ends.py",
    "test_serving.py",
    "test_embedded.py",
    "test_embedded_homes.py",
    "test_conditions_sql.py",
    "test_isolation_guard.py",
    "test_pgbouncer.py",
    "test_isolation_pool.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first, the others in their order."""
    place = {name: index for index, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONGEST)))


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
        connection = await asyncpg.connect(self.dsn, timeout=60)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def place_of_servers() -> Path | None:
    """In memory where there is room: a clone is a thousand files. None is wherever temporary files are."""
    has_room = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free >= ROOM_IN_MEMORY_MIB * 2**20
    return IN_MEMORY if has_room and usable_memory_mib() >= 2 * ROOM_IN_MEMORY_MIB else None


def sweep_up() -> None:
    """Remove what killed runs have left behind: of an hour ago, and locked by nobody."""
    for home in Path(place_of_servers() or tempfile.gettempdir()).glob("branchgraph-test-*"):
        with contextlib.suppress(OSError), (home / "data" / "branchgraph.lock").open() as lock:
            if time.time() - home.stat().st_mtime > 3600:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """DATABASE_URL's server where it is set, else an embedded one made for this worker."""
    if url := os.environ.get("DATABASE_URL"):
        yield Server(url)
        return
    sweep_up()
    # Not below pytest's own directory: that one is closed to the user that PostgreSQL runs as.
    home = Path(tempfile.mkdtemp(prefix="branchgraph-test-", dir=place_of_servers()))
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
def small_template(server: Server, blank: str) -> Iterator[str]:
    """The name of a migrated database with the small bank in it."""
    name = f"branchgraph_test_{os.getpid()}"
    asyncio.run(server.run(f"create database {name} template {blank} strategy file_copy"))
    asyncio.run(_furnish(Credentials(server.to(name))))
    yield name
    asyncio.run(server.run(f"drop database {name} with (force)"))


@pytest.fixture(scope="session")
def template(small_template: str) -> str:
    """What a test's own database is a clone of; modules may have another."""
    return small_template


@pytest.fixture(scope="session")
def odd_template(server: Server, small_template: str) -> Iterator[str]:
    """The same with something in nearly every table, and every text hard to write down."""
    from odd_bank import furnish_oddly  # which needs this module

    name = f"branchgraph_odd_{os.getpid()}"
    asyncio.run(server.run(f"create database {name} template {small_template} strategy file_copy"))
    asyncio.run(furnish_oddly(Credentials(server.to(name))))
    yield name
    asyncio.run(server.run(f"drop database {name} with (force)"))


@pytest.fixture(scope="session")
def odd_pool(server: Server, odd_template: str) -> Pool:
    """What exists in that bank; nobody changes it."""
    from compared_answers import opened_bank
    from known_pool import known_pool

    with opened_bank(server, odd_template) as bank:
        pool: Pool = bank.run(known_pool(bank, graph()._schema))
    return pool


class Clones:
    """Clones of templates. One that nobody wrote to serves the next test, too: making it costs the most."""

    # Counted when a session ends, and of the tables of the catalogue as well, undone or not. Two things of a
    # database stand in tables of the whole server.
    STATE = """
        select coalesce(s.tup_inserted + s.tup_updated + s.tup_deleted, 0) > 0 or d.datacl is not null
               or exists (select from pg_db_role_setting where setdatabase = d.oid) as touched,
               exists (select from pg_stat_activity as a where a.datid = d.oid) as in_use
        from pg_database as d left join pg_stat_database as s on s.datid = d.oid
        where d.datname = $1"""
    SESSIONS_END_WITHIN_S = 0.1

    def __init__(self, server: Server) -> None:
        self._server = server
        self._untouched: dict[str, list[str]] = {}

    async def take(self, template: str) -> str:
        """The name of a database equal to the template."""
        if untouched := self._untouched.get(template):
            return untouched.pop()
        name = f"{template}_{os.urandom(4).hex()}"
        await self._server.run(f"create database {name} template {template} strategy file_copy")
        return name

    async def give_back(self, name: str, template: str) -> None:
        """Keep it for the next, or drop it."""
        connection = await asyncpg.connect(self._server.dsn, timeout=60)
        try:
            if await self._is_untouched(connection, name):
                self._untouched.setdefault(template, []).append(name)
            else:
                await connection.execute(f"drop database {name} with (force)")
        finally:
            await connection.close()

    async def _is_untouched(self, connection: asyncpg.Connection, name: str) -> bool:
        """Not knowing it soon is no."""
        deadline = asyncio.get_running_loop().time() + self.SESSIONS_END_WITHIN_S
        while True:
            touched, in_use = await connection.fetchrow(self.STATE, name)
            if touched or not in_use:
                return not touched
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(0.005)

    async def drop(self) -> None:
        """Drop those that wait for a test."""
        for name in itertools.chain(*self._untouched.values()):
            await self._server.run(f"drop database {name} with (force)")


@pytest.fixture(scope="session")
def clones(server: Server) -> Iterator[Clones]:
    """Where tests take their databases from."""
    clones = Clones(server)
    yield clones
    asyncio.run(clones.drop())


async def _furnish(credentials: Credentials) -> None:
    database = Database(credentials)
    await database.open()
    try:
        await found_small_bank(database)
    finally:
        await database.close()


@pytest.fixture
async def credentials(server: Server, clones: Clones, template: str) -> AsyncIterator[Credentials]:
    """A database of this test's own, with the small bank in it."""
    name = await clones.take(template)
    yield Credentials(server.to(name))
    await clones.give_back(name, template)


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
