"""What can be counted, added up and compared over many rows: the measures of a bound type, and their SQL."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    FromClause,
    Numeric,
    Text,
    func,
    literal,
    type_coerce,
)
from sqlalchemy.types import TypeEngine

from domain.facts import camel
from domain.money import EXPONENTS
from schema.binding import AmountSource, Binding, ColumnSource, Source, binding
from schema.codes import described
from schema.errors import BadInput
from schema.scalars import BigInt
from schema.where import plain_annotation

Bind = Callable[[Any, TypeEngine[Any]], ColumnElement[Any]]
"""Puts a value into a statement; `literal`, or a compiler's way to allot a parameter."""

UNMEASURED = {"version"}
"""Counters of changes: they say nothing of the bank."""


class AggregateFunction(StrEnum):
    """What is made of many values."""

    COUNT = "count"
    COUNT_DISTINCT = "count_distinct"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    PERCENTILE = "percentile"


described(
    AggregateFunction,
    "What is made of one field's values over many rows; rows without a value do not count.",
    {
        AggregateFunction.COUNT: "How many rows; of a field, how many rows have a value.",
        AggregateFunction.COUNT_DISTINCT: "How many different values.",
        AggregateFunction.SUM: "All of them added up; null of none.",
        AggregateFunction.AVG: "Their mean; null of none.",
        AggregateFunction.MIN: "The smallest or earliest; null of none.",
        AggregateFunction.MAX: "The largest or latest; null of none.",
        AggregateFunction.PERCENTILE: "The smallest value that at least this share of all does not "
        "exceed: one that exists, never one between two.",
    },
)


class Kind(enum.Enum):
    """What is measured, and what a measure is: decides which functions there are and how a result is shown.

    The value begins the names of GraphQL's types for it.
    """

    MONEY = "Money"
    INT = "Int"
    BIG_INT = "BigInt"
    DECIMAL = "Decimal"
    DATE = "Date"
    MOMENT = "DateTime"
    CODE = "Text"


_COUNTS = (AggregateFunction.COUNT, AggregateFunction.COUNT_DISTINCT)
_ENDS = (AggregateFunction.MIN, AggregateFunction.MAX)
_ALL = tuple(AggregateFunction)
FUNCTIONS: dict[Kind, tuple[AggregateFunction, ...]] = {
    Kind.MONEY: _ALL,
    Kind.INT: _ALL,
    Kind.BIG_INT: _ALL,
    Kind.DECIMAL: _ALL,
    Kind.DATE: (*_COUNTS, *_ENDS),
    Kind.MOMENT: (*_COUNTS, *_ENDS),
    Kind.CODE: (AggregateFunction.COUNT_DISTINCT,),
}
_KINDS: dict[Any, Kind] = {
    int: Kind.INT,
    BigInt: Kind.BIG_INT,
    Decimal: Kind.DECIMAL,
    dt.date: Kind.DATE,
    dt.datetime: Kind.MOMENT,
    str: Kind.CODE,
}
_WHOLE = (Kind.INT, Kind.BIG_INT)


@dataclass(frozen=True, slots=True)
class Measure:
    """One number or date made of many rows; `field` by its Python name, None for the rows themselves.

    `currency` belongs to amounts, which never convert: only rows in that currency count. `at` belongs to
    percentiles: the fraction of the rows, 0 to 1.
    """

    function: AggregateFunction
    field: str | None = None
    currency: str | None = None
    at: Decimal | None = None


ROWS = Measure(AggregateFunction.COUNT)


