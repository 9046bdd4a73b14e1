"""Conditions out of a `where`: from plain coerced values, by GraphQL names, to the tree."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import cache, partial
from typing import Any

from domain.conditions import (
    DEEPEST_CONDITION,
    LONGEST_LIST,
    MOST_CONDITIONS,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Every,
    NoneOf,
    Not,
    One,
    Operator,
    Some,
    size_of,
)
from domain.facts import camel
from domain.money import AmountRefusal, Money, to_minor
from schema.binding import (
    AmountSource,
    ColumnSource,
    ConnectionSource,
    ExpressionSource,
    IdSource,
    SegmentsSource,
    Source,
    ToOneSource,
    binding,
)
from schema.errors import BadInput

QUANTIFIERS: dict[str, type[Some | NoneOf | Every]] = {"some": Some, "none": NoneOf, "every": Every}

Reader = Callable[[Any, int], Iterable[Condition]]
"""From a field's value and its depth to what it says; every type has a table of them, by GraphQL name."""


def condition(type_name: str, given: Mapping[str, Any] | None) -> Condition | None:
    """The condition in a `where` as the specification coerces it; None where it says nothing. Raises BadInput."""
    if not given:
        return None
    read = _level(type_name, given, 0)
    if size_of(read) > MOST_CONDITIONS:
        raise BadInput(f"`where` has more than {MOST_CONDITIONS} conditions")
    return None if read == AllOf(()) else read


def _level(type_name: str, given: Mapping[str, Any], depth: int) -> Condition:
    if depth > DEEPEST_CONDITION:
        raise BadInput(f"`where` nests deeper than {DEEPEST_CONDITION} levels")
    readers = _readers(type_name)
    parts: list[Condition] = []
    for name, value in given.items():
        if value is not None:
            parts += readers[name](value, depth)
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


@cache
def _readers(type_name: str) -> dict[str, Reader]:
    readers: dict[str, Reader] = {
        "and": partial(_read_and, type_name),
        "or": partial(_read_or, type_name),
        "not": partial(_read_not, type_name),
    }
    for python_name, source in binding(type_name).sources.items():
        if reader := _reader(python_name, source):
            readers[camel(python_name)] = reader
        if isinstance(source, SegmentsSource):
            readers[source.one] = partial(_read_some, camel(python_name), source.target)
    return readers


def _reader(python_name: str, source: Source) -> Reader | None:
    name = camel(python_name)
    match source:
        case IdSource():
            return partial(_read_ids, name)
        case ColumnSource() | ExpressionSource(filterable=True):
            return partial(_read_column, name)
        case AmountSource():
            return partial(_read_money, name)
        case ToOneSource(target=target):
            return partial(_read_one, name, target)
        case ConnectionSource(target=target) | SegmentsSource(target=target):
            return partial(_read_many, name, target)
    return None


def _read_and(type_name: str, given: list[Any], depth: int) -> Iterable[Condition]:
    for item in _bounded("and", given):
        inner = _level(type_name, item, depth + 1)
        # Spliced: what is said together and what is said under `and` is the same condition.
        yield from inner.parts if isinstance(inner, AllOf) else (inner,)


def _read_or(type_name: str, given: list[Any], depth: int) -> Iterable[Condition]:
    return (AnyOf(tuple(_level(type_name, item, depth + 1) for item in _bounded("or", given))),)


def _read_not(type_name: str, given: Mapping[str, Any], depth: int) -> Iterable[Condition]:
    return (Not(_level(type_name, given, depth + 1)),)


def _read_one(name: str, target: str, given: Mapping[str, Any], depth: int) -> Iterable[Condition]:
    return (One(name, _level(target, given, depth + 1)),)


def _read_many(name: str, target: str, given: Mapping[str, Any], depth: int) -> Iterable[Condition]:
    for quantifier, inner in given.items():
        if inner is not None:
            yield QUANTIFIERS[quantifier](name, _level(target, inner, depth + 1))


def _read_some(name: str, target: str, given: Mapping[str, Any], depth: int) -> Iterable[Condition]:
    return (Some(name, _level(target, given, depth + 1)),)


def _read_ids(name: str, given: list[str], depth: int) -> Iterable[Condition]:
    del depth
    return (Compare(name, Operator.IN, tuple(_bounded(name, given))),)


def _read_column(name: str, given: Mapping[str, Any], depth: int) -> Iterable[Condition]:
    del depth
    for written, value in given.items():
        operator = _OPERATORS[written]
        yield Compare(name, operator, _operand(name, operator, _said(name, written, value)))


def _read_money(name: str, given: Mapping[str, Any], depth: int) -> Iterable[Condition]:
    del depth
    currency = given.get("currency")
    stated = currency is None
    for written, value in given.items():
        if written == "currency":
            continue
        value = _said(name, written, value)
        operator = _OPERATORS[written]
        if operator is Operator.IS_NULL:
            yield Compare(name, operator, value)
            continue
        if currency is None:
            raise BadInput(f"`{name}` compares amounts: name their `currency`, too")
        value = _operand(name, operator, value)
        many = isinstance(value, tuple)
        amounts = tuple(_amount(name, one, currency) for one in (value if many else (value,)))
        stated = stated or bool(amounts)
        yield Compare(name, operator, amounts if many else amounts[0])
    if not stated:
        yield Compare(f"{name}.currency", Operator.EQ, currency)  # type: ignore[arg-type]


def _said(name: str, written: str, value: Any) -> Any:
    """An operand. A variable that was never set must not turn a filtered list into a whole one."""
    if value is None:
        raise BadInput(f"`{name}` is compared by `{written}` with null: leave it out, or ask by `isNull`")
    return value


def _amount(name: str, value: Decimal, currency: str) -> Money:
    minor = to_minor(value, currency)
    if isinstance(minor, AmountRefusal):
        raise BadInput(f"`{name}`: {value} {currency} is no amount ({minor})")
    return Money(minor, currency)


def _operand(name: str, operator: Operator, value: Any) -> Any:
    match operator:
        case Operator.IN | Operator.NOT_IN:
            return tuple([_plain(one) for one in _bounded(name, value)])
        case Operator.BETWEEN:
            return value["from"], value["to"]
    return _plain(value)


def _bounded(name: str, values: list[Any]) -> list[Any]:
    if len(values) > LONGEST_LIST:
        raise BadInput(f"`{name}` lists {len(values)} values; at most {LONGEST_LIST} are taken")
    return values


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


_OPERATORS = {operator.value: operator for operator in Operator}
