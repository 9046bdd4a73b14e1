"""Why the answer is what it is: the price of each constraint, and what kept a cell or branch from what it asked.

At the optimum a cell's return is what the constraints on it cost together, plus what its own bounds are worth. So
a cell that got less than it asked was kept from it by that constraint without whose price it would have paid; where
no single one would have been enough, by the budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from domain.allocation.model import BUDGET_ROW, Floats, Ints
from domain.allocation.runs import ConstraintKind
from domain.allocation.solving import NOTHING, Solution
from domain.allocation.words import listed, money, rate

MILLION_WORDS = "one more million of"
_UNUSED = (
    "nothing of the segment's own limit is in use: what its clients hold stands under others, as their own"
)


class HeldBack(NamedTuple):
    """What kept a cell from what it asked: a row of the model, or its own cap; `price` is what that row costs."""

    kind: ConstraintKind | None
    row: int | None
    short: int


@dataclass(frozen=True, slots=True)
class Explained:
    """What can be said of a solution, once for all."""

    held_back: tuple[HeldBack | None, ...]
    """By cell; None where it got what it asked."""

    said: tuple[str, ...]
    """The solution in sentences: the budget's price, and where a million more would go."""


def explain(solution: Solution, names: Mapping[int, str]) -> Explained:
    """What the prices say; `names` are the units' names."""
    return Explained(_held_back(solution), tuple(_said(solution, names)))


def row_explanation(solution: Solution, row: int) -> str | None:
    """What one more of a row's bound is worth; None where it binds nothing."""
    price = solution.prices[row]
    if abs(price) <= NOTHING:
        return None
    problem = solution.problem
    worth = money(round(abs(price) * solution.one_more.million), problem.currency)
    if row == BUDGET_ROW:
        return f"one more million of budget would earn {worth} a year"
    name = problem.bounds[row - 1].name
    if price > 0:
        return f"one more million under “{name}” would earn {worth} a year"
    return f"the last million that “{name}” demands costs {worth} a year elsewhere"


def cell_explanation(solution: Solution, place: int, held: HeldBack | None) -> str:
    """What a cell asked, got, and why."""
    cell, currency = solution.problem.cells[place], solution.problem.currency
    got = solution.granted[place]
    said = f"asked {money(cell.asked, currency)}, gets {money(got, currency)}"
    said = f"{said}: {_because(solution, held, [place])}" if held else said
    return f"{said}; {_UNUSED}" if cell.unused and got else said


def branch_explanation(solution: Solution, places: list[int], held_back: tuple[HeldBack | None, ...]) -> str:
    """What a branch asked, got, and why it got less: each constraint with the amount that it kept back."""
    problem = solution.problem
    asked = sum(problem.cells[place].asked for place in places)
    got = sum(solution.granted[place] for place in places)
    said = f"asked {money(asked, problem.currency)}, gets {money(got, problem.currency)}"
    by_reason: dict[tuple[ConstraintKind | None, int | None], list[int]] = {}
    for place in places:
        held = held_back[place]
        if held is not None:
            by_reason.setdefault((held.kind, held.row), []).append(place)
    parts = []
    for (kind, row), where in by_reason.items():
        short = sum(held.short for place in where if (held := held_back[place]) is not None)
        because = _because(solution, HeldBack(kind, row, short), where)
        parts.append(f"{money(short, problem.currency)} less in {_segments(solution, where)}, {because}")
    return "; ".join([said, *parts])


def _held_back(solution: Solution) -> tuple[HeldBack | None, ...]:
    problem = solution.problem
    n = len(problem.cells)
    rows = [np.arange(n), *(np.array(bound.cells, np.int64) for bound in problem.bounds)]
    cost = _costs(solution, rows)
    returns = np.fromiter((float(cell.expected_return) for cell in problem.cells), np.float64, n)
    best, price_of_best = np.full(n, -1, np.int64), np.zeros(n)
    for row, (price, cells) in enumerate(zip(solution.prices, rows, strict=True)):
        if row == BUDGET_ROW or price <= NOTHING:
            continue
        # Without this one it would have paid.
        alone = cells[(returns[cells] - cost[cells] + price > NOTHING) & (price > price_of_best[cells])]
        best[alone], price_of_best[alone] = row, price
    return tuple(_reason(solution, place, int(best[place])) for place in range(n))


def _costs(solution: Solution, rows: list[Ints]) -> Floats:
    """What one more in each cell costs at the prices of all that it counts in: constraints, then targets."""
    problem = solution.problem
    cost = np.zeros(len(problem.cells))
    for price, cells in zip(solution.prices, rows, strict=True):
        if price:
            cost[cells] += price
    if problem.slices:
        for price, target in zip(solution.target_prices, problem.targets, strict=True):
            if price:
                cost[list(target.cells)] += price
    return cost


def _reason(solution: Solution, place: int, best: int) -> HeldBack | None:
    problem = solution.problem
    cell, got = problem.cells[place], solution.granted[place]
    short = cell.asked - got
    if short <= 0:
        return None
    if got == cell.cap:
        return HeldBack(ConstraintKind.CAP, None, short)
    if cell.expected_return <= 0:
        return HeldBack(None, None, short)
    if best >= 0:
        return HeldBack(problem.bounds[best - 1].kind, best, short)
    if solution.prices[BUDGET_ROW] > NOTHING:
        return HeldBack(ConstraintKind.BUDGET, BUDGET_ROW, short)
    return HeldBack(None, None, short)


def _because(solution: Solution, held: HeldBack, places: list[int]) -> str:
    problem = solution.problem
    if held.kind is ConstraintKind.CAP:
        return "which is all that it could use"
    if held.row is None:
        return "since it is not expected to earn anything"
    if held.row != BUDGET_ROW:
        price = money(round(solution.prices[held.row] * solution.one_more.million), problem.currency)
        return (
            f"held back by “{problem.bounds[held.row - 1].name}” (its last million is worth {price} a year)"
        )
    returns = sorted({problem.cells[place].expected_return for place in places})
    earned = rate(returns[0]) if len(returns) == 1 else f"{rate(returns[0])} to {rate(returns[-1])}"
    last = rate(solution.prices[BUDGET_ROW])
    return f"for want of budget: it is expected to earn {earned}, and the last million earns {last}"


def _segments(solution: Solution, places: list[int]) -> str:
    return listed([solution.problem.cells[place].segment for place in places])


def _said(solution: Solution, names: Mapping[int, str]) -> list[str]:
    problem, more = solution.problem, solution.one_more
    shared = money(solution.total, problem.currency)
    earned = money(solution.expected_return, problem.currency)
    said = [
        f"{shared} of {money(problem.distributable, problem.currency)} are shared out, after a buffer of "
        f"{money(problem.buffer, problem.currency)}; they are expected to earn {earned} a year, of which imbalance "
        f"costs {money(solution.penalty, problem.currency)}"
    ]
    if not more.worth:
        return [*said, "more budget would earn nothing: whoever can use it has what it can use"]
    worth = money(more.worth, problem.currency)
    first = [(place, amount) for place, amount in more.where if amount > 0]
    goes = [
        f"{names.get(problem.cells[place].unit, problem.cells[place].unit)} / {problem.cells[place].segment} "
        f"({money(amount, problem.currency)})"
        for place, amount in first
    ]
    where = f", in {listed(goes)} first" if goes else ""
    return [*said, f"{MILLION_WORDS} budget would earn {worth} a year{where}"]
