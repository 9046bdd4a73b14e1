"""Why nothing satisfies all constraints: the fewest that conflict, and what it would take of each.

A deletion filter: one group of constraints after the other is left out, and stays out where the rest still
conflict; what is left is irreducible – without any one of it there is an answer. HiGHS answers each question from
where it stood at the last one. (Its own search for such a set names columns' bounds one by one, 40,000 of them;
people want to hear of "the floors".)
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import highspy
import numpy as np

from domain.allocation.model import BUDGET_ROW, Model, solver
from domain.allocation.problem import Problem, budget_for
from domain.allocation.runs import ConstraintKind
from domain.allocation.words import listed, money

MOST_ONE_BY_ONE = 50
"""Of a kind with more bounds than these all are one group: they are named together."""

LEFT_OUT_FIRST = (
    ConstraintKind.BRANCH_MAXIMUM,
    ConstraintKind.BRANCH_MINIMUM,
    ConstraintKind.REGION_MAXIMUM,
    ConstraintKind.REGION_MINIMUM,
    ConstraintKind.MINIMUM_SHARE,
    ConstraintKind.CONCENTRATION,
    ConstraintKind.CAP,
    ConstraintKind.FLOOR,
    ConstraintKind.BUDGET,
)
"""What is easiest to give up is left out first, so that what cannot be given up is what is named."""


@dataclass(frozen=True, slots=True)
class Group:
    """Constraints that are named as one: rows of the model, or all cells' floors or caps."""

    kind: ConstraintKind
    rows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Conflict:
    """The fewest constraints that nothing satisfies together.

    `bounds` are places in the problem's bounds; `missing` is by how much they miss each other, in minor units;
    `sentences` say it and how to mend it.
    """

    kinds: tuple[ConstraintKind, ...]
    bounds: tuple[int, ...]
    missing: int
    sentences: tuple[str, ...]


def conflict_of(problem: Problem, *, certainly: bool) -> Conflict | None:
    """The conflict that can be told without solving; with `certainly`, whichever there is."""
    for place, cell in enumerate(problem.cells):
        if cell.committed > cell.cap:
            return _floor_above_cap(problem, place)
    for place, bound in enumerate(problem.bounds):
        if bound.lower is not None and bound.upper is not None and bound.lower > bound.upper:
            return _upside_down(problem, place)
    if problem.committed > problem.distributable:
        return _budget_below_floors(problem)
    return _searched(problem) if certainly else None


def _floor_above_cap(problem: Problem, place: int) -> Conflict:
    cell = problem.cells[place]
    missing = cell.committed - cell.cap
    said = (
        f"unit {cell.unit}, {cell.segment}: {money(cell.committed, problem.currency)} are committed, more than the "
        f"cap of {money(cell.cap, problem.currency)}: raise the cap by {money(missing, problem.currency)}"
    )
    return Conflict((ConstraintKind.FLOOR, ConstraintKind.CAP), (), missing, (said,))


def _upside_down(problem: Problem, place: int) -> Conflict:
    bound, currency = problem.bounds[place], problem.currency
    missing = (bound.lower or 0) - (bound.upper or 0)
    ends = " and ".join(_ends(bound.lower, bound.upper, currency))
    said = f"“{bound.name}” asks for {ends}: bring them together by {money(missing, currency)}"
    return Conflict((bound.kind,), (place,), missing, (said,))


def _budget_below_floors(problem: Problem) -> Conflict:
    """The commonest case, by its name."""
    missing, currency = problem.committed - problem.distributable, problem.currency
    more = budget_for(problem.committed, problem.buffer_fraction) - problem.budget
    keeps = f" (the buffer keeps {money(more - missing, currency)} of it)" if more > missing else ""
    said = (
        f"the budget of {money(problem.budget, currency)} less the buffer of {money(problem.buffer, currency)} is "
        f"below the floors of {money(problem.committed, currency)}: raise the budget by {money(more, currency)}"
        f"{keeps}, or release {money(missing, currency)} of what is committed"
    )
    return Conflict((ConstraintKind.BUDGET, ConstraintKind.FLOOR), (), missing, (said,))


