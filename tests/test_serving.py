"""The server's start: what it says and serves, whom it joins, and how it refuses."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from patience import PATIENCE_S
from served_processes import CHECKOUT, CLIENTS, Serve, Served, base, copied, furnished, home, numbers, serve

__all__ = ["base", "furnished", "home", "serve"]

IS_ROOT = os.geteuid() == 0
# What a shell may have set for another PostgreSQL.
FOREIGN = {"PGHOST": "/nowhere", "PGPORT": "6000", "PGUSER": "x", "PGPASSWORD": "x", "PGSSLMODE": "require"}


def test_the_banner_is_all_that_a_newcomer_needs(serve: Serve, home: Path) -> None:
    served = serve(home, **FOREIGN).ready()
    assert f"database: embedded, in {home}" in served.said
    for persona in ("headquarters", "analyst", "auditor", "region:EAST", "branch:310000", "officer:310000"):
        assert served.ask("{ viewer { role } }", persona)["data"]["viewer"]["role"]
    assert served.ask(CLIENTS)["data"]["clients"]["totalCount"] == 7
    example = served.said[served.said.index("  curl ") :].strip()
    example = example.replace(".venv/bin/python", sys.executable)
    if shutil.which("curl"):
        environment = os.environ | {"DATA_HOME": str(home)}
        done = subprocess.run(
            example, shell=True, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=True
        )
        assert '"role":"BRANCH_MANAGER"' in done.stdout
    assert served.end(signal.SIGINT) == 0
    served.leaves_nothing()
    assert served.complaint == ""


def test_commands_join_the_running_server(serve: Serve, home: Path) -> None:
    served = serve(home).ready()
    migrated = serve(home, "migrate", **FOREIGN)
    assert migrated.process.wait(PATIENCE_S) == 0, migrated.complaint
    assert "safe to serve from" in migrated.said
    assert served.ask(CLIENTS)["data"]["clients"]["totalCount"] == 7


def test_a_first_start_founds_a_demo_bank_and_a_second_finds_it(serve: Serve, base: Path) -> None:
    home = base / "demo"
    first = serve(home, "run", "--clients", "40").ready()
    assert first.ask(CLIENTS)["data"]["clients"]["totalCount"] == 40
    assert first.end(signal.SIGINT) == 0
    first.leaves_nothing()
    second = serve(home, "run", "--clients", "40").ready()
    assert second.ask(CLIENTS)["data"]["clients"]["totalCount"] == 40
    assert "clients up to" not in second.said


def test_a_bank_of_its_own_is_served_without_the_demo(serve: Serve, home: Path) -> None:
    served = serve(home, "run").ready()
    assert "a bank of its own" in served.said
    assert served.ask(CLIENTS)["data"]["clients"]["totalCount"] == 7


def test_two_homes_serve_side_by_side_and_one_home_once(serve: Serve, base: Path, furnished: Path) -> None:
    here, there = (copied(furnished, base / f"side{next(numbers)}") for _ in range(2))
    one, other = serve(here), serve(there)
    assert one.ready().ask(CLIENTS)["data"] == other.ready().ask(CLIENTS)["data"]
    again = serve(here, "run")
    assert again.process.wait(PATIENCE_S) == 1
    assert f"in use by the process with pid {one.process.pid}" in again.complaint
    assert "DATA_HOME" in again.complaint
    assert len(again.complaint.splitlines()) == 1
    assert one.get("/readyz") == 200


def test_two_servers_on_one_port_leave_one(serve: Serve, base: Path, furnished: Path) -> None:
    one = serve(copied(furnished, base / f"port{next(numbers)}")).ready()
    port = one.url.rpartition(":")[2]
    other = serve(base / "never", PORT=port)
    assert other.process.wait(PATIENCE_S) == 1
    assert f"port {port} on 127.0.0.1 is taken" in other.complaint
    assert not (base / "never").exists()


def refused(served: Served) -> str:
    assert served.process.wait(PATIENCE_S) == 1
    assert "Traceback" not in served.complaint
    assert 0 < len(served.complaint.splitlines()) < 5
    served.leaves_nothing()
    return served.complaint


def test_a_home_that_holds_something_else_is_left_alone(serve: Serve, base: Path) -> None:
    home = base / "taken"
    (home / "postgresql").mkdir(parents=True)
    (home / "postgresql" / "thesis.txt").write_text("mine")
    assert "left untouched" in refused(serve(home))
    assert (home / "postgresql" / "thesis.txt").read_text() == "mine"
    file = base / "file"
    file.write_text("")
    assert "DATA_HOME" in refused(serve(file))


@pytest.mark.parametrize("options", ["ro", "size=8m"])
def test_a_disk_that_will_not_do_is_said_in_a_sentence(serve: Serve, base: Path, options: str) -> None:
    point = base / f"disk{next(numbers)}"
    point.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(point)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"mounting a small file system is not permitted here: {done.stderr.strip()}")
    try:
        said = refused(serve(point / "home"))
        assert "read-only" in said if options == "ro" else "disk is full" in said
        assert "DATA_HOME" in said
    finally:
        subprocess.run(["umount", "-l", str(point)], check=False)


@pytest.mark.skipif(IS_ROOT, reason="root may write everywhere")
def test_a_home_that_we_may_not_write_is_said_in_a_sentence(serve: Serve, base: Path) -> None:
    closed = base / "closed"
    closed.mkdir(mode=0o555)
    assert "DATA_HOME" in refused(serve(closed / "home"))


def test_whoever_connects_during_the_start_is_answered_after_it(serve: Serve, home: Path) -> None:
    served = serve(home, PORT="0").starting()
    ports = listening_ports_of(served.process.pid)
    assert len(ports) == 1
    assert httpx.get(f"http://127.0.0.1:{ports[0]}/healthz", timeout=PATIENCE_S).status_code == 200
    served.ready()


def listening_ports_of(pid: int) -> list[int]:
    sockets = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            sockets.add(os.readlink(link))  # noqa: PTH115
    rows = [row.split() for row in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return [
        int(row[1].rpartition(":")[2], 16)
        for row in rows
        if row[3] == "0A" and f"socket:[{row[9]}]" in sockets
    ]
