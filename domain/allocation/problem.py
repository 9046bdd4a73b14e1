"""An allocation problem: what there is to share out, who asks for what, and what must hold of the answer.

Amounts are whole minor units of one currency. A cell is a branch's segment; constraints speak of sets of cells.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cached_property

from domain.allocation.runs import ConstraintKind


@dataclass(frozen=True, slots=True)
class Cell:
    """A branch's segment: what a year's credit of one earns there, and between which bounds it may lie.

    `committed` is the floor; `asked` the demand that is forecast; `cap` what could be used at all.
    Where the segment's own limit is `unused`, whatever its clients hold stands under other limits.
    """

    unit: int
    segment: str
    expected_return: Decimal
    committed: int
    asked: int
    cap: int
    unused: bool = False


@dataclass(frozen=True, slots=True)
class Bound:
    """What the cells at these places must come to together: at least `lower`, at most `upper`."""

    kind: ConstraintKind
    name: str
    cells: tuple[int, ...]
    lower: int | None = None
    upper: int | None = None
    unit: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What policy means a branch to get; falling short of it costs, it does not forbid."""

    unit: int
    cells: tuple[int, ...]
    amount: int


@dataclass(frozen=True, slots=True)
class Slice:
    """What is short of a target `beyond` this part of it costs so much a year, until the next slice begins."""

    beyond: Decimal
    cost: Decimal


@dataclass(frozen=True)
class Problem:
    """Maximise Σ expected return · x − the balance penalty, within the budget less its buffer and all bounds.

    The penalty must not become cheaper from slice to slice, or it could not be a linear program.
    """

    currency: str
    budget: int
    buffer_fraction: Decimal
    cells: tuple[Cell, ...]
    bounds: tuple[Bound, ...] = ()
    targets: tuple[Target, ...] = ()
    slices: tuple[Slice, ...] = field(default=())

    def __post_init__(self) -> None:
        assert 0 <= self.buffer_fraction < 1, "a buffer is a part of the budget"
        assert all(c.committed >= 0 and c.asked >= 0 for c in self.cells), "amounts are not negative"
        costs = [s.cost for s in self.slices]
        assert costs == sorted(costs), "the penalty must not become cheaper from slice to slice"

    @cached_property
    def buffer(self) -> int:
        """What headquarters keeps back of the budget."""
        return buffer_of(self.budget, self.buffer_fraction)

    @cached_property
    def distributable(self) -> int:
        """The budget less the buffer."""
        return self.budget - self.buffer

    @cached_property
    def committed(self) -> int:
        """The sum of the floors."""
        return sum(cell.committed for cell in self.cells)

    @cached_property
    def asked(self) -> int:
        """The sum of what is asked."""
        return sum(cell.asked for cell in self.cells)


def buffer_of(budget: int, fraction: Decimal) -> int:
    """The buffer of a budget, in whole minor units."""
    return int((budget * fraction).to_integral_value(ROUND_HALF_EVEN))


def budget_for(distributable: int, fraction: Decimal) -> int:
    """The least budget that leaves so much to share out after the buffer."""
    budget = int(distributable / (1 - fraction))
    while budget - buffer_of(budget, fraction) < distributable:
        budget += 1
    while budget and budget - 1 - buffer_of(budget - 1, fraction) >= distributable:
        budget -= 1
    return budget
