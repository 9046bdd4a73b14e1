"""The types of `aggregates` and `groups`: derived from the bindings, each field with its source."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryList
from strawberry.types.field import UNRESOLVED, StrawberryField

from domain.facts import camel
from schema.binding import (
    AggregatesSource,
    GroupKeySource,
    GroupsSource,
    KeyPartSource,
    KeySegmentsSource,
    MeasureSource,
    MeasuresSource,
    Source,
    bindings,
)
from schema.bound_fields import BoundField, plain_arguments
from schema.budget import width_of
from schema.declaring import annotated, declare_type, type_named
from schema.group_inputs import groups_arguments
from schema.group_keys import groupable, segments_of, to_one_relations
from schema.group_reading import read_grouping
from schema.measured import GroupSegment, KeyOfGroup, Measured
from schema.measures import (
    FUNCTIONS,
    AggregateFunction,
    Kind,
    measurable,
)
from schema.money import Money
from schema.scalars import BigInt

_SHOWN_AS: dict[Kind, Any] = {
    Kind.MONEY: Money,
    Kind.INT: int,
    Kind.BIG_INT: BigInt,
    Kind.DECIMAL: Decimal,
    Kind.DATE: dt.date,
    Kind.MOMENT: dt.datetime,
}
_DESCRIBED = {
    AggregateFunction.COUNT: "How many rows have a value.",
    AggregateFunction.COUNT_DISTINCT: "How many different values there are.",
    AggregateFunction.SUM: "All values added up; null of none.",
    AggregateFunction.AVG: "The mean of the values; null of none.",
    AggregateFunction.MIN: "The smallest or earliest value; null of none.",
    AggregateFunction.MAX: "The largest or latest value; null of none.",
    AggregateFunction.PERCENTILE: "The smallest value that at least this share of all values does not exceed: one "
    "that exists, never one between two (percentile_disc); null of none.",
}
_ROUNDED = {
    Kind.MONEY: " Rounded to the minor unit, half away from zero.",
    Kind.DECIMAL: " Rounded to six decimal places, half away from zero, without trailing zeros.",
}


class AggregateField(BoundField):
    """A field of what is measured or grouped."""

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Any:
        """The field's value, or what will be."""
        del args
        match self.source:
            case AggregatesSource(target):
                return Measured(target, source.measured)
            case MeasuresSource(field=field):
                return source.of_field(field, kwargs.get("currency"))
            case MeasureSource(function):
                return source.value(AggregateFunction(function), kwargs.get("at"))
            case GroupsSource(target):
                return source.groups(read_grouping(target, plain_arguments(info)), fields=width_of(info))
            case GroupKeySource():
                return KeyOfGroup.of(source)
            case KeySegmentsSource(name):
                return source.segments(name)
            case KeyPartSource(name, is_relation):
                return source.below(name) if is_relation else source.parts.get((name,))
        raise AssertionError(self.source)

    @property
    def is_basic_field(self) -> bool:
        """Never: some have arguments, and the others cost nothing."""
        return False

    def resolve_type(self, *, type_definition: Any = None) -> Any:
        """The annotation's type, or one that is derived as soon as all that it speaks of is bound."""
        source = getattr(self, "source", None)
        if not isinstance(source, AggregatesSource | GroupsSource | GroupKeySource):
            return super().resolve_type(type_definition=type_definition)
        if not _all_bound(source.target):
            return UNRESOLVED
        match source:
            case AggregatesSource(target):
                return _declare_aggregates(target)
            case GroupsSource(target):
                return StrawberryList(_declare_group(target))
            case GroupKeySource(target):
                return _declare_key(target)

    @property
    def arguments(self) -> list[StrawberryArgument]:
        """What was declared; of groups, what the target's binding offers."""
        if isinstance(self.source, GroupsSource) and not self._arguments:
            self._arguments = _arguments(groups_arguments(self.source.target))
        return self._arguments or []

    @arguments.setter
    def arguments(self, value: list[StrawberryArgument]) -> None:
        self._arguments = value


def _all_bound(type_name: str) -> bool:
    """Whether the type, and every type that its relations lead to, is bound already."""
    known, unseen = bindings(), [type_name]
    reached: set[str] = set()
    while unseen:
        name = unseen.pop()
        if name not in known:
            return False
        reached.add(name)
        targets = {source.target for source in to_one_relations(name).values()}
        unseen += targets - reached
    return True


Fields = dict[str, tuple[Any, StrawberryField]]


