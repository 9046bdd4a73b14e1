"""The inputs of `where`, derived from the bindings."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

import strawberry

from domain.conditions import LONGEST_LIST, Operator
from domain.facts import camel
from schema.binding import (
    AmountSource,
    Binding,
    ColumnSource,
    ExpressionSource,
    IdSource,
    ManySource,
    SegmentsSource,
    ToOneSource,
    binding,
)
from schema.declaring import declare_input, input_named
from schema.scalars import BigInt

Fields = dict[str, tuple[Any, ...]]

_EQUALITY = {
    Operator.EQ: "Equal to this.",
    Operator.NE: "Not equal to this; rows without a value do not match.",
}
_LISTS = {
    Operator.IN: f"One of these (at most {LONGEST_LIST}).",
    Operator.NOT_IN: "None of these; rows without a value do not match.",
}
_RANGES = {
    Operator.GT: "Greater than this.",
    Operator.GTE: "Greater than or equal to this.",
    Operator.LT: "Less than this.",
    Operator.LTE: "Less than or equal to this.",
}
_BETWEEN = "Between these, both included."
_TEXTS = {
    Operator.STARTS_WITH: "Begins with this, whatever the case.",
    Operator.CONTAINS: "Has this somewhere in it, whatever the case.",
}
_NULL = "True: rows without a value. False: rows with one."
_CURRENCY = (
    "ISO 4217 code: amounts in this currency. Needed with every comparison, since amounts do not convert."
)
_ORDERED: dict[Any, str] = {
    int: "Int",
    BigInt: "BigInt",
    dt.date: "Date",
    dt.datetime: "DateTime",
    Decimal: "Decimal",
}
_QUANTIFIERS = {
    "some": "There is a row for which this holds; `{}` asks for any row.",
    "none": "There is no row for which this holds; `{}` asks for no row at all.",
    "every": "There is no row for which this does not hold; true where there are no rows.",
}


def _optional(annotation: Any, description: str) -> tuple[Any, ...]:
    return annotation | None, description, strawberry.UNSET


def _operators(value: Any, described: Mapping[Operator, str]) -> Fields:
    """One field for each operator, by its Python name."""
    fields: Fields = {}
    for operator, description in described.items():
        name = "in_" if operator is Operator.IN else operator.name.lower()
        fields[name] = _optional(list[value] if operator in _LISTS else value, description)
    return fields


def _declared(name: str, what: str, fields: Fields) -> type:
    described = f"Conditions on {what}; all given must hold."
    return declare_input(name, described, fields | {"is_null": _optional(bool, _NULL)})


@cache
def scalar_condition(annotation: Any) -> type:
    """The input with the operators that a field of this annotation is offered with."""
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        name = annotation.__strawberry_definition__.name  # type: ignore[attr-defined]
        return _declared(f"{name}Condition", f"a {name} field", _operators(annotation, _EQUALITY | _LISTS))
    if annotation is str:
        return _declared("StringCondition", "text", _operators(str, _EQUALITY | _LISTS | _TEXTS))
    if annotation is bool:
        equal = {Operator.EQ: _EQUALITY[Operator.EQ]}
        return _declared("BoolCondition", "what is true or false", _operators(bool, equal))
    name = _ORDERED[annotation]
    fields = _operators(annotation, _EQUALITY | _LISTS | _RANGES)
    fields["between"] = _optional(_range(annotation), _BETWEEN)
    return _declared(f"{name}Condition", f"a {name} field", fields)


@cache
def _money_condition() -> type:
    fields: Fields = {"currency": _optional(str, _CURRENCY)}
    fields |= _operators(Decimal, _EQUALITY | _LISTS | _RANGES)
    fields["between"] = _optional(_range(Decimal), _BETWEEN)
    return _declared("MoneyCondition", "an amount of money", fields)


@cache
def _range(annotation: Any) -> type:
    name = f"{_ORDERED[annotation]}Range"
    ends: Fields = {"from_": (annotation, "The least."), "to": (annotation, "The greatest.")}
    return declare_input(name, "From one value to another, both included.", ends)


@cache
def where_input(type_name: str) -> type | None:
    """The `where` input of a bound type; None where it offers nothing to filter by."""
    return _declare(type_name) if _offers(type_name) else None


def _offers(type_name: str) -> bool:
    return any(getattr(source, "filterable", False) for source in binding(type_name).sources.values())


_made: dict[str, type] = {}


def _declare(type_name: str) -> type:
    """The input and those that it leads to, which may lead back."""
    if type_name in _made:
        return _made[type_name]
    own: Any = input_named(f"{type_name}Where")
    bound_type = binding(type_name)
    targets = _targets(bound_type)
    fields = dict(_offered(bound_type, targets)) | {
        "and_": _optional(list[own], "All of these hold."),
        "or_": _optional(list[own], "At least one of these holds."),
        "not_": _optional(own, "This does not hold."),
    }
    _made[type_name] = declare_input(own.__name__, f"Which rows of {type_name}; all given must hold.", fields)
    for source in targets.values():
        _declare(source.target)
        if isinstance(source, ManySource):
            _declare_quantifiers(source.target)
    return _made[type_name]


@cache
def _declare_quantifiers(target: str) -> None:
    where = input_named(f"{target}Where")
    fields = {name: _optional(where, described) for name, described in _QUANTIFIERS.items()}
    described = f"Conditions on the {target} rows in sight that a row is related to; all given must hold."
    declare_input(f"{target}RelationWhere", described, fields)


def _targets(bound_type: Binding) -> dict[str, ToOneSource | ManySource]:
    """The relations to types that offer something to filter by."""
    return {
        name: source
        for name, source in bound_type.sources.items()
        if isinstance(source, ToOneSource | ManySource) and _offers(source.target)
    }


def _offered(
    bound_type: Binding, targets: Mapping[str, ToOneSource | ManySource]
) -> Iterable[tuple[str, tuple[Any, ...]]]:
    for name, source in bound_type.sources.items():
        if isinstance(source, IdSource):
            yield name, _optional(list[strawberry.ID], "One of these ids.")
        elif isinstance(source, ColumnSource | ExpressionSource) and source.filterable:
            offered = scalar_condition(plain_annotation(bound_type, name))
            yield name, _optional(offered, f"By `{camel(name)}`.")
        elif isinstance(source, AmountSource) and source.filterable:
            yield name, _optional(_money_condition(), f"By `{camel(name)}`.")
        elif name in targets and isinstance(source, ToOneSource):
            described = f"By the row that `{camel(name)}` leads to; `{{}}` asks that there is one in sight."
            yield name, _optional(input_named(f"{source.target}Where"), described)
        elif name in targets and isinstance(source, ManySource):
            described = f"By the rows of `{camel(name)}`."
            yield name, _optional(input_named(f"{source.target}RelationWhere"), described)
        if name in targets and isinstance(source, SegmentsSource):
            described = f"There is a row of `{camel(name)}` for which this holds: short for `some`."
            yield source.one, _optional(input_named(f"{source.target}Where"), described)


def plain_annotation(bound_type: Binding, name: str) -> Any:
    """A field's annotation without `| None`."""
    annotation = bound_type.annotations[name]
    parts = [part for part in getattr(annotation, "__args__", ()) if part is not type(None)]
    return parts[0] if parts else annotation
