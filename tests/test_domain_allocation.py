"""The optimum: exact amounts within every bound, proved best by its own prices, and explained by them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.allocation.conflicts import Conflict, groups_of
from domain.allocation.explaining import branch_explanation, cell_explanation, explain, row_explanation
from domain.allocation.problem import Bound, Cell, Problem, Slice, Target, budget_for, buffer_of
from domain.allocation.rounding import NoWholeAmounts
from domain.allocation.runs import ConstraintKind
from domain.allocation.solving import Solution, solve

MILLION = 1_000_000_00
NAMES = {1: "Shanghai Branch", 2: "Jiangsu Branch", 3: "Beijing Branch"}


def cell(unit: int, segment: str, earns: str, *, asked: int, committed: int = 0) -> Cell:
    """A cell in millions, which can use all that it asks and no more."""
    return Cell(unit, segment, Decimal(earns), committed * MILLION, asked * MILLION, asked * MILLION)


def problem(*cells: Cell, budget: int, bounds: tuple[Bound, ...] = (), buffer: str = "0") -> Problem:
    return Problem("CNY", budget * MILLION, Decimal(buffer), cells, bounds)


def solved(asked: Problem) -> Solution:
    found = solve(asked)
    assert isinstance(found, Solution), found
    return found


def in_millions(found: Solution) -> list[float]:
    return [got / MILLION for got in found.granted]


THREE = (
    cell(1, "growth", "0.06", asked=100, committed=20),
    cell(2, "growth", "0.05", asked=80, committed=10),
    cell(3, "stable", "0.0412", asked=100, committed=5),
)


def test_credit_goes_where_it_earns_most_after_what_is_committed() -> None:
    found = solved(problem(*THREE, budget=200, buffer="0.05"))
    assert in_millions(found) == [100, 80, 10]
    assert found.total == 190 * MILLION
    said = explain(found, NAMES)
    assert said.said == (
        "CNY 190 m of CNY 190 m are shared out, after a buffer of CNY 10 m; they are expected to earn CNY 10.4 m a "
        "year, of which imbalance costs CNY 0",
        "one more million of budget would earn CNY 41,200 a year, in Beijing Branch / stable (CNY 1,000,000) first",
    )
    assert row_explanation(found, 0) == "one more million of budget would earn CNY 41,200 a year"


def test_a_branch_is_told_which_constraint_kept_it_from_what_it_asked() -> None:
    ceiling = Bound(ConstraintKind.CONCENTRATION, "Growth", (0, 1), upper=130 * MILLION)
    found = solved(problem(*THREE, budget=200, bounds=(ceiling,)))
    assert in_millions(found) == [100, 30, 70]
    held = explain(found, NAMES).held_back
    assert held[0] is None
    assert branch_explanation(found, [1], held) == (
        "asked CNY 80 m, gets CNY 30 m; CNY 50 m less in growth, held back by “Growth” (its last million is worth "
        "CNY 8,800 a year)"
    )
    assert cell_explanation(found, 2, held[2]) == (
        "asked CNY 100 m, gets CNY 70 m: for want of budget: it is expected to earn 4.12 %, and the last million "
        "earns 4.12 %"
    )
    assert row_explanation(found, 1) == "one more million under “Growth” would earn CNY 8,800 a year"


def test_a_minimum_share_shows_what_it_costs() -> None:
    share = Bound(ConstraintKind.MINIMUM_SHARE, "Underdeveloped areas", (2,), lower=50 * MILLION)
    found = solved(problem(*THREE, budget=200, bounds=(share,)))
    assert in_millions(found) == [100, 50, 50]
    assert row_explanation(found, 1) == (
        "the last million that “Underdeveloped areas” demands costs CNY 8,800 a year elsewhere"
    )


def test_what_earns_nothing_gets_what_is_committed_and_says_so() -> None:
    poor = cell(1, "at risk", "-0.02", asked=50, committed=10)
    found = solved(problem(poor, budget=100))
    assert in_millions(found) == [10]
    explained = explain(found, NAMES)
    assert explained.said[1].startswith("more budget would earn nothing")
    assert cell_explanation(found, 0, explained.held_back[0]).endswith(
        "gets CNY 10 m: since it is not expected to earn anything"
    )
    # Where its clients' holdings are to be found, for whoever looks for them under the segment's limit.
    elsewhere = solved(problem(replace(poor, unused=True), budget=100))
    assert cell_explanation(elsewhere, 0, None).endswith(
        "; nothing of the segment's own limit is in use: what its clients hold stands under others, as their "
        "own"
    )


def test_imbalance_is_paid_for_and_dearer_the_further_it_goes() -> None:
    cells = (cell(1, "growth", "0.06", asked=100), cell(2, "growth", "0.05", asked=100))
    targets = (Target(1, (0,), 50 * MILLION), Target(2, (1,), 50 * MILLION))

    def shared(*slices: Slice) -> list[float]:
        return in_millions(
            solved(Problem("CNY", 100 * MILLION, Decimal(0), cells, targets=targets, slices=slices))
        )

    cheap, dear = Slice(Decimal(0), Decimal("0.005")), Slice(Decimal("0.4"), Decimal("0.02"))
    assert shared() == [100, 0]
    assert shared(cheap) == [100, 0]
    # Up to 40 % short is worth it, more is not.
    assert shared(cheap, dear) == [70, 30]
    assert shared(Slice(Decimal(0), Decimal("0.02"))) == [50, 50]
    both = solved(Problem("CNY", 100 * MILLION, Decimal(0), cells, targets=targets, slices=(cheap, dear)))
    assert both.penalty == 20 * MILLION * 5 // 1000


def test_units_that_rounding_leaves_go_to_whoever_lost_most_and_nothing_is_broken() -> None:
    # Three that are alike to the program, of which every two share an odd amount: halves, if not rounded.
    cells = tuple(Cell(unit, "growth", Decimal("0.05"), 0, 10, 10) for unit in (1, 2, 3))
    pairs = tuple(
        Bound(ConstraintKind.CONCENTRATION, f"pair {n}", pair, upper=7)
        for n, pair in enumerate(((0, 1), (1, 2), (0, 2)))
    )
    found = solved(Problem("CNY", 100, Decimal(0), cells, pairs))
    assert found.total == 10
    assert all(found.used(pair.cells) <= 7 for pair in pairs)
    exactly = tuple(
        Bound(ConstraintKind.CONCENTRATION, pair.name, pair.cells, lower=7, upper=7) for pair in pairs
    )
    with pytest.raises(NoWholeAmounts, match="let one of them have a little room"):
        solve(Problem("CNY", 100, Decimal(0), cells, exactly))


AMOUNTS = st.integers(0, 10**12)
RETURNS = st.decimals("-0.05", "0.2", places=6)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Branches by segments with bounds on branches, on segments and on everything; often impossible."""
    branches, segments = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    cells = []
    for unit in range(branches):
        for segment in range(segments):
            committed, more, room = draw(AMOUNTS) // 4, draw(AMOUNTS), draw(AMOUNTS) // 4
            asked = committed + more
            cells.append(Cell(unit, f"s{segment}", draw(RETURNS), committed, asked, asked + room))
    bounds, targets = [], []
    of_branch = [tuple(range(b * segments, (b + 1) * segments)) for b in range(branches)]
    of_segment = [tuple(range(s, branches * segments, segments)) for s in range(segments)]
    for kind, sets in (
        (ConstraintKind.BRANCH_MAXIMUM, of_branch),
        (ConstraintKind.CONCENTRATION, of_segment),
    ):
        for n, of_set in enumerate(sets):
            usable = sum(cells[place].cap for place in of_set)
            if draw(st.booleans()):
                bounds.append(
                    Bound(kind, f"{kind} {n}", of_set, upper=draw(st.integers(usable // 3, usable)))
                )
    for n, of_set in enumerate(of_branch):
        usable = sum(cells[place].cap for place in of_set)
        if draw(st.booleans()):
            least = draw(st.integers(0, usable * 2 // 3))
            bounds.append(Bound(ConstraintKind.BRANCH_MINIMUM, f"least {n}", of_set, lower=least))
        targets.append(Target(n, of_set, draw(st.integers(0, usable))))
    slices = (Slice(Decimal(0), Decimal("0.01")), Slice(Decimal("0.3"), Decimal("0.03")))
    floors, usable = sum(one.committed for one in cells), sum(one.cap for one in cells)
    budget = max(1, draw(st.integers(floors, usable * 11 // 10)))
    return Problem(
        "CNY",
        budget,
        draw(st.sampled_from([Decimal(0), Decimal("0.05")])),
        tuple(cells),
        tuple(bounds),
        tuple(targets),
        draw(st.sampled_from([(), slices])),
    )


@settings(max_examples=150, deadline=None)
@given(asked=problems())
def test_amounts_are_whole_within_every_bound_and_best_or_the_conflict_is_irreducible(asked: Problem) -> None:
    found = solve(asked)
    if isinstance(found, Conflict):
        _irreducible(asked, found)
        return
    for one, got in zip(asked.cells, found.granted, strict=True):
        assert one.committed <= got <= one.cap
    assert found.total <= asked.distributable
    for bound, price in zip(asked.bounds, found.prices[1:], strict=True):
        used = found.used(bound.cells)
        assert bound.lower is None or used >= bound.lower
        assert bound.upper is None or used <= bound.upper
        # What has a price is used up to the last minor unit.
        assert not price or used in (bound.lower, bound.upper)
    # Weak duality: no allocation at all earns more than the prices say. Ours does, but for rounding to minor units.
    reached = _objective(found)
    assert reached == pytest.approx(_upper_limit(found), rel=1e-6, abs=5 + len(asked.cells))


def _objective(found: Solution) -> float:
    earned = sum(
        float(c.expected_return) * got for c, got in zip(found.problem.cells, found.granted, strict=True)
    )
    return earned - found.penalty


def _upper_limit(found: Solution) -> float:
    """The dual objective: what the bounds are worth at their prices, for any prices of the right sign."""
    asked = found.problem
    rows = [Bound(ConstraintKind.BUDGET, "", tuple(range(len(asked.cells))), upper=asked.distributable)]
    rows += asked.bounds
    reduced = [float(c.expected_return) for c in asked.cells]
    limit = 0.0
    for price, row in zip(found.prices, rows, strict=True):
        assert price >= 0 or row.lower is not None
        assert price <= 0 or row.upper is not None
        limit += price * ((row.upper if price > 0 else row.lower) or 0)
        for place in row.cells:
            reduced[place] -= price
    for price, target in zip(found.target_prices, asked.targets, strict=False):
        # A shortfall is met from the cheapest slices on; at this price all that are cheaper are full.
        limit += price * target.amount
        for place in target.cells:
            reduced[place] -= price
        ends = [*(float(s.beyond) for s in asked.slices[1:]), float("inf")]
        for one, end in zip(asked.slices, ends, strict=True):
            gain = -float(one.cost) - price
            if gain > 1e-12:
                limit += gain * (end - float(one.beyond)) * target.amount
    for left, cell_ in zip(reduced, asked.cells, strict=True):
        limit += left * (cell_.cap if left > 0 else cell_.committed)
    return limit


def _irreducible(asked: Problem, conflict: Conflict) -> None:
    """Without any one of the constraints named there is an answer; with only them there is none."""
    groups = [group for group in groups_of(asked) if _is_named(group.kind, group.rows, conflict)]
    assert len(groups) == len(conflict.kinds)
    assert isinstance(solve(_only(asked, groups, None)), Conflict)
    for left_out in groups:
        assert isinstance(solve(_only(asked, groups, left_out)), Solution), left_out


def _is_named(kind: ConstraintKind, rows: tuple[int, ...], conflict: Conflict) -> bool:
    if kind in (ConstraintKind.BUDGET, ConstraintKind.FLOOR, ConstraintKind.CAP):
        return kind in conflict.kinds
    return all(row - 1 in conflict.bounds for row in rows)


def _only(asked: Problem, groups: list, left_out: object) -> Problem:  # type: ignore[type-arg]
    """The problem with these constraints alone."""
    held = [group for group in groups if group is not left_out]
    kinds = {group.kind for group in held}
    plenty = 10**15
    cells = tuple(
        Cell(
            one.unit,
            one.segment,
            Decimal(0),
            one.committed if ConstraintKind.FLOOR in kinds else 0,
            one.asked,
            one.cap if ConstraintKind.CAP in kinds else plenty,
        )
        for one in asked.cells
    )
    bounds = tuple(asked.bounds[row - 1] for group in held for row in group.rows if row)
    if ConstraintKind.BUDGET in kinds:
        return Problem("CNY", asked.budget, asked.buffer_fraction, cells, bounds)
    return Problem("CNY", plenty * len(cells), Decimal(0), cells, bounds)


def test_a_budget_below_the_floors_is_a_case_of_its_own() -> None:
    cells = (
        cell(1, "growth", "0.06", asked=900, committed=600),
        cell(2, "growth", "0.06", asked=400, committed=350),
    )
    conflict = solve(problem(*cells, budget=900, buffer="0.05"))
    assert isinstance(conflict, Conflict)
    assert (conflict.kinds, conflict.missing) == ((ConstraintKind.BUDGET, ConstraintKind.FLOOR), 95 * MILLION)
    assert conflict.sentences == (
        "the budget of CNY 900 m less the buffer of CNY 45 m is below the floors of CNY 950 m: raise the budget by "
        "CNY 100 m (the buffer keeps CNY 5,000,000 of it), or release CNY 95 m of what is committed",
    )


CONFLICTS = {
    "what is committed is more than a ceiling": (
        Bound(ConstraintKind.CONCENTRATION, "Growth", (0, 1), upper=25 * MILLION),
        5,
        "these cannot hold together: the floors of what is committed there, CNY 30 m; “Growth”, at most CNY 25 m",
        "any one of these mends it: raise “Growth” by CNY 5,000,000; or release CNY 5,000,000 of what is committed",
    ),
    "a minimum is more than can be used": (
        Bound(ConstraintKind.BRANCH_MINIMUM, "Beijing Branch: at least", (2,), lower=120 * MILLION),
        20,
        "these cannot hold together: the caps of what can be used there, CNY 100 m; “Beijing Branch: at least”, at "
        "least CNY 120 m",
        "any one of these mends it: lower “Beijing Branch: at least” by CNY 20 m; or find CNY 20 m more of demand",
    ),
    "a minimum is more than the rest of the budget": (
        Bound(ConstraintKind.MINIMUM_SHARE, "Key areas", (1, 2), lower=175 * MILLION),
        5,
        "these cannot hold together: the budget of CNY 200 m less the buffer of CNY 10 m; the floors of what is "
        "committed, CNY 35 m; “Key areas”, at least CNY 175 m",
        "any one of these mends it: raise the budget by CNY 5,263,158; or lower “Key areas” by CNY 5,000,000; or "
        "release CNY 5,000,000 of what is committed",
    ),
    "a bound is upside down": (
        Bound(ConstraintKind.REGION_MINIMUM, "East", (0,), lower=30 * MILLION, upper=20 * MILLION),
        10,
        "“East” asks for at least CNY 30 m and at most CNY 20 m: bring them together by CNY 10 m",
        None,
    ),
}


@pytest.mark.parametrize("case", CONFLICTS)
def test_what_conflicts_is_named_with_what_would_mend_it(case: str) -> None:
    bound, missing, first, second = CONFLICTS[case]
    beside = Bound(ConstraintKind.CONCENTRATION, "Nobody's fault", (0, 1, 2), upper=200 * MILLION)
    conflict = solve(problem(*THREE, budget=200, buffer="0.05", bounds=(beside, bound)))
    assert isinstance(conflict, Conflict)
    assert conflict.missing == missing * MILLION
    assert conflict.sentences == tuple(filter(None, (first, second)))
    assert conflict.bounds == (1,)


@given(st.integers(0, 10**14), st.decimals("0", "0.9", places=6))
def test_the_least_budget_leaves_what_is_wanted_after_the_buffer(wanted: int, fraction: Decimal) -> None:
    budget = budget_for(wanted, fraction)
    assert budget - buffer_of(budget, fraction) >= wanted
    assert budget == 0 or budget - 1 - buffer_of(budget - 1, fraction) < wanted
