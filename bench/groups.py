"""Headquarters' group-by beside the same SQL by hand."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from statistics import median

import asyncpg

from bench.answers import facts
from bench.asking import answer, latencies_s
from bench.contenders import branchgraph
from bench.ground import Ground
from bench.operations import OPERATIONS
from bench.report import table
from tenants.roles import Login

SQL = Path(__file__).parent / "groups_by_hand.sql"
TURNS = 20
GROUPED = next(operation for operation in OPERATIONS if operation.name == "facilities_grouped")


def groups(ground: Ground) -> str:
    """The chapter on the group-by. Raises NoAnswer, CannotMeasure."""
    with branchgraph(ground) as running:
        asking = running.asking(GROUPED)
        facts(answer(asking))
        # In turns, so that both see the same machine.
        ours_s, by_hand_s = [], []
        for _ in range(TURNS):
            ours_s += latencies_s(asking, 1)
            by_hand_s.append(asyncio.run(_by_hand_s(ground)))
    ours_ms, by_hand_ms = median(ours_s) * 1000, median(by_hand_s) * 1000
    return "\n".join(
        [
            "## Headquarters' group-by beside the same SQL by hand\n",
            f"Median ms of {TURNS} each, in turns: the answer over HTTP, and the rows in the driver. "
            "Wanted: at most 1.2 times.\n",
            table(
                ["branchgraph", "by hand", "ratio"],
                [[f"{ours_ms:.1f}", f"{by_hand_ms:.1f}", f"{ours_ms / by_hand_ms:.2f}"]],
            ),
        ]
    )


async def _by_hand_s(ground: Ground) -> float:
    connection = await asyncpg.connect(ground.credentials.dsn(Login.HEADQUARTERS), timeout=10)
    try:
        statement = await connection.prepare(SQL.read_text(encoding="utf-8"))
        began = time.perf_counter()
        await statement.fetch()
        return time.perf_counter() - began
    finally:
        await connection.close()
