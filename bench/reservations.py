"""Reservations through the whole server beside pgbench, which runs the same statements by hand."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

import asyncpg
import orjson

from bench import by_hand
from bench.answers import NoAnswer
from bench.asking import Asking, answer
from bench.contenders import CONNECTIONS, Running, branchgraph
from bench.ground import Ground
from bench.load import Sample, scripted
from bench.offices import CLIENT, KEY, Office, prepared
from bench.processes import cpu_s
from bench.report import table
from tenants.roles import Login

SCRIPT = Path(__file__).parent / "reservations.lua"
BRANCHES = (1, 4, 31)
"""How many branches reserve at once: one hot one, and more."""
ROUNDS, SECONDS, WARM_UP_S = 3, 4, 3
# The server's connections are busy only while as many callers and more wait.
CALLERS = 2 * CONNECTIONS
WANTED = 0.6


@dataclass(frozen=True, slots=True)
class Measured:
    """The medians of both under one load, CPU in µs."""

    branches: int
    ours: Sample
    by_hand_per_s: float
    by_hand_database_us: float

    @property
    def ratio(self) -> float:
        """Ours to theirs."""
        return self.ours.requests_per_s / self.by_hand_per_s

    @property
    def cpu_ratio(self) -> float:
        """The database's CPU by hand to ours and the server's: what the ratio tends to where CPU is short."""
        return self.by_hand_database_us / (self.ours.server_us + self.ours.database_us)


def reservations(ground: Ground, say: Callable[[str], None]) -> str:
    """The chapter on reservations. Raises NoAnswer, CannotMeasure."""
    tool = by_hand.pgbench()
    if tool is None:
        raise NoAnswer("there is no pgbench, on the PATH or beside the embedded PostgreSQL")
    offices, scripts = asyncio.run(prepared(ground, BRANCHES))
    found = []
    with branchgraph(ground) as running:
        _awaited(running, offices[0])
        for branches, script in zip(BRANCHES, scripts, strict=True):
            found.append(_compared(ground, running, tool, offices[:branches], script))
            say(f"reservations in {branches} branches: {found[-1].ratio:.2f} of pgbench")
    return _report(found)


def _awaited(running: Running, office: Office) -> None:
    """Whoever connects to a server that starts is answered when it is ready."""
    asking = running.asking(office.operation)
    answer(Asking(asking.url, asking.headers, [b'{"query": "{ __typename }"}']))


def _report(found: Sequence[Measured]) -> str:
    rows = [
        [
            str(one.branches),
            f"{one.ours.requests_per_s:,.0f}",
            f"{one.by_hand_per_s:,.0f}",
            f"{one.ratio:.2f}" if one.ratio >= WANTED else f"**{one.ratio:.2f}**",
            f"{one.ours.p50_us / 1000:.1f}",
            f"{one.ours.server_us:,.0f}",
            f"{one.ours.database_us:,.0f}",
            f"{one.by_hand_database_us:,.0f}",
            f"{one.cpu_ratio:.2f}",
        ]
        for one in found
    ]
    return "\n".join(
        [
            "## Reservations beside the same statements by hand\n",
            f"`reserveQuota` over HTTP, {CALLERS} at a time and each answer checked; and by pgbench the very "
            f"statements of one, by {CONNECTIONS} connections, as many as the server writes by. The embedded "
            f"PostgreSQL waits for its disk at every commit. Medians of {ROUNDS} rounds of {SECONDS} s, in turns; "
            f"CPU of one reservation. Wanted: at least {WANTED}, bold where missed; and more with more branches.\n",
            table(
                [
                    "branches",
                    "reservations/s",
                    "pgbench/s",
                    "ratio",
                    "p50 ms",
                    "server µs",
                    "database µs",
                    "database µs, pgbench",
                    "ratio of CPU",
                ],
                rows,
            ),
        ]
    )


def _compared(
    ground: Ground, running: Running, tool: Path, offices: Sequence[Office], script: Path
) -> Measured:
    ours: list[Sample] = []
    theirs: list[tuple[float, float]] = []
    for number in range(ROUNDS + 1):
        seconds = SECONDS if number else WARM_UP_S
        sample = _ours(ground, running, offices, seconds)
        reference = _theirs(ground, tool, offices, script, seconds)
        if number:
            ours.append(sample)
            theirs.append(reference)
    middle = sorted(ours, key=lambda sample: sample.requests_per_s)[len(ours) // 2]
    return Measured(
        len(offices), middle, median(rate for rate, _ in theirs), median(cpu for _, cpu in theirs)
    )


def _ours(ground: Ground, running: Running, offices: Sequence[Office], seconds: int) -> Sample:
    askings = [(office, running.asking(office.operation)) for office in offices]
    lines = [
        "\t".join([asking.headers["Authorization"], *map(office.id_of, office.clients)])
        for office, asking in askings
    ]
    listed = ground.home / "offices"
    listed.write_text("\n".join(lines) + "\n")
    office, asking = askings[0]
    variables = office.variables(KEY, CLIENT)
    body = orjson.dumps({"query": office.operation.document(), "variables": variables}).decode()
    parts = re.split(f"{KEY}|{CLIENT}", body)
    return scripted(
        Asking(asking.url, {}, []),
        SCRIPT,
        [str(listed), _run_name(), *parts],
        concurrency=CALLERS,
        seconds=seconds,
        servers=running.pids,
        postmaster=ground.postmaster,
    )


def _theirs(
    ground: Ground, tool: Path, offices: Sequence[Office], script: Path, seconds: int
) -> tuple[float, float]:
    """Transactions per second, and the database's CPU for each."""
    branches = "{" + ",".join(str(branch) for office in offices for branch in office.scope.branches) + "}"
    before = asyncio.run(_movements(ground))
    cpu = cpu_s(ground.postmaster)
    made = by_hand.run(
        tool,
        ground.credentials.dsn(Login.PORTAL),
        script,
        connections=CONNECTIONS,
        seconds=seconds,
        variables={"run": int.from_bytes(os.urandom(3)), "count": 0},
        options={"app.branches": branches, "app.clients": "{}", "timezone": "UTC", "jit": "off"},
    )
    cpu = cpu_s(ground.postmaster) - cpu
    booked = asyncio.run(_movements(ground)) - before
    if booked != made.transactions:
        raise NoAnswer(f"pgbench ran {made.transactions} transactions and booked {booked} movements")
    return made.transactions_per_s, cpu / made.transactions * 1e6


_runs = count(1)


def _run_name() -> str:
    return f"bench-{os.urandom(6).hex()}-{next(_runs)}-"


async def _movements(ground: Ground) -> int:
    """How many movements the whole ledger holds."""
    connection = await asyncpg.connect(ground.credentials.administrator_dsn, timeout=10)
    try:
        counted: int = await connection.fetchval("select count(*) from bank.limit_movement")
        return counted
    finally:
        await connection.close()
