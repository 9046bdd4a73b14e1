"""The records of a CSV file, one at a time, with the line and the byte at which each ends.

Nothing grows with the file: a line, a record and a field are bounded, and a record that breaks a bound is
handed out as a problem. After a quote that is never closed, reading goes on with the line after the one where
it was opened, so that one stray quote costs one row.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from domain.intake.mapping import FileForm
from domain.intake.problems import FileRefused, Problem, shown

ReadLine = Callable[[int], bytes]
"""Like `readline` of a binary file: at most so many bytes of the next line."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ENOUGH_TO_BLAME = 100_000


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its values, or why there are none. Lines count from 1; `end_offset` is in bytes."""

    line: int
    end_line: int
    end_offset: int
    fields: list[str]
    problem: Problem | None = None


class FileRecords(Protocol):
    """A file of whatever form, read once from its beginning."""

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the columns."""

    def __iter__(self) -> Iterator[Record]: ...


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    end_offset: int
    size: int
    text: str
    reason: str = ""


class _Unreadable(Exception):
    """The line just read cannot be part of any record."""


class _Unbounded(Exception):
    """The record goes on for too many lines or bytes."""


class _Lines:
    """Physical lines for csv.reader, held until the record that they make is complete."""

    def __init__(self, readline: ReadLine, form: FileForm) -> None:
        self._readline = readline
        self._form = form
        self._waiting: deque[_Line] = deque()
        self._held_bytes = 0
        self._number = 0
        self._offset = 0
        self.held: list[_Line] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.held) >= self._form.max_record_lines or self._held_bytes > self._form.max_record_bytes:
            raise _Unbounded
        line = self._waiting.popleft() if self._waiting else self._read()
        if line is None:
            raise StopIteration
        self.held.append(line)
        self._held_bytes += line.size
        if line.reason:
            raise _Unreadable
        return line.text

    def begin_record(self) -> None:
        """What is held has been handed out."""
        self.held = []
        self._held_bytes = 0

    def give_back_after(self, place: int) -> None:
        """Read the held lines that follow this one again, as the beginning of other records."""
        self._waiting.extendleft(reversed(self.held[place + 1 :]))
        del self.held[place + 1 :]

    def _read(self) -> _Line | None:
        limit = self._form.max_record_bytes
        raw = self._readline(limit + 1)
        if not raw:
            return None
        size, too_long = len(raw), len(raw) > limit and not raw.endswith(b"\n")
        while too_long and (more := self._readline(65_536)):
            size += len(more)
            if more.endswith(b"\n"):
                break
        start, self._offset, self._number = self._offset, self._offset + size, self._number + 1
        if start == 0:
            raw = raw.removeprefix(_BYTE_ORDER_MARK)
        text, reason = self._decoded(raw, start + size - len(raw) if not too_long else start)
        if too_long:
            reason = f"is in a record of more than {limit} bytes"
        return _Line(self._number, self._offset, size, text, reason)

    def _decoded(self, raw: bytes, offset: int) -> tuple[str, str]:
        encoding = self._form.encoding
        try:
            return raw.decode(encoding), ""
        except UnicodeDecodeError as problem:
            at = offset + problem.start
            reason = f"is not {encoding}: byte 0x{raw[problem.start]:02X} (at byte {at} of the file)"
            return raw.decode(encoding, "replace"), reason


