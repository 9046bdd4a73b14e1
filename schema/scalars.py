"""Values as they travel: amounts as decimal strings, big integers as strings, text that a database can hold."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any, NewType

import orjson
import strawberry
from strawberry.types.scalar import ScalarDefinition

from schema.errors import BadInput

BigInt = NewType("BigInt", int)
Json = NewType("Json", str)
"""JSON as the database writes it."""

# No exponents, no underscores, no digits of other scripts: what a person would call a number.
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MOMENT = re.compile(
    _DAY.pattern + r"[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
LONGEST_DECIMAL = 28
DEEPEST_JSON = 60


def parse_decimal(value: Any) -> Decimal:
    """A decimal from its string, e.g. "1234.50"; floats are refused, since they are not exact."""
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value[: LONGEST_DECIMAL + 10]):
        raise BadInput('a Decimal is a string of digits such as "1234.50", without exponent or separators')
    if sum(c.isdigit() for c in value) > LONGEST_DECIMAL:
        raise BadInput(f"a Decimal has at most {LONGEST_DECIMAL} digits")
    return Decimal(value)


def parse_big_int(value: Any) -> int:
    """An integer of up to 64 bits from its string."""
    if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]{1,19}", str(value), re.ASCII):
        raise BadInput('a BigInt is a string of digits such as "9007199254740993"')
    if not -(2**63) <= int(value) < 2**63:
        raise BadInput("a BigInt has at most 64 bits")
    return int(value)


def parse_day(value: Any) -> dt.date:
    """A day in its one written form, e.g. "2026-01-15"; the calendar's first and last are no days."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise BadInput('a Date is a string such as "2026-01-15"')
    try:
        day = dt.date.fromisoformat(value)
    except ValueError:
        raise BadInput(f"{value} is no day of the calendar") from None
    # The driver sends these two as infinite, which is no day.
    if day in (dt.date.min, dt.date.max):
        raise BadInput(f"{value} is an end of the calendar: leave it out for an open end")
    return day


def parse_moment(value: Any) -> dt.datetime:
    """A moment by RFC 3339, in UTC; one without a zone could be any of 26, and is refused."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise BadInput('a DateTime is a string with its zone, such as "2026-01-15T08:30:00Z"')
    try:
        return dt.datetime.fromisoformat(value).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise BadInput(f"{value} is no moment of the calendar") from None


def write_moment(moment: dt.datetime) -> str:
    """A moment in UTC by RFC 3339, its fraction without trailing zeros, as PostgreSQL's to_json writes it."""
    text = moment.astimezone(dt.UTC).isoformat()
    return f"{text[:26].rstrip('0')}{text[26:]}" if moment.microsecond else text


def parse_text(value: Any) -> str:
    """Text without U+0000 and without lone surrogates, which PostgreSQL cannot hold."""
    if not isinstance(value, str):
        raise BadInput("a String is text in quotes")
    if "\0" in value:
        raise BadInput("text may not hold the character U+0000")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadInput("text may not hold half of a surrogate pair") from None
    return value


def any_json(value: Any, depth: int = 0) -> Any:
    """JSON of any shape that can be kept and compared; whoever takes it says what it must be."""
    if depth > DEEPEST_JSON:
        raise BadInput(f"JSON nests deeper than {DEEPEST_JSON} levels")
    if isinstance(value, str):
        parse_text(value)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise BadInput("a whole number in JSON has at most 64 bits")
    elif isinstance(value, dict):
        for key, inner in value.items():
            parse_text(key)
            any_json(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            any_json(inner, depth + 1)
    return value


SCALARS: dict[object, ScalarDefinition] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description='An exact decimal number as a string, e.g. "1234.50". Never a float.',
        serialize="{:f}".format,
        parse_value=parse_decimal,
    ),
    dt.date: strawberry.scalar(
        name="Date",
        description='A day as ISO 8601 writes it, e.g. "2026-01-15".',
        serialize=dt.date.isoformat,
        parse_value=parse_day,
    ),
    dt.datetime: strawberry.scalar(
        name="DateTime",
        description='A moment as RFC 3339 writes it, e.g. "2026-01-15T08:30:00Z"; answers are in UTC.',
        serialize=write_moment,
        parse_value=parse_moment,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="An integer of up to 64 bits, as a string.",
        serialize=str,
        parse_value=parse_big_int,
    ),
    Json: strawberry.scalar(
        name="JSON",
        description="JSON of a shape that the field's description says: objects, lists, texts, whole numbers.",
        # The text goes out as it is, whichever way an operation is answered.
        serialize=orjson.Fragment,
        parse_value=any_json,
    ),
}
