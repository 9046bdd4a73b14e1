"""From which value to which clients have gone between two days, from what was recorded."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, Date, Select, cast, func, literal, or_, select

from tenants.tables import segment_history


def migration_matrix(
    dimension: Any,
    first: Any,
    last: Any,
    *,
    in_scope: ColumnElement[bool] | None = None,
    by_branch: bool = False,
) -> Select[Any]:
    """Rows of `value_from`, `value_to` and how many `clients`: what they were at the end of both days of the bank.

    A value is null for clients of whom nothing was recorded by then. The arguments are values or bound parameters;
    `in_scope` is a condition on `segment_history` (the caller's branches). `by_branch` puts `branch_id` in front.
    """
    h = segment_history.c
    start, end = end_of(first), end_of(last)
    then = func.max(h.value).filter(h.valid_from < start, h.valid_until >= start)
    now = func.max(h.value).filter(h.valid_from < end, h.valid_until >= end)
    lived = select(h.branch_id, then.label("value_from"), now.label("value_to")).where(
        h.dimension_code == dimension,
        or_(_lasted(start), _lasted(end)),
        *([] if in_scope is None else [in_scope]),
    )
    found = lived.group_by(h.branch_id, h.client_id).subquery("lived")
    keys = [found.c.branch_id] if by_branch else []
    keys += [found.c.value_from, found.c.value_to]
    return select(*keys, func.count().label("clients")).group_by(*keys).order_by(*keys)


def end_of(day: Any) -> ColumnElement[dt.datetime]:
    """The moment at which a day of the bank has ended."""
    stated = literal(day, Date()) if isinstance(day, dt.date) else day
    midnight: ColumnElement[dt.datetime] = func.timezone("UTC", cast(stated, Date) + 1)
    return midnight


def _lasted(moment: ColumnElement[dt.datetime]) -> ColumnElement[bool]:
    h = segment_history.c
    return (h.valid_from < moment) & (h.valid_until >= moment)
