"""A file to import, whatever its form: CSV, Excel or Parquet, told apart by its first bytes, as records.

Excel and Parquet cells have types already. They are written as text first, so that one mapping reads the same
facts from any of the forms. What reads them is imported when such a file comes.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import IO, Any, BinaryIO

from domain.intake.cells import Bad
from domain.intake.mapping import FileForm
from domain.intake.problems import FileRefused, Problem, shown
from domain.intake.records import FileRecords, Record, Records
from domain.intake.typed_cells import written
from domain.spelling import nearest

EXCEL_MAGIC = b"PK\x03\x04"
OLD_EXCEL_MAGIC = b"\xd0\xcf\x11\xe0"
PARQUET_MAGIC = b"PAR1"

LARGEST_WORKBOOK_BYTES = 1 << 30
"""Of a workbook's parts, unpacked: a sheet is held whole while it is read."""

LARGEST_SHEET_CELLS = 25_000_000

ROWS_AT_ONCE = 2000


def records_of(file: BinaryIO, form: FileForm) -> FileRecords:
    """The file's records. Raises FileRefused where it is not what its first bytes say."""
    begins = file.read(4)
    file.seek(0)
    if begins == EXCEL_MAGIC:
        return _workbook(file, form)
    if begins == PARQUET_MAGIC:
        return _parquet(file, form)
    if begins == OLD_EXCEL_MAGIC:
        raise FileRefused(
            "the file is an Excel workbook of before 2007 or locked by a password: save it as .xlsx"
        )
    return Records(file.readline, form)


class TypedRecords:
    """Rows of typed cells under a header; rows that are blank are left out.

    Each row is numbered by whoever hands it over, so that a problem's line is the one its reader looks up. How
    far the file is read, in bytes, is told by the row's share of `rows`.
    """

    def __init__(
        self,
        header: Iterable[str],
        numbered: Iterator[tuple[int, list[Any]]],
        *,
        rows: int,
        size: int,
        form: FileForm,
    ) -> None:
        self.header = tuple(header)
        self._numbered = numbered
        self._rows = max(rows, 1)
        self._size = size
        self._longest = form.max_field_bytes

    def __iter__(self) -> Iterator[Record]:
        for number, cells in self._numbered:
            fields = [written(cell) for cell in cells]
            if any(fields):
                end = self._size * number // self._rows
                problem = self._problem(number, fields)
                texts = [] if problem else [field for field in fields if isinstance(field, str)]
                yield Record(number, number, end, texts[: len(self.header)], problem)

    def _problem(self, number: int, fields: list[str | Bad]) -> Problem | None:
        for name, field in zip(self.header, fields, strict=False):
            if isinstance(field, Bad):
                return Problem(number, name, "", field.reason)
            if len(field) > self._longest // 4 and len(field.encode()) > self._longest:
                return Problem(number, name, shown(field), f"is longer than {self._longest} bytes")
        beyond = [field for field in fields[len(self.header) :] if field]
        if beyond:
            return Problem(
                number, "", "", f"has {len(beyond)} values beside the columns that the header names"
            )
        return None


def _workbook(file: BinaryIO, form: FileForm) -> TypedRecords:
    calamine = _reader("python_calamine", "Excel")
    try:
        _refuse_vast(file)
        workbook = calamine.CalamineWorkbook.from_filelike(file)
        name = form.sheet if form.sheet is not None else next(iter(workbook.sheet_names), "")
        if name not in workbook.sheet_names:
            raise FileRefused(f"the workbook has no sheet {name!r}{nearest(name, workbook.sheet_names)}")
        sheet = workbook.get_sheet_by_name(name)
    except (calamine.CalamineError, zipfile.BadZipFile) as problem:
        raise FileRefused(
            f"the file is not an Excel workbook that can be read ({problem}): save it anew"
        ) from None
    numbered = enumerate(sheet.iter_rows(), 1)
    header = next((texts for _, row in numbered if any(texts := [_heading(cell) for cell in row])), None)
    if header is None:
        raise FileRefused(f"the sheet {name!r} is empty; its first row must name the columns")
    while not header[-1]:
        header.pop()
    return TypedRecords(header, numbered, rows=sheet.end[0] + 1, size=_size(file), form=form)


def _refuse_vast(file: BinaryIO) -> None:
    """A sheet is held as a whole rectangle: one stray cell far away would take all of the memory."""
    with zipfile.ZipFile(file) as parts:
        unpacked = sum(part.file_size for part in parts.infolist())
        if unpacked > LARGEST_WORKBOOK_BYTES:
            raise FileRefused(f"the workbook unpacks to {unpacked} bytes: save the sheet as CSV or Parquet")
        for name in parts.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                with parts.open(name) as sheet:
                    rows, columns = _extent(sheet)
                if rows * columns > LARGEST_SHEET_CELLS:
                    raise FileRefused(
                        f"a sheet reaches to row {rows} and column {columns}: delete what lies far from its table, "
                        "or save the table as CSV or Parquet"
                    )
    file.seek(0)


_PLACE = re.compile(rb' r="([A-Z]{1,3})([0-9]{1,7})"')


def _extent(sheet: IO[bytes]) -> tuple[int, int]:
    """The last row and column in which a sheet's XML has a cell."""
    rows, columns, rest = 0, set[bytes](), b""
    while chunk := sheet.read(1 << 20):
        places = _PLACE.findall(rest + chunk)
        rows = max([rows, *(int(row) for _, row in places)])
        columns.update(column for column, _ in places)
        rest = chunk[-64:]
    return rows, max((_column_number(letters) for letters in columns), default=0)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _heading(cell: object) -> str:
    text = written(cell)
    return text.strip() if isinstance(text, str) else ""


def _parquet(file: BinaryIO, form: FileForm) -> TypedRecords:
    parquet = _reader("pyarrow.parquet", "Parquet")
    arrow = import_module("pyarrow")
    try:
        opened = parquet.ParquetFile(file)
        schema = opened.schema_arrow
        names = [field.name for field in schema if not arrow.types.is_nested(field.type)]
        if len(set(names)) == len(names):
            rows = _parquet_rows(opened, names, arrow.ArrowException)
            return TypedRecords(names, rows, rows=opened.metadata.num_rows, size=_size(file), form=form)
    except (arrow.ArrowException, OSError) as problem:
        raise FileRefused(f"the file is not Parquet that can be read ({problem}): write it anew") from None
    raise FileRefused("the file has several columns of one name: rename all but one")


def _parquet_rows(opened: Any, names: list[str], refused: type[Exception]) -> Iterator[tuple[int, list[Any]]]:
    number = 0
    try:
        for batch in opened.iter_batches(batch_size=ROWS_AT_ONCE, columns=names, use_threads=False):
            columns = [column.to_pylist() for column in batch.columns]
            for row in zip(*columns, strict=True):
                number += 1
                yield number, list(row)
    except (refused, OSError, OverflowError, ValueError) as problem:
        raise FileRefused(f"the file cannot be read after row {number} ({problem}): write it anew") from None


def _reader(module: str, form: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        package = module.partition(".")[0].replace("_", "-")
        raise FileRefused(
            f"{form} files are read by {package}: install it, or save the file as CSV"
        ) from None


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size
