"""The loads' figures as tables: the ratios that are wanted first; no word of the machine but its size."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence

from bench.measuring import Cell, Key, Plan, Refusal
from bench.operations import OPERATIONS, Operation

JUDGED_CONCURRENCY = 16
# What issue 3 asks for: peer → operation → least ratio; a list of fewer than 50 rows is not judged by `normal`.
WANTED: Mapping[str, Mapping[str, float]] = {
    "postgraphile": {
        "one_client": 4,
        "clients_with_facilities": 4,
        "clients_flat": 2.5,
        "facilities_grouped": 2,
        "largest_clients": 4,
        "filtered_connection": 4,
    },
    "floor": dict.fromkeys((operation.name for operation in OPERATIONS), 0.9),
    "normal": dict.fromkeys(("clients_with_facilities", "clients_flat", "largest_clients"), 10.0),
}


def load_report(plan: Plan, clients: int, cells: Sequence[Cell], refusals: Sequence[Refusal]) -> str:
    """The chapter on the loads: the judged ratios first, then every figure, then what was left out."""
    parts = [
        f"## Ratios at {JUDGED_CONCURRENCY} connections\n",
        "Requests per second of branchgraph over each other's; in brackets what is wanted, bold where missed.\n",
        _ratios(plan, {cell.key: cell.sample.requests_per_s for cell in cells}, WANTED),
        "CPU of a request, of server and database together, of each other over branchgraph's.\n",
        _ratios(
            plan, {cell.key: 1 / (cell.sample.server_us + cell.sample.database_us) for cell in cells}, {}
        ),
        "## Loads\n",
        f"{clients:,} clients; medians of {plan.rounds} rounds of {plan.seconds} s each, in which the contenders "
        f"take turns; {os.cpu_count()} cores for load, server and database; Python {platform.python_version()}. "
        "CPU is that of one request, in µs, of the server's process and of all of the database's.\n",
        *(_figures(operation, cells) for operation in plan.operations),
    ]
    if refusals:
        parts += ["## Not timed\n", *(f"- {r.operation}, {r.contender}: {r.reason}" for r in refusals), ""]
    return "\n".join(parts)


def _ratios(plan: Plan, figures: Mapping[Key, float], wanted: Mapping[str, Mapping[str, float]]) -> str:
    others = [name for name in ("postgraphile", "floor", "normal") if name in plan.contenders]
    rows = []
    for operation in plan.operations:
        ours = figures.get((operation.name, JUDGED_CONCURRENCY, "branchgraph"))
        row = [operation.title]
        for other in others:
            theirs = figures.get((operation.name, JUDGED_CONCURRENCY, other))
            row.append(_ratio(ours, theirs, wanted.get(other, {}).get(operation.name)))
        rows.append(row)
    return table(["operation", *(f"/ {other}" for other in others)], rows)


def _ratio(ours: float | None, theirs: float | None, wanted: float | None) -> str:
    if ours is None or theirs is None:
        return "–"
    ratio = ours / theirs
    shown = f"**{ratio:.2f}**" if wanted is not None and ratio < wanted else f"{ratio:.2f}"
    return f"{shown} (≥ {wanted:g})" if wanted is not None else shown


def _figures(operation: Operation, cells: Sequence[Cell]) -> str:
    headings = [
        "connections",
        "contender",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "server µs",
        "database µs",
        "bytes",
    ]
    rows = [
        [
            str(cell.concurrency),
            cell.contender,
            f"{cell.sample.requests_per_s:,.0f}",
            f"{cell.sample.p50_us / 1000:,.1f}",
            f"{cell.sample.p99_us / 1000:,.1f}",
            f"{cell.sample.server_us:,.0f}",
            f"{cell.sample.database_us:,.0f}",
            f"{cell.answer_bytes:,}",
        ]
        for cell in cells
        if cell.operation == operation.name
    ]
    return f"### {operation.title}\n\n{table(headings, rows)}"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its figures to the right."""
    rule = ["---", *["---:"] * (len(headings) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [headings, rule, *rows]) + "\n"
