"""The jobs: what is to be done, how often, and how it is done. Each may be done twice and does it once.

Times are UTC. What a job looks at is the bank's day, which may stand still or leap: so a job asks for whatever is
to be done by now, and finds what was missed while nobody was at work.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tenants.database import Database
from tenants.jobs.ageing import age_limits
from tenants.limits.expiring import AT_ONCE, expire_due
from tenants.organisation import Directory
from tenants.segments.recording import STATEMENT_LIMIT_S
from tenants.segments.settling import take_snapshot
from tenants.snapshots.months import take_missing_months

SWEEPS = 500
"""Of one run, at most: an earmark whose node is being moved waits for the next."""
KEYS_AT_ONCE = 10_000

_OLD_KEYS = """
delete from bank.idempotency_key where ctid = any (array(
    select k.ctid from bank.idempotency_key k
    where k.created_at < now() - make_interval(days => $1) limit $2
))
"""
_OLD_LOG = "delete from jobs.pgqueuer_log where created < now() - make_interval(days => $1)"
_OLD_STATISTICS = "delete from jobs.pgqueuer_statistics where created < now() - make_interval(days => $1)"
_PATIENTLY = f"set local statement_timeout = {int(STATEMENT_LIMIT_S * 1000)}"


@dataclass(frozen=True, slots=True)
class Work:
    """What jobs work with."""

    database: Database
    directory: Directory
    key_days: int
    """How long the answer under an idempotency key is kept."""
    log_days: int
    """How long it is kept when which job ran, and how it ended."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job under its name; `do` answers what was done, or None where there was nothing to do."""

    name: str
    every: str
    """Five fields of cron, UTC."""
    purpose: str
    do: Callable[[Work], Awaitable[str | None]]


async def _expire_earmarks(work: Work) -> str | None:
    scope, done = await work.directory.operator(), 0
    for _ in range(SWEEPS):
        async with work.database.transaction(scope, write=True) as transaction:
            found = await expire_due(transaction, sorted(scope.branches))
        done += found
        if found < AT_ONCE:
            break
    return f"{done:,} earmarks" if done else None


async def _age_limits(work: Work) -> str | None:
    aged = await age_limits(work.database, work.directory)
    return str(aged) if aged.limits else None


async def _take_months(work: Work) -> str | None:
    return "; ".join(map(str, await take_missing_months(work.database, work.directory))) or None


def _silent(line: str) -> None:
    """The log has one line of it, at the end."""
    del line


async def _daily_round(work: Work) -> str | None:
    return str(await take_snapshot(work.database, work.directory, _silent))


async def _forget(work: Work) -> str | None:
    scope, done = await work.directory.operator(), 0
    while True:
        async with work.database.transaction(scope, write=True) as transaction:
            told = await transaction.connection.execute(_OLD_KEYS, work.key_days, KEYS_AT_ONCE)
        found = int(told.rsplit(" ", 1)[1])
        done += found
        if found < KEYS_AT_ONCE:
            break
    async with work.database.transaction(scope, write=True) as transaction:
        await transaction.connection.execute(_PATIENTLY)
        for statement in (_OLD_LOG, _OLD_STATISTICS):
            await transaction.connection.execute(statement, work.log_days, timeout=STATEMENT_LIMIT_S)
    return f"{done:,} idempotency keys" if done else None


JOBS = (
    Job(
        "expire_earmarks", "* * * * *", "give back what earmarks hold whose time has passed", _expire_earmarks
    ),
    Job("age_limits", "3 * * * *", "end additions and limits whose last day has passed", _age_limits),
    Job("take_months", "7 * * * *", "keep what every unit used of its quota at month ends", _take_months),
    Job(
        "daily_round",
        "17 2 * * *",
        "record every client's segments, settle the tasks that follow",
        _daily_round,
    ),
    Job("forget", "41 3 * * *", "delete old idempotency keys and old lines of the jobs' log", _forget),
)
