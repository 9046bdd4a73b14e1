"""The fields of Query as JSON, each a part of the one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import ARRAY, ColumnElement, FromClause, Integer, Text, and_, cast, column, func, select, true

from schema.binding import (
    Binding,
    CallerSource,
    CodeSource,
    ConnectionSource,
    FactSource,
    KeysSource,
    MembersSource,
    MigrationsSource,
    NameSource,
    NodeSource,
    NodesSource,
    QuotaSource,
    SegmentSource,
    binding,
)
from schema.compiler import lists, quotas, rows
from schema.compiler.building import Building
from schema.compiler.json_text import Constant, Json, Piece, Sql, element, joined, json_object, or_null
from schema.compiler.migrations import migrations
from schema.compiler.outline import NotCompiled, Selected
from schema.compiler.values import escaped
from schema.request import Request


def data(building: Building, fields: Sequence[Selected]) -> Sql:
    """The text of the answer's `data`."""
    return json_object((field.key, _piece(building, field)) for field in fields)


def _piece(building: Building, field: Selected) -> Piece:
    if field.name == "__typename":
        return Constant('"Query"')
    match field.source:
        case ConnectionSource():
            return Json(lists.connection(building, field, None))
        case SegmentSource():
            return Json(
                json_object((below.key, _of_segment(building, field, below)) for below in field.fields)
            )
        case QuotaSource():
            return quotas.quota_at_root(building, field)
        case MigrationsSource():
            return migrations(building, field)
        case CodeSource() as source:
            return _by_code(building, source, field)
        case NodeSource():
            return _by_id(building, field)
        case NodesSource():
            return _by_ids(building, field)
        case CallerSource():
            return Json(json_object((below.key, _of_caller(building, below)) for below in field.fields))
    raise NotCompiled(f"{field.parent}.{field.name} is answered by Python")


def _of_segment(building: Building, segment: Selected, field: Selected) -> Piece:
    match field.source:
        case NameSource(name=name):
            slot = ("dimension", "value").index(name)
            return escaped(cast(building.argument(segment.place, slot, Text()), Text), nullable=False)
        case MembersSource():
            return Json(lists.connection(building, field, None))
    return Constant(f'"{field.parent}"')


def _by_code(building: Building, source: CodeSource, field: Selected) -> Piece:
    target = binding(source.target)
    table = building.table(target)
    found = table.c[source.column] == building.argument(field.place, 0, Text())
    return Json(or_null(_only(building, target, table, field.fields, found)))


def _by_id(building: Building, field: Selected) -> Piece:
    type_name = str(building.reads[field.place].shape)
    target = binding(type_name)
    table = building.table(target)
    found = by_key(building, target, table, field.place)
    return Json(or_null(_only(building, target, table, fields_of(field, type_name), found)))


def by_key(building: Building, target: Binding, table: FromClause, place: int) -> ColumnElement[bool]:
    """That it is the row whose key is read at this place, in a branch in sight."""
    found = [
        table.c[name]
        == (
            building.branch_in_sight(place, slot)
            if name == "branch_id"
            else building.argument(place, slot, target.table.c[name].type)
        )
        for slot, name in enumerate(target.key)
    ]
    return and_(*found)


def _only(
    building: Building,
    target: Binding,
    table: FromClause,
    fields: Sequence[Selected],
    found: ColumnElement[bool],
) -> ColumnElement[str]:
    written = element(rows.row_object(building, target, table, fields))
    return select(written).select_from(table).where(found).scalar_subquery()


def fields_of(field: Selected, type_name: str) -> Sequence[Selected]:
    """What is selected of a field's row that is of this type."""
    return field.fields if field.of_types is None else field.of_types[type_name]


def _by_ids(building: Building, field: Selected) -> Piece:
    """One object or null for each place of the list; every type of row has the places it fills."""
    types: Any = building.reads[field.place].shape
    count = building.argument(field.place, 0, Integer())
    places = func.generate_series(1, count).table_valued(column("n", Integer)).render_derived()
    written, slot = [], 1
    for type_name in types:
        target = binding(type_name)
        parts = [Integer(), *(target.table.c[name].type for name in target.key)]
        wanted = _arrays(building, field.place, slot, parts)
        slot += len(parts)
        table = building.table(target)
        found = [wanted.c.k0 == places.c.n]
        found += [table.c[name] == wanted.c[f"k{i}"] for i, name in enumerate(target.key, start=1)]
        if (scope := building.in_scope(table)) is not None:
            found.append(scope)
        written.append(
            select(element(rows.row_object(building, target, table, fields_of(field, type_name))))
            .select_from(wanted.join(table, true()))
            .where(*found)
            .correlate(places)
            .scalar_subquery()
        )
    each = func.coalesce(*written, element("'null'"))
    return Json(select(element(joined(each))).select_from(places).scalar_subquery())


def _arrays(building: Building, place: int, slot: int, types: Sequence[Any]) -> FromClause:
    """Parallel arrays among a field's arguments as a relation (k0, k1, …)."""
    arrays = [building.argument(place, slot + i, ARRAY(type_)) for i, type_ in enumerate(types)]
    columns = [column(f"k{i}", type_) for i, type_ in enumerate(types)]
    return func.unnest(*arrays).table_valued(*columns).render_derived(building.name("k"))


def _of_caller(building: Building, field: Selected) -> Piece:
    if field.name == "__typename":
        return Constant('"Viewer"')
    match field.source:
        case FactSource(read=read):
            return Json(building.fact(f"{field.name}", Text(), lambda r: orjson.dumps(read(r)).decode()))
        case KeysSource() as source:
            return _by_keys(building, source, field)
    raise NotCompiled(f"{field.parent}.{field.name} is answered by Python")


def _by_keys(building: Building, source: KeysSource, field: Selected) -> Piece:
    target = binding(source.target)
    columns = []
    for index, name in enumerate(target.key):
        type_ = target.table.c[name].type
        fill = _part_of_keys(source, index)
        columns.append(
            (column(f"k{index}", type_), building.fact(f"{field.name}_{index}", ARRAY(type_), fill))
        )
    wanted = (
        func.unnest(*(array for _, array in columns))
        .table_valued(*(made for made, _ in columns), with_ordinality="n")
        .render_derived(building.name("k"))
    )
    table = building.table(target)
    same = and_(*(table.c[name] == wanted.c[f"k{i}"] for i, name in enumerate(target.key)))
    each = building.subquery(
        select(element(rows.row_object(building, target, table, field.fields)).label("written"))
        .select_from(wanted.join(table, same))
        .order_by(wanted.c.n)
    )
    if source.many:
        return Json(select(element(joined(each.c.written))).select_from(each).scalar_subquery())
    return Json(or_null(select(each.c.written).scalar_subquery()))


def _part_of_keys(source: KeysSource, index: int) -> Any:
    def fill(request: Request) -> list[Any]:
        return [key[index] for key in source.keys(request)]

    return fill
