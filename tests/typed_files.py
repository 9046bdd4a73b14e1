"""Writes small Excel and Parquet files for tests: what spreadsheets and data pipelines would write."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Sequence
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

_NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PARTS = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_FIRST_DAY = dt.date(1899, 12, 30)


def write_excel(
    path: Path, rows: Sequence[Sequence[Any]], *, sheet: str = "Sheet1", blank_rows: int = 0
) -> None:
    """A workbook of one sheet; days are numbers shown as days, as Excel keeps them."""
    written = "".join(
        f'<row r="{number}">{"".join(_cell(number, place, value) for place, value in enumerate(row))}</row>'
        for number, row in enumerate(rows, 1 + blank_rows)
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PARTS}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PARTS}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_NAMESPACE}" xmlns:r="{_OFFICE}"><sheets>'
        f'<sheet name="{escape(sheet)}" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PARTS}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_NAMESPACE}"><cellXfs count="2">'
        '<xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_NAMESPACE}"><sheetData>{written}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, part in parts.items():
            book.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{part}')


def _cell(row: int, place: int, value: Any) -> str:
    where = f'r="{_letters(place)}{row}"'
    match value:
        case None:
            return ""
        case bool():
            return f'<c {where} t="b"><v>{int(value)}</v></c>'
        case dt.date():
            return f'<c {where} s="1"><v>{(value - _FIRST_DAY).days}</v></c>'
        case int() | float() | Decimal():
            return f"<c {where}><v>{value}</v></c>"
    return f'<c {where} t="inlineStr"><is><t>{escape(str(value))}</t></is></c>'


def _letters(place: int) -> str:
    before, last = divmod(place, 26)
    return (_letters(before - 1) if before else "") + chr(ord("A") + last)


def write_parquet(path: Path, rows: Sequence[Sequence[Any]], **options: Any) -> None:
    """A Parquet file; the first row names the columns."""
    header, *values = rows
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    columns = {name: [row[place] for row in values] for place, name in enumerate(header)}
    parquet.write_table(arrow.table(columns), path, **options)
