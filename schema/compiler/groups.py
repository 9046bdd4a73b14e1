"""Aggregates and groups of a list as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, FromClause, Select, Subquery, Text, case, func, select

from schema.binding import (
    AggregatesSource,
    Binding,
    GroupKeySource,
    GroupsSource,
    KeyPartSource,
    KeySegmentsSource,
    MeasureSource,
    MeasuresSource,
    binding,
)
from schema.compiler.building import Building
from schema.compiler.json_text import Constant, Json, Piece, Sql, concatenated, element, joined, json_object
from schema.compiler.outline import NotCompiled, Selected
from schema.compiler.reads import GroupsAsked, Measured, measured
from schema.compiler.values import leaf, money
from schema.groups import grouped
from schema.measures import Kind, Measure, measure_sql, result_kind

Conditions = Callable[[FromClause], list[ColumnElement[bool]]]
OfParent = Callable[[Select[Any]], Select[Any]]


def piece(building: Building, field: Selected, conditions: Conditions, of_parent: OfParent) -> Piece:
    """`aggregates` or `groups` of the rows for which the conditions hold."""
    match field.source:
        case AggregatesSource(target=target):
            return Json(_aggregates(building, binding(target), field, conditions, of_parent))
        case GroupsSource(target=target):
            return Json(_groups(building, binding(target), field, conditions, of_parent))
    raise NotCompiled(f"{field.parent}.{field.name} is answered by Python")


def _aggregates(
    building: Building, target: Binding, field: Selected, conditions: Conditions, of_parent: OfParent
) -> ColumnElement[str]:
    table = building.table(target)
    wanted: Sequence[Measure] = building.reads[field.place].asked
    bind = building.arguments(field.place, 0)
    made = [measure_sql(of, target, table, bind).label(f"m{n}") for n, of in enumerate(wanted)]
    # Something must be selected where nothing but __typename is asked for.
    statement = select(*made or [func.count().label("m0")]).select_from(table).where(*conditions(table))
    found = building.subquery(of_parent(statement))
    written = _measured_object(building, found, field, wanted)
    return of_parent(select(element(written)).select_from(found)).scalar_subquery()


def _groups(
    building: Building, target: Binding, field: Selected, conditions: Conditions, of_parent: OfParent
) -> ColumnElement[str]:
    asked: GroupsAsked = building.reads[field.place].asked
    bind = building.arguments(field.place, 0)
    statement = grouped(asked.grouping, target, conditions, asked.measures, bind, building.hides)
    found = building.subquery(of_parent(statement))
    columns = {key.place: found.c[f"k{n}"] for n, key in enumerate(asked.grouping.keys)}
    members = json_object((part.key, _member(building, found, part, asked, columns)) for part in field.fields)
    return of_parent(select(element(joined(members))).select_from(found)).scalar_subquery()


def _member(
    building: Building,
    found: Subquery,
    part: Selected,
    asked: GroupsAsked,
    columns: Mapping[tuple[str, ...], ColumnElement[Any]],
) -> Piece:
    match part.source:
        case AggregatesSource():
            return Json(_measured_object(building, found, part, asked.measures))
        case GroupKeySource():
            return Json(_key(part, columns, ()))
    return Constant(f'"{part.parent}"')


def _key(
    field: Selected, columns: Mapping[tuple[str, ...], ColumnElement[Any]], path: tuple[str, ...]
) -> Sql:
    return json_object((part.key, _key_part(part, columns, path)) for part in field.fields)


def _key_part(
    part: Selected, columns: Mapping[tuple[str, ...], ColumnElement[Any]], path: tuple[str, ...]
) -> Piece:
    if isinstance(part.source, KeySegmentsSource):
        return Json(_key_segments(part, columns, (*path, part.source.name)))
    if not isinstance(part.source, KeyPartSource):
        return Constant(f'"{part.parent}"')
    place = (*path, part.source.name)
    if part.source.is_relation:
        asked_for = any(known[: len(place)] == place for known in columns)
        return Json(_key(part, columns, place)) if asked_for else Constant("null")
    column = columns.get(place)
    return Constant("null") if column is None else leaf(part.type, column, nullable=True)


def _key_segments(
    part: Selected, columns: Mapping[tuple[str, ...], ColumnElement[Any]], place: tuple[str, ...]
) -> Sql:
    """A list of an object for each dimension grouped by."""
    found = [(known[-1], column) for known, column in columns.items() if known[:-1] == place]
    items = [json_object(_key_segment(part, dimension, column)) for dimension, column in found]
    commas: list[Sql] = [text for item in items for text in ("','", item)]
    return concatenated(["'['", *commas[1:], "']'"])


def _key_segment(part: Selected, dimension: str, column: ColumnElement[Any]) -> Iterator[tuple[str, Piece]]:
    for below in part.fields:
        match below.name:
            case "dimension":
                yield below.key, Constant(orjson.dumps(dimension).decode())
            case "value":
                yield below.key, leaf(below.type, column, nullable=True)
            case _:
                yield below.key, Constant(f'"{below.parent}"')


def _measured_object(building: Building, found: Subquery, field: Selected, wanted: Sequence[Measure]) -> Sql:
    """An `aggregates` object, of columns m0, m1, … in the order of the measures wanted."""
    return json_object(_measured_pieces(building, found, field, wanted))


def _measured_pieces(
    building: Building, found: Subquery, field: Selected, wanted: Sequence[Measure]
) -> Iterator[tuple[str, Piece]]:
    columns = iter(measured(building.reads, field))
    for part in field.fields:
        match part.source:
            case MeasureSource():
                yield part.key, _measure(building, found, next(columns), wanted)
            case MeasuresSource():
                inner = [
                    (
                        below.key,
                        _measure(building, found, next(columns), wanted)
                        if isinstance(below.source, MeasureSource)
                        else Constant(f'"{below.parent}"'),
                    )
                    for below in part.fields
                ]
                yield part.key, Json(json_object(inner))
            case _:
                yield part.key, Constant(f'"{part.parent}"')


def _measure(building: Building, found: Subquery, one: Measured, wanted: Sequence[Measure]) -> Piece:
    column = found.c[f"m{wanted.index(one.measure)}"]
    if result_kind(one.measure, one.target) is not Kind.MONEY:
        counted = one.measure.function.value.startswith("count")
        return leaf(one.selected.type, column, nullable=not counted)
    currency = building.argument(one.currency_place, 0, Text())
    written = element(money(column, currency, one.selected.fields))
    return Json(case((column.is_(None), element("'null'")), else_=written))
