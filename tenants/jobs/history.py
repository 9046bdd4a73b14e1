"""What can be known of jobs: when each is due, when it ran last, what failed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from tenants.database import Database
from tenants.jobs.work import JOBS, Job
from tenants.organisation import Directory

_RUNS = """
select job.name, s.next_run,
    exists (select from jobs.pgqueuer q where q.entrypoint = job.name and q.status = 'picked') as is_running,
    exists (select from jobs.pgqueuer q where q.entrypoint = job.name and q.status = 'queued') as is_waiting,
    (
        select max(l.created) from jobs.pgqueuer_log l
        where l.entrypoint = job.name and l.status = 'successful'
    ) as succeeded_at,
    failed.created as failed_at, failed.words, coalesce(failed.times, 0) as failures
from unnest($1::text[]) job (name)
left join jobs.pgqueuer_schedules s on s.entrypoint = job.name
left join lateral (
    select l.created, count(*) over () as times,
        coalesce(l.traceback #>> '{additional_context,reason}', l.traceback ->> 'exception_message') as words
    from jobs.pgqueuer_log l
    where l.entrypoint = job.name and l.traceback is not null
    and l.traceback #>> '{additional_context,reason}' is distinct from 'stopped'
    order by l.created desc
    limit 1
) failed on true
"""


@dataclass(frozen=True, slots=True)
class JobState:
    """A job with what is known of its runs; nothing where no worker has ever been at work."""

    job: Job
    next_run: dt.datetime | None
    is_running: bool
    is_waiting: bool
    succeeded_at: dt.datetime | None
    failed_at: dt.datetime | None
    failures: int
    """How many runs the log knows to have failed."""
    failed_with: str | None


async def job_states(database: Database, directory: Directory) -> list[JobState]:
    """All jobs, as headquarters sees them."""
    async with database.transaction(await directory.operator(), fresh=True) as transaction:
        rows = await transaction.fetch(_RUNS, ([job.name for job in JOBS],))
    found = {row["name"]: row for row in rows}
    return [
        JobState(
            job,
            found[job.name]["next_run"],
            found[job.name]["is_running"],
            found[job.name]["is_waiting"],
            found[job.name]["succeeded_at"],
            found[job.name]["failed_at"],
            found[job.name]["failures"],
            found[job.name]["words"],
        )
        for job in JOBS
    ]
