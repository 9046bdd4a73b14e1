"""One run of an import: batch after batch, each in a transaction that also says how far the file is done."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from domain.imports import ImportStatus
from domain.intake.batches import BEGINNING, Batch, Place, batches
from domain.intake.mapping import Mapping
from domain.intake.problems import FileRefused, Problem, Severity
from domain.intake.records import FileRecords
from domain.intake.resuming import Step
from domain.intake.rows import Plan, Row
from tenants.database import Database, DatabaseUnavailable
from tenants.intake import jobs
from tenants.intake.error_file import Counts, ErrorFile
from tenants.intake.file_forms import records_of
from tenants.intake.jobs import Job, Progress, Stopped, Subject, TakenOver
from tenants.intake.loading import load
from tenants.intake.seen import Seen, seen
from tenants.intake.units import ensure_headquarters, ensure_units
from tenants.organisation import Directory
from tenants.segments.recording import record_changes

# Compiling the statements of a batch would take longer than running them.
WITHOUT_JIT = "set local jit = off"

Observer = Callable[[Progress, int], None]
"""Told how far the file is done, and its size in bytes, after every batch."""


class Outcome(StrEnum):
    """How a run ended."""

    COMPLETED = "COMPLETED"
    DRY_RUN = "DRY_RUN"
    NOTHING_TO_DO = "NOTHING_TO_DO"
    PAUSED = "PAUSED"
    CANCELLED = "CANCELLED"
    TAKEN_OVER = "TAKEN_OVER"


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did. The progress counts the whole import, `rows_per_second` this run alone."""

    outcome: Outcome
    progress: Progress
    error_file: Path
    resumed_after_line: int = 0
    counts: Counts = field(default_factory=Counts)
    seconds: float = 0.0
    rows_this_run: int = 0
    notes: tuple[str, ...] = ()

    @property
    def rows_per_second(self) -> float:
        """Rows that this run read, by the time that it took."""
        return self.rows_this_run / self.seconds if self.seconds > 0 else 0.0

    def reasons(self, severity: Severity) -> list[tuple[str, str, int]]:
        """(column, reason, how often), the most frequent first."""
        chosen = [(column, why, n) for (of, column, why), n in self.counts.items() if of is severity]
        return sorted(chosen, key=lambda each: (-each[2], each[0], each[1]))


@dataclass(frozen=True, slots=True)
class Source:
    """The file to read and the mapping to read it by."""

    path: Path
    mapping: Mapping
    mapping_sha256: str


class Changed(FileRefused):
    """The file is not the one that the import began with."""


async def dry_run(source: Source, errors: ErrorFile, observe: Observer) -> Report:
    """Read everything, write nothing but the error file. Every row that can be read counts as taken."""
    started, progress = time.monotonic(), Progress()
    errors.begin()
    with _reading(source) as (check, size, cut):
        for batch in cut.after(BEGINNING):
            errors.add(batch.problems)
            progress = _advanced(progress, batch, len(batch.rows), 0)
            observe(progress, size)
        check(progress)
    observe(progress := replace(progress, bytes_done=size), size)
    return _report(Outcome.DRY_RUN, progress, errors, started, progress.rows_read)


async def run(
    database: Database,
    directory: Directory,
    source: Source,
    *,
    errors: ErrorFile,
    again: bool,
    observe: Observer,
) -> Report:
    """Import the file, or what is left of it. Raises FileRefused and DatabaseUnavailable."""
    started = time.monotonic()
    with _reading(source) as (check, size, cut):
        subject = await _subject(database, directory, source, size, errors.path)
        async with database.transaction(await directory.operator(), write=True) as transaction:
            step, job = await jobs.claim(transaction, subject, again=again)
            # Under the job's lock: whoever ran it before writes to the error file under the same one.
            earlier = Path(job.error_file)
            if step is Step.GO_ON and errors.named:
                job = await jobs.list_in(transaction, job, str(errors.path))
            else:
                errors.path = earlier
            notes = _prepared(errors, earlier, step, job)
        if step is Step.NOTHING or step is Step.REFUSE_CANCELLED:
            outcome = Outcome.NOTHING_TO_DO if step is Step.NOTHING else Outcome.CANCELLED
            return Report(outcome, job.progress, errors.path, notes=notes)
        importer = _Import(database, directory, source, errors, job)
        began = job.progress
        try:
            outcome = await importer.run(cut, size, observe)
            if outcome is Outcome.COMPLETED:
                check(importer.job.progress)
                await importer.complete(size)
        except DatabaseUnavailable:
            # Nothing can be written down now; the job stays RUNNING and the next run takes it over.
            raise
        except Exception:
            await importer.fail()
            raise
    progress = importer.job.progress
    report = _report(outcome, progress, errors, started, progress.rows_read - began.rows_read)
    return replace(report, resumed_after_line=began.lines_done, notes=notes)


