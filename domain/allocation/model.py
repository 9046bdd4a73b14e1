"""The problem as a linear program in arrays, as HiGHS takes it.

Columns: a cell's amount each, then for each target and slice of the penalty what falls short there. Rows: the
budget, the bounds, the targets. Amounts are scaled by a power of ten, so that budgets of every size meet the
solver's tolerances alike; duals are free of the scale, since return and money are in the same unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import highspy
import numpy as np
from numpy.typing import NDArray

from domain.allocation.problem import Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BUDGET_ROW = 0
DIGITS_IN_THE_MODEL = 8
"""The budget has so many digits before the point: tolerances of 1e-7 are far below a minor unit then."""


@dataclass(frozen=True)
class Model:
    """The arrays of a problem. Row 0 is the budget; bound `i` is row 1 + i; target `j` row 1 + #bounds + j."""

    problem: Problem

    @cached_property
    def unit(self) -> int:
        """How many minor units one of the model is."""
        return int(10 ** max(0, len(str(self.problem.budget)) - DIGITS_IN_THE_MODEL))

    @cached_property
    def lower(self) -> Ints:
        """The floors, in minor units."""
        return np.fromiter((c.committed for c in self.problem.cells), np.int64, len(self.problem.cells))

    @cached_property
    def upper(self) -> Ints:
        """The caps, in minor units."""
        return np.fromiter((c.cap for c in self.problem.cells), np.int64, len(self.problem.cells))

    @cached_property
    def returns(self) -> Floats:
        """What each cell's unit earns a year."""
        cells = self.problem.cells
        return np.fromiter((float(c.expected_return) for c in cells), np.float64, len(cells))

    @cached_property
    def row_cells(self) -> list[Ints]:
        """The cells of the budget and of each bound."""
        everything = np.arange(len(self.problem.cells), dtype=np.int64)
        return [everything, *(np.array(bound.cells, np.int64) for bound in self.problem.bounds)]

    @cached_property
    def row_bounds(self) -> list[tuple[int | None, int | None]]:
        """The least and the most of the budget and of each bound, in minor units."""
        return [(None, self.problem.distributable), *((b.lower, b.upper) for b in self.problem.bounds)]

    def amounts_of(self, minor: Ints) -> Floats:
        """Minor units as the model counts."""
        return minor / self.unit

    def linear_program(self) -> highspy.HighsLp:
        """What HiGHS is to maximise."""
        problem, slices = self.problem, self.problem.slices
        targets = problem.targets if slices else ()
        n, short = len(problem.cells), len(targets) * len(slices)
        lp = highspy.HighsLp()
        lp.sense_ = highspy.ObjSense.kMaximize
        lp.num_col_, lp.num_row_ = n + short, len(self.row_cells) + len(targets)
        costs = np.array([float(s.cost) for s in slices])
        lp.col_cost_ = np.concatenate([self.returns, -np.tile(costs, len(targets))])
        lp.col_lower_ = np.concatenate([self.amounts_of(self.lower), np.zeros(short)])
        lp.col_upper_ = np.concatenate([self.amounts_of(self.upper), self._slice_widths()])
        wanted = np.array([t.amount for t in targets], np.float64) / self.unit
        lp.row_lower_ = np.concatenate([self._ends([low for low, _ in self.row_bounds], -np.inf), wanted])
        lp.row_upper_ = np.concatenate(
            [self._ends([high for _, high in self.row_bounds], np.inf), np.full(len(targets), np.inf)]
        )
        columns = list(self.row_cells)
        for j, target in enumerate(targets):
            short_of = np.arange(n + j * len(slices), n + (j + 1) * len(slices), dtype=np.int64)
            columns.append(np.concatenate([np.array(target.cells, np.int64), short_of]))
        matrix(lp, columns)
        return lp

    def _slice_widths(self) -> Floats:
        """How much may fall short in each slice of each target: up to where the next begins."""
        slices = self.problem.slices
        if not slices or not self.problem.targets:
            return np.zeros(0)
        begins = [float(s.beyond) for s in slices]
        parts = np.array([*np.diff(begins), np.inf])
        amounts = np.array([t.amount for t in self.problem.targets], np.float64) / self.unit
        widths = amounts[:, None] * np.where(np.isinf(parts), 1.0, parts)[None, :]
        widths[:, np.isinf(parts)] = np.inf
        return widths.reshape(-1)

    def _ends(self, ends: list[int | None], none: float) -> Floats:
        return np.array([none if end is None else end / self.unit for end in ends], np.float64)


def matrix(lp: highspy.HighsLp, columns: list[Ints]) -> None:
    """Give the program rows of ones in these columns."""
    lengths = np.fromiter(map(len, columns), np.int64, len(columns))
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    lp.a_matrix_.index_ = np.concatenate(columns).astype(np.int32) if columns else np.zeros(0, np.int32)
    lp.a_matrix_.value_ = np.ones(int(lengths.sum()))


def solver(time_limit_s: float | None = None) -> highspy.Highs:
    """A silent HiGHS on one thread."""
    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    if time_limit_s is not None:
        highs.setOptionValue("time_limit", time_limit_s)
    return highs
