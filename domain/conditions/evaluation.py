"""What a condition means: whether it holds of given facts."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from domain.conditions.tree import AllOf, AnyOf, Compare, Condition, Every, NoneOf, Not, One, Operator, Some
from domain.conditions.values import Kind, comparable, fold, kind_of
from domain.money import Money

Facts = Mapping[str, Any]
"""A row by the API's names: fields to values or None, to-one relations to facts or None, other ones to lists."""


def evaluate(condition: Condition, facts: Facts) -> bool:
    """Whether the condition holds. What is not among the facts is missing; a list not given has no rows."""
    match condition:
        case Compare():
            return holds(condition, found(facts, condition.field))
        case AllOf(parts):
            return all(evaluate(part, facts) for part in parts)
        case AnyOf(parts):
            return any(evaluate(part, facts) for part in parts)
        case Not(part):
            return not evaluate(part, facts)
        case One(relation, part):
            return any(evaluate(part, row) for row in one_row(facts, relation))
        case Some(relation, part):
            return any(evaluate(part, row) for row in rows(facts, relation))
        case NoneOf(relation, part):
            return not any(evaluate(part, row) for row in rows(facts, relation))
        case Every(relation, part):
            return all(evaluate(part, row) for row in rows(facts, relation))


def found(facts: Facts, field: str) -> Any:
    """The value of a field; of `<amount>.currency`, the amount's currency. None where it is missing."""
    name, _, part = field.partition(".")
    value = facts.get(name)
    return getattr(value, part, None) if part else value


def one_row(facts: Facts, relation: str) -> tuple[Facts, ...]:
    """The row that a to-one relation leads to; empty where there is none."""
    row = facts.get(relation)
    return () if row is None else (row,)


def rows(facts: Facts, relation: str) -> Sequence[Facts]:
    """The rows that a to-many relation leads to."""
    return facts.get(relation) or ()


def holds(of: Compare, value: Any) -> bool:
    """Whether one comparison holds of a value that was found; None is a missing one."""
    if of.operator is Operator.IS_NULL:
        return (value is None) is of.value
    return value is not None and _MEANING[of.operator](value, of.value)


def _comparing(compared: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Values of different kinds, and amounts of different currencies, satisfy no comparison, not even NE."""

    def meaning(value: Any, other: Any) -> bool:
        if not comparable(value, other):
            return False
        if isinstance(value, Money):
            return compared(value.minor, other.minor)
        return compared(value, other)

    return meaning


_eq, _ne = _comparing(operator.eq), _comparing(operator.ne)
_gte, _lte = _comparing(operator.ge), _comparing(operator.le)


def _folding(compared: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, other: kind_of(value) is Kind.TEXT and compared(fold(value), fold(other))


_MEANING: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQ: _eq,
    Operator.NE: _ne,
    Operator.IN: lambda value, listed: any(_eq(value, one) for one in listed),
    Operator.NOT_IN: lambda value, listed: all(_ne(value, one) for one in listed),
    Operator.GT: _comparing(operator.gt),
    Operator.GTE: _gte,
    Operator.LT: _comparing(operator.lt),
    Operator.LTE: _lte,
    Operator.BETWEEN: lambda value, ends: _gte(value, ends[0]) and _lte(value, ends[1]),
    Operator.STARTS_WITH: _folding(str.startswith),
    Operator.CONTAINS: _folding(str.__contains__),
}
