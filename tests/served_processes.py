"""The server as a process of its own, on a data home of a test's own. Real processes, real signals."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from patience import PATIENCE_S, wait_until
from small_bank import found_small_bank

from api.bank import running_bank
from api.settings import Settings
from tenants.database import Database

CHECKOUT = Path(__file__).resolve().parent.parent
CLIENTS = "{ clients(first: 1000) { totalCount nodes { registrationNumber } } }"

numbers = count(1)


class Served:
    """`python -m api …` as a process, on one data home."""

    def __init__(
        self, home: Path, *arguments: str, program: tuple[str, ...] = ("-m", "api"), **environment: str
    ) -> None:
        ours = {name.upper() for name in Settings.model_fields}
        # As people run it: without what keeps Python from keeping what it has compiled, 0.6 s at each start.
        ours.add("PYTHONDONTWRITEBYTECODE")
        inherited = {name: value for name, value in os.environ.items() if name not in ours}
        self.home = home
        said = Path(tempfile.mkdtemp(prefix="bg-said-"))
        self.out, self.err = said / "out", said / "err"
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, *program, *(arguments or ("serve",))],
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
        return self

    @property
    def url(self) -> str:
        return self.said.partition("branchgraph serves ")[2].partition("/graphql")[0]

    def token(self, persona: str) -> str:
        return self.said.partition(f"\n  {persona}\n    ")[2].partition("\n")[0]

    def get(self, path: str) -> int | None:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(self.url + path, timeout=PATIENCE_S).status_code
        return None

    def ask(self, query: str, persona: str = "headquarters", **variables: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token(persona)}"}
        body = {"query": query, "variables": variables}
        return httpx.post(f"{self.url}/graphql", json=body, headers=headers, timeout=PATIENCE_S).json()

    def postmaster(self) -> int:
        pid_file = self.home / "postgresql" / "pgdata" / "postmaster.pid"
        return int(pid_file.read_text().splitlines()[0])

    def back(self) -> None:
        """Having waited until its killed database answers again, and not only what was left of the old one."""
        wait_until(lambda: "runs again" in self.err.read_text())
        wait_until(lambda: self.ask(CLIENTS).get("data") is not None)

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

    def start(home: Path, *arguments: str, **given: Any) -> Served:
        started.append(Served(home, *arguments, **given))
        return started[-1]

    yield start
    for served in started:
        served.end()
    for served in started:
        served.leaves_nothing()
        shutil.rmtree(served.out.parent)
