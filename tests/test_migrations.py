"""Migrations: up, down and up again; one at a time; never waiting for ever."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from conftest import Server
from sqlalchemy.exc import DBAPIError

from api.embedded import EmbeddedPostgres
from tenants import catalogue, migrations
from tenants.roles import OWNER, Login

STATE = """
select 'table ' || c.oid::regclass || ' ' || coalesce(c.relacl::text, '') || ' ' || pg_get_userbyid(c.relowner)
    || c.relrowsecurity || c.relforcerowsecurity
from pg_class c where c.relkind in ('r', 'i', 'S', 'v') and c.relnamespace::regnamespace::text in ('app', 'bank')
union all
select 'column ' || a.attrelid::regclass || ' ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
    || a.attnotnull || coalesce(a.attacl::text, '')
from pg_attribute a join pg_class c on c.oid = a.attrelid
where a.attnum > 0 and not a.attisdropped and c.relkind = 'r'
    and c.relnamespace::regnamespace::text in ('app', 'bank')
union all
select 'policy ' || polrelid::regclass || ' ' || polname || polcmd::text || polroles::regrole[]::text
    || coalesce(pg_get_expr(polqual, polrelid), '') || coalesce(pg_get_expr(polwithcheck, polrelid), '')
from pg_policy
union all
select 'function ' || p.oid::regprocedure || coalesce(p.proacl::text, '') || pg_get_functiondef(p.oid)
from pg_proc p where p.pronamespace::regnamespace::text in ('app', 'bank')
union all
select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
from pg_constraint where connamespace::regnamespace::text = 'bank'
union all
select 'trigger ' || tgrelid::regclass || ' ' || tgname from pg_trigger where not tgisinternal
union all
select 'schema ' || nspname || ' ' || coalesce(nspacl::text, '') from pg_namespace
where nspname in ('app', 'bank', 'public')
union all
select 'system ' || relname || ' ' || coalesce(relacl::text, '') from pg_class where relname = 'pg_stat_activity'
union all
select 'system ' || proname || ' ' || coalesce(proacl::text, '') from pg_proc where proname = 'pg_stat_get_activity'
union all
select 'database ' || coalesce((select string_agg(x::text, ' ' order by x::text) from unnest(datacl) x), '')
from pg_database where datname = current_database()
union all
select 'role ' || rolname || rolcanlogin || rolinherit || rolsuper || rolbypassrls
from pg_roles where rolname like 'branchgraph%'
order by 1
"""


def ask(dsn: str, query: str) -> list[Any]:
    async def asked() -> list[Any]:
        connection = await asyncpg.connect(dsn, timeout=20)
        try:
            return [row[0] for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return asyncio.run(asked())


@pytest.fixture
def empty(server: Server, template: str) -> Iterator[str]:
    """The DSN of a database without anything in it, on a server that has the roles."""
    name = f"{template}_{os.urandom(4).hex()}"
    asyncio.run(server.run(f"create database {name} template template0"))
    # Roles belong to the whole server: workers that share one must not change them at the same time.
    with Path(tempfile.gettempdir(), "branchgraph-test.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield server.to(name)
    asyncio.run(server.run(f"drop database {name} with (force)"))


@pytest.fixture
def hasty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same migrations, waiting for a lock 0.3 s in place of 10 s."""
    shutil.copytree(migrations.ROOT / "alembic", tmp_path / "alembic")
    env = tmp_path / "alembic" / "env.py"
    text = env.read_text()
    assert "set lock_timeout = '10s'" in text
    assert "set statement_timeout = '15min'" in text
    env.write_text(text.replace("set lock_timeout = '10s'", "set lock_timeout = '300ms'"))
    monkeypatch.setattr(migrations, "ROOT", tmp_path)


def test_the_tables_are_those_of_the_code(empty: str) -> None:
    migrations.upgrade(empty)
    migrations.check(empty)


def test_up_again_after_down_is_as_up_at_first(empty: str) -> None:
    migrations.upgrade(empty)
    first = ask(empty, STATE)
    migrations.downgrade(empty)
    migrations.upgrade(empty)
    assert ask(empty, STATE) == first
    migrations.check(empty)

    async def findings() -> list[str]:
        connection = await asyncpg.connect(empty, timeout=20)
        found = await catalogue.findings(connection) + await catalogue.warnings(connection)
        await connection.close()
        return found

    assert asyncio.run(findings()) == []