class Records:
    """The header, then the records, of one file."""

    def __init__(self, readline: ReadLine, form: FileForm) -> None:
        self._form = form
        self._lines = _Lines(readline, form)
        self.header: tuple[str, ...] = ()
        self._reader = csv.reader(self._lines, delimiter=form.delimiter, strict=True)
        self.header = self._header()

    def _header(self) -> tuple[str, ...]:
        record = self._next()
        if record is None:
            raise FileRefused("the file is empty; its first line must name the columns")
        if any("\0" in line.text for line in self._lines.held):
            raise FileRefused(f"the file is not {self._form.encoding} but UTF-16 or binary; save it as UTF-8")
        if record.problem:
            raise FileRefused(f"line 1, which must name the columns, {record.problem.reason}")
        return tuple(name.strip() for name in record.fields)

    def __iter__(self) -> Iterator[Record]:
        while (record := self._next()) is not None:
            if record.problem or record.fields:
                yield self._checked(record)

    def _next(self) -> Record | None:
        lines = self._lines
        lines.begin_record()
        try:
            fields = next(self._reader)
        except StopIteration:
            return None
        except _Unreadable:
            return self._refused(lines.held[-1].reason)
        except _Unbounded:
            return self._unclosed(f"has a quote that is not closed within {len(lines.held)} lines")
        except csv.Error as problem:
            if "field larger" in str(problem) and len(lines.held) == 1:
                return self._refused(f"is longer than {self._form.max_field_bytes} bytes")
            return self._unclosed(_in_words(str(problem)))
        first, last = lines.held[0], lines.held[-1]
        return Record(first.number, last.number, last.end_offset, fields)

    def _checked(self, record: Record) -> Record:
        """The record, or its problem where it has not the header's shape."""
        if record.problem:
            return record
        if len(record.fields) != len(self.header):
            reason = f"has {len(record.fields)} values where the header has {len(self.header)}"
            if len(self._lines.held) > 1:
                return self._unclosed(f"{reason}; a quote may be open")
            return self._refused(reason)
        held = self._lines.held
        if any("\0" in line.text for line in held):
            return self._refused_at(record, lambda value: "\0" in value, "contains a NUL character")
        limit = self._form.max_field_bytes
        if sum(line.size for line in held) > limit:
            reason = f"is longer than {limit} bytes"
            return self._refused_at(
                record, lambda value: len(value.encode(self._form.encoding, "replace")) > limit, reason
            )
        return record

    def _refused_at(self, record: Record, guilty: Callable[[str], bool], reason: str) -> Record:
        for name, value in zip(self.header, record.fields, strict=True):
            if guilty(value):
                return self._refused(reason, name, value)
        return record

    def _refused(self, reason: str, column: str | None = None, value: str | None = None) -> Record:
        """The held lines as one record without values, for what its last line brought."""
        held = self._lines.held
        if column is None:
            column, value = self._guilty(held[-1].text, reason)
        blamed = held[-1] if held[-1].reason else held[0]
        problem = Problem(blamed.number, column, shown(value or ""), reason)
        return Record(held[0].number, held[-1].number, held[-1].end_offset, [], problem)

    def _unclosed(self, reason: str) -> Record:
        """Blame the line where the quote was opened, and read on after it."""
        texts = [line.text for line in self._lines.held]
        place, before = _opening_quote(texts, self._form.delimiter)
        blamed = self._lines.held[place]
        self._lines.give_back_after(place)
        column = self.header[before] if before < len(self.header) else ""
        problem = Problem(blamed.number, column, shown(texts[place].strip()), reason)
        return Record(self._lines.held[0].number, blamed.number, blamed.end_offset, [], problem)

    def _guilty(self, text: str, reason: str) -> tuple[str, str]:
        """In which column a line went wrong: the undecodable one, else the last of a line that is too long."""
        if "values where" in reason:
            return "", text.strip()
        try:
            cut = text.replace("\0", "")[:_ENOUGH_TO_BLAME]
            values = next(csv.reader([cut], delimiter=self._form.delimiter), []) or [""]
        except csv.Error:
            return "", text
        undecodable = [place for place, value in enumerate(values) if "\N{REPLACEMENT CHARACTER}" in value]
        place = undecodable[0] if undecodable and "byte 0x" in reason else len(values) - 1
        return (self.header[place] if place < len(self.header) else ""), values[place]


def _in_words(problem: str) -> str:
    if "unexpected end of data" in problem:
        return "has a quote that is not closed before the file ends"
    if "expected after" in problem:
        return "has text after a closing quote; a quote inside a quoted value is written twice"
    if "field larger" in problem:
        return "has a value that is too long; a quote may be open"
    if "new-line character" in problem:
        return "has a carriage return inside a value that is not quoted"
    return f"is not CSV: {problem}"


def _opening_quote(texts: list[str], delimiter: str) -> tuple[int, int]:
    """Which line opens the quote that is open at the end, or was closed wrongly, and in which field."""
    opened, quoted = (0, 0), False
    for place, text in enumerate(texts):
        field, at_start, just_closed = (opened[1] if quoted else 0), not quoted, False
        for c in text:
            if quoted:
                quoted, just_closed = c != '"', c == '"'
                continue
            if c == '"' and (at_start or just_closed):
                quoted, opened = True, (place, field) if at_start else opened
            elif just_closed and c not in (delimiter, "\r", "\n"):
                return opened
            at_start, just_closed = c == delimiter, False
            field += at_start
    return opened
