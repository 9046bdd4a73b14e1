"""The server's life: how it starts, what ends it, and what is left afterwards. Real processes, real kills."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from small_bank import found_small_bank
from stdnum.cn.uscc import calc_check_digit

from api.bank import running_bank
from api.settings import Settings
from tenants.database import Database

CHECKOUT = Path(__file__).resolve().parent.parent
IS_ROOT = os.geteuid() == 0
# How long a process may take to say or do what it must: a machine may be busy, or stand still for a while.
PATIENCE_S = 60
CLIENTS = "{ clients(first: 1000) { totalCount nodes { registrationNumber } } }"
REGISTER = "mutation R($input: RegisterClientInput!) { registerClient(input: $input) { __typename } }"
# What a shell may have set for another PostgreSQL.
FOREIGN = {"PGHOST": "/nowhere", "PGPORT": "6000", "PGUSER": "x", "PGPASSWORD": "x", "PGSSLMODE": "require"}

numbers = count(1)


class Served:
    """`python -m api …` as a process, on one data home."""

    def __init__(self, home: Path, *arguments: str, **environment: str) -> None:
        ours = {name.upper() for name in Settings.model_fields}
        inherited = {name: value for name, value in os.environ.items() if name not in ours}
        self.home = home
        self.began = time.monotonic()
        said = Path(tempfile.mkdtemp(prefix="bg-said-"))
        self.out, self.err = said / "out", said / "err"
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api", *(arguments or ("serve",))],
                cwd=CHECKOUT,
                env=inherited | {"DATA_HOME": str(home), "PORT": "0", "PYTHONUNBUFFERED": "1"} | environment,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.out.read_text()

    @property
    def complaint(self) -> str:
        """What a person reads on standard error; the log's lines are left out."""
        return "\n".join(line for line in self.err.read_text().splitlines() if not line.startswith('{"'))

    def starting(self) -> Served:
        """Having waited until it has its port and takes up its database."""
        wait_until(lambda: "database: embedded" in self.said or self.process.poll() is not None)
        assert self.process.poll() is None, self.err.read_text()
        return self

    def ready(self) -> Served:
        """Having waited until it answers."""
        wait_until(lambda: "Try it as" in self.said or self.process.poll() is not None)
        assert self.process.poll() is None, self.err.read_text()
        wait_until(lambda: self.get("/readyz") == 200)
        self.took_s = time.monotonic() - self.began
        return self

    @property
    def url(self) -> str:
        return self.said.partition("branchgraph serves ")[2].partition("/graphql")[0]

    def token(self, persona: str) -> str:
        return self.said.partition(f"\n  {persona}\n    ")[2].partition("\n")[0]

    def get(self, path: str) -> int | None:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(self.url + path, timeout=5).status_code
        return None

    def ask(self, query: str, persona: str = "headquarters", **variables: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token(persona)}"}
        body = {"query": query, "variables": variables}
        return httpx.post(f"{self.url}/graphql", json=body, headers=headers, timeout=10).json()

    def postmaster(self) -> int:
        pid_file = self.home / "postgresql" / "pgdata" / "postmaster.pid"
        return int(pid_file.read_text().splitlines()[0])

    def back_within(self, seconds: float) -> None:
        """Having waited until its killed database answers again, and not only what was left of the old one."""
        deadline = time.monotonic() + seconds
        wait_until(lambda: "runs again" in self.err.read_text(), seconds)
        wait_until(lambda: self.ask(CLIENTS).get("data") is not None, deadline - time.monotonic())

    def end(self, how: signal.Signals = signal.SIGTERM, seconds: float = PATIENCE_S) -> int:
        """Its exit code after a signal."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def leaves_nothing(self) -> None:
        """Having seen every process that belongs to our data home end, those too that are told by the kernel."""
        wait_until(lambda: not self.left_behind())

    def left_behind(self) -> list[str]:
        """Command lines of processes that belong to our data home."""
        place = str(self.home / "postgresql")
        cluster = "branchgraph-" + hashlib.sha256(os.fsencode(Path(place).resolve())).hexdigest()[:12]
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                line = os.fsdecode((entry / "cmdline").read_bytes()).replace("\0", " ")
                if entry.name.isdigit() and (place in line or cluster in line):
                    found.append(line)
        return found


Serve = Callable[..., Served]


def wait_until(happened: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    """A directory that everybody may enter; pytest's own is closed to root's unprivileged server."""
    directory = Path(tempfile.mkdtemp(prefix="bg-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def furnished(base: Path) -> Path:
    """A data home with the small bank in it, to copy."""
    home = base / "furnished"
    environment = dict(os.environ)
    with running_bank(
        Settings(environment="development", data_home=home, database_url=None), alone=True
    ) as bank:

        async def furnish() -> None:
            database = Database(bank.credentials)
            await database.open()
            await found_small_bank(database)
            await database.close()

        asyncio.run(furnish())
    os.environ.update(environment)
    return home


@pytest.fixture
def home(base: Path, furnished: Path) -> Path:
    """A data home of this test's own, with the small bank in it."""
    return copied(furnished, base / f"home{next(numbers)}")


