"""The job queue: PgQueuer's tables in the schema `jobs`, over one connection of headquarters' role.

Schedules and jobs stand in PostgreSQL: when a schedule is due, one of all workers puts its job into the queue,
where it stands once; one of all workers takes it from there and keeps it by a heartbeat. A worker that is killed
loses the job to another half a minute later, one that is stopped gives it back at once. Each job may be begun again
at any time (`tenants/jobs/work.py`).

Behind a pooler in transaction mode no notification comes through: workers look every few seconds instead.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job as Queued
from pgqueuer.models import Schedule

from tenants.jobs.work import Job, Work

# All of them said: what is not is taken from variables of the environment with names like CHANNEL.
NAMES = DBSettings(
    prefix="",
    db_schema="jobs",
    channel=Channel("ch_pgqueuer"),
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability=Durability.durable,
    widen_id=False,
)

LOOK_EVERY = dt.timedelta(seconds=30)
LOOK_EVERY_BEHIND_A_POOLER = dt.timedelta(seconds=3)
LOST_AFTER = dt.timedelta(seconds=30)
ATTEMPTS = 5
FIRST_RETRY_S = 5.0
AT_ONCE = 2

_FORGET_SCHEDULES = """
delete from jobs.pgqueuer_schedules s
where not exists (
    select from unnest($1::text[], $2::text[]) known (name, every)
    where known.name = s.entrypoint and known.every = s.expression
)
"""


class JobFailed(Exception):
    """A job failed for good this time; the message says of what kind, never with what words."""


@dataclass(frozen=True, slots=True)
class Told:
    """Whom a worker tells what it does."""

    done: Callable[[str, str | None, float], object]
    """A job's name, what was done, and the seconds it took."""
    failed: Callable[[str, BaseException], object]
    """A job's name and why it did not succeed; it is tried again."""


class PollingDriver(AsyncpgDriver):
    """Listens to nothing: a pooler in transaction mode passes no notification on."""

    async def add_listener(self, channel: str, callback: Any) -> None:
        """Do without."""

    async def notify(self, channel: str, payload: str) -> None:
        """Nobody would hear it."""


class Worker:
    """Works on the queue until it is told to stop, or its connection is lost."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        work: Work,
        jobs: Sequence[Job],
        told: Told,
        *,
        look_every: dt.timedelta | None = None,
    ) -> None:
        polls = work.database.pooled
        driver = (PollingDriver if polls else AsyncpgDriver)(connection)
        self._connection = connection
        self._work, self._jobs, self._told = work, jobs, told
        self._bodies: set[asyncio.Task[str | None]] = set()
        self._stopping = False
        self._look_every = look_every or (LOOK_EVERY_BEHIND_A_POOLER if polls else LOOK_EVERY)
        self.queries = queries_of(driver)
        self._queue = PgQueuer(driver, channel=NAMES.channel, queries=self.queries)
        for job in jobs:
            self._take_on(job)

    async def run(self) -> None:
        """Work. Raises what asyncpg raises where the connection is lost."""
        names, times = [job.name for job in self._jobs], [job.every for job in self._jobs]
        await self._connection.execute(_FORGET_SCHEDULES, names, times)
        await self._queue.run(
            dequeue_timeout=self._look_every, batch_size=AT_ONCE, heartbeat_timeout=LOST_AFTER
        )

    def stop(self) -> None:
        """Begin nothing more; what is being done is broken off and stays in the queue."""
        self._stopping = True
        self._queue.shutdown.set()
        for body in self._bodies:
            body.cancel()

    def _take_on(self, job: Job) -> None:
        async def put(_: Schedule) -> None:
            await self.queries.enqueue(job.name, None, dedupe_key=job.name, on_conflict="skip")

        async def do(queued: Queued) -> None:
            await self._do(job, queued)

        self._queue.schedule(job.name, job.every)(put)
        self._queue.entrypoint(job.name, concurrency_limit=1)(do)

    async def _do(self, job: Job, queued: Queued) -> None:
        if self._stopping:
            raise RetryRequested(reason="stopped")
        began = asyncio.get_running_loop().time()
        body = asyncio.ensure_future(job.do(self._work))
        self._bodies.add(body)
        try:
            await asyncio.wait([body])
        finally:
            self._bodies.discard(body)
            body.cancel()
        if body.cancelled():
            raise RetryRequested(reason="stopped")
        problem = body.exception()
        if problem is None:
            self._told.done(job.name, body.result(), asyncio.get_running_loop().time() - began)
            return
        self._told.failed(job.name, problem)
        if queued.attempts + 1 < ATTEMPTS:
            delay = dt.timedelta(seconds=FIRST_RETRY_S * 2**queued.attempts)
            raise RetryRequested(delay=delay, reason=type(problem).__name__)
        raise JobFailed(f"{job.name}: {type(problem).__name__}") from None


def queries_of(driver: AsyncpgDriver) -> Queries:
    """PgQueuer's statements over our tables."""
    return Queries(
        driver,
        qbe=QueryBuilderEnvironment(NAMES),
        qbq=QueryQueueBuilder(NAMES),
        qbs=QuerySchedulerBuilder(NAMES),
    )
