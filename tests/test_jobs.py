"""Scheduled jobs: each is done once by one of all workers, and nothing is lost when one is stopped or killed."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest
from click.testing import CliRunner
from patience import PATIENCE_S, until, until_told

from api.jobs_command import jobs_command
from api.working import Pauses, keep_working
from tenants.catalogue import findings
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.jobs.history import job_states
from tenants.jobs.queue import Told, Worker
from tenants.jobs.work import JOBS, Job, Work
from tenants.organisation import Directory

NEVER = "0 0 1 1 *"


@pytest.fixture
def work(database: Database, directory: Directory) -> Work:
    return Work(database, directory, key_days=30, log_days=30)


def job(do: Callable[[Work], Awaitable[str | None]], name: str = "probe") -> Job:
    return Job(name, NEVER, "a test's", do)


@asynccontextmanager
async def at_work(work: Work, *jobs: Job) -> AsyncIterator[asyncio.Task[None]]:
    """A worker as the server has one."""
    task = asyncio.create_task(keep_working(work, jobs, Pauses(0.05, 0.05, 0.5)))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=PATIENCE_S)
        assert task.done()


async def put(administrator: asyncpg.Connection, name: str) -> None:
    await administrator.execute(
        "insert into jobs.pgqueuer (priority, entrypoint, status, dedupe_key) values (0, $1, 'queued', $1) "
        "on conflict do nothing",
        name,
    )


async def left(administrator: asyncpg.Connection) -> int:
    return int(await administrator.fetchval("select count(*) from jobs.pgqueuer"))


async def emptied(administrator: asyncpg.Connection) -> None:
    async def is_empty() -> bool:
        return not await left(administrator)

    await until_told(is_empty)


async def test_a_schedule_that_was_missed_is_made_up_for_once(
    work: Work, administrator: asyncpg.Connection
) -> None:
    """Two workers, a schedule due three days ago: the job is done by one of them, once."""
    done = []

    async def note(_: Work) -> None:
        done.append(1)

    await administrator.execute(
        "insert into jobs.pgqueuer_schedules (expression, entrypoint, next_run) "
        "values ($1, 'probe', now() - interval '3 days'), ('1 1 1 1 1', 'gone', now())",
        NEVER,
    )
    async with at_work(work, job(note)), at_work(work, job(note)):
        await until(lambda: bool(done))
        await asyncio.sleep(0.3)
    assert done == [1]
    assert await left(administrator) == 0
    rows = await administrator.fetch(
        "select entrypoint, next_run > now() as later from jobs.pgqueuer_schedules"
    )
    assert [tuple(row) for row in rows] == [("probe", True)], "schedules that are no more are forgotten"


async def test_what_is_broken_off_stays_in_the_queue(work: Work, administrator: asyncpg.Connection) -> None:
    """Stopped in the middle of a job, a worker gives it back; the next one does it at once."""
    begun, ended = asyncio.Event(), []

    async def last_long(_: Work) -> None:
        begun.set()
        await asyncio.sleep(60)

    async def end(_: Work) -> str:
        ended.append(1)
        return "done"

    await put(administrator, "probe")
    async with at_work(work, job(last_long)):
        await asyncio.wait_for(begun.wait(), PATIENCE_S)
        stopped = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - stopped < 20
    assert await left(administrator) == 1
    async with at_work(work, job(end)):
        await until(lambda: bool(ended))
    assert ended == [1]
    assert await left(administrator) == 0
    # Killed, a worker says nothing any more: half a minute later its job is another's.
    await administrator.execute(
        "insert into jobs.pgqueuer (priority, entrypoint, status, dedupe_key, queue_manager_id, slot, heartbeat) "
        "values (0, 'probe', 'picked', 'probe', gen_random_uuid(), 0, now() - interval '31 seconds')"
    )
    async with at_work(work, job(end)):
        await until(lambda: len(ended) == 2)
    assert await left(administrator) == 0


async def test_a_lost_connection_ends_nobody(work: Work, administrator: asyncpg.Connection) -> None:
    """The database breaks the worker's connection off: it is opened anew, and the work goes on."""
    done = []

    async def note(_: Work) -> None:
        done.append(1)

    async with at_work(work, job(note)) as worker:
        await put(administrator, "probe")
        await emptied(administrator)
        await administrator.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pgqueuer%' "
            "and datname = current_database() and pid <> pg_backend_pid() "
            "and usename = 'branchgraph_headquarters'"
        )
        await put(administrator, "probe")
        await until(lambda: len(done) == 2)
        assert not worker.done()
        await emptied(administrator)
        # Silent, it keeps nobody from ending.
        silence = administrator.transaction()
        await silence.start()
        await administrator.execute("lock table jobs.pgqueuer in access exclusive mode")
        await asyncio.sleep(0.3)
        worker.cancel()
        stopped = asyncio.get_running_loop().time()
        await asyncio.wait([worker], timeout=PATIENCE_S)
        assert asyncio.get_running_loop().time() - stopped < 20
        await silence.rollback()


