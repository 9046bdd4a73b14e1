"""How rows of one bound type belong to a row of another, as SQL between two tables of one statement."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Text,
    cast,
    column,
    func,
    literal_column,
    null,
    select,
)

from schema.binding import AsOfSource, Binding, ConnectionSource, ManySource, ToOneSource, binding

Hides = Callable[[Binding], bool]
"""Whether the caller's login may not read a type at all."""


def nobody(_: Binding) -> bool:
    """Of callers who may read every type."""
    return False


def rows_of(target: Binding, hides: Hides) -> FromClause:
    """The type's table under another name; for callers from whom it is hidden, a relation without any rows."""
    return nothing_of(target) if hides(target) else target.table.alias()


def nothing_of(target: Binding, name: str | None = None) -> FromClause:
    """No row of the type, with all columns, so that what is written over rows can be written over these."""
    columns = [cast(null(), one.type).label(one.name) for one in target.table.c]
    return select(*columns).where(literal_column("false")).subquery(name)


def rows_as_of(source: AsOfSource, day: ColumnElement[dt.date], name: str) -> FromClause:
    """The rows of the target's table as they were at the end of a day."""
    columns = [column(one.name, one.type) for one in binding(source.target).table.c]
    function = getattr(func.app, source.function)
    found: FromClause = function(day).table_valued(*columns, name=name)
    return found


def of_dimensions(segments: FromClause, dimensions: Iterable[str]) -> ColumnElement[bool]:
    """Segments of these dimensions, which stand in the SQL itself: PostgreSQL then plans for their rules alone."""
    return segments.c.dimension.in_([literal_column(text_literal(one), Text) for one in dimensions])


def text_literal(value: str) -> str:
    """A text as SQL; nothing that a caller sent may come here but GraphQL names and codes that are known."""
    return "'" + value.replace("'", "''") + "'"


def companies_related(
    target: Binding,
    client: tuple[ColumnElement[Any], ColumnElement[Any]],
    depth: ColumnElement[int],
    most: ColumnElement[int],
    name: str,
) -> FromClause:
    """The companies that a walk from a client (branch, id) finds over links in sight; of them `most` at most."""
    columns = [column(one.name, one.type) for one in target.table.c]
    found: FromClause = func.app.related(*client, depth, most).table_valued(*columns, name=name)
    return found


def linked(
    source: ToOneSource | AsOfSource | ManySource, parent: FromClause, child: FromClause
) -> list[ColumnElement[bool]]:
    """What holds between a row and the rows that its relation leads to; each states the branch where there is one.

    Of a relation to the rows of all units below, that the child's branch is one of them.
    """
    if isinstance(source, ConnectionSource) and source.below:
        below = units_below(parent.c.id)
        return [child.c.branch_id == func.any(select(below.c.id).correlate(parent).scalar_subquery())]
    assert source.on is not None, "a root list has no parent"
    return [child.c[theirs] == parent.c[ours] for theirs, ours in source.on.items()]


def units_below(unit_id: ColumnElement[int]) -> FromClause:
    """A unit and every unit under it, as a relation (id); walked in the statement's own snapshot."""
    return func.app.units_below(unit_id).table_valued(column("id", Integer)).render_derived()


def units_above(unit_id: ColumnElement[int]) -> FromClause:
    """The units above one, as a relation (id, distance), the nearest at distance 1."""
    columns = (column("id", Integer), column("distance", Integer))
    return func.app.units_above(unit_id).table_valued(*columns).render_derived()
