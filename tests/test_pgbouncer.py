"""The same isolation through PgBouncer in transaction mode, where two callers in a row share a server connection.

The tests are those of the other files; only the road to the database differs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from conftest import Server
from patience import free_port
from small_bank import BEIJING, JIANGSU
from sqlalchemy.engine import URL, make_url
from test_isolation_guard import test_a_database_in_order_is_served_from as test_the_guard_serves
from test_isolation_pool import fight
from test_isolation_transaction import (
    SCOPE,
    branches_of,
    nothing_is_left,
    test_a_bad_value_is_not_told_as_an_unreachable_database,
    test_a_caller_cancelled_during_a_statement_is_cancelled_and_no_more,
    test_a_caller_cancelled_twice_leaves_nothing,
    test_a_cancelled_caller_leaves_nothing_wherever_it_was,
    test_a_commit_that_fails_is_an_error_and_leaves_nothing,
    test_a_commit_that_the_database_turned_into_a_rollback_is_an_error,
    test_a_read_refuses_to_write,
    test_a_scope_of_no_branches_sees_nothing,
    test_an_error_passes_through_as_it_was,
    test_tasks_that_share_a_transaction_take_turns,
)
from test_isolation_transport import (
    test_an_answer_refuses_to_write,
    test_an_error_of_the_expression_is_told_as_it_is,
    test_every_caller_is_answered_its_own_rows_whoever_was_answered_before,
)
from test_jobs import (
    test_every_job_that_ships_is_done_and_finds_nothing_left,
    test_what_is_broken_off_stays_in_the_queue,
    work,
)
from test_scope import (
    test_a_caller_sees_its_own_subtree,
    test_a_client_sees_its_own_rows_and_no_neighbour_in_the_same_branch,
)

from tenants.credentials import Credentials
from tenants.database import Database, Door
from tenants.roles import Login

__all__ = [
    "test_a_bad_value_is_not_told_as_an_unreachable_database",
    "test_a_caller_cancelled_during_a_statement_is_cancelled_and_no_more",
    "test_a_caller_cancelled_twice_leaves_nothing",
    "test_a_caller_sees_its_own_subtree",
    "test_a_cancelled_caller_leaves_nothing_wherever_it_was",
    "test_a_client_sees_its_own_rows_and_no_neighbour_in_the_same_branch",
    "test_a_commit_that_fails_is_an_error_and_leaves_nothing",
    "test_a_commit_that_the_database_turned_into_a_rollback_is_an_error",
    "test_a_read_refuses_to_write",
    "test_a_scope_of_no_branches_sees_nothing",
    "test_an_answer_refuses_to_write",
    "test_an_error_of_the_expression_is_told_as_it_is",
    "test_an_error_passes_through_as_it_was",
    "test_every_caller_is_answered_its_own_rows_whoever_was_answered_before",
    "test_every_job_that_ships_is_done_and_finds_nothing_left",
    "test_tasks_that_share_a_transaction_take_turns",
    "test_the_guard_serves",
    "test_what_is_broken_off_stays_in_the_queue",
    "work",
]

PROGRAM = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
SERVER_CONNECTIONS = 2

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="pgbouncer is not installed (apt-get install pgbouncer)"
)


@dataclass(frozen=True, slots=True)
class Bouncer:
    """A PgBouncer in front of the tests' server."""

    port: int

    def credentials(self, behind: Credentials) -> Credentials:
        """The same database by way of PgBouncer; the login roles' passwords are the same as well."""
        # Whoever gives up while asyncpg asks for TLS leaves a future of its own behind, of which it complains.
        query = {"sslmode": "disable"}
        url = make_url(behind.url).set(host="127.0.0.1", port=self.port, query=query)
        return Credentials(url.render_as_string(hide_password=False), role_password=behind.role_password)


@pytest.fixture(scope="session")
def bouncer(server: Server) -> Iterator[Bouncer]:
    url = make_url(server.dsn)
    home = Path(tempfile.mkdtemp(prefix="branchgraph-bouncer-"))
    port = free_port()
    user = _unprivileged(url)
    _configure(home, url, Credentials(server.dsn), port)
    if user:
        for path in (home, *home.iterdir()):
            shutil.chown(path, user)
    command = [str(PROGRAM), *(["-u", user] if user else []), str(home / "pgbouncer.ini")]
    keeper = Keeper(command, port, home / "log")
    keeper.start()
    try:
        keeper.wait_until_it_listens()
        yield Bouncer(port)
    finally:
        keeper.end()
        shutil.rmtree(home, ignore_errors=True)


