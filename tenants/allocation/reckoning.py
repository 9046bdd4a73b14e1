"""A run reckoned: from figures to rows, without the database; what takes long is done in a thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.allocation.beside import by_rule
from domain.allocation.building import Figures, problem_of, weight_of
from domain.allocation.conflicts import Conflict
from domain.allocation.explaining import (
    branch_explanation,
    cell_explanation,
    explain,
    row_explanation,
)
from domain.allocation.form import AllocationForm
from domain.allocation.problem import Bound, Problem
from domain.allocation.rounding import NoWholeAmounts
from domain.allocation.runs import ConstraintKind
from domain.allocation.scarcity import ScarcityRule
from domain.allocation.solving import Solution, solve
from domain.json_forms import Unreadable

Row = tuple[Any, ...]

FEWEST_PLACES = Decimal("0.000000001")
RULES = (
    ScarcityRule.PROPORTIONAL,
    ScarcityRule.EQUAL_AWARDS,
    ScarcityRule.EQUAL_LOSSES,
    ScarcityRule.TALMUD,
)
"""In the order of the columns."""


@dataclass(frozen=True, slots=True)
class Reckoned:
    """What a simulation writes: the run's figures by column, and the rows of its tables in their columns' order."""

    run: dict[str, Any]
    constraints: list[Row]
    branches: list[Row]
    cells: list[Row]


class CannotReckon(ValueError):
    """The parameters do not fit the bank, or no answer exists in whole amounts. Safe to show."""


async def reckon(form: AllocationForm, figures: Figures, *, budget: int, currency: str) -> Reckoned:
    """Solve in a thread, with no transaction open: HiGHS lets go of the interpreter. Raises CannotReckon."""
    return await asyncio.to_thread(reckoned, form, figures, budget=budget, currency=currency)


def reckoned(form: AllocationForm, figures: Figures, *, budget: int, currency: str) -> Reckoned:
    """The same, where nobody waits. Raises CannotReckon."""
    started = time.monotonic()
    try:
        problem = problem_of(form, figures, budget=budget, currency=currency)
        found = solve(problem)
    except (Unreadable, NoWholeAmounts) as mistake:
        raise CannotReckon(str(mistake)) from None
    rows = _Rows(form, figures, problem, found)
    run = rows.run() | {"solving_ms": round((time.monotonic() - started) * 1000)}
    return Reckoned(run, list(rows.constraints()), list(rows.branches()), list(rows.cells()))


class _Rows:
    """The rows of a solution, or of a conflict, where no cell has an amount."""

    def __init__(
        self, form: AllocationForm, figures: Figures, problem: Problem, found: Solution | Conflict
    ) -> None:
        self._form, self._figures, self._problem, self._found = form, figures, problem, found
        self._solution = found if isinstance(found, Solution) else None
        self._rules = [by_rule(problem, rule) for rule in RULES]
        names = {place.unit: place.name for place in figures.places.values()}
        self._explained = explain(found, names) if isinstance(found, Solution) else None

    def run(self) -> dict[str, Any]:
        problem, found = self._problem, self._found
        figures: dict[str, Any] = {
            "feasible": self._solution is not None,
            "distributable_minor": problem.distributable,
            "committed_minor": problem.committed,
            "asked_minor": problem.asked,
            "granted_minor": None,
            "expected_return_minor": None,
            "penalty_minor": None,
            "budget_price": None,
        }
        if isinstance(found, Conflict):
            return figures | {"explanation": _paragraph(found.sentences)}
        assert self._explained is not None
        return figures | {
            "granted_minor": found.total,
            "expected_return_minor": found.expected_return,
            "penalty_minor": found.penalty,
            "budget_price": _price(found.prices[0]),
            "explanation": _paragraph(self._explained.said),
        }

    def constraints(self) -> Iterator[Row]:
        """(position, kind, name, unit, lower, upper, used, binding, price, conflicts, explanation)"""
        problem = self._problem
        everything = range(len(problem.cells))
        conflict = self._found if isinstance(self._found, Conflict) else None
        of_conflict = set(conflict.kinds) if conflict else set()
        rows: list[tuple[Bound, Iterable[int], bool]] = [
            (
                Bound(ConstraintKind.BUDGET, "Budget less the buffer", (), upper=problem.distributable),
                everything,
                ConstraintKind.BUDGET in of_conflict,
            )
        ]
        for place, bound in enumerate(problem.bounds):
            rows.append((bound, bound.cells, conflict is not None and place in conflict.bounds))
        for row, (bound, cells, conflicts) in enumerate(rows):
            head = (row, bound.kind, bound.name, bound.unit, bound.lower, bound.upper)
            if self._solution is None:
                yield (*head, None, False, None, conflicts, None)
                continue
            used = self._solution.used(tuple(cells))
            price = self._solution.prices[row]
            binding = used in (bound.lower, bound.upper)
            yield (*head, used, binding, _price(price), False, row_explanation(self._solution, row))
        yield from self._totals(len(rows), of_conflict)

    def _totals(self, position: int, of_conflict: set[ConstraintKind]) -> Iterator[Row]:
        """What holds of every cell, as one row each: the floors and the caps together."""
        problem, granted = self._problem, self._solution.total if self._solution else None
        caps = sum(cell.cap for cell in problem.cells)
        for kind, name, lower, upper in (
            (ConstraintKind.FLOOR, "What is committed, cell by cell", problem.committed, None),
            (ConstraintKind.CAP, "What can be used, cell by cell", None, caps),
        ):
            binding = granted is not None and granted in (lower, upper)
            yield (
                position,
                kind,
                name,
                None,
                lower,
                upper,
                granted,
                binding,
                None,
                kind in of_conflict,
                None,
            )
            position += 1

    def branches(self) -> Iterator[Row]:
        """(unit, tier, weight, committed, asked, cap, target, granted, four rules, expected return, explanation)"""
        problem, solution = self._problem, self._solution
        places: dict[int, list[int]] = {}
        for n, cell in enumerate(problem.cells):
            places.setdefault(cell.unit, []).append(n)
        targets = {target.unit: target.amount for target in problem.targets}
        for unit, of_unit in places.items():
            place = self._figures.places[unit]
            cells = [problem.cells[n] for n in of_unit]
            granted = [solution.granted[n] for n in of_unit] if solution else None
            earned = (
                sum((c.expected_return * got for c, got in zip(cells, granted, strict=True)), Decimal(0))
                if granted
                else None
            )
            yield (
                unit,
                place.tier,
                weight_of(place, self._form.scorecard_influence),
                sum(c.committed for c in cells),
                sum(c.asked for c in cells),
                sum(c.cap for c in cells),
                targets.get(unit),
                None if granted is None else sum(granted),
                *(sum(given[n] for n in of_unit) for given in self._rules),
                None if earned is None else round(earned),
                branch_explanation(solution, of_unit, self._explained.held_back)
                if solution and self._explained
                else None,
            )

    def cells(self) -> Iterator[Row]:
        """(unit, segment, return, source, committed, asked, cap, granted, four rules, held back by, explanation)"""
        solution, explained = self._solution, self._explained
        for n, (cell, asking) in enumerate(zip(self._problem.cells, self._figures.askings, strict=True)):
            held = explained.held_back[n] if explained else None
            yield (
                cell.unit,
                cell.segment,
                cell.expected_return,
                asking.return_source,
                cell.committed,
                cell.asked,
                cell.cap,
                solution.granted[n] if solution else None,
                *(given[n] for given in self._rules),
                held.kind if held else None,
                cell_explanation(solution, n, held) if solution else None,
            )


def _price(price: float) -> Decimal:
    return Decimal(price).quantize(FEWEST_PLACES)


def _paragraph(sentences: Iterable[str]) -> str:
    return ". ".join(sentence[:1].upper() + sentence[1:] for sentence in sentences) + "."
