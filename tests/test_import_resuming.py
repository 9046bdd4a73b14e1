"""Whatever is cut short, run twice or run side by side ends the same as one whole import."""

from __future__ import annotations

import asyncio
import functools
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from imported_loans import (
    EXCERPT,
    LOANS,
    free_unit_ids,
    state,
    take,
)

from domain.intake.batches import batches
from domain.intake.problems import FileRefused
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.intake import jobs
from tenants.intake.jobs import Progress
from tenants.intake.run import Outcome, Report
from tenants.organisation import Directory

__all__ = ["free_unit_ids"]


async def test_a_job_that_stopped_within_a_record_is_not_guessed_at(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    await take(database, directory, tmp_path)
    await administrator.execute("update bank.import_job set status = 'RUNNING', bytes_done = 12345")
    with pytest.raises(FileRefused, match="--again"):
        await take(database, directory, tmp_path)
    assert await administrator.fetchval("select status from bank.import_job") == "FAILED"
    assert (await take(database, directory, tmp_path, again=True)).progress.rows_unchanged == 500


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight batches of the excerpt instead of one."""
    cut = functools.partial(batches, size=70)
    monkeypatch.setattr("tenants.intake.run.batches", cut)


class Crash(BaseException):
    """As sudden as the interpreter allows."""


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("moment", ["before the rows", "after the rows", "after the commit"])
async def test_a_crash_loses_nothing_and_doubles_nothing(
    database: Database,
    directory: Directory,
    administrator: asyncpg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    whole = tmp_path / "whole.csv"
    expected = await take(database, directory, tmp_path, error_file=whole, dry_run=True)
    name, at = {
        "before the rows": ("hold", 3),
        "after the rows": ("record", 3),
        "after the commit": ("hold", 4),
    }[moment]
    real, calls = getattr(jobs, name), []

    async def crash(*arguments: Any, **more: Any) -> Any:
        result = await real(*arguments, **more)
        calls.append(1)
        if len(calls) == at:
            raise Crash
        return result

    with monkeypatch.context() as patched:
        patched.setattr(jobs, name, crash)
        with pytest.raises(Crash):
            await take(database, directory, tmp_path)
    assert await administrator.fetchval("select status from bank.import_job") == "RUNNING"
    done = await administrator.fetchval("select rows_read from bank.import_job")
    assert await administrator.fetchval(f"select count(*) from ({LOANS.format('facility')}) loans") == done

    report = await take(database, directory, tmp_path)
    assert report.outcome is Outcome.COMPLETED
    assert report.resumed_after_line == done + 1
    assert (report.progress, report.counts) == (expected.progress, expected.counts)
    assert (tmp_path / "errors.csv").read_text() == whole.read_text()
    assert (await take(database, directory, tmp_path, again=True)).progress.rows_unchanged == 500
    assert len((await state(administrator))["facility"]) == 500


KILLED = """
import asyncio, os, random, signal, sys
from pathlib import Path
from api.import_command import run_import
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.intake import run
from tenants.organisation import Directory

cut = run.batches
run.batches = lambda *arguments, **more: cut(*arguments, **more, size=20)
url, file, errors = sys.argv[1:]

def told(progress, size):
    print(progress.rows_read, flush=True)

async def main():
    database = Database(Credentials(url), connections=2)
    await database.open()
    await run_import(database, Directory(database), file=Path(file), mapping="sba_loans",
                     error_file=Path(errors), progress=told)

asyncio.run(main())
"""


async def test_a_process_killed_again_and_again_ends_like_one_that_was_not(
    database: Database,
    directory: Directory,
    credentials: Credentials,
    administrator: asyncpg.Connection,
    tmp_path: Path,
) -> None:
    whole = tmp_path / "whole.csv"
    expected = await take(database, directory, tmp_path, error_file=whole, dry_run=True)
    errors = tmp_path / "errors.csv"
    for patience in (0.03, 0.11):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            KILLED,
            credentials.url,
            str(EXCERPT),
            str(errors),
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[1],
            env=os.environ | {"PYTHONPATH": "."},
        )
        assert process.stdout is not None
        assert await process.stdout.readline(), "the import began"
        # Anywhere within the batches that follow: reading, copying or committing.
        await asyncio.sleep(patience * random.random())
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.communicate()
    report = await take(database, directory, tmp_path)
    assert report.outcome in (Outcome.COMPLETED, Outcome.NOTHING_TO_DO)
    assert report.progress == expected.progress
    assert errors.read_text() == whole.read_text()
    assert await administrator.fetchval("select count(*) from bank.import_job") == 1
    found = await state(administrator)
    again = await take(database, directory, tmp_path, again=True)
    assert again.progress.rows_unchanged == 500
    assert await state(administrator) == found


@pytest.mark.usefixtures("small_batches")
async def test_two_runs_at_once_double_nothing_and_the_first_gives_way(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    second: list[Report] = []

    def observe(progress: Progress, size: int) -> None:
        del size
        if progress.rows_read == 140:
            overtaking.append(asyncio.ensure_future(take(database, Directory(database), tmp_path)))

    overtaking: list[asyncio.Future[Report]] = []
    first = await take(database, directory, tmp_path, progress=observe)
    second = [await each for each in overtaking]
    assert [first.outcome, second[0].outcome] == [Outcome.TAKEN_OVER, Outcome.COMPLETED]
    assert second[0].progress.rows_taken == 500
    assert await administrator.fetchval(f"select count(*) from ({LOANS.format('facility')}) loans") == 500


@pytest.mark.usefixtures("small_batches")
async def test_a_paused_import_stops_before_its_next_batch_and_goes_on_when_run_again(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    asked: list[asyncio.Future[Any]] = []

    async def pause(progress: Progress) -> None:
        del progress
        await administrator.execute(
            "update bank.import_job set status = 'PAUSED', version = version + 1 where status = 'RUNNING'"
        )

    real = jobs.record

    async def record_then_pause(*arguments: Any, **more: Any) -> Any:
        job = await real(*arguments, **more)
        if job.progress.rows_read == 140:
            asked.append(asyncio.ensure_future(pause(job.progress)))
        return job

    def observe(progress: Progress, size: int) -> None:
        del progress, size

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(jobs, "record", record_then_pause)
        report = await take(database, directory, tmp_path, progress=observe)
    await asyncio.gather(*asked)
    assert report.outcome is Outcome.PAUSED
    assert 140 <= report.progress.rows_read < 500
    report = await take(database, directory, tmp_path)
    assert (report.outcome, report.progress.rows_taken) == (Outcome.COMPLETED, 500)


async def test_a_cancelled_import_begins_anew_only_when_asked_to(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    await take(database, directory, tmp_path)
    await administrator.execute("update bank.import_job set status = 'CANCELLED'")
    assert (await take(database, directory, tmp_path)).outcome is Outcome.CANCELLED
    assert (await take(database, directory, tmp_path, again=True)).outcome is Outcome.COMPLETED
