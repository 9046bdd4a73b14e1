"""Regions by credit climate: what the bank's own portfolio there says of how credit fares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from domain.divisions.models import HIGHER_IS_BETTER, Climate, ClimateBound, ClimateFigure, ClimateParameters
from domain.divisions.weights import UNIT

BORROWERS = "borrowers"
"""What is missing where too few clients borrow."""


@dataclass(frozen=True, slots=True)
class Portfolio:
    """A region's borrowers and exposure; exposure in minor units of one currency.

    `currency` is the one in which most facilities are; `left_out` counts facilities in others.
    """

    borrowers: int = 0
    defaulted: int = 0
    graded: int = 0
    grade_a: int = 0
    grade_c: int = 0
    exposure: int = 0
    past_due: int = 0
    non_performing: int = 0
    currency: str | None = None
    left_out: int = 0

    def figures(self) -> dict[ClimateFigure, Decimal | None]:
        """The portfolio's figures as fractions; None where there is nothing to take a share of."""
        return {
            ClimateFigure.PAST_DUE_SHARE: _share(self.past_due, self.exposure),
            ClimateFigure.NON_PERFORMING_SHARE: _share(self.non_performing, self.exposure),
            ClimateFigure.DEFAULT_RATE: _share(self.defaulted, self.borrowers),
            ClimateFigure.GRADE_A_SHARE: _share(self.grade_a, self.graded),
            ClimateFigure.GRADE_C_SHARE: _share(self.grade_c, self.graded),
        }


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure, and what it alone speaks for."""

    figure: ClimateFigure
    value: Decimal | None
    speaks_for: Climate | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A region's credit climate, None where the portfolio is too small to tell, and how it came about."""

    climate: Climate | None
    readings: tuple[Reading, ...]
    missing: tuple[str, ...]
    reason: str


def climate(parameters: ClimateParameters, portfolio: Portfolio) -> Judged:
    """A where every figure speaks for it, C where any does, else B."""
    figures = portfolio.figures()
    readings = tuple(_reading(bound, figures) for bound in parameters.bounds)
    missing = tuple(str(reading.figure) for reading in readings if reading.value is None)
    if portfolio.borrowers < parameters.least_clients:
        reason = (
            f"{portfolio.borrowers} clients borrow there, and {parameters.least_clients} are needed to tell"
        )
        return Judged(None, readings, (BORROWERS, *missing), reason)
    found, reason = _verdict(readings)
    return Judged(found, readings, missing, reason)


def _verdict(readings: tuple[Reading, ...]) -> tuple[Climate | None, str]:
    said = {reading.speaks_for for reading in readings}
    if said == {None}:
        return None, "none of the figures is known"
    # One bad figure is enough, one good is not: a region is as risky as its worst side.
    if Climate.C in said:
        return Climate.C, f"{_those(readings, Climate.C)} speaks for C"
    if said == {Climate.A}:
        return Climate.A, "every figure speaks for A"
    against = " and ".join(text for text in (_those(readings, Climate.B), _those(readings, None)) if text)
    return Climate.B, f"{against} does not speak for A"


def _those(readings: tuple[Reading, ...], what: Climate | None) -> str:
    return ", ".join(
        f"{reading.figure} {'unknown' if reading.value is None else reading.value}"
        for reading in readings
        if reading.speaks_for is what
    )


def _reading(bound: ClimateBound, figures: Mapping[ClimateFigure, Decimal | None]) -> Reading:
    value = figures[bound.figure]
    return Reading(bound.figure, value, None if value is None else _speaks_for(bound, value))


def _speaks_for(bound: ClimateBound, value: Decimal) -> Climate:
    sign = -1 if bound.figure in HIGHER_IS_BETTER else 1
    if sign * value <= sign * bound.best:
        return Climate.A
    return Climate.C if sign * value > sign * bound.worst else Climate.B


def _share(part: int, whole: int) -> Decimal | None:
    return (Decimal(part) / whole).quantize(UNIT) if whole else None
