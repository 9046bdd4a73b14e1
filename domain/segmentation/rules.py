"""Rule sets: what headquarters says about a dimension, as data, and which of them are in force where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from domain.conditions import AllOf, AnyOf, Compare, Condition, Not

SCORE = "score."
"""In front of the name of a score of the same rule set, where a condition compares it."""

SEGMENT = "segment."
"""In front of another dimension's code, where a condition compares the client's value in it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Of whom the condition holds has the value, unless an earlier rule holds of it. `note` is said beside it."""

    value: str
    when: Condition
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Points:
    """What counts for a score where the condition holds."""

    when: Condition
    points: int


Band = tuple[Points, ...]
"""Alternatives, the first that holds counts: 25 points from −50 %, else 15 from −30 %."""


@dataclass(frozen=True, slots=True)
class Score:
    """A sum of points, one alternative of every band, `cap` at most. What is missing brings no points."""

    name: str
    items: tuple[Band, ...]
    cap: int | None = None

    @property
    def least(self) -> int:
        """The least that a client can score."""
        return self._capped(sum(min(0, *(item.points for item in band)) for band in self.items))

    @property
    def most(self) -> int:
        """The most that a client can score."""
        return self._capped(sum(max(0, *(item.points for item in band)) for band in self.items))

    def _capped(self, points: int) -> int:
        return points if self.cap is None else min(points, self.cap)


@dataclass(frozen=True, slots=True)
class Remark:
    """Said beside the value where the condition holds, whichever rule decided: a warning ahead of its rule."""

    when: Condition
    note: str


@dataclass(frozen=True, slots=True)
class RuleSet:
    """How the clients of the bank are told apart in one dimension.

    The first rule that holds decides; where none does, the `default`. `values` is the closed list of values, the
    best first: the order in which they are shown.
    """

    dimension: str
    values: tuple[str, ...]
    rules: tuple[Rule, ...]
    default: str
    default_note: str | None = None
    scores: tuple[Score, ...] = ()
    remarks: tuple[Remark, ...] = ()

    def score(self, name: str) -> Score | None:
        """The score of that name."""
        return next((score for score in self.scores if score.name == name), None)

    def conditions(self) -> Iterator[Condition]:
        """Every condition of the set, wherever it stands."""
        for score in self.scores:
            for band in score.items:
                yield from (item.when for item in band)
        yield from (rule.when for rule in self.rules)
        yield from (remark.when for remark in self.remarks)

    def segments(self) -> tuple[str, ...]:
        """The other dimensions whose values it compares, sorted."""
        fields = (leaf.field for condition in self.conditions() for leaf in leaves(condition))
        return tuple(sorted({name.removeprefix(SEGMENT) for name in fields if name.startswith(SEGMENT)}))


class RuleSetStatus(StrEnum):
    """Where a version of a dimension's rules is in its life."""

    DRAFT = "DRAFT"
    SIMULATED = "SIMULATED"
    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"


@dataclass(frozen=True, slots=True)
class Version:
    """A rule set as the bank keeps it: its row's id, its number within its dimension and unit."""

    id: int
    number: int
    rule_set: RuleSet


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The rule sets in force on one day: the bank's own, and those of units that differ from them.

    An override holds for its unit and everything below, the nearest one wins. `stamp` tells one rulebook from the
    next: the counter of changes, and the day.
    """

    default: Mapping[str, Version]
    overrides: Mapping[str, Sequence[tuple[int, Version]]] = field(default_factory=dict)
    stamp: str = ""

    def version_for(self, dimension: str, path: Sequence[int] = ()) -> Version | None:
        """What is in force at a unit, given its id and those of the units above it, nearest first."""
        overrides = dict(self.overrides.get(dimension, ()))
        found = next((overrides[unit_id] for unit_id in path if unit_id in overrides), None)
        return found or self.default.get(dimension)

    def rule_set_for(self, dimension: str, path: Sequence[int] = ()) -> RuleSet | None:
        """The rule set in force at a unit; None where the dimension has none."""
        version = self.version_for(dimension, path)
        return version.rule_set if version else None


def leaves(condition: Condition) -> Iterator[Compare]:
    """The comparisons of a condition, in the order in which they are written."""
    match condition:
        case Compare():
            yield condition
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)
        case _:
            raise TypeError(f"a rule speaks of facts, not of related rows: {type(condition).__name__}")


def fact_name(field: str) -> str:
    """The fact that a comparison's field is about: `registeredCapital` of `registeredCapital.currency`."""
    return field if field.startswith((SCORE, SEGMENT)) else field.partition(".")[0]
