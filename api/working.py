"""The server's own worker: scheduled jobs are done beside the requests, or by `python -m api work`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from api.logs import log, report_fault
from api.settings import Settings
from tenants.database import LOST, Database, DatabaseUnavailable
from tenants.jobs.queue import Told, Worker
from tenants.jobs.work import JOBS, Job, Work
from tenants.organisation import Directory

AGAIN_AFTER_S = 5.0
AFTER_FAULT_S = 60.0
STOP_WITHIN_S = 3.0
"""How long what is being done may take to be given back, before the connection is cut."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long is waited before work is taken up again, and at the end for what is being done."""

    after_loss_s: float = AGAIN_AFTER_S
    after_fault_s: float = AFTER_FAULT_S
    stop_within_s: float = STOP_WITHIN_S


@asynccontextmanager
async def working(database: Database, directory: Directory, settings: Settings) -> AsyncIterator[None]:
    """Meanwhile, do what is due, where JOBS_IN_SERVER says so. What the end breaks off is done by the next."""
    if not settings.jobs_in_server:
        yield
        return
    task = asyncio.create_task(keep_working(work_of(database, directory, settings)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=STOP_WITHIN_S + 1)


def work_of(database: Database, directory: Directory, settings: Settings) -> Work:
    """What jobs work with, by the settings."""
    return Work(database, directory, key_days=settings.idempotency_key_days, log_days=settings.job_log_days)


async def keep_working(work: Work, jobs: Sequence[Job] = JOBS, pauses: Pauses | None = None) -> None:
    """Never ends by itself; cancelled, it gives back what it does and ends within seconds."""
    pauses = pauses or Pauses()
    while True:
        pause_s = pauses.after_loss_s
        try:
            await _work(work, jobs, pauses.stop_within_s)
        except (*LOST, DatabaseUnavailable, TimeoutError):
            log.warning("jobs", warning="the database did not answer; jobs are taken up again")
        except Exception as problem:
            report_fault(problem)
            pause_s = pauses.after_fault_s
        await asyncio.sleep(pause_s)


async def _work(work: Work, jobs: Sequence[Job], stop_within_s: float) -> None:
    connection = await work.database.connection_for_jobs()
    lost = asyncio.Event()
    # Else an idle worker would notice only when it looks the next time.
    connection.add_termination_listener(lambda _: lost.set())
    try:
        worker = Worker(connection, work, jobs, Told(done=_done, failed=_failed))
        running = asyncio.create_task(worker.run())
        losing = asyncio.create_task(lost.wait())
        try:
            await asyncio.wait([running, losing], return_when=asyncio.FIRST_COMPLETED)
        finally:
            was_lost = lost.is_set()
            losing.cancel()
            worker.stop()
            await asyncio.wait([running], timeout=stop_within_s)
            # A silent database lets nobody finish: without its connection all that waits for it fails at once.
            connection.terminate()
            running.cancel()
            running.add_done_callback(_heard)
        if was_lost:
            raise DatabaseUnavailable("the connection for jobs was lost")
        running.result()
    finally:
        connection.terminate()


def _heard(running: asyncio.Task[None]) -> None:
    """What follows from a lost connection is not complained of once more."""
    if not running.cancelled():
        running.exception()


def _done(name: str, told: str | None, seconds: float) -> None:
    if told is not None:
        log.info("job", job=name, told=told, seconds=round(seconds, 1))


def _failed(name: str, problem: BaseException) -> None:
    if isinstance(problem, DatabaseUnavailable):
        log.warning("job", job=name, warning="the database did not answer; it is tried again")
    else:
        with suppress(Exception):
            log.warning("job", job=name, correlation_id=report_fault(problem))
