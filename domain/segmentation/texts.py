"""Conditions and values in words: the same whichever evaluator answers."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

from domain.conditions import AllOf, AnyOf, Compare, Condition, Not, Operator, Value
from domain.money import Money

_PLAIN = re.compile(r"[\w.:+-]+", re.ASCII)
_SIGNS = {
    Operator.EQ: "=",
    Operator.NE: "!=",
    Operator.GT: ">",
    Operator.GTE: ">=",
    Operator.LT: "<",
    Operator.LTE: "<=",
}


def value_text(value: Value) -> str:
    """A client's value in words.

    Numbers as PostgreSQL's `trim_scale(x)::text`: plain, without an exponent, without zeros at the end. Booleans
    `true` and `false`; days `2026-01-15`; amounts `1234.50 CNY`, with the currency's decimal places; text as it is.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return _number(Decimal(value))
        case Money():
            return f"{value.amount:f} {value.currency}"
        case dt.datetime():
            return value.astimezone(dt.UTC).isoformat()
        case dt.date():
            return value.isoformat()
    return str(value)


def _number(value: Decimal) -> str:
    if not value:
        return "0"
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def written_leaf(of: Compare) -> str:
    """One comparison in words: `daysPastDue > 30`, `segment.riskClass is one of HIGH, MID`."""
    if isinstance(of.value, tuple):
        return f"{of.field} {_several(of.operator, [*map(_operand, of.value)])}"
    match of.operator:
        case Operator.IS_NULL:
            return f"{of.field} is {'missing' if of.value else 'known'}"
        case Operator.STARTS_WITH:
            return f"{of.field} starts with {_operand(of.value)}"
        case Operator.CONTAINS:
            return f"{of.field} contains {_operand(of.value)}"
        case Operator.EQ | Operator.NE if isinstance(of.value, bool | str):
            return f"{of.field} {'is' if of.operator is Operator.EQ else 'is not'} {_operand(of.value)}"
    return f"{of.field} {_SIGNS[of.operator]} {_operand(of.value)}"


def _several(operator: Operator, values: list[str]) -> str:
    if operator is Operator.BETWEEN:
        return f"is between {values[0]} and {values[1]}"
    listed = ", ".join(values) or "nothing"
    return f"is {'one' if operator is Operator.IN else 'none'} of {listed}"


def _operand(value: Value) -> str:
    if isinstance(value, str) and not _PLAIN.fullmatch(value):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return value_text(value)


def written_condition(condition: Condition) -> str:
    """A whole condition in words, with brackets where they are needed."""
    match condition:
        case Compare():
            return written_leaf(condition)
        case AllOf(parts):
            return " and ".join(_bracketed(part, AnyOf) for part in parts) or "always"
        case AnyOf(parts):
            return " or ".join(_bracketed(part, AllOf) for part in parts) or "never"
        case Not(part):
            return f"not ({written_condition(part)})"
        case _:
            raise TypeError(f"a rule speaks of facts, not of related rows: {type(condition).__name__}")


def _bracketed(part: Condition, other: type[AllOf] | type[AnyOf]) -> str:
    text = written_condition(part)
    return f"({text})" if isinstance(part, other) and len(part.parts) > 1 else text
