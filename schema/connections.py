"""The types of lists: a Relay connection of each bound type, with its measures and groups."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import strawberry
from strawberry.types.base import StrawberryList

from schema.aggregates import list_fields
from schema.binding import binding


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """Relay's page information."""

    has_next_page: bool = strawberry.field(description="Whether rows follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether rows precede this page.")
    start_cursor: str | None = strawberry.field(description="The first row's cursor; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="The last row's cursor; null on an empty page.")


@cache
def connection_type(type_name: str) -> type:
    """The Relay connection of a bound type, with its edge, its aggregates and its groups."""
    node = binding(type_name).strawberry_type
    edge = _page_type(
        f"{type_name}Edge",
        f"A row of {type_name} and its place in the list.",
        {"node": (node, "The row."), "cursor": (str, "The row's place: for `after` and `before`.")},
    )
    return _page_type(
        f"{type_name}Connection",
        f"A page of {type_name} rows.",
        {
            "edges": (StrawberryList(edge), "The rows with their cursors."),
            "nodes": (StrawberryList(node), "The rows."),  # type: ignore[arg-type]
            "page_info": (PageInfo, "Where the page stands in the list."),
        },
        total_count=strawberry.field(
            resolver=_total_count,
            description="How many rows the whole list has; counted only when asked for.",
        ),
        measured=list_fields(type_name),
    )


def _total_count(root: strawberry.Parent[Any]) -> int:
    # An awaitable, asked for at once: with the measures of the same list it is one statement.
    counted: int = root.count()
    return counted


def _page_type(
    name: str,
    description: str,
    fields: dict[str, tuple[Any, str]],
    *,
    measured: Mapping[str, Any] | None = None,
    **more: Any,
) -> type:
    annotations = {key: annotation for key, (annotation, _) in fields.items()}
    namespace: dict[str, Any] = {
        "__annotations__": annotations | dict.fromkeys(measured or {}, Any),
        "__module__": __name__,
        **{key: strawberry.field(description=described) for key, (_, described) in fields.items()},
        **more,
        **(measured or {}),
    }
    return strawberry.type(type(name, (), namespace), description=description)
