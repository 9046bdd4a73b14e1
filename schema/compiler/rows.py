"""One row as JSON: each selected field from its source."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Date, FromClause, Integer, func, literal_column, select

from schema.binding import (
    AmountSource,
    AncestorsSource,
    AsOfSource,
    Binding,
    ColumnSource,
    ConnectionSource,
    ExpressionSource,
    IdSource,
    ObjectSource,
    ObjectsSource,
    QuotaSource,
    RelatedSource,
    SegmentsSource,
    TextsSource,
    ToOneSource,
    TotalSource,
    UnitQuotaSource,
    binding,
)
from schema.compiler import lists, quotas
from schema.compiler.building import Building
from schema.compiler.json_text import (
    Constant,
    Json,
    Piece,
    Sql,
    element,
    joined,
    json_object,
    or_null,
)
from schema.compiler.outline import NotCompiled, Selected
from schema.compiler.pages import related
from schema.compiler.values import leaf, money, object_or_list, own
from schema.relations import companies_related, linked, of_dimensions, rows_as_of, units_above

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
            case ColumnSource(name=name) | TextsSource(name=name) | ObjectsSource(name=name):
                names.add(name)
            case ObjectSource(name=name, sql=sql):
                names |= {name} if sql is None else set(of.key)
            case AmountSource(minor=minor, currency=currency):
                names |= {minor, currency}
            case IdSource():
                names |= set(of.key)
            case ToOneSource(on=on) | AsOfSource(on=on) | SegmentsSource(on=on):
                names |= set(on.values())
            case ConnectionSource() as source:
                names |= _linking(source)
            case TotalSource(of=source):
                names |= _linking(source)
            case AncestorsSource():
                names.add("id")
            case RelatedSource() | QuotaSource():
                names |= {"branch_id", "id"}
            case UnitQuotaSource():
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
        case ObjectSource() as source if source.is_hidden_from(building.audience.login):
            return Constant("null")
        case ObjectSource(sql=sql) if sql is not None and building.hides(of):
            # There is no row; the tables that it would be read of may not be named, either.
            return Constant("null")
        case ObjectSource(sql=sql) if sql is not None:
            # Read once, whatever is asked of it: the offset is a fence.
            kept = building.subquery(select(sql(row).label("kept")).offset(literal_column("0")))
            shown = element(object_or_list(f"{kept.name}.kept", field))
            return Json(select(shown).select_from(kept).correlate(row).scalar_subquery())
        case ColumnSource() | AmountSource() | IdSource() | TextsSource() | ObjectsSource() | ObjectSource():
            return own(of, str(row.name), field)  # type: ignore[attr-defined]
        case ExpressionSource(sql=sql):
            return leaf(field.type, sql(row), nullable=True)
        case ToOneSource() as source:
            return _to_one(building, source, row, field)
        case AsOfSource() as source:
            return _as_of(building, source, row, field)
        case SegmentsSource() as source:
            return Json(_segments(building, source, row, field))
        case RelatedSource() as source:
            return Json(_related(building, source, row, field))
        case QuotaSource():
            return quotas.quota(building, field, row)
        case UnitQuotaSource():
            return quotas.unit_quota(building, field, row)
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


def _as_of(building: Building, source: AsOfSource, row: FromClause, field: Selected) -> Piece:
    target = binding(source.target)
    if building.hides(target):
        return Constant("null")
    then = rows_as_of(source, building.argument(field.place, 0, Date()), building.name("t"))
    found = (
        select(element(row_object(building, target, then, field.fields)))
        .select_from(then)
        .where(*linked(source, row, then))
        .correlate(row)
        .scalar_subquery()
    )
    return Json(or_null(found))


def _segments(
    building: Building, source: SegmentsSource, row: FromClause, field: Selected
) -> ColumnElement[str]:
    target = binding(source.target)
    dimensions: tuple[str, ...] | None = building.reads[field.place].asked
    if building.hides(target) or dimensions == ():
        return element("'[]'")
    table = _with_cheapest_value(building, building.table(target), field)
    belonging = linked(source, row, table)
    if dimensions is not None:
        belonging.append(of_dimensions(table, dimensions))
    written = element(row_object(building, target, table, field.fields))
    chosen = select(written.label("written")).select_from(table).where(*belonging).correlate(row)
    each = building.subquery(chosen.order_by(table.c.dimension))
    return select(element(joined(each.c.written))).select_from(each).correlate(row).scalar_subquery()


def _related(
    building: Building, source: RelatedSource, row: FromClause, field: Selected
) -> ColumnElement[str]:
    target = binding(source.target)
    if building.hides(target):
        return element("'[]'")
    depth, first = (building.argument(field.place, slot, Integer()) for slot in range(2))
    company = companies_related(target, (row.c.branch_id, row.c.id), depth, first, building.name("t"))
    written = element(row_object(building, target, company, field.fields))
    each = building.subquery(
        select(written.label("written"))
        .select_from(company)
        .order_by(*(company.c[name] for name in target.key))
        .correlate(row)
    )
    return select(element(joined(each.c.written))).select_from(each).correlate(row).scalar_subquery()


_BY_RULE = frozenset({"rule", "note", "because", "missing", "also_matched"})


def _with_cheapest_value(building: Building, segments: FromClause, field: Selected) -> FromClause:
    """Where more is looked up by the rule that decided, the value is looked up by it, too."""
    if _BY_RULE.isdisjoint(getattr(one.source, "name", "") for one in field.fields):
        return segments
    others = [one for one in segments.c if one.name not in ("value", "value_by_rule")]
    return building.subquery(select(*others, segments.c.value_by_rule.label("value")))


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
