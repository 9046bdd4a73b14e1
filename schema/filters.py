"""`where` and `orderBy`: inputs derived from the bindings, conditions out of the inputs, SQL out of conditions."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import strawberry
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    SmallInteger,
    and_,
    cast,
    false,
    func,
    literal,
    not_,
    or_,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from domain.conditions import AllOf, AnyOf, Compare, Condition, Not, Operator
from domain.facts import camel
from domain.money import AmountRefusal, to_minor
from schema.binding import AmountSource, Binding, ColumnSource, IdSource, binding
from schema.errors import BadInput
from schema.paging import OrderKey

DEEPEST_CONDITION = 10
LONGEST_IN_LIST = 1000


@strawberry.enum(description="Which way an ordering goes.")
class Direction(enum.Enum):
    """Which way an ordering goes."""

    ASC = strawberry.enum_value("ASC", description="Smallest, earliest or first in the alphabet first.")
    DESC = strawberry.enum_value("DESC", description="Largest, latest or last in the alphabet first.")


@strawberry.enum(description="Where rows without a value stand.")
class Nulls(enum.Enum):
    """Where rows without a value stand."""

    FIRST = strawberry.enum_value("FIRST", description="Before all others.")
    LAST = strawberry.enum_value("LAST", description="After all others.")


_EQUALITY = {
    Operator.EQ: "Equal to this.",
    Operator.NE: "Not equal to this; rows without a value do not match.",
}
_LISTS = {
    Operator.IN: f"One of these (at most {LONGEST_IN_LIST}).",
    Operator.NOT_IN: "None of these; rows without a value do not match.",
}
_RANGE = {
    Operator.GT: "Greater than this.",
    Operator.GTE: "Greater than or equal to this.",
    Operator.LT: "Less than this.",
    Operator.LTE: "Less than or equal to this.",
}
_PREFIX = {Operator.STARTS_WITH: "Begins with this, whatever the case."}
_NULL = "True: rows without a value. False: rows with one."


def _input(name: str, description: str, fields: dict[str, tuple[Any, str]]) -> type:
    """A Strawberry input whose fields may all be left out."""
    annotations = {key: annotation for key, (annotation, _) in fields.items()}
    defaults = {
        key: strawberry.field(
            name=key.rstrip("_") if key.endswith("_") else None,
            default=strawberry.UNSET,
            description=described,
        )
        for key, (_, described) in fields.items()
    }
    made = type(name, (), {"__annotations__": annotations, "__module__": __name__, **defaults})
    return strawberry.input(made, name=name, description=description)


def _python_name(operator: Operator) -> str:
    return "in_" if operator is Operator.IN else operator.value


@cache
def _operators(name: str, value: Any, described: tuple[tuple[Operator, str], ...]) -> type:
    fields: dict[str, tuple[Any, str]] = {}
    for operator, description in described:
        many = operator in (Operator.IN, Operator.NOT_IN)
        fields[_python_name(operator)] = ((list[value] if many else value) | None, description)
    fields["is_null"] = (bool | None, _NULL)
    return _input(
        name, f"Conditions on a {name.removesuffix('Condition')} field; all given must hold.", fields
    )


def _offered(*groups: dict[Operator, str]) -> tuple[tuple[Operator, str], ...]:
    return tuple(item for group in groups for item in group.items())


def _condition_input(annotation: Any, *, folded: bool) -> type:
    """The operators that a field of this annotation is offered with."""
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _operators(f"{annotation.__name__}Condition", annotation, _offered(_EQUALITY, _LISTS))
    if annotation is str:
        if folded:
            return _operators("TextCondition", str, _offered(_EQUALITY, _LISTS, _PREFIX))
        return _operators("StringCondition", str, _offered(_EQUALITY, _LISTS))
    names: dict[Any, str] = {int: "Int", dt.date: "Date", dt.datetime: "DateTime", Decimal: "Decimal"}
    return _operators(f"{names[annotation]}Condition", annotation, _offered(_EQUALITY, _LISTS, _RANGE))


@cache
def _money_condition() -> type:
    fields: dict[str, tuple[Any, str]] = {
        "currency": (str | None, "ISO 4217 code; needed with every comparison, since amounts do not convert.")
    }
    for operator, description in _offered({Operator.EQ: _EQUALITY[Operator.EQ]}, _RANGE):
        fields[operator.value] = (Decimal | None, description)
    fields["is_null"] = (bool | None, _NULL)
    return _input("MoneyCondition", "Conditions on an amount of money; all given must hold.", fields)


@cache
def where_input(type_name: str) -> type | None:
    """The `where` input of a bound type; None where it offers nothing to filter by."""
    bound_type = binding(type_name)
    fields: dict[str, tuple[Any, str]] = {}
    for name, source in bound_type.sources.items():
        if isinstance(source, IdSource):
            fields[name] = (list[strawberry.ID] | None, "One of these ids.")
        elif isinstance(source, ColumnSource) and source.filterable:
            offered = _condition_input(plain_annotation(bound_type, name), folded=bool(source.folded))
            fields[name] = (offered | None, f"By `{camel(name)}`.")
        elif isinstance(source, AmountSource) and source.filterable:
            fields[name] = (_money_condition() | None, f"By `{camel(name)}`.")
    if len(fields) < 2:
        return None
    own = f"{type_name}Where"
    fields |= {
        "and_": (f"list[{own}] | None", "All of these hold."),
        "or_": (f"list[{own}] | None", "At least one of these holds."),
        "not_": (f"{own} | None", "This does not hold."),
    }
    made = _input(own, f"Which rows of {type_name}; all given must hold.", fields)
    # The input refers to itself by name, which Strawberry looks up in this module.
    globals()[own] = made
    return made


def plain_annotation(bound_type: Binding, name: str) -> Any:
    """A field's annotation without `| None`."""
    annotation = bound_type.annotations[name]
    parts = [part for part in getattr(annotation, "__args__", ()) if part is not type(None)]
    return parts[0] if parts else annotation


