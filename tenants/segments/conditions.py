"""Conditions on a client's facts as the text of SQL, literals included: rule texts are data, and escaped as such.

Means what `domain.conditions.evaluate` means, but that a comparison with what is missing is null; whoever negates
it says so (`negated`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

from domain.conditions import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Kind,
    Not,
    Operator,
    Value,
    kind_of,
)
from domain.money import EXPONENTS, Money
from domain.segmentation.catalogue import CATALOGUE

ROW = "f"
"""The row of `bank.client_facts` that conditions speak of."""

TRUE, FALSE = "true", "false"

_SIGNS = {
    Operator.EQ: "=",
    Operator.NE: "<>",
    Operator.GT: ">",
    Operator.GTE: ">=",
    Operator.LT: "<",
    Operator.LTE: "<=",
}


def quoted(text: str) -> str:
    """A text as a literal, whatever stands in it. Raises ValueError for what PostgreSQL cannot hold."""
    if "\0" in text:
        raise ValueError("a text with U+0000 cannot be put to the database")
    doubled = text.replace("'", "''")
    # Right whether or not the session takes backslashes in plain literals for what they are.
    return "E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in doubled else f"'{doubled}'"


def literal(value: Value) -> str:
    """A value as a literal of its kind; of an amount, its minor units."""
    match value:
        case bool():
            return TRUE if value else FALSE
        case Money():
            return _number(Decimal(value.minor))
        case int() | Decimal():
            return _number(Decimal(value))
        case dt.datetime():
            raise TypeError("no fact is a moment")
        case dt.date():
            return f"date '{value.isoformat()}'"
    return quoted(value)


def _number(value: Decimal) -> str:
    text = f"{value:f}"
    return f"({text})" if text.startswith("-") else text


def combined(condition: Condition, leaf: Callable[[Compare], str]) -> str:
    """The condition over what `leaf` says of each comparison; null at most where the condition does not hold."""
    match condition:
        case Compare():
            return leaf(condition)
        case AllOf(parts):
            return _joined(" and ", [combined(part, leaf) for part in parts]) or TRUE
        case AnyOf(parts):
            return _joined(" or ", [combined(part, leaf) for part in parts]) or FALSE
        case Not(part):
            return negated(combined(part, leaf))
        case _:
            raise TypeError(f"a rule speaks of facts, not of related rows: {type(condition).__name__}")


def negated(condition: str) -> str:
    """The complement, with rows for which it cannot be said."""
    return f"(({condition}) is not true)"


def _joined(word: str, parts: list[str]) -> str:
    return f"({word.join(parts)})" if len(parts) > 1 else "".join(parts)


def fact_value(field: str) -> tuple[str, Kind] | None:
    """A fact's value as SQL, and its kind (of an amount, its minor units); None where the catalogue has none.

    `<amount>.currency` is the currency where the amount is known.
    """
    name, _, part = field.partition(".")
    fact = CATALOGUE.get(name)
    if fact is None or (part and fact.kind is not Kind.MONEY):
        return None
    column = f"{ROW}.{fact.column}"
    if part:
        return f"case when {column} is not null then {ROW}.currency end", Kind.TEXT
    return column, fact.kind


def in_words(field: str) -> str:
    """A fact's value as `domain.segmentation.texts.value_text` writes it."""
    known = fact_value(field)
    if known is None:
        return "null::text"
    value, kind = known
    match kind:
        case Kind.NUMBER:
            return f"trim_scale({value}::numeric)::text"
        case Kind.BOOLEAN:
            return f"{value}::text"
        case Kind.DATE:
            return f"to_char({value}, 'YYYY-MM-DD')"
        case Kind.MONEY:
            return f"{_major(value)} || ' ' || {ROW}.currency"
    return value


def _major(minor: str) -> str:
    """Minor units in the decimal places of the row's currency."""
    odd: dict[int, list[str]] = {}
    for currency, exponent in EXPONENTS.items():
        if exponent != 2:
            odd.setdefault(exponent, []).append(currency)
    cases = [
        f"when {ROW}.currency in ({', '.join(map(quoted, sorted(listed)))}) then "
        + (f"({minor} * {Decimal(1).scaleb(-exponent):f})::text" if exponent else f"{minor}::text")
        for exponent, listed in sorted(odd.items())
    ]
    return f"case {' '.join(cases)} else ({minor} * 0.01)::text end"


def on_a_fact(of: Compare) -> str:
    """One comparison with a fact of the catalogue."""
    known = fact_value(of.field)
    if known is None:
        return TRUE if of.operator is Operator.IS_NULL and of.value else FALSE
    value, kind = known
    made = comparison(of, value, kind)
    amounts = [one for one in _operands(of) if isinstance(one, Money)]
    if kind is Kind.MONEY and amounts and made != FALSE:
        return f"({ROW}.currency = {quoted(amounts[0].currency)} and {made})"
    return made


def comparison(of: Compare, value: str, kind: Kind) -> str:
    """A comparison with a value of a kind. Values of other kinds satisfy none, not even NE."""
    if of.operator is Operator.IS_NULL:
        return f"({value} is {'' if of.value else 'not '}null)"
    operands = _operands(of)
    alike = [literal(one) for one in operands if kind_of(one) is kind]
    if of.operator is Operator.IN:
        return f"({value} in ({', '.join(alike)}))" if alike else FALSE
    if len(alike) < len(operands):
        return FALSE
    match of.operator:
        case Operator.NOT_IN:
            return f"({value} not in ({', '.join(alike)}))" if alike else f"({value} is not null)"
        case Operator.BETWEEN:
            return f"({value} between {alike[0]} and {alike[1]})"
        case Operator.STARTS_WITH:
            return f"starts_with(lower({value}), lower({alike[0]}))"
        case Operator.CONTAINS:
            return f"(strpos(lower({value}), lower({alike[0]})) > 0)"
    return f"({value} {_SIGNS[of.operator]} {alike[0]})"


def _operands(of: Compare) -> tuple[Value, ...]:
    return of.value if isinstance(of.value, tuple) else (of.value,)
