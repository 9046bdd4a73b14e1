"""One value of a row as JSON: exactly what the normal executor's scalars would write."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLEnumType, GraphQLNamedType
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Numeric,
    Text,
    Uuid,
    case,
    cast,
    func,
    literal_column,
)

from domain.money import EXPONENTS
from schema.binding import Binding
from schema.compiler.json_text import (
    Json,
    Piece,
    Quoted,
    boolean,
    concatenated,
    escaped,
    or_null,
    quoted,
    text_literal,
)
from schema.ids import SEPARATOR, TEXT_MARK

# Codes that a CHECK holds to a closed list, and text that is made of digits: quotes are all they need.
_PLAIN = ("Decimal", "BigInt")


def leaf(type_: GraphQLNamedType, value: ColumnElement[Any], *, nullable: bool) -> Piece:
    """A scalar or an enum's code."""
    if isinstance(type_, GraphQLEnumType) or type_.name in _PLAIN:
        return quoted(Quoted(value), nullable=nullable)
    if type_.name == "Int":
        return Json(or_null(cast(value, Text)) if nullable else value)
    if type_.name == "Boolean":
        return boolean(value, nullable=nullable)
    return escaped(value, nullable=nullable)


def amount_text(minor: ColumnElement[Any], currency: ColumnElement[str]) -> ColumnElement[Any]:
    """An amount in major units, with all decimal places of its currency; exact, since numeric."""
    return cast(minor, Numeric) * _major(currency)


def _major(currency: ColumnElement[str]) -> ColumnElement[Any]:
    """What a minor unit is worth in major ones."""
    others = {
        exponent: sorted(code for code, places in EXPONENTS.items() if places == exponent)
        for exponent in sorted(set(EXPONENTS.values()) - {2})
    }
    whens = [
        (currency.in_([text_literal(code) for code in codes]), _scale(exponent))
        for exponent, codes in others.items()
    ]
    return case(*whens, else_=_scale(2))


def _scale(exponent: int) -> ColumnElement[Any]:
    return literal_column("1" if exponent == 0 else f"0.{'1'.rjust(exponent, '0')}", Numeric)


def global_id(binding: Binding, row: FromClause) -> Quoted:
    """The row's global id (`schema.ids`)."""
    parts: list[ColumnElement[Any]] = [text_literal(binding.type_name + SEPARATOR)]
    for n, name in enumerate(binding.key):
        parts += [text_literal(SEPARATOR)] if n else []
        parts.append(_key_part(row.c[name]))
    return Quoted(concatenated(parts))


def _key_part(column: ColumnElement[Any]) -> ColumnElement[Any]:
    if isinstance(column.type, Integer | Uuid):
        return cast(column, Text)
    digits = func.encode(func.convert_to(column, text_literal("UTF8")), text_literal("hex"))
    return concatenated([text_literal(TEXT_MARK), digits])
