"""The optimum, solved by HiGHS, in exact amounts and with the price of everything that bounds it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import highspy
import numpy as np

from domain.allocation.conflicts import Conflict, conflict_of
from domain.allocation.model import BUDGET_ROW, Floats, Ints, Model, solver
from domain.allocation.problem import Problem
from domain.allocation.rounding import whole
from domain.money import EXPONENTS

NOTHING = 1e-9
"""What the solver calls nothing of a price."""


@dataclass(frozen=True)
class Solution:
    """Who gets what, in minor units by the places of the cells, and what each constraint is worth.

    `prices` are by the rows of the model (the budget, then the bounds): what one more of a row's bound would add to
    the objective a year; below zero for what must be reached. `target_prices` the same, by target.
    """

    problem: Problem
    granted: tuple[int, ...]
    prices: tuple[float, ...]
    target_prices: tuple[float, ...]
    one_more: OneMore

    @cached_property
    def total(self) -> int:
        """What is granted altogether."""
        return sum(self.granted)

    @cached_property
    def expected_return(self) -> int:
        """What the amounts granted are expected to earn a year, in minor units."""
        earned = sum(
            (cell.expected_return * got for cell, got in zip(self.problem.cells, self.granted, strict=True)),
            Decimal(0),
        )
        return int(earned.to_integral_value())

    @cached_property
    def penalty(self) -> int:
        """What the balance penalty takes of it."""
        return int(sum(map(self._penalty, range(len(self.problem.targets))), Decimal(0)).to_integral_value())

    def used(self, cells: tuple[int, ...]) -> int:
        """What these cells get together."""
        return sum(self.granted[i] for i in cells)

    def _penalty(self, place: int) -> Decimal:
        target, slices = self.problem.targets[place], self.problem.slices
        short = max(target.amount - self.used(target.cells), 0)
        ends = [target.amount * s.beyond for s in slices[1:]] + [Decimal("Infinity")]
        return sum(
            (
                max(min(Decimal(short), end) - target.amount * one.beyond, Decimal(0)) * one.cost
                for one, end in zip(slices, ends, strict=False)
            ),
            Decimal(0),
        )


@dataclass(frozen=True, slots=True)
class OneMore:
    """What one more million of budget would earn a year (minor units, after the penalty), and where it would go.

    `where` are (place of the cell, minor units), the largest first; below zero what other cells would give up.
    """

    million: int
    worth: int
    where: tuple[tuple[int, int], ...]


def solve(problem: Problem) -> Solution | Conflict:
    """The best allocation there is, or the fewest constraints that make it impossible.

    Raises NoWholeAmounts, where only fractions of minor units would do.
    """
    conflict = conflict_of(problem, certainly=False)
    if conflict is not None:
        return conflict
    model = Model(problem)
    highs = solver()
    highs.passModel(model.linear_program())
    highs.run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        conflict = conflict_of(problem, certainly=True)
        assert conflict is not None, f"neither optimal nor impossible: {highs.getModelStatus()}"
        return conflict
    found = highs.getSolution()
    amounts = _amounts(model, found)
    duals = np.array(found.row_dual)
    rows = len(model.row_cells)
    tight = [row for row in range(1, rows) if abs(duals[row]) > NOTHING]
    granted = whole(model, amounts, _total(model, amounts, found), tight)
    return Solution(
        problem,
        tuple(map(int, granted)),
        tuple(map(_price, duals[:rows])),
        tuple(map(_price, duals[rows:])),
        _one_more(highs, model, amounts),
    )


def _amounts(model: Model, found: highspy.HighsSolution) -> Floats:
    return np.array(found.col_value)[: len(model.problem.cells)] * model.unit


def _total(model: Model, amounts: Floats, found: highspy.HighsSolution) -> int:
    """What the program shares out: the whole budget where it binds, and never a unit more."""
    shared = float(amounts.sum())
    most = model.problem.distributable
    if abs(found.row_dual[BUDGET_ROW]) > NOTHING and most - shared < model.unit:
        return most
    return min(round(shared), most)


def _price(dual: float) -> float:
    return 0.0 if abs(dual) < NOTHING else float(dual)


def _one_more(highs: highspy.Highs, model: Model, before: Floats) -> OneMore:
    """Solve once more from where it stands, with a million more to share out."""
    million = 1_000_000 * 10 ** EXPONENTS[model.problem.currency]
    earned = highs.getObjectiveValue()
    most = (model.problem.distributable + million) / model.unit
    highs.changeRowBounds(BUDGET_ROW, -np.inf, most)
    highs.run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return OneMore(million, 0, ())
    change = _amounts(model, highs.getSolution()) - before
    worth = round((highs.getObjectiveValue() - earned) * model.unit)
    moved: Ints = np.flatnonzero(np.abs(change) > max(million / 1000, 1.0))
    order = sorted(moved, key=lambda i: -change[i])
    return OneMore(million, max(worth, 0), tuple((int(i), round(float(change[i]))) for i in order))
