"""The matrix of migrations between segments, as a part of the one statement."""

from __future__ import annotations

from sqlalchemy import Date, Text, select

from schema.binding import binding
from schema.compiler.building import Building
from schema.compiler.json_text import Constant, Json, Piece, as_text, element, joined, json_object
from schema.compiler.outline import Selected
from schema.compiler.values import escaped
from schema.segment_migrations import PERIOD_TYPE
from tenants.segments.migration_matrix import migration_matrix
from tenants.tables import segment_history


def migrations(building: Building, field: Selected) -> Piece:
    """The list of what is selected of each cell."""
    if building.hides(binding(PERIOD_TYPE)):
        return Constant("[]")
    types = (Text(), Date(), Date())
    given = [building.argument(field.place, slot, type_) for slot, type_ in enumerate(types)]
    cells = building.subquery(migration_matrix(*given, in_scope=building.in_scope(segment_history)))
    known: dict[str, Piece] = {
        "__typename": Constant('"SegmentMigration"'),
        "from": escaped(cells.c.value_from, nullable=True),
        "to": escaped(cells.c.value_to, nullable=True),
        "clients": Json(as_text(cells.c.clients)),
    }
    written = json_object((below.key, known[below.name]) for below in field.fields)
    each = building.subquery(
        select(element(written).label("written"))
        .select_from(cells)
        .order_by(cells.c.value_from, cells.c.value_to)
    )
    return Json(select(element(joined(each.c.written))).select_from(each).scalar_subquery())