def _searched(problem: Problem) -> Conflict | None:
    search = _Search(Model(problem))
    groups = groups_of(problem)
    if search.satisfiable(groups):
        return None
    kept = groups
    for group in groups:
        without = [one for one in kept if one is not group]
        if not search.satisfiable(without):
            kept = without
    return _told(problem, search, kept)


def groups_of(problem: Problem) -> list[Group]:
    """All constraints, in the order in which they are left out."""
    counted = Counter(bound.kind for bound in problem.bounds)
    groups: list[Group] = [
        Group(ConstraintKind.BUDGET, (BUDGET_ROW,)),
        Group(ConstraintKind.FLOOR),
        Group(ConstraintKind.CAP),
    ]
    for kind in counted:
        rows = [1 + place for place, bound in enumerate(problem.bounds) if bound.kind is kind]
        together = [tuple(rows)] if counted[kind] > MOST_ONE_BY_ONE else [(row,) for row in rows]
        groups += [Group(kind, one) for one in together]
    return sorted(groups, key=lambda group: LEFT_OUT_FIRST.index(group.kind))


class _Search:
    """One program without an objective, in which groups of constraints are put in and left out."""

    def __init__(self, model: Model) -> None:
        self._model = model
        program = model.linear_program()
        self._n, self._columns = len(model.problem.cells), program.num_col_
        self._rows = len(model.row_cells)
        # As lists of the model's own: what a program gives out is a copy each time.
        self._row_lower = np.array(program.row_lower_)[: self._rows]
        self._row_upper = np.array(program.row_upper_)[: self._rows]
        self._lower = np.array(program.col_lower_)[: self._n]
        self._upper = np.array(program.col_upper_)[: self._n]
        program.col_cost_ = np.zeros(self._columns)
        self._highs = solver()
        self._highs.passModel(program)

    def satisfiable(self, groups: list[Group]) -> bool:
        """Whether some amounts satisfy these constraints."""
        self._hold(groups)
        self._highs.run()
        return bool(self._highs.getModelStatus() == highspy.HighsModelStatus.kOptimal)

    def missing(self, groups: list[Group], loosened: Group) -> int:
        """By how many minor units the rows of one group must give way for the others to be satisfied."""
        self._hold([one for one in groups if one is not loosened])
        lp = self._highs
        columns = []
        for row in loosened.rows:
            low, high = self._row_lower[row], self._row_upper[row]
            lp.changeRowBounds(row, low, high)
            for end, sign in ((low, 1.0), (high, -1.0)):
                if np.isfinite(end):
                    columns.append(lp.getNumCol())
                    lp.addCol(-1.0, 0.0, np.inf, 1, np.array([row], np.int32), np.array([sign]))
        lp.run()
        found = -lp.getObjectiveValue() * self._model.unit
        lp.deleteCols(len(columns), np.array(columns, np.int32))
        return round(found)

    def _hold(self, groups: list[Group]) -> None:
        kinds = {group.kind for group in groups}
        held = [row for group in groups for row in group.rows]
        low, high = np.full(self._rows, -np.inf), np.full(self._rows, np.inf)
        low[held], high[held] = self._row_lower[held], self._row_upper[held]
        rows = np.arange(self._rows, dtype=np.int32)
        self._highs.changeRowsBounds(self._rows, rows, low, high)  # type: ignore[attr-defined]
        lower = self._lower if ConstraintKind.FLOOR in kinds else np.zeros(self._n)
        upper = self._upper if ConstraintKind.CAP in kinds else np.full(self._n, np.inf)
        self._highs.changeColsBounds(self._n, np.arange(self._n, dtype=np.int32), lower, upper)


