"""The condition tree: comparisons of fields, how they combine, and conditions on related rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from domain.conditions.values import ORDERED, Kind, Value, kind_of
from domain.money import EXPONENTS, Money

DEEPEST_CONDITION = 10
LONGEST_LIST = 1_000
MOST_CONDITIONS = 1_000
"""Comparisons and combinations in one tree, all levels together."""

Operand = Value | tuple[Value, ...]


class Operator(StrEnum):
    """How a field is compared with a value; written as in the API."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    NOT_IN = "notIn"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    BETWEEN = "between"
    STARTS_WITH = "startsWith"
    CONTAINS = "contains"
    IS_NULL = "isNull"


@dataclass(frozen=True, slots=True)
class Compare:
    """`field operator value`: a tuple for IN and NOT_IN, a pair for BETWEEN (ends included), a bool for IS_NULL.

    The field is named as the API names it; an amount's currency is `<amount>.currency`. A missing value
    satisfies nothing but IS_NULL, not even NE and NOT_IN. STARTS_WITH and CONTAINS ignore case.
    """

    field: str
    operator: Operator
    value: Operand


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds; true where there is none."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds; false where there is none."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold: the complement, with rows for which it cannot be said."""

    part: Condition


@dataclass(frozen=True, slots=True)
class One:
    """The related row exists, and the part holds of it."""

    relation: str
    part: Condition


@dataclass(frozen=True, slots=True)
class Some:
    """There is a related row of which the part holds."""

    relation: str
    part: Condition


@dataclass(frozen=True, slots=True)
class NoneOf:
    """There is no related row of which the part holds."""

    relation: str
    part: Condition


@dataclass(frozen=True, slots=True)
class Every:
    """There is no related row of which the part does not hold; true where there is no row."""

    relation: str
    part: Condition


Condition = Compare | AllOf | AnyOf | Not | One | Some | NoneOf | Every


def size_of(condition: Condition) -> int:
    """How many comparisons and combinations a tree has."""
    if isinstance(condition, Compare):
        return 1
    if isinstance(condition, AllOf | AnyOf):
        return 1 + sum([size_of(part) for part in condition.parts])
    return 1 + size_of(condition.part)


def mistake(of: Compare) -> str | None:
    """Why a comparison cannot be meant, whatever its field; None where it can."""
    return _RULES[of.operator](of.value)


def _one(value: object) -> str | None:
    if kind_of(value) is None:
        return f"a {type(value).__name__} is no value that can be compared"
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return "a whole number has at most 64 bits"
    if isinstance(value, Money) and value.currency not in EXPONENTS:
        return f"{value.currency!r} is not a currency that the bank deals in"
    return None


def _ordered(value: object) -> str | None:
    if wrong := _one(value):
        return wrong
    kind = kind_of(value)
    return None if kind in ORDERED else f"a {kind} has no order: compare by eq, ne, in, notIn"


def _listed(value: object) -> str | None:
    if not isinstance(value, tuple):
        return "a list of values is needed"
    if len(value) > LONGEST_LIST:
        return f"{len(value)} values are listed; at most {LONGEST_LIST} are taken"
    return next(filter(None, map(_one, value)), None) or _alike(value)


def _pair(value: object) -> str | None:
    if not isinstance(value, tuple) or len(value) != 2:
        return "two values are needed: the least and the greatest"
    return _ordered(value[0]) or _ordered(value[1]) or _alike(value)


def _alike(values: tuple[object, ...]) -> str | None:
    kinds = {value.currency if isinstance(value, Money) else kind_of(value) for value in values}
    return None if len(kinds) < 2 else "the values must be of one kind, and amounts of one currency"


def _text(value: object) -> str | None:
    return None if kind_of(value) is Kind.TEXT else "text is needed"


def _truth(value: object) -> str | None:
    return None if isinstance(value, bool) else "true or false is needed"


_RULES: dict[Operator, Callable[[object], str | None]] = {
    Operator.EQ: _one,
    Operator.NE: _one,
    Operator.IN: _listed,
    Operator.NOT_IN: _listed,
    Operator.GT: _ordered,
    Operator.GTE: _ordered,
    Operator.LT: _ordered,
    Operator.LTE: _ordered,
    Operator.BETWEEN: _pair,
    Operator.STARTS_WITH: _text,
    Operator.CONTAINS: _text,
    Operator.IS_NULL: _truth,
}
