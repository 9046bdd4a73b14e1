"""Segments beside what they are worth it against: the plain client, the same SQL by hand, a stored label."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import asyncpg

from bench.answers import data
from bench.asking import Asking, answer, latencies_s
from bench.contenders import Running, branchgraph, postgraphile
from bench.ground import Ground
from bench.load import Sample, run
from bench.measuring import medians
from bench.operations import BRANCH, HEADQUARTERS, OPERATIONS, Operation
from bench.report import table
from tenants.roles import Login

SQL = Path(__file__).parent / "segments_by_hand.sql"
TURNS = 15
ROUNDS, SECONDS, CONCURRENCY = 3, 3, 16
PLAIN = next(operation for operation in OPERATIONS if operation.name == "one_client")
EXPLAINED = Operation(
    "one_client_segment", "one client with its relationship type and why", BRANCH, by_id=True
)
GROUPED = Operation("clients_by_segment", "all clients by branch and relationship type", HEADQUARTERS)


def segments(ground: Ground) -> str:
    """The chapter on segments. Raises NoAnswer, CannotMeasure."""
    with branchgraph(ground) as ours, postgraphile(ground) as peer:
        loads = _loads(ground, ours)
        taken = _groups(ground, ours.asking(GROUPED), peer.asking(GROUPED))
    plain, explained = loads[PLAIN], loads[EXPLAINED]
    return "\n".join(
        [
            "## Segments\n",
            f"{PLAIN.title}, and with its relationship type and every reason, {CONCURRENCY} connections: medians "
            f"of {ROUNDS} rounds of {SECONDS} s, in turns. Wanted: at most 1.5 times.\n",
            table(
                ["", "requests/s", "p50 µs", "server µs", "database µs"],
                [[operation.title, *_figures(loads[operation])] for operation in (PLAIN, EXPLAINED)]
                + [["ratio", f"{plain.requests_per_s / explained.requests_per_s:.2f}", "", "", ""]],
            ),
            f"{GROUPED.title}: median ms of {TURNS} each, in turns; the same SQL by hand in the driver (wanted: at "
            "most 1.3 times), and PostGraphile's aggregates over a stored label (wanted: under twice its time).\n",
            table(
                ["branchgraph", "by hand", "ratio", "PostGraphile, stored label", "ratio"],
                [
                    [
                        f"{taken['ours']:.0f}",
                        f"{taken['by hand']:.0f}",
                        f"{taken['ours'] / taken['by hand']:.2f}",
                        f"{taken['label']:.0f}",
                        f"{taken['ours'] / taken['label']:.2f}",
                    ]
                ],
            ),
        ]
    )


def _loads(ground: Ground, ours: Running) -> Mapping[Operation, Sample]:
    found: dict[Operation, list[Sample]] = {PLAIN: [], EXPLAINED: []}
    for _ in range(ROUNDS):
        for operation, samples in found.items():
            asking = ours.asking(operation)
            bodies = [answer(asking, number) for number in range(5)]
            for body in bodies:
                data(body)
            sample = run(
                asking,
                concurrency=CONCURRENCY,
                seconds=SECONDS,
                servers=ours.pids,
                postmaster=ground.postmaster,
                bodies=ground.home / "bodies",
                expected_bytes=sum(map(len, bodies)) / len(bodies),
            )
            samples.append(sample)
    return {operation: medians(samples) for operation, samples in found.items()}


def _groups(ground: Ground, ours: Asking, label: Asking) -> dict[str, float]:
    """Median ms of each, asked in turns, so that all see the same machine."""
    for asking in (ours, label):
        data(answer(asking))
    taken: dict[str, list[float]] = {"ours": [], "by hand": [], "label": []}
    for _ in range(TURNS):
        taken["ours"] += latencies_s(ours, 1)
        taken["by hand"].append(asyncio.run(_by_hand_s(ground)))
        taken["label"] += latencies_s(label, 1)
    return {who: median(seconds) * 1000 for who, seconds in taken.items()}


async def _by_hand_s(ground: Ground) -> float:
    connection = await asyncpg.connect(ground.credentials.dsn(Login.HEADQUARTERS), timeout=10)
    try:
        statement = await connection.prepare(SQL.read_text(encoding="utf-8"))
        began = time.perf_counter()
        await statement.fetch()
        return time.perf_counter() - began
    finally:
        await connection.close()


def _figures(sample: Sample) -> list[str]:
    return [
        f"{figure:,.0f}"
        for figure in (sample.requests_per_s, sample.p50_us, sample.server_us, sample.database_us)
    ]