def _told(problem: Problem, search: _Search, kept: list[Group]) -> Conflict:
    """The conflict in words: what each constraint wants of the cells that they meet in, and how to mend it."""
    kept = sorted(kept, key=lambda group: LEFT_OUT_FIRST.index(group.kind), reverse=True)
    cells = _met(problem, kept)
    said = [_wants(problem, group, cells) for group in kept]
    missing = {group: search.missing(kept, group) for group in kept if group.rows}
    mends = [_mend(problem, group, amount) for group, amount in missing.items()]
    least = min(missing.values())
    if any(group.kind is ConstraintKind.FLOOR for group in kept):
        mends.append(f"release {money(least, problem.currency)} of what is committed")
    if any(group.kind is ConstraintKind.CAP for group in kept):
        mends.append(f"find {money(least, problem.currency)} more of demand")
    sentences = (
        f"these cannot hold together: {'; '.join(said)}",
        f"any one of these mends it: {'; or '.join(mends)}",
    )
    bounds = tuple(sorted(row - 1 for group in kept for row in group.rows if row != BUDGET_ROW))
    return Conflict(tuple(group.kind for group in kept), bounds, least, sentences)


def _met(problem: Problem, kept: list[Group]) -> set[int]:
    """The cells that the bounds among the constraints speak of; all, where it is only the budget."""
    bounds = [problem.bounds[row - 1] for group in kept for row in group.rows if row != BUDGET_ROW]
    if not bounds or any(group.kind is ConstraintKind.BUDGET for group in kept):
        return set(range(len(problem.cells)))
    return {place for bound in bounds for place in bound.cells}


def _wants(problem: Problem, group: Group, cells: set[int]) -> str:
    currency, where = problem.currency, "" if len(cells) == len(problem.cells) else " there"
    match group.kind:
        case ConstraintKind.BUDGET:
            return (
                f"the budget of {money(problem.budget, currency)} less the buffer of "
                f"{money(problem.buffer, currency)}"
            )
        case ConstraintKind.FLOOR:
            amount = sum(problem.cells[place].committed for place in cells)
            return f"the floors of what is committed{where}, {money(amount, currency)}"
        case ConstraintKind.CAP:
            amount = sum(problem.cells[place].cap for place in cells)
            return f"the caps of what can be used{where}, {money(amount, currency)}"
    bounds = [problem.bounds[row - 1] for row in group.rows]
    if len(bounds) > 1:
        lower = sum(bound.lower or 0 for bound in bounds)
        upper = sum(bound.upper or 0 for bound in bounds)
        ends = " and ".join(_ends(lower or None, upper or None, currency))
        return f"the {len(bounds)} bounds {listed([f'“{one.name}”' for one in bounds])}, together {ends}"
    ends = " and ".join(_ends(bounds[0].lower, bounds[0].upper, currency))
    return f"“{bounds[0].name}”, {ends}"


def _ends(lower: int | None, upper: int | None, currency: str) -> list[str]:
    ends = [f"at least {money(lower, currency)}"] if lower is not None else []
    return ends + ([f"at most {money(upper, currency)}"] if upper is not None else [])


def _mend(problem: Problem, group: Group, missing: int) -> str:
    currency = problem.currency
    if group.kind is ConstraintKind.BUDGET:
        more = budget_for(problem.distributable + missing, problem.buffer_fraction) - problem.budget
        return f"raise the budget by {money(more, currency)}"
    bounds = [problem.bounds[row - 1] for row in group.rows]
    if len(bounds) > 1:
        return f"loosen the {len(bounds)} bounds by {money(missing, currency)} together"
    verb = "lower" if bounds[0].lower is not None and bounds[0].upper is None else "raise"
    verb = verb if bounds[0].lower is None or bounds[0].upper is None else "loosen"
    return f"{verb} “{bounds[0].name}” by {money(missing, currency)}"
