"""A branch's score: figures scaled, weighed and added up, so that every point can be shown where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from domain.divisions.weights import UNIT, spread
from domain.scorecards.kinds import ScorecardClass
from domain.scorecards.models import Figure, Indicator, ScorecardForm

WHOLE = 100
"""The score of a branch that reaches every target."""


@dataclass(frozen=True, slots=True)
class Part:
    """One indicator's part in a score; what is missing has neither value nor points and weighs nothing."""

    class_code: ScorecardClass
    indicator: str
    value: Decimal | None
    scaled: Decimal | None
    weight: Decimal
    points: Decimal | None


@dataclass(frozen=True, slots=True)
class ClassPart:
    """One class's part: the sums of its indicators'."""

    class_code: ScorecardClass
    weight: Decimal
    points: Decimal


@dataclass(frozen=True, slots=True)
class Scored:
    """A branch's score from 0 to 100, the sum of the points to the last digit; None where nothing is known."""

    score: Decimal | None
    classes: tuple[ClassPart, ...]
    parts: tuple[Part, ...]
    missing: tuple[str, ...]


def score(form: ScorecardForm, figures: Mapping[Figure, Decimal | None]) -> Scored:
    """What the model makes of a branch's figures.

    The weight of a missing indicator is borne by the others of its class, that of a class of which nothing is known
    by the other classes, in their proportions.
    """
    weights = _weights(form, figures)
    parts = tuple(
        _part(group.class_code, one, figures.get(one.figure), weights.get(one.indicator, Decimal(0)))
        for group in form.classes
        for one in group.indicators
    )
    classes = tuple(
        ClassPart(
            group.class_code,
            sum((part.weight for part in parts if part.class_code == group.class_code), Decimal(0)),
            sum(
                (part.points or Decimal(0) for part in parts if part.class_code == group.class_code),
                Decimal(0),
            ),
        )
        for group in form.classes
    )
    return Scored(
        sum((part.points for part in classes), Decimal(0)) if weights else None,
        classes,
        parts,
        tuple(part.indicator for part in parts if part.value is None),
    )


def scaled(value: Decimal, floor: Decimal, target: Decimal) -> Decimal:
    """From 0 at the floor (and beyond) to 1 at the target (and beyond), in millionths."""
    share = (value - floor) / (target - floor)
    return min(max(share, Decimal(0)), Decimal(1)).quantize(UNIT, ROUND_HALF_EVEN)


def _weights(form: ScorecardForm, figures: Mapping[Figure, Decimal | None]) -> dict[str, Decimal]:
    """Each known indicator's share of the whole; they add up to exactly 1."""
    exact: dict[str, Decimal] = {}
    for group in form.classes:
        known = {one.indicator: one.weight for one in group.indicators if figures.get(one.figure) is not None}
        total = sum(known.values(), Decimal(0))
        if total > 0:
            exact |= {name: group.weight * weight / total for name, weight in known.items()}
    return spread(exact)


def _part(class_code: ScorecardClass, one: Indicator, value: Decimal | None, weight: Decimal) -> Part:
    if value is None:
        return Part(class_code, one.indicator, None, None, Decimal(0), None)
    earned = scaled(value, one.floor, one.target)
    points = (earned * weight * WHOLE).quantize(UNIT, ROUND_HALF_EVEN)
    return Part(class_code, one.indicator, value, earned, weight, points)
