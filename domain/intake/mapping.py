"""A mapping: which column of a file becomes what, as the mapping's author writes it down."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from domain.intake.cells import DateForm, NumberForm, date_pattern
from domain.intake.targets import SEVERAL_A_ROW, TARGETS
from domain.organisation import UnitKind

Encoding = Literal["utf-8", "ascii", "iso-8859-1", "windows-1252", "gb18030"]
"""Encodings in which a line feed and a quote are one byte and never part of another character."""


class MappingRefused(Exception):
    """The mapping cannot be used; str() names each key, what is wrong with it and the nearest known name."""


def _as_list(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


def _known_format(value: tuple[str, ...]) -> tuple[str, ...]:
    for date_format in value:
        if date_pattern(date_format) is None:
            raise ValueError(f"{date_format!r} must name one year, month and day with %Y %y %m %d %b %B")
    return value


def _regular(value: str) -> str:
    try:
        re.compile(value)
    except re.error as problem:
        raise ValueError(f"is not a regular expression: {problem}") from None
    return value


Words = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
Formats = Annotated[tuple[str, ...], AfterValidator(_known_format), Field(min_length=1)]


class Model(BaseModel):
    """A table of the mapping file; a key that it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class FileForm(Model):
    """How the file is written. The bounds keep one broken row from taking the memory.

    Encoding and delimiter are for CSV; `sheet` is for Excel: by default a workbook's first.
    """

    encoding: Encoding = "utf-8"
    delimiter: Annotated[str, Field(pattern=r"^[^\r\n\"\w ]$")] = ","
    sheet: Annotated[str, Field(min_length=1, max_length=31)] | None = None
    max_field_bytes: Annotated[int, Field(ge=1, le=131_072)] = 65_536
    max_record_bytes: Annotated[int, Field(ge=1, le=16_777_216)] = 1_048_576
    max_record_lines: Annotated[int, Field(ge=1, le=10_000)] = 100


class Dates(Model):
    """How dates are written, and which are plausible. A two-digit year is in the 100 from `two_digit…`."""

    formats: Formats = ("%Y-%m-%d",)
    two_digit_years_from: Annotated[int, Field(ge=1900, le=2000)] = 1950
    not_before: dt.date = dt.date(1900, 1, 1)
    not_after: dt.date = dt.date(2199, 12, 31)


class Amounts(Model):
    """How amounts are written."""

    symbols: tuple[str, ...] = ()
    group: Literal[",", ".", "'", " ", ""] = ","
    decimal: Literal[".", ","] = "."

    @property
    def form(self) -> NumberForm:
        """The same as a plain value."""
        return NumberForm(self.symbols, self.group, self.decimal)


class When(Model):
    """A condition on a column's text or on another target's value."""

    column: str | None = None
    target: str | None = None
    is_: Words | None = Field(default=None, alias="is")
    present: bool | None = None


Conditions = Annotated[tuple[When, ...], BeforeValidator(_as_list)]


class Source(Model):
    """Where a target's value comes from: a column, a constant, or another target. A blank goes on to the next."""

    column: str | None = None
    constant: str | bool | int | None = None
    from_: str | None = Field(default=None, alias="from")
    plus_months: str | None = None
    at_most: dt.date | None = None
    when: Conditions = ()
    codes: str | None = None
    ignore_case: bool = False
    missing: Words = ()
    pattern: Annotated[str, AfterValidator(_regular)] = ""
    formats: Formats | None = None
    not_before: dt.date | None = None
    not_after: dt.date | None = None
    minimum: int | None = None
    maximum: int | None = None
    required: bool = False
    on_bad: Literal["refuse", "missing"] = "refuse"


Sources = Annotated[tuple[Source, ...], BeforeValidator(_as_list), Field(min_length=1)]


class UnitForm(Model):
    """A unit that is made when a row needs it. Without a parent it stands under headquarters."""

    code: Annotated[str, Field(min_length=1, max_length=100)]
    name: Annotated[str, Field(min_length=1, max_length=400)]
    kind: Literal[UnitKind.REGION, UnitKind.BRANCH, UnitKind.SUB_BRANCH] = UnitKind.BRANCH
    parent: str | None = None


class HeadquartersForm(Model):
    """The root, made only where the bank has none."""

    code: Annotated[str, Field(min_length=1, max_length=100)] = "HQ"
    name: Annotated[str, Field(min_length=1, max_length=400)] = "Headquarters"


class EntityForm(Model):
    """One entity that a row makes, if its condition holds."""

    when: Conditions = ()
    fields: dict[str, Sources]


def _entity(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError("must be a table of targets")
    fields = {key: given for key, given in value.items() if key != "when"}
    return {"fields": fields} | ({"when": value["when"]} if "when" in value else {})


Entities = Annotated[
    tuple[Annotated[EntityForm, BeforeValidator(_entity)], ...],
    BeforeValidator(_as_list),
    Field(max_length=100),
]
CodeList = dict[str, str | bool | int]


class Mapping(Model):
    """A whole mapping file."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,60}$")]
    description: str = ""
    file: FileForm = FileForm()
    dates: Dates = Dates()
    amounts: Amounts = Amounts()
    codes: dict[str, CodeList] = {}
    headquarters: HeadquartersForm = HeadquartersForm()
    units: tuple[UnitForm, ...] = ()
    unit: Sources | None = None
    client: Entities = ()
    facility: Entities = ()
    credit_event: Entities = ()
    financial_statement: Entities = ()
    client_month: Entities = ()
    interaction: Entities = ()
    complaint: Entities = ()
    rating: Entities = ()
    client_link: Entities = ()
    region: Entities = ()
    region_indicator: Entities = ()

    def entities(self) -> Iterator[tuple[str, str, EntityForm]]:
        """(entity, key such as `client` or `credit_event[2]`, its form), in the order of the target table."""
        for entity in TARGETS:
            for place, form in enumerate(getattr(self, entity), 1):
                yield entity, f"{entity}[{place}]" if entity in SEVERAL_A_ROW else entity, form

    def unit_named(self, code: str) -> UnitForm | None:
        """The unit that the mapping declares under this code."""
        return next((unit for unit in self.units if unit.code == code), None)

    def date_form(self, source: Source) -> DateForm:
        """How this source's dates are read."""
        dates = self.dates
        return DateForm(
            source.formats or dates.formats,
            dates.two_digit_years_from,
            source.not_before or dates.not_before,
            source.not_after or dates.not_after,
        )
