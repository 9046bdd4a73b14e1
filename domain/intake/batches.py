"""Records in batches: what is loaded together, and how far the file has been read after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.intake.problems import Problem
from domain.intake.records import FileRecords
from domain.intake.rows import Plan, Row

RECORDS_A_BATCH = 2000
BYTES_A_BATCH = 8_388_608

Recognise = Callable[[Row], Problem | None]
"""Told every row once, in order; answers with a problem if an earlier line contradicts it."""


class Place(NamedTuple):
    """How far a file has been read: up to and including this line, and so many bytes of it."""

    line: int
    offset: int


BEGINNING = Place(0, 0)


@dataclass(slots=True)
class Batch:
    """Rows to load and problems to write down. The ends (in bytes, in lines) include the last record."""

    start: Place
    end_line: int = 1
    end_offset: int = 0
    records: int = 0
    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def end(self) -> Place:
        """Where the next batch begins."""
        return Place(self.end_line, self.end_offset)


def batches(
    records: FileRecords,
    plan: Plan,
    recognise: Recognise,
    *,
    done: Place = BEGINNING,
    size: int = RECORDS_A_BATCH,
) -> Iterator[Batch]:
    """The whole file, cut after `size` records and at `done`, where an earlier run has stopped."""
    batch = Batch(BEGINNING)
    for record in records:
        batch.records += 1
        batch.end_line, batch.end_offset = record.end_line, record.end_offset
        if record.problem:
            batch.problems.append(record.problem)
        else:
            _read(plan, recognise, batch, record.line, record.fields)
        full = batch.records >= size or batch.end_offset - batch.start.offset >= BYTES_A_BATCH
        if full or batch.end == done:
            yield batch
            batch = Batch(batch.end)
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
