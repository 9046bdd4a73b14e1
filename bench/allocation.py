"""Sharing out credit: the optimum's CPU and memory, gathering over all clients, adopting 40,000 quotas."""

from __future__ import annotations

import asyncio
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles

import asyncpg

from api.embedded import EmbeddedPostgres
from bench.ground import Ground
from bench.report import table
from domain.access import Caller, Role
from domain.allocation.beside import by_rule
from domain.allocation.explaining import branch_explanation, explain
from domain.allocation.problem import Bound, Cell, Problem, Slice, Target
from domain.allocation.runs import ConstraintKind
from domain.allocation.scarcity import ScarcityRule
from domain.allocation.solving import Solution, solve
from tenants import migrations
from tenants.actions import allocation as actions
from tenants.actions.once import Done
from tenants.allocation.gathering import gather
from tenants.credentials import Credentials, set_passwords
from tenants.database import Database
from tenants.organisation import Directory
from tenants.segments.recording import FOR_ALL_CLIENTS

REGIONS, BRANCHES, SEGMENTS = 40, 2_000, 20
READERS, READING_S = 4, 3.0
ROUNDS = 3
TREND = Decimal("0.25")
READ = "select sum(sanctioned_minor) from bank.limit_node where branch_id = $1"

# A bank of nothing but units and limits, and a run that is ready to be adopted.
_UNITS = f"""
insert into bank.unit (code, name, kind) values ('HQ', 'Headquarters', 'HEADQUARTERS');
insert into bank.unit (code, name, kind, parent_id)
select 'R' || n, 'Region ' || n, 'REGION', 1 from generate_series(1, {REGIONS}) as n;
insert into bank.unit (code, name, kind, parent_id)
select 'B' || n, 'Branch ' || n, 'BRANCH', 2 + n % {REGIONS} from generate_series(1, {BRANCHES}) as n;
insert into bank.limit_node (
    branch_id, id, kind, name, parent_branch_id, parent_id, currency, sanctioned_minor, sharing, valid_from,
    valid_until, status, created_by, approved_by
)
select unit.id, app.limit_row_id(), case unit.kind when 'HEADQUARTERS' then 'BANK' else unit.kind end, unit.name,
    null, null, 'CNY', 0, 'RING_FENCED', '2024-01-01', '2034-12-31', 'ACTIVE', 'one', 'two'
from bank.unit;
update bank.limit_node as n set parent_branch_id = unit.parent_id, parent_id = above.id
from bank.unit join bank.limit_node as above on above.branch_id = unit.parent_id
where n.branch_id = unit.id;
"""
_RUN = """
insert into bank.allocation_run (
    name, period_from, period_until, currency, budget_minor, segment_dimension, parameters, status, feasible,
    created_by, edited_by
)
select 'bench ' || n, '2025-01-01', '2025-12-31', 'CNY', 1000000000000000, 'relationshipType',
    jsonb_build_object('sharing', 'SHARED'), 'SIMULATED', true, 'ada', 'ada'
from generate_series(1, 3) as n
"""
_PROPOSALS = f"""
insert into bank.allocation_proposal (
    run_id, unit_id, segment_value, expected_return, return_source, currency, committed_minor, asked_minor,
    cap_minor, granted_minor
)
select run.id, unit.id, 'S' || s, 0.04, 'CELL', 'CNY', 0, 2000000000, 2000000000, 1000000000 + 1000 * run.id + s
from bank.allocation_run as run, bank.unit, generate_series(1, {SEGMENTS}) as s
where unit.kind = 'BRANCH'
"""


