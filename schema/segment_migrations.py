"""From which value to which clients have gone between two days, as it was recorded."""

from __future__ import annotations

import datetime as dt

import strawberry
from sqlalchemy import ARRAY, Integer, func, literal

from schema.binding import binding
from schema.reading import is_hidden
from schema.request import Request
from schema.segment_reading import check
from tenants.segments.migration_matrix import migration_matrix
from tenants.tables import segment_history

PERIOD_TYPE = "SegmentPeriod"


@strawberry.type(description="How many clients went from one value of a dimension to another, or stayed.")
class SegmentMigration:
    """One cell of a migration matrix."""

    before: str | None = strawberry.field(
        name="from", description="The value at the end of the first day; null where none was recorded."
    )
    after: str | None = strawberry.field(
        name="to", description="The value at the end of the last day; null where none was recorded."
    )
    clients: int = strawberry.field(description="How many clients in sight.")


async def migrations(
    request: Request, dimension: str, first: dt.date, last: dt.date
) -> list[SegmentMigration]:
    """The matrix for the normal executor. Raises BadInput."""
    await check(request, [dimension])
    if is_hidden(request, binding(PERIOD_TYPE)):
        return []
    scope = request.scope
    in_scope = None
    if not scope.sees_everything:
        in_scope = segment_history.c.branch_id == func.any(literal(list(scope.branches), ARRAY(Integer)))
    records = await request.snapshot.rows(migration_matrix(dimension, first, last, in_scope=in_scope))
    return [
        SegmentMigration(before=one["value_from"], after=one["value_to"], clients=one["clients"])
        for one in records
    ]
