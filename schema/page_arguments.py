"""What the arguments of a list ask for: which page, in which order, under which condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.conditions import AllOf, Condition
from schema.binding import ConnectionSource, binding
from schema.order_inputs import order_keys
from schema.ordering import complete_order, default_order
from schema.paging import PageRequest, decode_cursor, page_size
from schema.where_reading import condition


def page_asked(
    source: ConnectionSource, given: Mapping[str, Any], besides: Condition | None = None
) -> tuple[ConnectionSource, PageRequest]:
    """The list and the page of it that plain arguments ask for; `besides` holds of every row. Raises BadInput."""
    if source.below and not given.get("includeBelow", True):
        source = ConnectionSource(source.target, {"branch_id": "id"}, source.order)
    target = binding(source.target)
    size, backward = page_size(given.get("first"), given.get("last"))
    order = order_keys(source.target, given.get("orderBy")) or default_order(source.order)
    order = complete_order(target, order)
    after, before = given.get("after"), given.get("before")
    asked = PageRequest(
        size=size,
        backward=backward,
        order=order,
        position=None if after is None else decode_cursor(target, order, after),
        until=None if before is None else decode_cursor(target, order, before),
        where=_both(besides, condition(source.target, given.get("where"))),
    )
    return source, asked


def _both(one: Condition | None, other: Condition | None) -> Condition | None:
    return AllOf((one, other)) if one and other else one or other