class _Import:
    def __init__(
        self, database: Database, directory: Directory, source: Source, errors: ErrorFile, job: Job
    ) -> None:
        self._database = database
        self._directory = directory
        self._mapping = source.mapping
        self._errors = errors
        self._units: dict[str, int | str] = {}
        self.job = job

    async def run(self, cut: _Cut, size: int, observe: Observer) -> Outcome:
        for batch in cut.after(self.job.progress.place):
            try:
                await self._take(cut.plan, batch)
            except Stopped as stopped:
                return Outcome(stopped.status)
            except TakenOver:
                return Outcome.TAKEN_OVER
            observe(self.job.progress, size)
        return Outcome.COMPLETED

    async def _take(self, plan: Plan, batch: Batch) -> None:
        """One batch, in one transaction: the rows, the counts and the place in the file stand or fall together."""
        rows, problems = await self._placed(batch)
        scope = await self._directory.operator()
        async with self._database.transaction(scope, write=True) as transaction:
            await jobs.hold(transaction, self.job)
            await transaction.connection.execute(WITHOUT_JIT)
            loaded = await load(transaction, plan, rows)
            refused = {problem.line for problem in problems + loaded.problems}
            warnings = [p for p in batch.problems if p.severity is Severity.ERROR or p.line not in refused]
            self._errors.add([*warnings, *problems, *loaded.problems])
            progress = _advanced(self.job.progress, batch, loaded.taken, loaded.unchanged)
            await record_changes(transaction, self._database.rules)
            job = await jobs.record(transaction, self.job, progress)
        self.job = job

    async def _placed(self, batch: Batch) -> tuple[list[tuple[int, Row]], list[Problem]]:
        """Each row with its branch's id, and the problems of those whose branch there is not."""
        if self._mapping.unit is None:
            return [(0, row) for row in batch.rows], []
        wanted = {row.unit for row in batch.rows if row.unit is not None}
        if missing := wanted - self._units.keys():
            found = await ensure_units(self._database, self._directory, self._mapping, sorted(missing))
            self._units |= {code: each for code, each in found.items() if isinstance(each, int)}
            refused = {code: each for code, each in found.items() if isinstance(each, str)}
        else:
            refused = {}
        rows, problems = [], []
        column = next((s.column for s in self._mapping.unit if s.column), "unit")
        for row in batch.rows:
            code = row.unit or ""
            if (why := refused.get(code)) is not None:
                problems.append(Problem(row.line, column, code, why))
            else:
                rows.append((self._id(code), row))
        return rows, problems

    def _id(self, code: str) -> int:
        found = self._units[code]
        assert isinstance(found, int)
        return found

    async def complete(self, size: int) -> None:
        await self._finish(ImportStatus.COMPLETED, replace(self.job.progress, bytes_done=size))

    async def fail(self) -> None:
        """Say that the run ended by an error, if that can be said; the next one goes on from here."""
        try:
            await self._finish(ImportStatus.FAILED, self.job.progress)
        except (TakenOver, Stopped, DatabaseUnavailable):
            return

    async def _finish(self, status: ImportStatus, progress: Progress) -> None:
        async with self._database.transaction(await self._directory.operator(), write=True) as transaction:
            await jobs.hold(transaction, self.job)
            self.job = await jobs.record(transaction, self.job, progress, status=status)


