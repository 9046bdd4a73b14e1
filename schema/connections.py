"""The types of lists: a Relay connection of each bound type, with its measures and groups."""

from __future__ import annotations

from functools import cache
from typing import Any

import strawberry
from strawberry.types.base import StrawberryList

from schema.aggregates import list_fields
from schema.binding import binding
from schema.declaring import declare_type


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
    node: Any = binding(type_name).strawberry_type
    edge = declare_type(
        f"{type_name}Edge",
        f"A row of {type_name} and its place in the list.",
        {
            "node": (node, _shown("The row.")),
            "cursor": (str, _shown("The row's place: for `after` and `before`.")),
        },
    )
    return declare_type(
        f"{type_name}Connection",
        f"A page of {type_name} rows.",
        {
            "edges": (StrawberryList(edge), _shown("The rows with their cursors.")),
            "nodes": (StrawberryList(node), _shown("The rows.")),
            "page_info": (PageInfo, _shown("Where the page stands in the list.")),
            **list_fields(type_name),
            "total_count": (int, _counted()),
        },
    )


def _shown(description: str) -> Any:
    return strawberry.field(description=description)


def _counted() -> Any:
    described = "How many rows the whole list has; counted only when asked for."
    return strawberry.field(resolver=_total_count, description=described)


def _total_count(root: strawberry.Parent[Any]) -> int:
    # An awaitable, asked for at once: with the measures of the same list it is one statement.
    counted: int = root.count()
    return counted
