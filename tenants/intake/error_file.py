"""The error file: a CSV of problems in the order of lines, one physical line each.

It is written and flushed to disk before the batch that it speaks of is committed. After a crash it may so
hold too much, never too little: what lies beyond the last committed line is cut off when the run goes on.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.intake.problems import FileRefused, Problem, Severity

HEADER = ("line", "column", "value", "reason", "severity")

Counts = Counter[tuple[Severity, str, str]]
"""How often each (severity, column, reason) was met."""


class ErrorFile:
    """The problems of one run, on disk and counted. What writes raises FileRefused where it cannot.

    Not OSError: within a transaction that would be taken for a lost connection.
    """

    def __init__(self, path: Path, *, named: bool = False) -> None:
        """`named`: somebody asked for this very file, also where an earlier run listed in another."""
        self.path = path
        self.named = named
        self.counts: Counts = Counter()

    def begin(self) -> None:
        """Start anew: the header alone."""
        self.counts.clear()
        self._write("w", [HEADER])

    def go_on_after(self, line: int, earlier: Path | None = None) -> bool:
        """Keep what `earlier`, by default this same file, lists of lines up to this one, and count it.

        False where that cannot be read; then this file begins anew.
        """
        earlier = earlier or self.path
        try:
            end = self._count(earlier, line)
        except OSError:
            end = 0
        if not end:
            self.begin()
            return False
        with self._writing():
            if not (self.path.exists() and self.path.samefile(earlier)):
                shutil.copyfile(earlier, self.path)
            with self.path.open("r+b") as file:
                file.truncate(end)
                os.fsync(file.fileno())
        return True

    def add(self, problems: Iterable[Problem]) -> None:
        """Write the problems and wait until the disk has them."""
        ordered = sorted(problems, key=lambda problem: problem.line)
        if ordered:
            self._write("a", [(p.line, p.column, p.value, p.reason, p.severity) for p in ordered])
        self.counts.update((p.severity, p.column, p.reason) for p in ordered)

    def _count(self, earlier: Path, line: int) -> int:
        """Count what is listed of lines up to this one; in how many bytes."""
        self.counts.clear()
        end = 0
        for raw, cells in _whole_lines(earlier):
            if cells[0].isdigit():
                if int(cells[0]) > line:
                    break
                self.counts[Severity(cells[4]), cells[1], cells[3]] += 1
            end += len(raw)
        return end

    def _write(self, mode: str, lines: Iterable[Iterable[object]]) -> None:
        with self._writing(), self.path.open(mode, encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(lines)
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            why = problem.strerror or problem
            raise FileRefused(f"{self.path} cannot be written ({why}): name another by --errors") from problem


def _whole_lines(path: Path) -> Iterator[tuple[bytes, list[str]]]:
    """The lines that were written whole; a torn one can only be the last."""
    with path.open("rb") as file:
        for raw in file:
            cells = next(csv.reader(io.StringIO(raw.decode("utf-8", "replace"))), [])
            known = len(cells) == len(HEADER) and (cells[4] in set(Severity) or tuple(cells) == HEADER)
            if not (raw.endswith(b"\n") and known):
                return
            yield raw, cells