def allocation(ground: Ground) -> str:
    """The chapter on allocation."""
    solved = [_solved_elsewhere() for _ in range(ROUNDS)]
    cpu, explaining, memory_mb = (median(one[n] for one in solved) for n in range(3))
    gathered = asyncio.run(_gathered(ground))
    adopted = asyncio.run(_adopted())
    return "\n".join(
        [
            "## Allocation\n",
            f"{BRANCHES:,} branches × {SEGMENTS} segments with {REGIONS} regions, {BRANCHES:,} bounds and targets, "
            f"{SEGMENTS} ceilings, a minimum share, two slices of penalty; seconds of CPU, medians of {ROUNDS}. "
            "Wanted: at most 10 s.\n",
            table(
                ["solve, in exact amounts", "explain, four rules beside", "peak memory MB"],
                [[f"{cpu:.2f}", f"{explaining:.2f}", f"{memory_mb:.0f}"]],
            ),
            f"Gathering what a run needs from the whole demo bank: {gathered * 1000:.0f} ms.\n",
            f"Adoption of {BRANCHES * SEGMENTS:,} quotas in one transaction, {READERS} readers beside it (each "
            "asks for its branch's limits again and again; ms before, and meanwhile). The first makes the limits, "
            "the others change them.\n",
            table(
                ["adoption", "seconds", "readers p50", "p99", "most", "meanwhile p50", "p99", "most"], adopted
            ),
        ]
    )