def test_each_step_down_can_be_taken_up_again(empty: str) -> None:
    migrations.upgrade(empty)
    whole = ask(empty, STATE)
    while ask(empty, "select version_num from app.alembic_version"):
        migrations.downgrade(empty, "-1")
        below = ask(empty, STATE)
        migrations.upgrade(empty, "+1")
        migrations.downgrade(empty, "-1")
        assert ask(empty, STATE) == below
    migrations.upgrade(empty)
    assert ask(empty, STATE) == whole


def test_down_leaves_nothing_but_the_empty_record_of_revisions(empty: str) -> None:
    before = _without_record(ask(empty, STATE))
    migrations.upgrade(empty)
    migrations.downgrade(empty)
    assert ask(empty, "select nspname::text from pg_namespace where nspname !~ '^pg_' order by 1") == [
        "app",
        "information_schema",
        "public",
    ]
    assert ask(empty, "select count(*) from app.alembic_version") == [0]
    # Privileges on the system's own objects are given back, and then stand in full where they went without saying.
    left = set(_without_record(ask(empty, STATE))) - set(before)
    assert {line.split()[0] for line in left} <= {"system", "database"}


def _without_record(state: list[str]) -> list[str]:
    return [line for line in state if "alembic_version" not in line and not line.startswith("schema app")]


def test_down_takes_the_roles_along_where_nobody_else_uses_them() -> None:
    home = Path(tempfile.mkdtemp(prefix="branchgraph-test-"))
    home.chmod(0o755)
    roles = "select rolname::text from pg_roles where rolname like 'branchgraph%' order by 1"
    try:
        with EmbeddedPostgres(home / "data", durable=False) as embedded:
            dsn = embedded.dsn()
            migrations.upgrade(dsn)
            assert ask(dsn, roles) == sorted([OWNER, *Login])
            first = ask(dsn, STATE)
            migrations.downgrade(dsn)
            assert ask(dsn, roles) == []
            migrations.upgrade(dsn)
            assert ask(dsn, STATE) == first
    finally:
        shutil.rmtree(home, ignore_errors=True)


def test_roles_that_another_database_uses_stay(server: Server, template: str, empty: str) -> None:
    migrations.upgrade(empty)
    migrations.downgrade(empty)
    roles = ask(empty, "select rolname::text from pg_roles where rolname like 'branchgraph%' order by 1")
    assert roles == sorted([OWNER, *Login])
    assert ask(server.to(template), "select count(*) > 0 from bank.client") == [True]


@pytest.mark.usefixtures("hasty")
def test_a_migration_gives_up_on_a_lock_and_changes_nothing(empty: str) -> None:
    """Who waits for a table's lock makes everybody wait who comes after."""
    migrations.upgrade(empty)
    before = ask(empty, STATE)
    with (
        _held(empty, "lock table bank.client in access share mode"),
        pytest.raises(DBAPIError, match="lock timeout"),
    ):
        migrations.downgrade(empty)
    assert ask(empty, STATE) == before
    assert ask(empty, "select version_num from app.alembic_version") == [migrations.head()]


@pytest.mark.usefixtures("hasty")
def test_a_migration_waits_for_another_longer_than_for_a_table(empty: str) -> None:
    """The first may take minutes; the second process is not to fail of it."""
    held = _held(empty, "select pg_advisory_xact_lock(hashtext('branchgraph migrations'))")
    held.__enter__()
    threading.Timer(1.0, held.release.set).start()
    migrations.upgrade(empty)
    held.__exit__()
    assert ask(empty, "select version_num from app.alembic_version") == [migrations.head()]


def test_two_processes_may_migrate_at_once(empty: str) -> None:
    program = "import sys; from tenants import migrations; migrations.upgrade(sys.argv[1])"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, empty], cwd=migrations.ROOT, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    told = [process.communicate(timeout=300)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], told
    migrations.check(empty)


class _held:  # noqa: N801 - read as a word of the sentence that it stands in
    """A transaction that has run a statement and stays open, on a thread of its own."""

    def __init__(self, dsn: str, statement: str) -> None:
        self._dsn, self._statement = dsn, statement
        self._ready, self.release = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._hold()))

    async def _hold(self) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=20)
        async with connection.transaction():
            await connection.execute(self._statement)
            self._ready.set()
            await asyncio.to_thread(self.release.wait, 30)
        await connection.close()

    def __enter__(self) -> None:
        self._thread.start()
        assert self._ready.wait(20)

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self._thread.join(20)
