"""`orderBy`: inputs derived from the bindings, ordering keys out of the inputs."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import strawberry

from domain.facts import camel
from schema.binding import AmountSource, ColumnSource, ConnectionSource, ToOneSource, binding
from schema.declaring import declare_enum, declare_input, input_named
from schema.errors import BadInput
from schema.measures import AggregateFunction, Measure, measurable, measure
from schema.ordering import OrderKey

MOST_ORDER_KEYS = 10
DEEPEST_PATH = 3
OPTIONAL = strawberry.UNSET


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


WAY: dict[str, tuple[Any, ...]] = {
    "direction": (Direction, "Which way.", Direction.ASC),
    "nulls": (Nulls, "Where those without a value stand.", Nulls.LAST),
}


@cache
def order_input(type_name: str) -> type | None:
    """The `orderBy` input of a bound type; None where it offers nothing to order by."""
    places = _places(type_name)
    if not places:
        return None
    return declare_input(
        f"{type_name}Order",
        f"One key of an ordering of {type_name} rows: by exactly one field or relation.",
        places | WAY,
    )


def _declare_key(type_name: str) -> None:
    described = f"What of a {type_name} row to order by: exactly one field or relation."
    declare_input(f"{type_name}OrderKey", described, _places(type_name))


@cache
def declare_measure(type_name: str) -> type:
    """The input that names a measure of rows of a type."""
    fields = measure_fields(type_name, required=True)
    return declare_input(f"{type_name}MeasureInput", f"Something measured over {type_name} rows.", fields)


def measure_fields(type_name: str, *, required: bool) -> dict[str, tuple[Any, ...]]:
    """The fields of an input by which a measure of rows of a type is named."""
    fields: dict[str, tuple[Any, ...]] = {
        "measure": (AggregateFunction, "What is made of the values.")
        if required
        else (AggregateFunction | None, "What is made of the rows' values.", OPTIONAL)
    }
    if names := measurable(type_name):
        values = {name: f"Of `{camel(name)}`." for name in names}
        made = _measure_field(type_name, tuple(values.items()))
        fields["field"] = (made | None, "Of which field; without one, COUNT counts the rows.", OPTIONAL)
    fields["currency"] = (str | None, "ISO 4217 code, needed where the field is an amount.", OPTIONAL)
    fields["at"] = (Decimal | None, "Which percentile, as a fraction between 0 and 1.", OPTIONAL)
    return fields


@cache
def _measure_field(type_name: str, values: tuple[tuple[str, str], ...]) -> Any:
    return declare_enum(f"{type_name}MeasureField", f"What is measured of {type_name} rows.", dict(values))


def _places(type_name: str) -> dict[str, tuple[Any, ...]]:
    """What a row of a type can be ordered by: its fields, its to-one rows', measures of its lists."""
    sources = binding(type_name).sources
    names = [name for name, source in sources.items() if getattr(source, "sortable", False)]
    places: dict[str, tuple[Any, ...]] = {}
    inner: Any
    if names:
        places["field"] = (
            _order_field(type_name, tuple(names)) | None,
            "By this field of the row.",
            OPTIONAL,
        )
    for name, source in sources.items():
        if isinstance(source, ToOneSource):
            inner, described = _key(source.target), f"By the row that `{camel(name)}` leads to."
        elif isinstance(source, ConnectionSource):
            inner, described = (
                declare_measure(source.target),
                f"By a measure of all `{camel(name)}` in sight.",
            )
        else:
            continue
        places[name] = (inner | None, described, OPTIONAL)
    return places


_declared: set[str] = set()


def _key(type_name: str) -> type:
    """A nested key's input, which may be in the making: a unit's parent is a unit."""
    if type_name not in _declared:
        _declared.add(type_name)
        _declare_key(type_name)
    return input_named(f"{type_name}OrderKey")


@cache
def _order_field(type_name: str, names: tuple[str, ...]) -> Any:
    values = {name: f"By `{camel(name)}`." for name in names}
    return declare_enum(f"{type_name}OrderField", f"What {type_name} rows can be ordered by.", values)


def few_keys(given: Sequence[Mapping[str, Any]] | None) -> Sequence[Mapping[str, Any]]:
    """The items of an `orderBy`. Raises BadInput where they are too many."""
    if len(given or ()) > MOST_ORDER_KEYS:
        raise BadInput(f"`orderBy` has {len(given or ())} keys; at most {MOST_ORDER_KEYS} are taken")
    return given or ()


def order_keys(type_name: str, given: Sequence[Mapping[str, Any]] | None) -> tuple[OrderKey, ...]:
    """The keys of an `orderBy` of plain coerced values. Raises BadInput."""
    keys = tuple(_order_key(type_name, item) for item in few_keys(given))
    if len({key.place for key in keys}) < len(keys):
        raise BadInput("`orderBy` names a field twice")
    return keys


def _order_key(type_name: str, item: Mapping[str, Any]) -> OrderKey:
    place = {name: value for name, value in item.items() if name not in WAY}
    column, path, relation, of = _place(type_name, place, ())
    return OrderKey(column, *way_of(item), path=path, relation=relation, measure=of)


def way_of(item: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether descending, and whether nulls come first."""
    return item.get("direction") is Direction.DESC, item.get("nulls") is Nulls.FIRST


def _place(
    type_name: str, given: Mapping[str, Any], path: tuple[str, ...]
) -> tuple[str, tuple[str, ...], str | None, Measure | None]:
    said = {name: value for name, value in given.items() if value is not None}
    if len(said) != 1:
        raise BadInput("each key of `orderBy` names exactly one field or relation")
    ((name, value),) = said.items()
    bound_type = binding(type_name)
    if name == "field":
        return order_column(bound_type.sources[value.value]), path, None, None
    relation = relations(type_name)[name]
    source = bound_type.sources[relation]
    if isinstance(source, ConnectionSource):
        return "", path, relation, read_measure(source.target, value)
    assert isinstance(source, ToOneSource)
    if len(path) == DEEPEST_PATH:
        raise BadInput(f"`orderBy` follows at most {DEEPEST_PATH} relations")
    return _place(source.target, value, (*path, relation))


@cache
def relations(type_name: str) -> dict[str, str]:
    """The Python names of a type's relations, by their GraphQL names."""
    sources = binding(type_name).sources
    return {camel(n): n for n, s in sources.items() if isinstance(s, ToOneSource | ConnectionSource)}


def read_measure(type_name: str, given: Mapping[str, Any]) -> Measure:
    """The measure that an input names. Raises BadInput."""
    field = given.get("field")
    return measure(
        type_name,
        given["measure"],
        field=field.value if field else None,
        currency=given.get("currency"),
        at=given.get("at"),
    )


def order_column(source: Any) -> str:
    """The column that a field is ordered by."""
    if isinstance(source, AmountSource):
        return source.minor
    assert isinstance(source, ColumnSource)
    return source.folded or source.name
