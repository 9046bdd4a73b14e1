"""What the names in a condition mean for a bound type: its fields, their kinds of value, its relations."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Numeric, Text
from sqlalchemy.types import TypeEngine

from domain.conditions import Compare, Every, Kind, NoneOf, One, Operator, Some, kind_of, mistake
from domain.facts import camel
from schema.binding import (
    AmountSource,
    Binding,
    ColumnSource,
    ExpressionSource,
    IdSource,
    ManySource,
    Source,
    ToOneSource,
)
from schema.errors import BadInput


@dataclass(frozen=True, slots=True)
class Field:
    """A field that can be compared: its source, its column (of an amount, of the minor units), its kind of value.
    An expression has no column.

    Numbers are bound wide: a value that a small column cannot hold equals nothing, and that is no fault.
    """

    target: Binding
    source: ColumnSource | AmountSource | ExpressionSource | IdSource
    column: str
    kind: Kind
    bind_type: TypeEngine[Any]
    folded: str | None = None
    of_currency: bool = False
    fixed: bool = False


_KINDS: dict[type, Kind] = {
    str: Kind.TEXT,
    bool: Kind.BOOLEAN,
    int: Kind.NUMBER,
    Decimal: Kind.NUMBER,
    dt.date: Kind.DATE,
    dt.datetime: Kind.MOMENT,
}
_WIDE: dict[type, TypeEngine[Any]] = {int: BigInteger(), Decimal: Numeric()}
_OF_IDS = frozenset({Operator.EQ, Operator.NE, Operator.IN, Operator.NOT_IN, Operator.IS_NULL})


@cache
def _fields(target: Binding) -> dict[str, Field]:
    found: dict[str, Field] = {}
    for python_name, source in target.sources.items():
        name = camel(python_name)
        if isinstance(source, IdSource):
            found[name] = Field(target, source, target.key[-1], Kind.TEXT, Text())
        elif isinstance(source, ColumnSource) and target.table.c[source.name].type.python_type in _KINDS:
            found[name] = _of_column(target, source, source.name)
        elif isinstance(source, ExpressionSource) and source.filterable:
            found[name] = Field(target, source, "", Kind.NUMBER, Numeric())
        elif isinstance(source, AmountSource):
            found[name] = Field(target, source, source.minor, Kind.MONEY, BigInteger())
            found[f"{name}.currency"] = Field(
                target, source, source.currency, Kind.TEXT, Text(), of_currency=True
            )
    return found


def _of_column(target: Binding, source: ColumnSource, name: str) -> Field:
    type_ = target.table.c[name].type
    # Not the column's own precision: a cast to it would round the value before it is compared.
    wide: TypeEngine[Any] = _WIDE.get(type_.python_type, type_)
    return Field(target, source, name, _KINDS[type_.python_type], wide, source.folded, fixed=source.fixed)


@cache
def relations_of(target: Binding) -> dict[str, ToOneSource | ManySource]:
    """The relations of a type, by their GraphQL names."""
    sources: dict[str, Source] = target.sources
    return {
        camel(name): source
        for name, source in sources.items()
        if isinstance(source, ToOneSource | ManySource)
    }


def field_of(target: Binding, name: str) -> Field:
    """The field that a comparison names. Raises BadInput where the type has none that can be compared."""
    found = _fields(target).get(name)
    if found is None:
        raise BadInput(f"{target.type_name} has no field `{name[:100]}` that can be compared")
    return found


def relation_of(target: Binding, of: One | Some | NoneOf | Every) -> ToOneSource | ManySource:
    """The relation that a condition names. Raises BadInput where the type has none of this kind."""
    found = relations_of(target).get(of.relation)
    if not isinstance(found, ToOneSource if isinstance(of, One) else ManySource):
        many = "one row" if isinstance(of, One) else "many rows"
        raise BadInput(f"{target.type_name} has no relation `{of.relation[:100]}` to {many}")
    return found


def checked(of: Compare, field: Field) -> None:
    """Raises BadInput where the comparison cannot be meant of this field."""
    if wrong := mistake(of) or _misfit(of, field):
        raise BadInput(f"`{of.field}`: {wrong}")


def _misfit(of: Compare, field: Field) -> str | None:
    if isinstance(field.source, IdSource) and of.operator not in _OF_IDS:
        return f"ids are not compared by {of.operator}"
    if of.operator is Operator.IS_NULL:
        return None
    for value in of.value if isinstance(of.value, tuple) else (of.value,):
        if kind_of(value) is not field.kind:
            return f"a {field.kind} is needed"
        if isinstance(value, Decimal) and isinstance(field.bind_type, BigInteger):
            return "a whole number is needed"
    return None
