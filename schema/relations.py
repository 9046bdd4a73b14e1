"""How rows of one bound type belong to a row of another, as SQL between two tables of one statement."""

from __future__ import annotations

from sqlalchemy import ColumnElement, FromClause, Integer, column, func, select

from schema.binding import ConnectionSource, ToOneSource


def linked(
    source: ToOneSource | ConnectionSource, parent: FromClause, child: FromClause
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
