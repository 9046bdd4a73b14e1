"""Whether a statement is planned once for all values or for each execution, as PostgreSQL itself would decide.

PostgreSQL's own choice (`plan_cache_mode = auto`) compares the plan for all values with the average of the first
five plans for particular ones. A statement of which every other execution only sets the scope spoils that average,
and a general plan made before the scope is in force takes the policy's condition to let nothing through. So the
choice is left to PostgreSQL on a statement of its own, of which nothing is executed, and then stated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tenants.connections import Seat

CUSTOM = "force_custom_plan"
GENERIC = "force_generic_plan"

# The first plans of a statement that PostgreSQL always makes for their values.
TRIALS = 5
# Data grow and values change: the choice is made anew after so many uses.
REVISED_AFTER = 5_000
KNOWN = 10_000


@dataclass(slots=True)
class Habit:
    """How one statement is planned."""

    mode: str = CUSTOM
    uses: int = 0

    def is_due(self) -> bool:
        """Count one use; whether the choice is to be made with it."""
        self.uses += 1
        return self.uses == TRIALS or self.uses % REVISED_AFTER == 0


class Habits:
    """The habits of all statements of one door, whichever connection runs them."""

    def __init__(self) -> None:
        # By the texts' hashes: the texts themselves are large, and a collision costs a worse plan.
        self._known: dict[int, Habit] = {}

    def of(self, expression: str) -> Habit:
        """The statement's habit, a new one where it is not known."""
        known = self._known.get(hash(expression))
        return known or self._new(expression)

    def _new(self, expression: str) -> Habit:
        if len(self._known) >= KNOWN:
            self._known.pop(next(iter(self._known)))
        habit = self._known[hash(expression)] = Habit()
        return habit


async def preferred_mode(seat: Seat, scope_settings: str, expression: str, values: Sequence[Any]) -> str:
    """PostgreSQL's choice for the expression, with these values and in this scope.

    The seat is not intact until this has come to its end.
    """
    seat.intact = False
    connection = seat.connection
    trial = await connection.prepare(f"select ({expression})")
    await connection.execute(f"begin read only; {scope_settings}; set local plan_cache_mode = auto")
    for _ in range(TRIALS + 1):
        # Binding plans, and executes nothing.
        await trial.cursor(*values)
    general = await connection.fetchval(
        "select generic_plans > 0 from pg_catalog.pg_prepared_statements where name = $1", trial.get_name()
    )
    await connection.execute("commit")
    seat.intact = True
    return GENERIC if general else CUSTOM