def measure(
    type_name: str,
    function: AggregateFunction,
    *,
    field: str | None = None,
    currency: str | None = None,
    at: Decimal | None = None,
) -> Measure:
    """A measure of rows of a bound type. Raises BadInput where there is no such one."""
    if field is None and function is not AggregateFunction.COUNT:
        raise BadInput(f"{function.name} needs a `field`")
    kind = Kind.CODE if field is None else measurable(type_name)[field]
    if field is not None and function not in FUNCTIONS[kind]:
        raise BadInput(f"there is no {function.name} of `{camel(field)}`")
    if kind is Kind.MONEY and currency is None:
        raise BadInput(
            f"`{camel(field or '')}` is an amount: name its `currency`, since amounts do not convert"
        )
    if kind is not Kind.MONEY and currency is not None:
        raise BadInput("`currency` is for amounts only")
    if currency is not None and currency not in EXPONENTS:
        raise BadInput(f"`currency`: {currency[:10]!r} is no currency of this bank")
    if (function is AggregateFunction.PERCENTILE) is (at is None):
        raise BadInput("`at` says which percentile, and belongs to PERCENTILE only")
    if at is not None and not 0 <= at <= 1:
        raise BadInput(f"`at` is a fraction between 0 and 1, not {at}")
    return Measure(function, field, currency, at)


@cache
def measurable(type_name: str) -> dict[str, Kind]:
    """The fields of a bound type that have measures, by Python name."""
    bound_type = binding(type_name)
    found = {name: _kind(bound_type, name, source) for name, source in bound_type.sources.items()}
    return {name: kind for name, kind in found.items() if kind and name not in UNMEASURED}


def _kind(bound_type: Binding, name: str, source: Source) -> Kind | None:
    if isinstance(source, AmountSource):
        return Kind.MONEY
    if not isinstance(source, ColumnSource):
        return None
    annotation = plain_annotation(bound_type, name)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return Kind.CODE
    return _KINDS.get(annotation)


def result_kind(of: Measure, type_name: str) -> Kind:
    """What a measure is: MONEY is in minor units of its currency."""
    if of.field is None or of.function in _COUNTS:
        return Kind.INT
    kind = measurable(type_name)[of.field]
    if kind in _WHOLE and of.function is AggregateFunction.AVG:
        return Kind.DECIMAL
    return Kind.BIG_INT if kind is Kind.INT and of.function is AggregateFunction.SUM else kind


def measure_sql(
    of: Measure, bound_type: Binding, table: FromClause, bind: Bind = literal
) -> ColumnElement[Any]:
    """The measure as an aggregate over rows of the table; amounts in minor units, NULL of no values.

    Means of amounts are rounded half away from zero to the minor unit, of other numbers to six decimal places
    without trailing zeros. `bind` is called as `measure_values` lists the values.
    """
    if of.field is None:
        return func.count()
    source = bound_type.sources[of.field]
    is_amount = isinstance(source, AmountSource)
    column = table.c[source.minor if isinstance(source, AmountSource) else source.name]  # type: ignore[union-attr]
    made = _aggregate(of, column, bind)
    if isinstance(source, AmountSource):
        made = made.filter(table.c[source.currency] == bind(of.currency, Text()))
    if of.function is AggregateFunction.AVG:
        made = func.round(made) if is_amount else func.trim_scale(func.round(made, 6))
    return type_coerce(made, _sql_type(of, column))


def measure_values(of: Measure) -> list[Any]:
    """The values that `measure_sql` binds, in its order."""
    at = [] if of.at is None else [float(of.at)]
    return at if of.currency is None else [*at, of.currency]


def measure_shape(of: Measure) -> tuple[Any, ...]:
    """What the text of the SQL depends on: all but the values."""
    return of.function, of.field, of.currency is not None, of.at is not None


def _aggregate(of: Measure, column: ColumnElement[Any], bind: Bind) -> Any:
    match of.function:
        case AggregateFunction.COUNT:
            return func.count(column)
        case AggregateFunction.COUNT_DISTINCT:
            return func.count(column.distinct())
        case AggregateFunction.PERCENTILE:
            # percentile_disc takes its fraction as a double.
            return func.percentile_disc(bind(float(of.at or 0), Double())).within_group(column)
        case simple:
            return getattr(func, simple.value)(column)


def _sql_type(of: Measure, column: ColumnElement[Any]) -> TypeEngine[Any]:
    if of.function in _COUNTS:
        return BigInteger()
    if of.function is AggregateFunction.AVG or isinstance(column.type, Numeric):
        return Numeric()
    # sum(bigint) is numeric: it cannot overflow. sum(integer) is bigint.
    if of.function is AggregateFunction.SUM:
        return Numeric() if isinstance(column.type, BigInteger) else BigInteger()
    return column.type
