"""One row as JSON: each selected field from its source."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, FromClause, func, select

from schema.binding import (
    AmountSource,
    AncestorsSource,
    Binding,
    ColumnSource,
    ConnectionSource,
    ExpressionSource,
    IdSource,
    ToOneSource,
    TotalSource,
    binding,
)
from schema.compiler import lists
from schema.compiler.building import Building
from schema.compiler.json_text import Constant, Json, Piece, Sql, element, joined, json_object, or_null
from schema.compiler.outline import NotCompiled, Selected
from schema.compiler.pages import related
from schema.compiler.values import leaf, money, own
from schema.relations import linked, units_above

NOT_ANSWERED = "\x01"
"""Stands where a value must be and is none: JSON text cannot hold it, so whoever finds it knows."""


def row_object(building: Building, of: Binding, row: FromClause, fields: Sequence[Selected]) -> Sql:
    """The text of a row's object; the row has a name of its own in the statement."""
    return json_object((field.key, _piece(building, of, row, field)) for field in fields)


def columns_for(of: Binding, fields: Sequence[Selected]) -> set[str]:
    """The columns that a row's object is made of."""
    names: set[str] = set()
    for field in fields:
        match field.source:
            case ColumnSource(name=name):
                names.add(name)
            case AmountSource(minor=minor, currency=currency):
                names |= {minor, currency}
            case IdSource():
                names |= set(of.key)
            case ToOneSource(on=on):
                names |= set(on.values())
            case ConnectionSource() as source:
                names |= _linking(source)
            case TotalSource(of=source):
                names |= _linking(source)
            case AncestorsSource():
                names.add("id")
            case ExpressionSource():
                names |= set(of.table.c.keys())
    return names


def _linking(source: ConnectionSource) -> set[str]:
    return {"id"} if source.below else set((source.on or {}).values())


def _piece(building: Building, of: Binding, row: FromClause, field: Selected) -> Piece:
    if field.name == "__typename":
        return Constant(f'"{of.type_name}"')
    match field.source:
        case ColumnSource() | AmountSource() | IdSource():
            return own(of, str(row.name), field)  # type: ignore[attr-defined]
        case ExpressionSource(sql=sql):
            return leaf(field.type, sql(row), nullable=True)
        case ToOneSource() as source:
            return _to_one(building, source, row, field)
        case ConnectionSource():
            return Json(lists.connection(building, field, row))
        case TotalSource() as source:
            return Json(_total(building, source, row, field))
        case AncestorsSource():
            return Json(_ancestors(building, row, field))
    raise NotCompiled(f"{field.parent}.{field.name} is answered by Python")


def _to_one(building: Building, source: ToOneSource, row: FromClause, field: Selected) -> Piece:
    target = binding(source.target)
    other = building.table(target)
    found = (
        select(element(row_object(building, target, other, field.fields)))
        .select_from(other)
        .where(*linked(source, row, other))
        .correlate(row)
        .scalar_subquery()
    )
    if source.required:
        return Json(func.coalesce(found, func.chr(ord(NOT_ANSWERED))))
    return Json(or_null(found))


def _total(building: Building, source: TotalSource, row: FromClause, field: Selected) -> ColumnElement[str]:
    table = building.table(binding(source.of.target))
    currency = table.c[source.amount.currency]
    by_currency = building.subquery(
        select(currency.label("currency"), func.sum(table.c[source.amount.minor]).label("minor"))
        .where(*related(building, source.of, row, table))
        .group_by(currency)
        .correlate(row)
        .order_by(currency)
    )
    written = money(by_currency.c.minor, by_currency.c.currency, field.fields)
    return select(element(joined(written))).select_from(by_currency).correlate(row).scalar_subquery()


def _ancestors(building: Building, row: FromClause, field: Selected) -> ColumnElement[str]:
    of = binding("OrganisationUnit")
    above = units_above(row.c.id).lateral(building.name("l"))
    unit = building.table(of)
    written = element(row_object(building, of, unit, field.fields))
    each = building.subquery(
        select(written.label("written"))
        .select_from(above.join(unit, unit.c.id == above.c.id))
        .order_by(above.c.distance)
        .correlate(row)
    )
    return select(element(joined(each.c.written))).select_from(each).correlate(row).scalar_subquery()
