"""The arguments of `groups`: inputs derived from the bindings."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import cache
from typing import Any

from domain.facts import camel
from schema.declaring import declare_enum, declare_input, input_named
from schema.group_keys import MOST_KEYS, Bucket, groupable, segments_of, to_one_relations
from schema.measures import FUNCTIONS, AggregateFunction, Kind, measurable
from schema.order_inputs import OPTIONAL, WAY, measure_fields
from schema.paging import DEFAULT_PAGE, LARGEST_PAGE
from schema.where import scalar_condition

Fields = dict[str, tuple[Any, ...]]

_COMPARED_AS: dict[Kind, Any] = {
    Kind.MONEY: Decimal,
    Kind.INT: int,
    Kind.BIG_INT: Decimal,
    Kind.DECIMAL: Decimal,
    Kind.DATE: dt.date,
    Kind.MOMENT: dt.datetime,
}


def groups_arguments(type_name: str) -> Fields:
    """The arguments of `groups` over rows of a type."""
    by: Any = _declare_by(type_name)
    having: Any = _declare_having(type_name)
    order: Any = _declare_order(type_name)
    return {
        "by": (list[by], f"What the rows are grouped by, at most {MOST_KEYS} keys."),
        "having": (having | None, "Only groups for which this holds.", OPTIONAL),
        "order_by": (
            list[order] | None,
            "The order; the keys decide ties, those without a value last.",
            OPTIONAL,
        ),
        "first": (
            int | None,
            f"How many groups from the start, at most {LARGEST_PAGE}; {DEFAULT_PAGE} if not said.",
            OPTIONAL,
        ),
    }


_declared: set[str] = set()


def _declare_by(type_name: str) -> Any:
    """The input that names a key; a type's relations may lead back to it."""
    name = f"{type_name}GroupBy"
    if name in _declared:
        return input_named(name)
    _declared.add(name)
    values = {field: f"By `{camel(field)}`." for field in groupable(type_name)}
    field = declare_enum(f"{type_name}GroupField", f"What {type_name} rows can be grouped by.", values)
    fields: Fields = {
        "field": (field | None, "By this field of the row.", OPTIONAL),
        "bucket": (
            Bucket | None,
            "By the span of time that the field's day or moment is in; moments need one.",
            OPTIONAL,
        ),
    }
    for relation, source in to_one_relations(type_name).items():
        inner = _declare_by(source.target)
        fields[relation] = (inner | None, f"By the row that `{camel(relation)}` leads to.", OPTIONAL)
    if found := segments_of(type_name):
        described = "By the row's segment in this dimension."
        fields[found[1].one] = (_declare_by_segment() | None, described, OPTIONAL)
    return declare_input(
        name, f"What {type_name} rows are grouped by: exactly one field or relation.", fields
    )


@cache
def _declare_by_segment() -> Any:
    fields: Fields = {"dimension": (str, "The dimension's code.")}
    return declare_input("SegmentGroupBy", "Rows are grouped by their segments in one dimension.", fields)


@cache
def _declare_order(type_name: str) -> type:
    key: Any = input_named(f"{type_name}GroupBy")
    fields: Fields = {
        "key": (key | None, "By this key, which must be one of `by`.", OPTIONAL),
        **measure_fields(type_name, required=False),
    }
    described = f"One key of an ordering of groups of {type_name} rows: exactly one of `key` and `measure`."
    return declare_input(f"{type_name}GroupOrder", described, fields | WAY)


@cache
def _declare_having(type_name: str) -> type:
    own: Any = input_named(f"{type_name}Having")
    fields: Fields = {"count": (scalar_condition(int) | None, "By the number of rows.", OPTIONAL)}
    for field, kind in measurable(type_name).items():
        inner = _declare_measures_having(kind)
        fields[field] = (inner | None, f"By what is measured of `{camel(field)}`.", OPTIONAL)
    fields |= {
        "and_": (list[own] | None, "All of these hold.", OPTIONAL),
        "or_": (list[own] | None, "At least one of these holds.", OPTIONAL),
        "not_": (own | None, "This does not hold.", OPTIONAL),
    }
    return declare_input(own.__name__, f"Which groups of {type_name} rows; all given must hold.", fields)


@cache
def _declare_measures_having(kind: Kind) -> Any:
    name = f"{kind.value}Having"
    fields: Fields = {}
    if kind is Kind.MONEY:
        fields["currency"] = (str, "ISO 4217 code: only amounts in this currency count.")
    for function in FUNCTIONS[kind]:
        if function is AggregateFunction.PERCENTILE:
            continue
        compared = int if function.value.startswith("count") else _COMPARED_AS[kind]
        if kind is Kind.INT and function in (AggregateFunction.SUM, AggregateFunction.AVG):
            compared = Decimal
        described = f"By the {function.value.replace('_', ' ')}."
        fields[function.value] = (scalar_condition(compared) | None, described, OPTIONAL)
    described = f"Conditions on what is measured of a {kind.value} field; all given must hold."
    return declare_input(name, described, fields)