class Keeper(threading.Thread):
    """Starts PgBouncer, and again whenever it falls, as systemd does.

    PgBouncer before 1.21 ends itself now and then when a client cancels (its issues 822 and 904); Debian has 1.18.
    """

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        super().__init__(daemon=True)
        self.command, self.port, self.log = command, port, log
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            with self.log.open("a") as said:
                process = subprocess.Popen(self.command, stderr=said, stdout=said)
            while process.poll() is None and not self.over.wait(0.02):
                pass
            process.terminate()
            process.wait(10)

    def wait_until_it_listens(self) -> None:
        for _ in range(1200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        self.end()
        raise AssertionError(f"pgbouncer did not start: {self.log.read_text()}")

    def end(self) -> None:
        self.over.set()
        self.join(15)


def _configure(home: Path, url: URL, credentials: Credentials, port: int) -> None:
    host, behind = url.query.get("host") or url.host or "127.0.0.1", url.port or 5432
    (home / "users.txt").write_text(
        "".join(f'"{login}" "{credentials.password(login) or ""}"\n' for login in Login)
    )
    (home / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={host} port={behind}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = scram-sha-256\nauth_file = {home / 'users.txt'}\n"
        f"pool_mode = transaction\ndefault_pool_size = {SERVER_CONNECTIONS}\nmax_client_conn = 500\n"
        # Left as it comes: in transaction mode nothing is reset between two callers.
        "query_wait_timeout = 60\nserver_login_retry = 1\nlog_connections = 0\nlog_disconnections = 0\n"
    )


def _unprivileged(url: URL) -> str | None:
    """PgBouncer refuses to run as root; whoever the server runs as may enter its socket's directory."""
    if os.geteuid() != 0:
        return None
    directory = url.query.get("host")
    owner = Path(directory).stat().st_uid if isinstance(directory, str) and directory.startswith("/") else 0
    return pwd.getpwuid(owner).pw_name if owner else "nobody"


@pytest.fixture
async def database(credentials: Credentials, bouncer: Bouncer) -> AsyncIterator[Database]:
    """In place of the direct one."""
    database = Database(bouncer.credentials(credentials), connections=5, pooled=True)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def single(credentials: Credentials, bouncer: Bouncer) -> AsyncIterator[Database]:
    """In place of the direct one with a single connection a role."""
    database = Database(
        bouncer.credentials(credentials), connections=1, pooled=True, statement_timeout_ms=20_000
    )
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def three(credentials: Credentials, bouncer: Bouncer) -> AsyncIterator[Database]:
    """In place of the direct one with three connections a role."""
    database = Database(
        bouncer.credentials(credentials), connections=3, pooled=True, statement_timeout_ms=20_000
    )
    await database.open()
    yield database
    await database.close()


async def test_more_callers_than_server_connections_share_them(
    credentials: Credentials, bouncer: Bouncer, administrator: asyncpg.Connection
) -> None:
    """So that the tests of this file are what they say: connections are handed from caller to caller."""
    database = Database(bouncer.credentials(credentials), connections=20, pooled=True)
    await database.open()
    await asyncio.gather(*(branches_of(database, SCOPE) for _ in range(200)))
    at_pgbouncer = database._pools[Door.PORTAL].get_size()
    behind = await administrator.fetchval(
        "select count(*) from pg_stat_activity where usename = $1 and datname = current_database()",
        Login.PORTAL,
    )
    assert 0 < behind <= SERVER_CONNECTIONS < at_pgbouncer
    assert await nothing_is_left(database)
    await database.close()


async def test_no_caller_ever_sees_anothers_rows_through_pgbouncer(
    credentials: Credentials, bouncer: Bouncer, administrator: asyncpg.Connection
) -> None:
    database = Database(
        bouncer.credentials(credentials), connections=4, pooled=True, statement_timeout_ms=400
    )
    await database.open()
    await fight(database, administrator, turns=2000)


async def test_a_scope_set_for_the_session_would_leak_here(
    credentials: Credentials, bouncer: Bouncer
) -> None:
    """Why the scope is SET LOCAL: what one client sets for its session, another finds in force."""
    dsn = bouncer.credentials(credentials).dsn(Login.PORTAL)
    first, second = [
        await asyncpg.connect(dsn, statement_cache_size=0, timeout=20) for _ in range(SERVER_CONNECTIONS)
    ]
    await first.execute(f"set app.branches = '{{{BEIJING},{JIANGSU}}}'")
    leaked = [await second.fetchval("select count(*) from bank.client") for _ in range(4)]
    assert max(leaked) == 4
    await first.close()
    await second.close()
