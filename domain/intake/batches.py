"""Records in batches: what is loaded together, and how far the file has been read after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from domain.intake.problems import Problem
from domain.intake.records import Records
from domain.intake.rows import Plan, Row

RECORDS_A_BATCH = 2000
BYTES_A_BATCH = 8_388_608

Recognise = Callable[[Row], Problem | None]
"""Told every row once, in order; answers with a problem if an earlier line contradicts it."""


@dataclass(slots=True)
class Batch:
    """Rows to load and problems to write down. The ends (in bytes, in lines) include the last record."""

    start_offset: int
    end_line: int = 1
    end_offset: int = 0
    records: int = 0
    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def batches(
    records: Records, plan: Plan, recognise: Recognise, *, done: int = 0, size: int = RECORDS_A_BATCH
) -> Iterator[Batch]:
    """The whole file, cut after `size` records and at byte `done`, where an earlier run has stopped."""
    batch = Batch(0)
    for record in records:
        batch.records += 1
        batch.end_line, batch.end_offset = record.end_line, record.end_offset
        if record.problem:
            batch.problems.append(record.problem)
        else:
            _read(plan, recognise, batch, record.line, record.fields)
        full = batch.records >= size or batch.end_offset - batch.start_offset >= BYTES_A_BATCH
        if full or batch.end_offset == done:
            yield batch
            batch = Batch(record.end_offset)
    if batch.records:
        yield batch


def _read(plan: Plan, recognise: Recognise, batch: Batch, line: int, fields: list[str]) -> None:
    reading = plan.read(line, fields)
    if reading.row is None:
        batch.problems += reading.problems
    elif contradiction := recognise(reading.row):
        batch.problems.append(contradiction)
    else:
        batch.rows.append(reading.row)
        batch.problems += reading.problems
