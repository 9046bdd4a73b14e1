"""One row as JSON: each selected field from its source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, case, func, select

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
from schema.compiler.json_text import (
    Constant,
    Json,
    Piece,
    Quoted,
    json_list,
    json_object,
    or_null,
    text_literal,
)
from schema.compiler.outline import NotCompiled, Selected
from schema.compiler.values import amount_text, global_id, leaf
from schema.relations import linked, units_above

NOT_ANSWERED = "\x01"
"""Stands where a value must be and is none: JSON text cannot hold it, so whoever finds it knows."""


def row_object(
    building: Building, of: Binding, row: FromClause, fields: Sequence[Selected]
) -> ColumnElement[str]:
    """The text of a row's object."""
    return json_object((field.key, _piece(building, of, row, field)) for field in fields)


def joined(rows: ColumnElement[Any]) -> ColumnElement[str]:
    """The text of a JSON list of all rows' objects."""
    return json_list(func.string_agg(rows, text_literal(",")))


def _piece(building: Building, of: Binding, row: FromClause, field: Selected) -> Piece:
    if field.name == "__typename":
        return Constant(f'"{of.type_name}"')
    match field.source:
        case ColumnSource(name=name):
            return leaf(field.type, row.c[name], nullable=bool(of.table.c[name].nullable))
        case AmountSource() as source:
            return amount(source, of, row, field.fields)
        case IdSource():
            return global_id(of, row)
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


def amount(source: AmountSource, of: Binding, row: FromClause, fields: Sequence[Selected]) -> Piece:
    """A row's amount of money, or null."""
    minor, currency = row.c[source.minor], row.c[source.currency]
    written = json_object(money_pieces(minor, currency, fields))
    if not of.table.c[source.minor].nullable:
        return Json(written)
    return Json(case((minor.is_(None), text_literal("null")), else_=written))


def money_pieces(
    minor: ColumnElement[Any], currency: ColumnElement[str], fields: Sequence[Selected]
) -> Iterator[tuple[str, Piece]]:
    """The members of a Money that are selected."""
    for field in fields:
        match field.name:
            case "__typename":
                yield field.key, Constant('"Money"')
            case "amount":
                yield field.key, Quoted(amount_text(minor, currency))
            case "currency":
                yield field.key, Quoted(currency)


def _to_one(building: Building, source: ToOneSource, row: FromClause, field: Selected) -> Piece:
    target = binding(source.target)
    other = building.table(target)
    found = (
        select(row_object(building, target, other, field.fields))
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
        .where(*lists.related(building, source.of, row, table))
        .group_by(currency)
        .correlate(row)
        .order_by(currency)
    )
    written = json_object(money_pieces(by_currency.c.minor, by_currency.c.currency, field.fields))
    return select(joined(written)).select_from(by_currency).correlate(row).scalar_subquery()


def _ancestors(building: Building, row: FromClause, field: Selected) -> ColumnElement[str]:
    of = binding("OrganisationUnit")
    above = units_above(row.c.id).lateral(building.name("l"))
    unit = building.table(of)
    written = row_object(building, of, unit, field.fields)
    each = building.subquery(
        select(written.label("written"))
        .select_from(above.join(unit, unit.c.id == above.c.id))
        .order_by(above.c.distance)
        .correlate(row)
    )
    return select(joined(each.c.written)).select_from(each).correlate(row).scalar_subquery()
