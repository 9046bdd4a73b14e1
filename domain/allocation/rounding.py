"""From the solver's floats to whole minor units: the sum is what the program says, and no bound is broken.

Each amount is rounded down; the units that are missing go to those who lost most by it – largest remainder – as far
as every bound allows. Where bounds are nested or cross only two by two (branches by segments), rounding always
works out, and no amount ends more than a unit from the program's. Which units go where is itself a program, in
whole numbers of a few units, that HiGHS solves at its root.
"""

from __future__ import annotations

from collections.abc import Collection

import highspy
import numpy as np

from domain.allocation.model import Floats, Ints, Model, matrix, solver

STEPS = (1, 2, None)
"""How far an amount may be moved from where it was rounded to; None: anywhere between its floor and its cap."""
HELD_S = 60.0


class NoWholeAmounts(ValueError):
    """No amounts in whole minor units satisfy all bounds, though fractions of them do."""


def whole(model: Model, amounts: Floats, total: int, tight: Collection[int] = ()) -> Ints:
    """Whole minor units near `amounts` (minor units as floats) that add up to `total` within every bound.

    Rows that are `tight`, as their prices say, reach their bounds to the unit where that is possible. Raises
    NoWholeAmounts.
    """
    lower, upper = model.lower, model.upper
    base = np.clip(np.floor(amounts).astype(np.int64), lower, upper)
    # What lies at a bound but for the solver's noise is there.
    base = np.where(
        np.abs(amounts - upper) < 0.5, upper, np.where(np.abs(amounts - lower) < 0.5, lower, base)
    )
    exactly = _at_their_ends(model, amounts, tight) | {0: total}
    if _holds(model, base, exactly):
        return base
    remainders = np.clip(amounts - base, -1.0, 1.0)
    between = (base > lower) & (base < upper)
    for wanted in (exactly, {0: total}):
        for step in STEPS:
            for movable in (between, np.ones(len(base), bool)):
                moved = _moved(model, base, remainders, movable, step, wanted)
                if moved is not None:
                    return moved
    raise NoWholeAmounts(
        "no whole amounts satisfy all bounds: some of them cut across each other to the last minor unit; "
        "let one of them have a little room"
    )


def _at_their_ends(model: Model, amounts: Floats, tight: Collection[int]) -> dict[int, int]:
    """What the tight rows come to: that end of theirs which is nearer."""
    found = {}
    for row in tight:
        used = float(amounts[model.row_cells[row]].sum())
        ends = [end for end in model.row_bounds[row] if end is not None]
        found[row] = min(ends, key=lambda end: abs(end - used))
    return found


def _holds(model: Model, amounts: Ints, exactly: dict[int, int]) -> bool:
    for row, (cells, (low, high)) in enumerate(zip(model.row_cells, model.row_bounds, strict=True)):
        used = int(amounts[cells].sum())
        if (low is not None and used < low) or (high is not None and used > high):
            return False
        if used != exactly.get(row, used):
            return False
    return True


def _moved(
    model: Model,
    base: Ints,
    remainders: Floats,
    movable: np.ndarray,
    step: int | None,
    exactly: dict[int, int],
) -> Ints | None:
    """The base moved by whole units, within all bounds, to what rows must come to; None where that cannot be."""
    chosen = np.flatnonzero(movable)
    place = np.full(len(base), -1, np.int64)
    place[chosen] = np.arange(len(chosen))
    down, up = (model.lower - base)[chosen], (model.upper - base)[chosen]
    if step is not None:
        down, up = np.maximum(down, -step), np.minimum(up, step)
    lp = highspy.HighsLp()
    lp.sense_ = highspy.ObjSense.kMaximize
    rows, lows, highs = [], [], []
    for row, (cells, (low, high)) in enumerate(zip(model.row_cells, model.row_bounds, strict=True)):
        used = int(base[cells].sum())
        rows.append(place[cells][place[cells] >= 0])
        if row in exactly:
            low = high = exactly[row]
        lows.append(-np.inf if low is None else low - used)
        highs.append(np.inf if high is None else high - used)
    lp.num_col_, lp.num_row_ = len(chosen), len(rows)
    lp.col_cost_ = remainders[chosen]
    lp.col_lower_, lp.col_upper_ = down.astype(np.float64), up.astype(np.float64)
    lp.row_lower_, lp.row_upper_ = np.array(lows, np.float64), np.array(highs, np.float64)
    lp.integrality_ = [highspy.HighsVarType.kInteger] * len(chosen)
    matrix(lp, rows)
    found = solver(HELD_S)
    found.passModel(lp)
    found.run()
    if found.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    moved = base.copy()
    moved[chosen] += np.rint(np.array(found.getSolution().col_value)).astype(np.int64)
    return moved if _holds(model, moved, exactly) else None
