"""Why a condition holds of given facts or does not, leaf by leaf."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from domain.conditions.evaluation import Facts, found, holds, one_row, rows
from domain.conditions.tree import AllOf, AnyOf, Compare, Condition, Every, NoneOf, Not, One, Some


@dataclass(frozen=True, slots=True)
class Explanation:
    """One part of a condition and what became of it.

    `value` is what a comparison found, None where it was missing; `parts` are a combination's parts, or of a
    relation its part for each related row. `missing` names the facts that were missing here or below, as paths.
    """

    condition: Condition
    holds: bool
    value: Any = None
    parts: tuple[Explanation, ...] = ()
    missing: tuple[str, ...] = ()


def explain(condition: Condition, facts: Facts) -> Explanation:
    """The condition's own form again, with what was found at every leaf; `holds` is what `evaluate` says."""
    match condition:
        case Compare(field=field):
            value = found(facts, field)
            missing = (field,) if value is None else ()
            return Explanation(condition, holds(condition, value), value, missing=missing)
        case AllOf(parts):
            return _combined(condition, all, [explain(part, facts) for part in parts])
        case AnyOf(parts):
            return _combined(condition, any, [explain(part, facts) for part in parts])
        case Not(part):
            return _combined(condition, _none, [explain(part, facts)])
        case One(relation, part):
            return _related(condition, any, [explain(part, row) for row in one_row(facts, relation)], facts)
        case Some(relation, part):
            return _related(condition, any, [explain(part, row) for row in rows(facts, relation)], facts)
        case NoneOf(relation, part):
            return _related(condition, _none, [explain(part, row) for row in rows(facts, relation)], facts)
        case Every(relation, part):
            return _related(condition, all, [explain(part, row) for row in rows(facts, relation)], facts)


def _none(parts: Iterable[bool]) -> bool:
    return not any(parts)


def _combined(condition: Condition, together: Any, parts: list[Explanation]) -> Explanation:
    missing = dict.fromkeys(name for part in parts for name in part.missing)
    return Explanation(
        condition, together(part.holds for part in parts), parts=tuple(parts), missing=tuple(missing)
    )


def _related(
    condition: One | Some | NoneOf | Every, together: Any, parts: list[Explanation], facts: Facts
) -> Explanation:
    relation = condition.relation
    below = dict.fromkeys(f"{relation}.{name}" for part in parts for name in part.missing)
    missing = (relation,) if facts.get(relation) is None else tuple(below)
    return Explanation(condition, together(part.holds for part in parts), parts=tuple(parts), missing=missing)
