"""The embedded server is private, keeps its data through every start, and loses nothing acknowledged."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import asyncpg
import pytest
from embedded_servers import CHECKOUT, IS_ROOT, Opener, base, fetch, opened, postmaster_of
from patience import until_told, wait_until

from api.embedded import EmbeddedError, EmbeddedPostgres

__all__ = ["base", "opened"]

# Acknowledges each row on standard output after its commit; restarts the server if that goes away.
WRITER = """
import asyncio, itertools, sys
from pathlib import Path
import asyncpg
from api.embedded import EmbeddedPostgres

async def write(dsn, lane):
    connection = await asyncpg.connect(dsn)
    for number in itertools.count():
        key = f"{lane}-{number}"
        await connection.execute("insert into written values ($1)", key)
        print(key, flush=True)

async def write_in_lanes(dsn, life):
    connection = await asyncpg.connect(dsn)
    await connection.execute("create table if not exists written (key text not null)")
    await asyncio.gather(*(write(dsn, f"{life}-{lane}") for lane in range(4)))

server = EmbeddedPostgres(Path(sys.argv[1]))
for life in itertools.count():
    server.start()
    try:
        asyncio.run(write_in_lanes(server.dsn(), life))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        pass
"""


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


async def test_a_second_start_keeps_the_data_and_takes_the_new_settings(opened: Opener) -> None:
    first = opened(max_connections=20)
    await fetch(first, "create table kept as select 42 as answer")
    first.stop()
    first.stop()
    assert not first.is_running()
    second = opened(max_connections=30)
    assert await fetch(second, "select answer from kept") == 42
    assert await fetch(second, "show max_connections") == "30"
    second.start()
    assert second.is_running()


async def test_the_server_is_private_and_speaks_utf8(opened: Opener, base: Path) -> None:
    server = opened()
    assert await fetch(server, "show listen_addresses") == ""
    assert await fetch(server, "show data_checksums") == "on"
    assert (
        await fetch(server, "select datlocprovider::text || datlocale from pg_database limit 1") == "bC.UTF-8"
    )
    assert await fetch(server, "select upper('é数')") == "É数"
    modes = {
        name: stat.S_IMODE((base / "home" / name).stat().st_mode)
        for name in (".", "run", "superuser.password")
    }
    assert modes == {".": 0o700, "run": 0o700, "superuser.password": 0o600}
    assert os.getsid(postmaster_of(base / "home")) != os.getsid(0), "Ctrl-C of the terminal would reach it"


async def test_no_value_reaches_the_log(opened: Opener, base: Path) -> None:
    server = opened()
    for query in (
        "select 'secret4711'::int",
        "create table t (k int primary key); insert into t values (4711), (4711)",
    ):
        with pytest.raises(asyncpg.PostgresError):
            await fetch(server, query)
    server.stop()
    logs = list((base / "home" / "log").glob("*.log"))
    assert logs
    assert all("4711" not in log.read_text() for log in logs)


@pytest.mark.parametrize("victims", ["parent", "postmaster", "both"])
async def test_no_acknowledged_row_is_lost_by_kill_9(base: Path, victims: str) -> None:
    home = base / "home"
    with start_writer(home) as writer:
        acknowledged = [read_key(writer) for _ in range(200)]
        postmaster = postmaster_of(home)
        if victims != "parent":
            os.kill(postmaster, signal.SIGKILL)
        if victims == "postmaster":  # the parent restarts it and writes on
            while acknowledged[-1].startswith("0-"):
                acknowledged.append(read_key(writer))
        writer.kill()
        assert writer.stdout is not None
        acknowledged += [line.strip() for line in writer.stdout if line.endswith("\n")]
    with EmbeddedPostgres(home) as server:
        assert await fetch(server, "select count(*) - count(distinct key) from written") == 0
        found = await fetch(server, "select array_agg(key) from written")
    assert isinstance(found, list)
    assert set(acknowledged) <= set(found)
    assert not is_alive(postmaster)


def start_writer(home: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(home)]
    return subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)


def read_key(writer: "subprocess.Popen[str]") -> str:
    assert writer.stdout is not None
    line = writer.stdout.readline()
    assert line, "the writer ended early"
    return line.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_the_server_ends_with_its_parent(base: Path) -> None:
    with start_writer(base / "home") as writer:
        read_key(writer)
        postmaster = postmaster_of(base / "home")
        writer.kill()
    wait_until(lambda: not is_alive(postmaster))


async def test_the_server_outlives_the_thread_that_started_it(base: Path) -> None:
    server = EmbeddedPostgres(base / "home", durable=False)
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    await asyncio.sleep(0.3)  # the death signal, were there one, would have come by now
    assert server.is_running()
    assert await fetch(server, "select 1") == 1
    server.stop()


async def test_a_busy_orphan_of_a_killed_postmaster_does_not_stop_the_next_start(
    opened: Opener, base: Path
) -> None:
    server = opened()
    connection = await asyncpg.connect(server.dsn())
    orphan = connection.get_server_pid()
    query = asyncio.create_task(connection.execute("select count(*) from generate_series(1, 100000000000)"))

    async def is_busy() -> bool:
        active = f"select count(*) from pg_stat_activity where pid = {orphan} and state = 'active'"
        return await fetch(server, active) == 1

    await until_told(is_busy)
    os.kill(postmaster_of(base / "home"), signal.SIGKILL)
    wait_until(lambda: not server.is_running())
    assert is_alive(orphan)
    server.start()
    assert not is_alive(orphan)
    assert await fetch(server, "select 1") == 1
    with pytest.raises((asyncpg.PostgresError, OSError)):
        await query
    connection.terminate()


async def test_a_stale_pid_file_that_names_a_foreign_process_harms_neither(
    opened: Opener, base: Path
) -> None:
    server = opened()
    marks = [base / "home" / "pgdata" / "postmaster.pid", base / "home" / "run" / ".s.PGSQL.5432.lock"]
    texts = [mark.read_text().split("\n", 1)[1] for mark in marks]
    owner = marks[0].stat()
    server.stop()
    with sleeper_of(owner.st_uid) as foreigner:
        for mark, rest in zip(marks, texts, strict=True):
            mark.write_text(f"{foreigner.pid}\n{rest}")
            os.chown(mark, owner.st_uid, owner.st_gid)
        server.start()
        assert await fetch(server, "select 1") == 1
        assert foreigner.poll() is None
        foreigner.kill()


def sleeper_of(uid: int) -> "subprocess.Popen[bytes]":
    """A process of the server's own user: PostgreSQL takes nobody else's for a server."""
    return subprocess.Popen(["sleep", "60"], user=uid if IS_ROOT else None)


def test_an_address_before_the_first_start_is_refused(base: Path) -> None:
    with pytest.raises(EmbeddedError, match="start it first"):
        EmbeddedPostgres(base / "home").dsn()


def test_a_start_that_takes_too_long_leaves_nothing_behind(opened: Opener, base: Path) -> None:
    opened().stop()
    server = EmbeddedPostgres(base / "home", durable=False)
    with pytest.raises(EmbeddedError, match="not ready in time"):
        server.start(timeout=0)
    assert not (base / "home" / "pgdata" / "postmaster.pid").exists()
    server.start()
    server.stop()
