"""From the plain arguments of `groups` to the grouping that they ask for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from domain.conditions import LONGEST_LIST
from domain.facts import camel
from domain.money import AmountRefusal, to_minor
from schema.condition_sql import IN_SQL
from schema.errors import BadInput
from schema.group_keys import MOST_KEYS, GroupKey, groupable, key_type, segments_of, to_one_relations
from schema.groups import Combined, Compared, Grouping, GroupOrder, Having
from schema.measures import ROWS, AggregateFunction, Kind, Measure, measurable, measure, result_kind
from schema.order_inputs import DEEPEST_PATH, few_keys, read_measure, way_of
from schema.paging import page_size

DEEPEST_HAVING = 10
MOST_COMPARED = 50


def read_grouping(type_name: str, given: Mapping[str, Any]) -> Grouping:
    """The grouping that plain coerced arguments of `groups` ask for. Raises BadInput."""
    keys = tuple(_key(type_name, item) for item in given["by"])
    if not 0 < len(keys) <= MOST_KEYS:
        raise BadInput(f"`by` names 1 to {MOST_KEYS} keys, not {len(keys)}")
    if len({key.place for key in keys}) < len(keys):
        raise BadInput("`by` names a field twice")
    size, _ = page_size(given.get("first"), None)
    having = None if given.get("having") is None else _having(type_name, given["having"], 0)
    if isinstance(having, Combined) and _size(having) > MOST_COMPARED:
        raise BadInput(f"`having` compares more than {MOST_COMPARED} measures")
    order = tuple(_order(type_name, item, keys) for item in few_keys(given.get("orderBy")))
    if len({key.by for key in order}) < len(order):
        raise BadInput("`orderBy` names a key or a measure twice")
    return Grouping(keys, having, order, size)


def _key(type_name: str, given: Mapping[str, Any]) -> GroupKey:
    key = _place(type_name, given, ())
    if key.dimension is not None:
        return key
    kind = groupable(key_type(type_name, key))[key.field]
    if key.bucket and kind not in (dt.date, dt.datetime):
        raise BadInput(f"`{camel(key.field)}` is no day or moment: it has no `bucket`")
    if kind is dt.datetime and not key.bucket:
        raise BadInput(f"`{camel(key.field)}` is a moment: say into which `bucket` it goes")
    return key


def _place(type_name: str, given: Mapping[str, Any], path: tuple[str, ...]) -> GroupKey:
    said = {name: value for name, value in given.items() if value is not None}
    bucket = said.pop("bucket", None)
    if len(said) != 1 or (bucket and "field" not in said):
        raise BadInput("what to group by names exactly one field or relation; `bucket` goes with a field")
    ((name, value),) = said.items()
    if name == "field":
        return GroupKey(path, value.value, bucket)
    if (found := segments_of(type_name)) and name == found[1].one:
        return GroupKey(path, found[0], dimension=_dimension(value["dimension"]))
    if len(path) == DEEPEST_PATH:
        raise BadInput(f"what to group by follows at most {DEEPEST_PATH} relations")
    relations = to_one_relations(type_name)
    relation = next(python_name for python_name in relations if camel(python_name) == name)
    return _place(relations[relation].target, value, (*path, relation))


def _dimension(given: str) -> str:
    """A dimension's code, which will stand in the SQL itself; whether there is such a one is asked later."""
    if not IN_SQL.fullmatch(given):
        raise BadInput(f"{given[:100]!r} is no dimension's code")
    return given


def _order(type_name: str, given: Mapping[str, Any], keys: tuple[GroupKey, ...]) -> GroupOrder:
    key, function = given.get("key"), given.get("measure")
    if (key is None) is (function is None):
        raise BadInput("each key of the groups' `orderBy` names exactly one of `key` and `measure`")
    if key is None:
        return GroupOrder(read_measure(type_name, given), *way_of(given))
    if any(given.get(name) is not None for name in ("field", "currency", "at")):
        raise BadInput("`field`, `currency` and `at` go with `measure`")
    named = _place(type_name, key, ())
    for number, by in enumerate(keys):
        # The bucket may be left out: `by` has said it.
        if by.place == named.place and named.bucket in (None, by.bucket):
            return GroupOrder(number, *way_of(given))
    raise BadInput("`orderBy` names a key that is none of `by`")


def _having(type_name: str, given: Mapping[str, Any], depth: int) -> Having:
    if depth > DEEPEST_HAVING:
        raise BadInput(f"`having` nests deeper than {DEEPEST_HAVING} levels")
    parts: list[Having] = []
    for name, value in given.items():
        if value is None:
            continue
        if name in ("and", "or"):
            parts.append(Combined(name, tuple(_having(type_name, item, depth + 1) for item in value)))
        elif name == "not":
            parts.append(Combined("not", (_having(type_name, value, depth + 1),)))
        elif name == "count":
            parts += _comparisons(type_name, ROWS, value)
        else:
            parts += _measures_having(type_name, _names(type_name)[name], value)
    return Combined("and", tuple(parts))


@cache
def _names(type_name: str) -> dict[str, str]:
    return {camel(name): name for name in measurable(type_name)}


def _size(having: Having) -> int:
    return 1 if isinstance(having, Compared) else 1 + sum(_size(part) for part in having.parts)


_FUNCTIONS = {camel(function.value): function for function in AggregateFunction}


def _measures_having(type_name: str, field: str, given: Mapping[str, Any]) -> Iterator[Having]:
    currency = given.get("currency")
    for name, value in given.items():
        if name != "currency" and value is not None:
            of = measure(type_name, _FUNCTIONS[name], field=field, currency=currency)
            yield from _comparisons(type_name, of, value)


_HOW = {
    "eq": "eq",
    "ne": "ne",
    "gt": "gt",
    "gte": "gte",
    "lt": "lt",
    "lte": "lte",
    "from": "gte",
    "to": "lte",
}
_AMONG = {"in": "in", "notIn": "not_in"}


def _comparisons(type_name: str, of: Measure, given: Mapping[str, Any]) -> Iterator[Compared]:
    for name, value in given.items():
        if value is None:
            continue
        if name == "between":
            yield from _comparisons(type_name, of, value)
        elif name == "isNull":
            yield Compared(of, "is_null", value)
        elif name in _AMONG:
            if len(value) > LONGEST_LIST:
                raise BadInput(f"`{name}` lists {len(value)} values; at most {LONGEST_LIST} are taken")
            yield Compared(of, _AMONG[name], tuple(_value(type_name, of, item) for item in value))
        else:
            yield Compared(of, _HOW[name], _value(type_name, of, value))


def _value(type_name: str, of: Measure, given: Any) -> Any:
    """A value as the measure's SQL has it: amounts in minor units."""
    if result_kind(of, type_name) is not Kind.MONEY:
        return given
    assert of.currency is not None
    minor = to_minor(given, of.currency)
    if isinstance(minor, AmountRefusal):
        raise BadInput(f"`{camel(of.field or '')}`: {given} {of.currency} is no amount ({minor})")
    return Decimal(minor)
