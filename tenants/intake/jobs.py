"""The record of an import: who runs it now, how far it got. Every change bumps its version.

A run holds the version that it wrote last and locks the row in each of its transactions: a second run of the
same file takes the job over, and the first finds another version and stops before it writes anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from domain.imports import ImportStatus
from domain.intake.batches import Place
from domain.intake.resuming import Step, next_step
from tenants.database import Transaction
from tenants.tables import import_job


class TakenOver(Exception):
    """Another run of the same file has taken the job; this one has written nothing since."""


class Stopped(Exception):
    """Headquarters paused or cancelled the job."""

    def __init__(self, status: ImportStatus) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Subject:
    """What is imported, and by which mapping. `branch_id` is headquarters' unit."""

    branch_id: int
    mapping: str
    mapping_sha256: str
    file_name: str
    file_sha256: str
    file_bytes: int
    error_file: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import has got; the counts are of rows, `rows_read` is the sum of the other three."""

    bytes_done: int = 0
    lines_done: int = 0
    rows_read: int = 0
    rows_taken: int = 0
    rows_unchanged: int = 0
    rows_refused: int = 0

    @property
    def place(self) -> Place:
        """Where the next batch begins."""
        return Place(self.lines_done, self.bytes_done)


@dataclass(frozen=True, slots=True)
class Job:
    """A job as this run holds it."""

    branch_id: int
    id: UUID
    version: int
    progress: Progress
    error_file: str


async def claim(transaction: Transaction, subject: Subject, *, again: bool) -> tuple[Step, Job]:
    """Make the job or take it over, and say what is to be done; nothing is changed where that is nothing."""
    fields = {name: getattr(subject, name) for name in subject.__slots__}
    made = await transaction.row(
        insert(import_job)
        .values(id=uuid7(), status=ImportStatus.RUNNING.value, **fields)
        .on_conflict_do_nothing()
        .returning(*import_job.c)
    )
    if made:
        return Step.BEGIN, _job(made)
    found = await transaction.row(
        select(import_job)
        .where(
            import_job.c.branch_id == subject.branch_id,
            import_job.c.file_sha256 == subject.file_sha256,
            import_job.c.mapping_sha256 == subject.mapping_sha256,
        )
        .with_for_update()
    )
    assert found is not None, "jobs are never deleted"
    step = next_step(ImportStatus(found["status"]), again=again)
    if step in (Step.NOTHING, Step.REFUSE_CANCELLED):
        return step, _job(found)
    error_file = subject.error_file if step is Step.BEGIN else found["error_file"]
    values: dict[str, Any] = {"status": ImportStatus.RUNNING, "finished_at": None, "error_file": error_file}
    if step is Step.BEGIN:
        values |= _fields(Progress()) | {"file_name": subject.file_name, "started_at": func.now()}
    return step, await _change(transaction, _job(found), values)


async def list_in(transaction: Transaction, job: Job, error_file: str) -> Job:
    """Write down where the import lists its problems from now on."""
    return await _change(transaction, job, {"error_file": error_file})


async def hold(transaction: Transaction, job: Job) -> None:
    """Lock the job for this transaction. Raises TakenOver and Stopped, before anything has been written."""
    found = await transaction.row(
        select(import_job.c.version, import_job.c.status)
        .where(import_job.c.branch_id == job.branch_id, import_job.c.id == job.id)
        .with_for_update()
    )
    if found is None:
        raise TakenOver
    # The status first: pausing a job changes its version too.
    if (status := ImportStatus(found["status"])) in (ImportStatus.PAUSED, ImportStatus.CANCELLED):
        raise Stopped(status)
    if found["version"] != job.version:
        raise TakenOver


async def record(
    transaction: Transaction, job: Job, progress: Progress, *, status: ImportStatus = ImportStatus.RUNNING
) -> Job:
    """Write down how far the import has got, in the same transaction as its rows."""
    values: dict[str, Any] = {**_fields(progress), "status": status}
    if status is ImportStatus.COMPLETED:
        values["finished_at"] = func.now()
    return await _change(transaction, job, values)


async def _change(transaction: Transaction, job: Job, values: dict[str, Any]) -> Job:
    row = await transaction.row(
        update(import_job)
        .where(import_job.c.branch_id == job.branch_id, import_job.c.id == job.id)
        .values(**values, version=import_job.c.version + 1, updated_at=func.now())
        .returning(*import_job.c)
    )
    assert row is not None, "the row is locked by this transaction"
    return _job(row)


def _fields(progress: Progress) -> dict[str, int]:
    return {name: getattr(progress, name) for name in progress.__slots__}


def _job(row: Any) -> Job:
    progress = Progress(**{name: row[name] for name in Progress.__slots__})
    return Job(row["branch_id"], row["id"], row["version"], progress, row["error_file"] or "")
