"""How much one operation may ask for: a bound on values and time, so that no caller can hold up the others.

Completing values is work on the one event loop that all callers share; a deadline alone cannot interrupt it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
)
from strawberry.types import Info

from schema.errors import TOOK_TOO_LONG, BadInput, Code, CodedError

MOST_VALUES = 100_000


class Budget:
    """What is left of one operation's values, and until when it may run (on `time.monotonic`'s clock)."""

    def __init__(self, *, values: int = MOST_VALUES, deadline: float | None = None) -> None:
        self.values_left = values
        self._deadline = deadline

    def rows_of(self, width: int) -> int:
        """How many rows of so many fields each are still affordable."""
        return self.values_left // max(width, 1)

    def spend(self, rows: int, width: int) -> None:
        """Account for rows of so many fields each. Raises CodedError when that, or the time, is too much."""
        self.values_left -= rows * max(width, 1)
        if self.values_left < 0:
            raise BadInput(
                f"this asks for more than {MOST_VALUES:,} values (rows times fields below them): ask for "
                "fewer rows by `first`, for fewer fields, or page by page"
            )
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise CodedError(Code.TIMEOUT, TOOK_TOO_LONG)


def width_of(info: Info[Any, Any]) -> int:
    """How many fields are selected below the field that is being answered."""
    return width(info._raw_info.field_nodes, info._raw_info.fragments)


def width(nodes: Sequence[FieldNode], fragments: Mapping[str, FragmentDefinitionNode]) -> int:
    """How many fields are selected below these nodes, at any depth; each fragment is counted once."""
    known: dict[str, int] = {}

    def of(selected: SelectionSetNode | None) -> int:
        return sum(of_one(selection) for selection in selected.selections) if selected else 0

    def of_one(selection: object) -> int:
        if isinstance(selection, FieldNode):
            return 1 + of(selection.selection_set)
        if isinstance(selection, InlineFragmentNode):
            return of(selection.selection_set)
        assert isinstance(selection, FragmentSpreadNode)
        name = selection.name.value
        if name not in known:
            known[name] = of(fragments[name].selection_set)
        return known[name]

    return sum(of(node.selection_set) for node in nodes)