async def load_all(database: Database, directory: Directory, source: Source) -> Progress:
    """Load a small file whole, in one transaction and without a job: what ships with the project.

    Raises FileRefused where any row is refused: such a file is ours and has no bad rows.
    """
    with _reading(source) as (_, __, cut):
        read = list(cut.after(BEGINNING))
        problems = [problem for batch in read for problem in batch.problems]
        rows = [(0, row) for batch in read for row in batch.rows]
        if source.mapping.unit is not None:
            raise FileRefused("a file whose rows belong to branches is imported by a job")
        async with database.transaction(await directory.operator(), write=True) as transaction:
            loaded = await load(transaction, cut.plan, rows)
            if refused := problems + loaded.problems:
                first = refused[0]
                raise FileRefused(f"line {first.line}, {first.column} {first.value!r}: {first.reason}")
    count = sum(batch.records for batch in read)
    return Progress(0, read[-1].end_line if read else 0, count, loaded.taken, loaded.unchanged, 0)


class _Cut:
    """A file that is being read: its plan, and its batches, once."""

    def __init__(self, records: FileRecords, plan: Plan, memory: Seen) -> None:
        self.plan = plan
        self._records = records
        self._memory = memory

    def after(self, done: Place) -> Iterator[Batch]:
        """The batches that begin at `done` or later.

        What comes before is read as well, for what it brought: a later line must not contradict it.
        """
        for batch in batches(self._records, self.plan, self._memory.recognise, done=done):
            if batch.end <= done:
                continue
            if batch.start < done:
                where = f"in line {done.line} at byte {done.offset}"
                raise FileRefused(f"no record ends {where}, where the last run stopped: use --again")
            yield batch


@contextmanager
def _reading(source: Source) -> Iterator[tuple[Callable[[Progress], None], int, _Cut]]:
    """What checks at the end that the file is still the same, its size in bytes, and its batches."""
    with source.path.open("rb") as file:
        records = records_of(file, source.mapping.file)
        plan = Plan(source.mapping, records.header)
        with seen(plan) as memory:
            before = os.fstat(file.fileno())

            def check(progress: Progress) -> None:
                _unchanged(before, os.fstat(file.fileno()), progress)

            yield check, before.st_size, _Cut(records, plan, memory)


def _unchanged(before: os.stat_result, after: os.stat_result, progress: Progress) -> None:
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    if not same or progress.bytes_done > before.st_size:
        raise Changed("the file was changed while it was read: run the import again")


async def _subject(
    database: Database, directory: Directory, source: Source, size: int, error_file: Path
) -> Subject:
    return Subject(
        branch_id=await ensure_headquarters(database, directory, source.mapping),
        mapping=source.mapping.name,
        mapping_sha256=source.mapping_sha256,
        file_name=source.path.name,
        file_sha256=_sha256(source.path),
        file_bytes=size,
        error_file=str(error_file),
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _prepared(errors: ErrorFile, earlier: Path, step: Step, job: Job) -> tuple[str, ...]:
    """The error file as it must stand before the next batch; notes for the report."""
    if step is Step.BEGIN:
        errors.begin()
    elif step is Step.GO_ON and not errors.go_on_after(done := job.progress.lines_done, earlier):
        return (f"{earlier} cannot be read: {errors.path} does not list the problems up to line {done}",)
    return ()


def _advanced(progress: Progress, batch: Batch, taken: int, unchanged: int) -> Progress:
    return Progress(
        bytes_done=batch.end_offset,
        lines_done=batch.end_line,
        rows_read=progress.rows_read + batch.records,
        rows_taken=progress.rows_taken + taken,
        rows_unchanged=progress.rows_unchanged + unchanged,
        rows_refused=progress.rows_refused + batch.records - taken - unchanged,
    )


def _report(outcome: Outcome, progress: Progress, errors: ErrorFile, started: float, rows: int) -> Report:
    return Report(
        outcome,
        progress,
        errors.path,
        counts=errors.counts,
        seconds=time.monotonic() - started,
        rows_this_run=rows,
    )
