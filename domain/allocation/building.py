"""The problem that a run's parameters and the bank's figures make together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from domain.allocation.form import AllocationForm, CellSet
from domain.allocation.problem import Bound, Cell, Problem, Slice, Target, buffer_of
from domain.allocation.runs import ConstraintKind, ReturnSource
from domain.json_forms import Unreadable
from domain.organisation import UnitKind

SIX_PLACES = Decimal("0.000001")
MIDDLING_SCORE = Decimal(50)


@dataclass(frozen=True, slots=True)
class Place:
    """A unit as far as an allocation is concerned: `above` are the units it lies below, itself first."""

    unit: int
    code: str
    name: str
    kind: UnitKind
    above: tuple[int, ...] = ()
    tier: str | None = None
    quota_weight: Decimal = Decimal(1)
    score: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """What is known of a branch's segment: what it owes and may draw already, what it will want, what it earns."""

    unit: int
    segment: str
    committed: int
    demand: int
    expected_return: Decimal
    return_source: ReturnSource = ReturnSource.NONE
    unused: bool = False
    """Whether nothing stands under the segment's own limit."""


@dataclass(frozen=True, slots=True)
class Ceilinged:
    """A ceiling from the bank's concentration caps that cells can express."""

    name: str
    tiers: tuple[str, ...]
    units: tuple[int, ...]
    at_most: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run is reckoned from; places by unit, askings by unit and segment."""

    places: Mapping[int, Place]
    askings: Sequence[Asking]
    ceilings: Sequence[Ceilinged] = ()


def problem_of(form: AllocationForm, figures: Figures, *, budget: int, currency: str) -> Problem:
    """The problem. Raises Unreadable where the parameters name a unit that there is not."""
    distributable = budget - buffer_of(budget, form.buffer_fraction)
    cells = tuple(_cell(asking, form.demand_factor) for asking in figures.askings)
    sets = _Sets(figures)
    bounds = [
        *_ceilings(form, sets, distributable, currency),
        *_bank_ceilings(figures, sets),
        *_minimum_shares(form, sets, cells, distributable, currency),
        *_unit_bounds(form, sets, distributable, currency),
    ]
    targets = _targets(form, figures, cells, distributable)
    slices = tuple(Slice(one.beyond, one.cost) for one in form.balance)
    return Problem(currency, budget, form.buffer_fraction, cells, tuple(bounds), targets, slices)


def weight_of(place: Place, influence: Decimal) -> Decimal:
    """How much one that a branch asks counts: its regions' policy, more or less by its scorecard.

    A score of 100 adds `influence`, one of 0 takes it off, 50 or none changes nothing.
    """
    if place.score is None:
        return place.quota_weight
    leaning = 1 + influence * (place.score - MIDDLING_SCORE) / MIDDLING_SCORE
    return (place.quota_weight * leaning).quantize(SIX_PLACES)


def _cell(asking: Asking, factor: Decimal) -> Cell:
    cap = int((asking.demand * factor).to_integral_value(ROUND_CEILING))
    return Cell(
        asking.unit,
        asking.segment,
        asking.expected_return,
        asking.committed,
        asking.demand,
        # What is committed already can be used, whatever was forecast.
        max(cap, asking.committed),
        asking.unused,
    )


class _Sets:
    """Which cells a set of the parameters means."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._codes = {place.code: place for place in figures.places.values()}
        self._below: dict[int, list[int]] = {}
        for n, place in enumerate(self._of_cells()):
            for unit in {place.unit, *place.above}:
                self._below.setdefault(unit, []).append(n)

    def unit(self, code: str) -> Place:
        if code not in self._codes:
            raise Unreadable("", f"there is no unit {code}")
        return self._codes[code]

    def below(self, unit: int) -> tuple[int, ...]:
        """The cells of a unit and of all below it."""
        return tuple(self._below.get(unit, ()))

    def of(self, wanted: CellSet) -> tuple[int, ...]:
        units = {self.unit(code).unit for code in wanted.units}
        return tuple(
            n
            for n, (asking, place) in enumerate(zip(self._figures.askings, self._of_cells(), strict=True))
            if (not wanted.tiers or place.tier in wanted.tiers)
            and (not wanted.segments or asking.segment in wanted.segments)
            and (not units or units & {place.unit, *place.above})
        )

    def in_tiers(self, tiers: tuple[str, ...], units: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(
            n
            for n, place in enumerate(self._of_cells())
            if (not tiers or place.tier in tiers)
            and (not units or not {place.unit, *place.above}.isdisjoint(units))
        )

    def _of_cells(self) -> list[Place]:
        return [self._figures.places[asking.unit] for asking in self._figures.askings]


def _ceilings(form: AllocationForm, sets: _Sets, distributable: int, currency: str) -> list[Bound]:
    return [
        Bound(ConstraintKind.CONCENTRATION, one.name, cells, upper=one.at_most.minor(distributable, currency))
        for one in form.ceilings
        if (cells := sets.of(one))
    ]


def _bank_ceilings(figures: Figures, sets: _Sets) -> list[Bound]:
    return [
        Bound(ConstraintKind.CONCENTRATION, one.name, cells, upper=one.at_most)
        for one in figures.ceilings
        if (cells := sets.in_tiers(one.tiers, one.units))
    ]


def _minimum_shares(
    form: AllocationForm, sets: _Sets, cells: tuple[Cell, ...], distributable: int, currency: str
) -> list[Bound]:
    bounds = []
    for one in form.minimum_shares:
        of_them = sets.of(one)
        if of_them:
            # Nobody is helped by what it cannot use.
            usable = sum(cells[place].cap for place in of_them)
            least = min(one.at_least.minor(distributable, currency), usable)
            bounds.append(Bound(ConstraintKind.MINIMUM_SHARE, one.name, of_them, lower=least))
    return bounds


def _unit_bounds(form: AllocationForm, sets: _Sets, distributable: int, currency: str) -> list[Bound]:
    bounds = []
    for one in form.units:
        place = sets.unit(one.unit)
        cells = sets.below(place.unit)
        regional = place.kind in (UnitKind.REGION, UnitKind.HEADQUARTERS)
        if one.at_least is not None:
            kind = ConstraintKind.REGION_MINIMUM if regional else ConstraintKind.BRANCH_MINIMUM
            least = one.at_least.minor(distributable, currency)
            bounds.append(Bound(kind, f"{place.name}: at least", cells, lower=least, unit=place.unit))
        if one.at_most is not None:
            kind = ConstraintKind.REGION_MAXIMUM if regional else ConstraintKind.BRANCH_MAXIMUM
            most = one.at_most.minor(distributable, currency)
            bounds.append(Bound(kind, f"{place.name}: at most", cells, upper=most, unit=place.unit))
    return bounds


def _targets(
    form: AllocationForm, figures: Figures, cells: tuple[Cell, ...], distributable: int
) -> tuple[Target, ...]:
    """Each branch's fair share: in proportion to what it asks times its weight; never more than it asks."""
    places: dict[int, list[int]] = {}
    for n, cell in enumerate(cells):
        places.setdefault(cell.unit, []).append(n)
    claims = {
        unit: sum(cells[n].asked for n in of_unit) * weight_of(figures.places[unit], form.scorecard_influence)
        for unit, of_unit in places.items()
    }
    total = sum(claims.values(), Decimal(0))
    if not total:
        return ()
    return tuple(
        Target(
            unit,
            tuple(of_unit),
            min(int(distributable * claims[unit] / total), sum(cells[n].asked for n in of_unit)),
        )
        for unit, of_unit in places.items()
    )
