"""The error file: a CSV of problems in the order of lines, one physical line each.

It is written and flushed to disk before the batch that it speaks of is committed. After a crash it may so
hold too much, never too little: what lies beyond the last committed line is cut off when the run goes on.
"""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from domain.intake.problems import Problem, Severity

HEADER = ("line", "column", "value", "reason", "severity")

Counts = Counter[tuple[Severity, str, str]]
"""How often each (severity, column, reason) was met."""


class ErrorFile:
    """The problems of one run, on disk and counted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counts = Counter()

    def begin(self) -> None:
        """Start anew: the header alone."""
        self.counts.clear()
        self._write("w", [HEADER])

    def go_on_after(self, line: int) -> bool:
        """Keep the problems of lines up to this one and count them; False where there is no such file."""
        if not self.path.is_file():
            self.begin()
            return False
        self.counts.clear()
        end = 0
        for raw, cells in _whole_lines(self.path):
            if cells[0].isdigit():
                if int(cells[0]) > line:
                    break
                self.counts[Severity(cells[4]), cells[1], cells[3]] += 1
            end += len(raw)
        os.truncate(self.path, end)
        if not end:
            self.begin()
        return True

    def add(self, problems: Iterable[Problem]) -> None:
        """Write the problems and wait until the disk has them."""
        ordered = sorted(problems, key=lambda problem: problem.line)
        if ordered:
            self._write("a", [(p.line, p.column, p.value, p.reason, p.severity) for p in ordered])
        self.counts.update((p.severity, p.column, p.reason) for p in ordered)

    def _write(self, mode: str, lines: Iterable[Iterable[object]]) -> None:
        with self.path.open(mode, encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(lines)
            file.flush()
            os.fsync(file.fileno())


def _whole_lines(path: Path) -> Iterator[tuple[bytes, list[str]]]:
    """The lines that were written whole; a torn one can only be the last."""
    with path.open("rb") as file:
        for raw in file:
            cells = next(csv.reader(io.StringIO(raw.decode("utf-8", "replace"))), [])
            known = len(cells) == len(HEADER) and (cells[4] in set(Severity) or tuple(cells) == HEADER)
            if not (raw.endswith(b"\n") and known):
                return
            yield raw, cells
