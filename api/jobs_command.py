"""`python -m api work` does scheduled jobs in a process of its own; `python -m api jobs` says how they went."""

from __future__ import annotations

import asyncio
import datetime as dt
import signal

import click

from tenants.jobs.history import JobState, job_states
from tenants.organisation import Directory


@click.command("work")
def work_command() -> None:
    """Do scheduled jobs until Ctrl-C or SIGTERM: beside any number of servers and of others like this one."""
    asyncio.run(_work())


@click.command("jobs")
def jobs_command() -> None:
    """List scheduled jobs: when each is due, when it last succeeded, what failed. Times are UTC."""
    for state in asyncio.run(_states()):
        click.echo(_told(state))


async def _work() -> None:
    from api.bank import open_bank
    from api.logs import configure_logs
    from api.settings import load_settings
    from api.working import keep_working, work_of

    settings = load_settings()
    configure_logs(settings.log_level)
    stopped = asyncio.Event()
    for told in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(told, stopped.set)
    async with open_bank(settings) as database:
        working = asyncio.create_task(keep_working(work_of(database, Directory(database), settings)))
        click.echo("branchgraph works on scheduled jobs; Ctrl-C stops it.")
        try:
            await stopped.wait()
        finally:
            working.cancel()
            await asyncio.wait([working])


async def _states() -> list[JobState]:
    from api.bank import open_bank
    from api.settings import load_settings

    async with open_bank(load_settings()) as database:
        return await job_states(database, Directory(database))


def _told(state: JobState) -> str:
    now = "running" if state.is_running else "waiting" if state.is_waiting else f"due {_at(state.next_run)}"
    line = f"{state.job.name:16} {state.job.every:12} {now:26} last done {_at(state.succeeded_at):20}"
    if state.failed_at is not None:
        line += f" failed {state.failures} times, last {_at(state.failed_at)}: {state.failed_with}"
    return line.rstrip()


def _at(moment: dt.datetime | None) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S") if moment else "never"