@cache
def order_input(type_name: str) -> type | None:
    """The `orderBy` input of a bound type; None where it offers nothing to order by."""
    bound_type = binding(type_name)
    names = [name for name, source in bound_type.sources.items() if getattr(source, "sortable", False)]
    if not names:
        return None
    fields = enum.Enum(f"{type_name}OrderField", {name.upper(): _order_value(name) for name in names})  # type: ignore[misc]
    field_enum = strawberry.enum(fields, description=f"What {type_name} rows can be ordered by.")
    made = type(
        f"{type_name}Order",
        (),
        {
            "__annotations__": {"field": field_enum, "direction": Direction, "nulls": Nulls},
            "__module__": __name__,
            "field": strawberry.field(description="What to order by."),
            "direction": strawberry.field(default=Direction.ASC, description="Which way."),
            "nulls": strawberry.field(default=Nulls.LAST, description="Where rows without a value stand."),
        },
    )
    return strawberry.input(made, description=f"One key of an ordering of {type_name} rows.")


def _order_value(name: str) -> Any:
    return strawberry.enum_value(name, description=f"By `{camel(name)}`.")


def order_keys(type_name: str, given: list[Any] | None) -> tuple[OrderKey, ...]:
    """The columns of a given `orderBy`. Raises BadInput where a field is named twice."""
    keys = []
    for item in given or ():
        source = binding(type_name).sources[item.field.value]
        keys.append(
            OrderKey(order_column(source), item.direction is Direction.DESC, item.nulls is Nulls.FIRST)
        )
    if len({key.column for key in keys}) < len(keys):
        raise BadInput("`orderBy` names a field twice")
    return tuple(keys)


def order_column(source: Any) -> str:
    """The column that a field is ordered by."""
    if isinstance(source, AmountSource):
        return source.minor
    assert isinstance(source, ColumnSource)
    return source.folded or source.name


def condition(type_name: str, given: Any, depth: int = 0) -> Condition | None:
    """The condition in a `where` input; None where it says nothing. Raises BadInput."""
    if given is None or given is strawberry.UNSET:
        return None
    if depth > DEEPEST_CONDITION:
        raise BadInput(f"`where` nests deeper than {DEEPEST_CONDITION} levels")
    parts = tuple(_parts(type_name, given, depth))
    return parts[0] if len(parts) == 1 else AllOf(parts)