async def test_a_failure_is_told_without_its_words_and_tried_again(
    work: Work, database: Database, directory: Directory, administrator: asyncpg.Connection
) -> None:
    """What the database says of a row may be a client's data: the log keeps what kind of failure it was."""
    tried = []

    async def fail(_: Work) -> None:
        tried.append(1)
        raise LookupError("Ms Li of 12 Garden Street")

    await put(administrator, "take_months")
    async with at_work(work, job(fail, "take_months")):
        await until(lambda: len(tried) == 1)
        await until_told(
            lambda: administrator.fetchval("select bool_and(status = 'queued') from jobs.pgqueuer")
        )
        waiting = await administrator.fetchrow(
            "select status::text, attempts, execute_after > now() as later from jobs.pgqueuer"
        )
    assert waiting is not None
    assert tuple(waiting) == ("queued", 1, True)
    (state,) = [state for state in await job_states(database, directory) if state.job.name == "take_months"]
    assert (state.is_waiting, state.failures, state.failed_with) == (True, 1, "LookupError")
    # At the last attempt the queue is done with it: the next schedule begins anew.
    await administrator.execute("update jobs.pgqueuer set attempts = 4, execute_after = now()")
    async with at_work(work, job(fail, "take_months")):
        await emptied(administrator)
    logged = await administrator.fetch(
        "select status::text, traceback::text from jobs.pgqueuer_log where traceback is not null order by id"
    )
    assert [row["status"] for row in logged] == ["queued", "exception"]
    assert all("LookupError" in row["traceback"] and "Garden" not in row["traceback"] for row in logged)


async def test_behind_a_pooler_workers_look_by_themselves(
    credentials: Credentials, administrator: asyncpg.Connection
) -> None:
    """No notification comes through PgBouncer in transaction mode, and nothing is kept prepared."""
    database = Database(credentials, connections=2, pooled=True)
    await database.open()
    done = []

    async def note(_: Work) -> None:
        done.append(1)

    try:
        connection = await database.connection_for_jobs()
        work = Work(database, Directory(database), key_days=30, log_days=30)
        told = Told(done=lambda *_: None, failed=lambda *_: None)
        worker = Worker(connection, work, [job(note)], told, look_every=dt.timedelta(seconds=0.2))
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(0.3)
        listening = await worker.queries.driver.fetch("select pg_listening_channels()")
        await put(administrator, "probe")
        await until(lambda: bool(done))
        worker.stop()
        await asyncio.wait_for(running, PATIENCE_S)
        await connection.close()
    finally:
        await database.close()
    assert listening == []
    assert done == [1]


async def test_the_queue_is_headquarters_alone(administrator: asyncpg.Connection) -> None:
    assert await findings(administrator) == []
    await administrator.execute("grant usage on schema jobs to branchgraph_portal")
    await administrator.execute("grant select on jobs.pgqueuer to branchgraph_portal")
    await administrator.execute("grant truncate on jobs.pgqueuer to branchgraph_headquarters")
    found = await findings(administrator)
    assert any("the queue is headquarters' alone" in hole for hole in found)
    assert any("TRUNCATE is granted" in hole for hole in found)


async def test_every_job_that_ships_is_done_and_finds_nothing_left(
    work: Work, database: Database, directory: Directory, administrator: asyncpg.Connection
) -> None:
    """All that ship, over a bank that keeps no limits yet, twice."""
    for _ in range(2):
        for shipped in JOBS:
            await put(administrator, shipped.name)
        async with at_work(work, *JOBS):
            await emptied(administrator)
    states = await job_states(database, directory)
    assert [state.job.name for state in states] == [shipped.name for shipped in JOBS]
    assert all(state.succeeded_at and state.next_run and not state.failures for state in states)


def test_the_command_lists_every_job(credentials: Credentials) -> None:
    told = CliRunner().invoke(jobs_command, env={"DATABASE_URL": credentials.url})
    assert told.exit_code == 0, told.output
    assert [line.split()[0] for line in told.output.splitlines()] == [shipped.name for shipped in JOBS]
    assert "expire_earmarks  * * * * *    due never" in told.output