def copied(home: Path, to: Path) -> Path:
    subprocess.run(["cp", "-a", home, to], check=True)
    return to


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers; at the end none is left."""
    started: list[Served] = []

    def start(home: Path, *arguments: str, **environment: str) -> Served:
        started.append(Served(home, *arguments, **environment))
        return started[-1]

    yield start
    for served in started:
        served.end()
    for served in started:
        served.leaves_nothing()
        shutil.rmtree(served.out.parent)


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
    assert second.took_s < 20


def test_a_bank_of_its_own_is_served_without_the_demo(serve: Serve, home: Path) -> None:
    served = serve(home, "run").ready()
    assert "a bank of its own" in served.said
    assert served.ask(CLIENTS)["data"]["clients"]["totalCount"] == 7


def test_a_second_signal_does_not_wait_for_requests(serve: Serve, home: Path) -> None:
    served = serve(home).ready()
    with socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2]))) as unfinished:
        headers = f"Authorization: Bearer {served.token('auditor')}\r\nContent-Type: application/json\r\n"
        head = f"POST /graphql HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: 9\r\n\r\n"
        unfinished.sendall(head.encode())
        time.sleep(0.1)
        began = time.monotonic()
        served.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert served.end(signal.SIGINT) == 0
    assert time.monotonic() - began < 4
    served.leaves_nothing()


def test_a_signal_at_any_moment_of_the_start_ends_everything(serve: Serve, base: Path) -> None:
    home = base / f"young{next(numbers)}"
    # From before the cluster is made until after the first request could be answered; one home throughout.
    for moment_s, how in (
        (0, "INT"),
        (0.4, "TERM"),
        (0.9, "INT"),
        (1.3, "TERM"),
        (1.7, "INT"),
        (2.2, "TERM"),
    ):
        served = serve(home, "run", "--clients", "40").starting()
        time.sleep(moment_s)
        began = time.monotonic()
        assert served.end(signal.Signals[f"SIG{how}"]) == 0
        assert time.monotonic() - began < 15, f"after {moment_s} s, {how}"
        served.leaves_nothing()
        assert served.complaint == ""


INTERRUPTED = """
import contextlib, signal, time, click
from api import serving, settings

class Garbage:
    def __del__(self):
        signal.raise_signal({number})

@contextlib.contextmanager
def start(*_, **__):
    {moment}
    time.sleep(120)
    yield

serving.running_bank = start
serving.run(settings.load_settings(), demo_clients=None, say=click.echo)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["Garbage()", "exec('Garbage.__del__(None)')"], ids=["destructor", "exec"])
def test_a_signal_is_not_lost_where_python_ignores_what_it_raises(
    base: Path, how: signal.Signals, moment: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED.format(number=int(how), moment=moment)],
        cwd=CHECKOUT,
        env=os.environ | {"DATA_HOME": str(base / "never"), "PORT": "0"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


class Registrar(threading.Thread):
    """Registers one client after another, and keeps the numbers of those that were acknowledged."""

    def __init__(self, served: Served, series: int) -> None:
        super().__init__(daemon=True)
        self.served = served
        self.series = series
        self.acknowledged: list[str] = []
        self.over = False

    def run(self) -> None:
        for number in count():
            if self.over:
                return
            code = f"91310000{self.series:02d}{number:07d}"
            code += calc_check_digit(code)
            facts = {"idempotencyKey": code, "registrationNumber": code}
            facts |= {"branchCode": "310000", "legalName": f"Company {code}"}
            with contextlib.suppress(httpx.TransportError, ValueError):
                body = self.served.ask(REGISTER, "branch:310000", input=facts)
                if "errors" not in body:
                    assert body["data"]["registerClient"]["__typename"] == "RegisterClientSuccess"
                    self.acknowledged.append(code)


def test_what_was_acknowledged_survives_every_kill(serve: Serve, home: Path) -> None:
    acknowledged: list[str] = []
    for series, victims in enumerate(("postmaster", "both", "server")):
        served = serve(home).ready()
        registrar = Registrar(served, series)
        registrar.start()
        wait_until(lambda registrar=registrar: len(registrar.acknowledged) > 15)  # type: ignore[misc]
        if victims in ("postmaster", "both"):
            os.kill(served.postmaster(), signal.SIGKILL)
        if victims in ("server", "both"):
            served.process.kill()
        else:
            served.back_within(20)
            before = len(registrar.acknowledged)
            wait_until(lambda r=registrar, n=before: len(r.acknowledged) > n + 3)  # type: ignore[misc]
        registrar.over = True
        registrar.join(15)
        acknowledged += registrar.acknowledged
        if victims == "postmaster":
            assert served.end() == 0
        served.process.wait(PATIENCE_S)
    served = serve(home).ready()
    nodes = served.ask(CLIENTS)["data"]["clients"]["nodes"]
    there = Counter(node["registrationNumber"] for node in nodes)
    assert len(acknowledged) > 45
    assert [number for number in acknowledged if there[number] != 1] == []


@pytest.mark.parametrize("name", ["数据 é", "x" * 90 + ", o'b"], ids=["not ASCII", "long and odd"])
def test_any_name_will_do_for_a_home_and_a_killed_database_comes_back(
    serve: Serve, base: Path, furnished: Path, name: str
) -> None:
    served = serve(copied(furnished, base / name)).ready()
    assert served.ask(CLIENTS)["data"]["clients"]["totalCount"] == 7
    os.kill(served.postmaster(), signal.SIGKILL)
    served.back_within(20)
    assert served.ask(CLIENTS)["data"]["clients"]["totalCount"] == 7
    assert served.end() == 0


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
