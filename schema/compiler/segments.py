"""Which dimensions a statement speaks of: only their rules are put in front of it.

None stands for all of them. What is left out would be missing from the answer, so that every mention counts.
"""

from __future__ import annotations

from collections.abc import Iterable

from domain.conditions import AllOf, AnyOf, Compare, Condition, Every, Not
from schema.binding import Binding, SegmentsSource, binding
from schema.condition_fields import field_of, relation_of
from schema.condition_sql import codes_in_sql

Dimensions = frozenset[str] | None
NONE: frozenset[str] = frozenset()


def together(parts: Iterable[Dimensions]) -> Dimensions:
    """The dimensions of all parts."""
    found: frozenset[str] = NONE
    for part in parts:
        if part is None:
            return None
        found |= part
    return found


def spoken_of(condition: Condition, target: Binding) -> Dimensions:
    """The dimensions that a condition on rows of a type speaks of."""
    match condition:
        case Compare():
            return NONE
        case AllOf(parts) | AnyOf(parts):
            return together(spoken_of(part, target) for part in parts)
        case Not(part):
            return spoken_of(part, target)
    relation = relation_of(target, condition)
    related = binding(relation.target)
    inner = spoken_of(condition.part, related)
    if not isinstance(relation, SegmentsSource):
        return inner
    # Of "every" it is asked whether there is one of which the part does not hold: of whatever dimension.
    own = None if isinstance(condition, Every) else _needed(condition.part, related)
    return together((inner, own))


def _needed(part: Condition, segments: Binding) -> Dimensions:
    """The dimensions of which a segment must be for the part to hold."""
    match part:
        case Compare(field="dimension"):
            codes = codes_in_sql(part, field_of(segments, part.field))
            return None if codes is None else frozenset(codes)
        case AllOf(parts):
            return next((found for one in parts if (found := _needed(one, segments)) is not None), None)
        case AnyOf(parts) if parts:
            return together(_needed(one, segments) for one in parts)
    return None