def list_fields(type_name: str) -> Fields:
    """What a connection of a bound type has beside its page, by Python name."""
    aggregated = "What is measured over the whole list, whatever page is asked for."
    grouped = "The whole list's rows in groups, whatever page is asked for."
    return {
        "aggregates": _field(AggregatesSource(type_name), Any, aggregated),
        "groups": _field(GroupsSource(type_name), Any, grouped),
    }


def _field(
    source: Source, annotation: Any, description: str, arguments: Mapping[str, tuple[Any, ...]] | None = None
) -> tuple[Any, StrawberryField]:
    made = AggregateField.declare(source, description)
    made.arguments = _arguments(arguments or {})
    return annotation, made


def _arguments(fields: Mapping[str, tuple[Any, ...]]) -> list[StrawberryArgument]:
    return [
        StrawberryArgument(
            python_name=name,
            graphql_name=None,
            type_annotation=annotated(annotation),
            description=described,
            **({"default": default[0]} if default else {}),
        )
        for name, (annotation, described, *default) in fields.items()
    ]


@cache
def _declare_aggregates(type_name: str) -> type:
    rows = MeasureSource(AggregateFunction.COUNT.value)
    fields = {"count": _field(rows, int, "How many rows there are.")}
    for name, kind in measurable(type_name).items():
        described = f"Of `{camel(name)}`."
        arguments = {}
        if kind is Kind.MONEY:
            described = f"Of `{camel(name)}`, in one currency: amounts do not convert."
            arguments = {"currency": (str, "ISO 4217 code: only rows in this currency count.")}
        fields[name] = _field(MeasuresSource(type_name, name), _declare_measures(kind), described, arguments)
    return declare_type(f"{type_name}Aggregates", f"What is measured over {type_name} rows.", fields)


@cache
def _declare_measures(kind: Kind) -> type:
    fields = {}
    for function in FUNCTIONS[kind]:
        annotation, described = _shown_as(kind, function)
        arguments = {}
        if function is AggregateFunction.PERCENTILE:
            arguments = {
                "at": (Decimal, "Which percentile, as a fraction between 0 and 1: 0.5 is the median.")
            }
        fields[function.value] = _field(MeasureSource(function.value), annotation, described, arguments)
    described = (
        f"What is measured of a field of kind {kind.value} over many rows; rows without a value do not count."
    )
    return declare_type(f"{kind.value}Measures", described, fields)


def _shown_as(kind: Kind, function: AggregateFunction) -> tuple[Any, str]:
    described = _DESCRIBED[function]
    if function in (AggregateFunction.COUNT, AggregateFunction.COUNT_DISTINCT):
        return int, described
    if function is AggregateFunction.AVG:
        rounded = _ROUNDED[Kind.MONEY if kind is Kind.MONEY else Kind.DECIMAL]
        return (Money if kind is Kind.MONEY else Decimal) | None, described + rounded
    if function is AggregateFunction.SUM and kind is Kind.INT:
        return BigInt | None, described
    return _SHOWN_AS[kind] | None, described


@cache
def _declare_group(type_name: str) -> type:
    fields = {
        "key": _field(GroupKeySource(type_name), Any, "What the group's rows have in common."),
        "aggregates": _field(AggregatesSource(type_name), Any, "What is measured over the group's rows."),
    }
    return declare_type(f"{type_name}Group", f"The {type_name} rows that have one key in common.", fields)


_keys: set[str] = set()


def _declare_key(type_name: str) -> Any:
    """A key's type; a type's relations may lead back to it."""
    name = f"{type_name}GroupKey"
    if name in _keys:
        return type_named(name)
    _keys.add(name)
    fields = {}
    for field, kind in groupable(type_name).items():
        is_time = kind in (dt.date, dt.datetime)
        described = f"The rows' `{camel(field)}`{', or the first day of its bucket' if is_time else ''}."
        shown = dt.date if is_time else kind
        fields[field] = _field(KeyPartSource(field), shown | None, described)
    for relation, source in to_one_relations(type_name).items():
        inner = _declare_key(source.target)
        described = (
            f"What the rows' `{camel(relation)}` have in common; null where they are not grouped by it."
        )
        fields[relation] = _field(KeyPartSource(relation, is_relation=True), inner | None, described)
    if found := segments_of(type_name):
        described = "The rows' segments, one of each dimension that they are grouped by, in that order."
        fields[found[0]] = _field(KeySegmentsSource(found[0]), list[GroupSegment], described)
    described = f"What the {type_name} rows of a group have in common: null where they are not grouped by it."
    return declare_type(name, described, fields)