def problem(branches: int = BRANCHES, segments: int = SEGMENTS, *, seed: int = 1) -> Problem:
    """A bank that asks for a quarter more than there is."""
    drawn = random.Random(seed)
    cells = []
    for branch in range(branches):
        for segment in range(segments):
            asked = drawn.randrange(10**8, 5 * 10**10)
            committed = int(asked * drawn.random() * 0.6)
            earns = Decimal(f"{drawn.gauss(0.04, 0.02):.6f}")
            cells.append(Cell(branch, f"S{segment}", earns, committed, asked, asked * 12 // 10))
    asked = sum(cell.asked for cell in cells)
    of_branch = [tuple(range(b * segments, (b + 1) * segments)) for b in range(branches)]
    bounds = [*_of_regions(cells, of_branch), *_of_branches(cells, of_branch), *_of_segments(cells, segments)]
    targets = tuple(
        Target(branch, places, int(asked * Decimal("0.76") * sum(cells[n].asked for n in places) / asked))
        for branch, places in enumerate(of_branch)
    )
    slices = (Slice(Decimal(0), Decimal("0.005")), Slice(Decimal("0.2"), Decimal("0.02")))
    return Problem("CNY", asked * 8 // 10, Decimal("0.05"), tuple(cells), tuple(bounds), targets, slices)


def _of_regions(cells: list[Cell], of_branch: list[tuple[int, ...]]) -> list[Bound]:
    bounds = []
    for region in range(REGIONS):
        places = tuple(n for branch in of_branch[region::REGIONS] for n in branch)
        most = sum(cells[n].asked for n in places) * 85 // 100
        bounds.append(Bound(ConstraintKind.REGION_MAXIMUM, f"Region {region}", places, upper=most))
    poor = tuple(n for branch in of_branch[::5] for n in branch)
    least = sum(cells[n].asked for n in poor) * 78 // 100
    return [*bounds, Bound(ConstraintKind.MINIMUM_SHARE, "Underdeveloped areas", poor, lower=least)]


def _of_branches(cells: list[Cell], of_branch: list[tuple[int, ...]]) -> list[Bound]:
    bounds = []
    for branch, places in enumerate(of_branch):
        committed = sum(cells[n].committed for n in places)
        asked = sum(cells[n].asked for n in places)
        least = committed + (asked - committed) // 5
        bounds.append(Bound(ConstraintKind.BRANCH_MINIMUM, f"Branch {branch}", places, least, asked, branch))
    return bounds


def _of_segments(cells: list[Cell], segments: int) -> list[Bound]:
    bounds = []
    for segment in range(segments):
        places = tuple(range(segment, len(cells), segments))
        most = sum(cells[n].asked for n in places) * 9 // 10
        bounds.append(Bound(ConstraintKind.CONCENTRATION, f"S{segment}", places, upper=most))
    return bounds


def _solved_elsewhere() -> tuple[float, float, float]:
    """CPU seconds of solving and of explaining, and the peak of memory, of a process of its own."""
    said = subprocess.run(
        [sys.executable, "-m", "bench.allocation"], check=True, capture_output=True, text=True, timeout=300
    ).stdout
    cpu, explaining, memory_mb = map(float, said.split())
    return cpu, explaining, memory_mb


def _solved() -> None:
    asked = problem()
    started = time.process_time()
    found = solve(asked)
    solved = time.process_time()
    assert isinstance(found, Solution)
    explained = explain(found, {})
    for branch in range(BRANCHES):
        places = list(range(branch * SEGMENTS, (branch + 1) * SEGMENTS))
        branch_explanation(found, places, explained.held_back)
    for rule in ScarcityRule:
        by_rule(asked, rule)
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{solved - started} {time.process_time() - solved} {memory_mb}\n")


async def _gathered(ground: Ground) -> float:
    database = Database(ground.credentials)
    await database.open()
    try:
        scope = await Directory(database).operator()
        taken = []
        for _ in range(ROUNDS):
            async with database.transaction(scope) as transaction:
                await transaction.connection.execute(FOR_ALL_CLIENTS)
                started = time.monotonic()
                await gather(transaction, "relationshipType", "CNY", TREND)
                taken.append(time.monotonic() - started)
        return median(taken)
    finally:
        await database.close()


async def _adopted() -> list[list[str]]:
    """A row for each of three adoptions: how long, and how long its readers waited."""
    async with _empty_bank() as (database, administrator):
        directory = Directory(database)
        scope = await directory.operator()
        rows = []
        for number in range(1, 4):
            before, meanwhile = list[float](), list[float]()
            reading = [asyncio.create_task(_read(database, directory, n, before)) for n in range(READERS)]
            await asyncio.sleep(READING_S)
            await _stopped(reading)
            reading = [asyncio.create_task(_read(database, directory, n, meanwhile)) for n in range(READERS)]
            started = time.monotonic()
            async with database.transaction(scope, write=True) as transaction:
                outcome = await actions.adopt(transaction, "bea", number, 1)
            taken = time.monotonic() - started
            await _stopped(reading)
            assert isinstance(outcome, Done), outcome
            rows.append([str(number), f"{taken:.1f}", *_figures(before), *_figures(meanwhile)])
        quotas = await administrator.fetchval("select count(*) from bank.limit_node where kind = 'SUBLIMIT'")
        assert quotas == BRANCHES * SEGMENTS
        return rows


@asynccontextmanager
async def _empty_bank() -> AsyncIterator[tuple[Database, asyncpg.Connection]]:
    """Units, limits and three simulated runs on a server of its own, as durable as a bank's."""
    with tempfile.TemporaryDirectory(prefix="branchgraph-bench-", ignore_cleanup_errors=True) as home:
        await asyncio.to_thread(Path(home).chmod, 0o755)
        with EmbeddedPostgres(Path(home) / "data") as server:
            await asyncio.to_thread(migrations.upgrade, server.dsn())
            credentials = Credentials(server.dsn())
            await set_passwords(credentials)
            administrator = await asyncpg.connect(server.dsn(), timeout=20)
            database = Database(credentials, connections=READERS + 2)
            try:
                for script in (_UNITS, _RUN, _PROPOSALS, "vacuum analyze"):
                    await administrator.execute(script, timeout=300)
                await database.open()
                yield database, administrator
            finally:
                await database.close()
                await administrator.close()


async def _read(database: Database, directory: Directory, number: int, taken: list[float]) -> None:
    scope = await directory.scope(Caller(f"reader {number}", Role.BRANCH_MANAGER, office=f"B{number + 1}"))
    while True:
        started = time.monotonic()
        async with database.transaction(scope) as transaction:
            await transaction.fetch(READ, (scope.branches[0],))
        taken.append((time.monotonic() - started) * 1000)
        await asyncio.sleep(0.005)


async def _stopped(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _figures(taken: list[float]) -> list[str]:
    return [f"{median(taken):.1f}", f"{quantiles(taken, n=100)[98]:.1f}", f"{max(taken):.1f}"]


if __name__ == "__main__":
    _solved()
