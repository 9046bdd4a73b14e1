"""Quotas as parts of the one statement."""

from __future__ import annotations

from sqlalchemy import Date, FromClause, select, true

from schema.binding import Binding, binding
from schema.compiler import rows
from schema.compiler.building import Building
from schema.compiler.json_text import Constant, Json, Piece, element, or_null
from schema.compiler.outline import Selected
from schema.quota_reading import ASKED_TYPES, QUOTA_TYPE, UNIT_QUOTA_TYPE, quota_rows, unit_quota_rows


def quota(building: Building, field: Selected, client: FromClause) -> Piece:
    """The quota of a client, given its row."""
    target = binding(QUOTA_TYPE)
    if building.hides(target):
        return Constant("null")
    source, found = _rows(building, field, client)
    return _shown(building, target, field, source, found, client)


def quota_at_root(building: Building, field: Selected) -> Piece:
    """The quota of the client that an argument names."""
    target = binding(QUOTA_TYPE)
    if building.hides(target):
        return Constant("null")
    of_client = binding("Client")
    client = building.table(of_client)
    branch = building.branch_in_sight(field.place, len(ASKED_TYPES))
    id_ = building.argument(field.place, len(ASKED_TYPES) + 1, of_client.table.c.id.type)
    source, found = _rows(building, field, client)
    written = element(rows.row_object(building, target, found, field.fields))
    whole = select(written).select_from(client.join(source, true()))
    return Json(or_null(whole.where(client.c.branch_id == branch, client.c.id == id_).scalar_subquery()))


def unit_quota(building: Building, field: Selected, unit: FromClause) -> Piece:
    """The quota of a unit, given its row."""
    target = binding(UNIT_QUOTA_TYPE)
    if building.hides(target):
        return Constant("null")
    day = building.argument(field.place, 0, Date())
    found = unit_quota_rows(unit.c.id, day, (building.name("l"), building.name("l")))
    return _shown(building, target, field, found, found, unit)


def _rows(building: Building, field: Selected, client: FromClause) -> tuple[FromClause, FromClause]:
    asked = [building.argument(field.place, slot, type_) for slot, type_ in enumerate(ASKED_TYPES)]
    return quota_rows(client.c.branch_id, client.c.id, asked, (building.name("l"), building.name("l")))


def _shown(
    building: Building,
    target: Binding,
    field: Selected,
    source: FromClause,
    found: FromClause,
    of: FromClause,
) -> Piece:
    written = element(rows.row_object(building, target, found, field.fields))
    return Json(or_null(select(written).select_from(source).correlate(of).scalar_subquery()))
