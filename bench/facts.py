"""What keeping the facts costs a write: the same transactions with the triggers and without."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from statistics import median
from typing import Any
from uuid import uuid4

import asyncpg

from bench.ground import Ground
from bench.report import table
from tenants.roles import Login
from tenants.tables.facts import KEPT

ROUNDS = 6
WRITES = 100
WARM_UPS = 20
# What the bench writes is told by this, and deleted at the end.
MARK = "bench of facts"
# No write says what an earlier one has said: that would change nothing.
NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Write:
    """One statement about a client (branch, client, facility, mark, number), and who may run it."""

    name: str
    login: Login
    sql: str
    arguments: tuple[int, ...]
    """Which of the five values are its parameters."""

    def values(self, row: Sequence[Any], number: int) -> list[Any]:
        """The parameters' values."""
        every = [*row, MARK, number, uuid4()]
        return [every[place] for place in self.arguments]


WRITTEN = (
    Write(
        "insert one posting",
        Login.HEADQUARTERS,
        "insert into bank.posting (branch_id, client_id, facility_id, id, due_on, paid_on, currency, "
        "principal_minor) values ($1, $2, $3, $4, '2024-11-20', '2024-12-20', 'CNY', 1)",
        (0, 1, 2, 5),
    ),
    Write(
        "insert one statement",
        Login.PORTAL,
        "insert into bank.financial_statement (branch_id, client_id, source, revenue_minor, id, period_end, "
        "period_months, currency, recorded_at) "
        "values ($1, $2, $3, $4, $5, '2023-12-31', 12, 'CNY', clock_timestamp())",
        (0, 1, 3, 4, 5),
    ),
    Write(
        "update one client",
        Login.PORTAL,
        "update bank.client set employees = $3 where branch_id = $1 and id = $2",
        (0, 1, 4),
    ),
)

SAMPLE = """
    select branch_id, client_id, id from bank.facility
    where branch_id = (select branch_id from bank.facility group by branch_id order by count(*) desc limit 1)
    order by reference limit $1
"""
KEPT_EMPLOYEES = (
    "create temp table employed as select branch_id, id, employees from bank.client where id = any($1)"
)
UNDO = (
    f"delete from bank.financial_statement where source = '{MARK}'",
    "delete from bank.posting where principal_minor = 1 and due_on = '2024-11-20' and paid_on = '2024-12-20'",
    "update bank.client set employees = employed.employees from employed "
    "where client.branch_id = employed.branch_id and client.id = employed.id",
)


def facts(ground: Ground) -> str:
    """The chapter on keeping facts."""
    rows = asyncio.run(_measured(ground))
    return "\n".join(
        [
            "## Keeping the facts of a client\n",
            f"Median ms of a transaction, commit included, with the triggers and without; {ROUNDS} rounds of "
            f"{WRITES} writes each way, in turns. Wanted: less than twice.\n",
            table(["write", "kept", "not kept", "ratio"], rows),
        ]
    )


async def _measured(ground: Ground) -> list[list[str]]:
    administrator = await asyncpg.connect(ground.credentials.administrator_dsn, timeout=10)
    try:
        sample = [tuple(row) for row in await administrator.fetch(SAMPLE, WRITES)]
        await administrator.execute(KEPT_EMPLOYEES, [client_id for _, client_id, _ in sample])
        return [await _ratio(ground, administrator, write, sample) for write in WRITTEN]
    finally:
        for statement in UNDO:
            await administrator.execute(statement)
        await administrator.close()


async def _ratio(
    ground: Ground, administrator: asyncpg.Connection, write: Write, sample: Sequence[Sequence[Any]]
) -> list[str]:
    kept_s: list[float] = []
    bare_s: list[float] = []
    connection = await asyncpg.connect(ground.credentials.dsn(write.login), timeout=10)
    try:
        await _written_s(connection, write, sample[:WARM_UPS])
        for _ in range(ROUNDS):
            kept_s += await _written_s(connection, write, sample)
            async with _without_triggers(administrator):
                bare_s += await _written_s(connection, write, sample)
    finally:
        await connection.close()
    kept_ms, bare_ms = median(kept_s) * 1000, median(bare_s) * 1000
    return [write.name, f"{kept_ms:.2f}", f"{bare_ms:.2f}", f"{kept_ms / bare_ms:.2f}"]


async def _written_s(
    connection: asyncpg.Connection, write: Write, sample: Sequence[Sequence[Any]]
) -> list[float]:
    taken = []
    for row in sample:
        values = write.values(row, next(NUMBERS))
        began = time.perf_counter()
        await connection.execute(f"begin; set local app.branches = '{{{row[0]}}}'")
        await connection.execute(write.sql, *values)
        await connection.execute("commit")
        taken.append(time.perf_counter() - began)
    return taken


@asynccontextmanager
async def _without_triggers(administrator: asyncpg.Connection) -> AsyncIterator[None]:
    await _switch(administrator, "disable")
    try:
        yield
    finally:
        await _switch(administrator, "enable")


async def _switch(administrator: asyncpg.Connection, how: str) -> None:
    for source in KEPT:
        await administrator.execute(f"alter table bank.{source} {how} trigger user")