def _parts(type_name: str, given: Any, depth: int) -> Iterator[Condition]:
    for operator, combine in (("and_", AllOf), ("or_", AnyOf)):
        if (listed := _given(given, operator)) is not None:
            inner = (condition(type_name, item, depth + 1) or AllOf(()) for item in listed)
            yield combine(tuple(inner))
    if (inverted := _given(given, "not_")) is not None:
        yield Not(condition(type_name, inverted, depth + 1) or AllOf(()))
    for name, source in binding(type_name).sources.items():
        if (value := _given(given, name)) is None:
            continue
        if isinstance(source, IdSource):
            yield Compare("id", Operator.IN, tuple(_bounded(value, name)))
        elif isinstance(source, AmountSource):
            yield from _money_parts(source, value, name)
        elif isinstance(source, ColumnSource):
            yield from _column_parts(source, value, name)


def _given(given: Any, name: str) -> Any:
    value = getattr(given, name, None)
    return None if value is strawberry.UNSET else value


def _column_parts(source: ColumnSource, given: Any, name: str) -> Iterator[Condition]:
    for operator in Operator:
        if (value := _given(given, _python_name(operator))) is None:
            continue
        if operator in (Operator.IN, Operator.NOT_IN):
            value = tuple(_plain(item) for item in _bounded(value, name))
        folded = operator is Operator.STARTS_WITH and source.folded
        yield Compare(folded or source.name, operator, _plain(value))


def _money_parts(source: AmountSource, given: Any, name: str) -> Iterator[Condition]:
    currency = _given(given, "currency")
    if (absent := _given(given, "is_null")) is not None:
        yield Compare(source.minor, Operator.IS_NULL, absent)
    if currency is not None:
        yield Compare(source.currency, Operator.EQ, currency)
    for operator in (Operator.EQ, Operator.GT, Operator.GTE, Operator.LT, Operator.LTE):
        if (value := _given(given, operator.value)) is None:
            continue
        if currency is None:
            raise BadInput(f"`{camel(name)}` compares amounts: name their `currency`, too")
        minor = to_minor(value, currency)
        if isinstance(minor, AmountRefusal):
            raise BadInput(f"`{camel(name)}`: {value} {currency} is no amount ({minor})")
        yield Compare(source.minor, operator, minor)


def _bounded(values: list[Any], name: str) -> list[Any]:
    if len(values) > LONGEST_IN_LIST:
        raise BadInput(f"`{camel(name)}` lists {len(values)} values; at most {LONGEST_IN_LIST} are taken")
    return values


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def to_sql(table: FromClause, of: Condition, keys: Any) -> ColumnElement[bool]:
    """The condition over a table; `keys` turns global ids into a predicate on the primary key."""
    match of:
        case AllOf(parts):
            return and_(true(), *(to_sql(table, part, keys) for part in parts))
        case AnyOf(parts):
            return or_(false(), *(to_sql(table, part, keys) for part in parts))
        case Not(part):
            return not_(func.coalesce(to_sql(table, part, keys), false()))
        case Compare("id", Operator.IN, value):
            made: ColumnElement[bool] = keys(table, value)
            return made
        case Compare(name, operator, value):
            return _compare(table.c[name], operator, value)


def _compare(column: Any, compared: Operator, value: Any) -> ColumnElement[bool]:
    # A caller's Int may be more than a small column holds: then nothing equals it, and that is no fault.
    kind = BigInteger() if isinstance(column.type, SmallInteger) else column.type
    match compared:
        case Operator.IN:
            found = column == func.any(_array(value, kind))
        case Operator.NOT_IN:
            found = and_(column.is_not(None), column != func.all(_array(value, kind)))
        case Operator.STARTS_WITH:
            found = column.op("^@", is_comparison=True)(func.lower(literal(value)))
        case Operator.IS_NULL:
            found = column.is_(None) if value else column.is_not(None)
        case _:
            found = _COMPARED[compared](column, literal(value, kind))
    made: ColumnElement[bool] = found
    return made


def _array(values: tuple[Any, ...], kind: Any) -> ColumnElement[Any]:
    return cast(literal(list(values), ARRAY(kind)), ARRAY(kind))


_COMPARED: dict[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQ: eq,
    Operator.NE: ne,
    Operator.GT: gt,
    Operator.GTE: ge,
    Operator.LT: lt,
    Operator.LTE: le,
}
