"""Load one batch: all of it in one statement per table, or what the database will have of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import asyncpg

from domain.intake.problems import Problem, shown
from domain.intake.rows import Plan, Row
from domain.intake.targets import TARGETS
from tenants.database import Transaction
from tenants.intake.contradictions import contradictions
from tenants.intake.staging import Staged, copy, keys_of, staged

REFUSALS = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)


@dataclass(slots=True)
class Loaded:
    """How many rows wrote something, how many said nothing new, and which were refused and why."""

    taken: int = 0
    unchanged: int = 0
    problems: list[Problem] = field(default_factory=list)


async def load(transaction: Transaction, plan: Plan, rows: list[tuple[int, Row]]) -> Loaded:
    """Load rows, each with its branch id, within the caller's transaction."""
    if not rows:
        return Loaded()
    tables = staged(plan)
    await copy(transaction, plan, tables, rows)
    problems: list[Problem] = []
    against = await contradictions(transaction, plan)
    if against:
        problems = [_contradiction(rows[place], plan, *why) for place, why in sorted(against.items())]
        rows = [pair for place, pair in enumerate(rows) if place not in against]
        for table in tables:
            await transaction.connection.execute(f"drop table staged_{table.entity}")
        await copy(transaction, plan, tables, rows)
    batch = _Batch(transaction, plan, tables, rows)
    await batch.load(0, len(rows))
    taken = batch.taken()
    unchanged = len(rows) - taken - len(batch.problems)
    return Loaded(taken, unchanged, problems + batch.problems)


class _Batch:
    def __init__(
        self, transaction: Transaction, plan: Plan, tables: list[Staged], rows: list[tuple[int, Row]]
    ) -> None:
        self._connection = transaction.connection
        self._plan = plan
        self._tables = tables
        self._rows = rows
        self._written: dict[str, set[tuple[Any, ...]]] = {table.entity: set() for table in tables}
        self._refused: set[int] = set()
        self.problems: list[Problem] = []

    async def load(self, first: int, end: int) -> None:
        """Load the rows [first, end); halve them until each row that the database refuses stands alone."""
        if first == end:
            return
        await self._connection.execute("savepoint intake")
        try:
            written = [await self._upsert(table, first, end) for table in self._tables]
        except REFUSALS as refusal:
            await self._connection.execute("rollback to savepoint intake; release savepoint intake")
            if end - first == 1:
                self._refused.add(first)
                self.problems.append(_refusal(self._rows[first][1], self._plan, refusal))
                return
            middle = (first + end) // 2
            await self.load(first, middle)
            await self.load(middle, end)
        else:
            await self._connection.execute("release savepoint intake")
            for table, keys in zip(self._tables, written, strict=True):
                self._written[table.entity] |= keys

    async def _upsert(self, table: Staged, first: int, end: int) -> set[tuple[Any, ...]]:
        return {tuple(key) for key in await self._connection.fetch(table.upsert, first, end)}

    def taken(self) -> int:
        """How many rows wrote something; of two that bring the same, the first did."""
        taken = 0
        for place, (branch_id, row) in enumerate(self._rows):
            wrote = False
            if place in self._refused:
                continue
            for entity, written in self._written.items():
                for key in keys_of(self._plan, entity, branch_id, row):
                    if key in written:
                        written.discard(key)
                        wrote = True
            taken += wrote
        return taken


def _contradiction(pair: tuple[int, Row], plan: Plan, entity: str, reason: str) -> Problem:
    row = pair[1]
    keys = [" ".join(map(str, plan.key(entity, row, made)[1:])) for made in row.entities[entity]]
    return Problem(row.line, "", shown(f"{entity} {', '.join(keys)}"), reason)


def _refusal(row: Row, plan: Plan, refusal: asyncpg.PostgresError) -> Problem:
    """The database's no in plain words, with the column that it is about where that can be told."""
    entity = getattr(refusal, "table_name", None) or ""
    rule = (getattr(refusal, "constraint_name", None) or "").partition(f"_{entity}_")[2]
    name = getattr(refusal, "column_name", None) or rule
    targets = [t for t in plan.columns.get(entity, ()) if t in TARGETS.get(entity, {}) and name.startswith(t)]
    target = max(targets, key=len, default="")
    made = row.entities.get(entity) or [()]
    value = made[0][plan.columns[entity].index(target)] if target and made[0] else ""
    return Problem(row.line, plan.label(entity, target), shown(str(value)), _in_words(refusal, entity, rule))


RULES_IN_WORDS = {
    "ck_client_link_not_to_itself": "leads to the client itself: a link leads to another company",
    "ck_client_link_within_the_whole": "makes more than 100 % of a company owned: correct the share, or end "
    "the holding that it replaces",
}
"""What a rule of the database means whose name does not tell how to mend the row."""


def _in_words(refusal: asyncpg.PostgresError, entity: str, rule: str) -> str:
    if known := RULES_IN_WORDS.get(getattr(refusal, "constraint_name", None) or ""):
        return known
    words = f"{entity}: {rule.replace('_', ' ')}".strip(" :")
    if isinstance(refusal, asyncpg.ForeignKeyViolationError):
        return f"names something that this bank does not have ({words})"
    if isinstance(refusal, asyncpg.UniqueViolationError):
        return f"is taken already by another row ({words})"
    if isinstance(refusal, asyncpg.NotNullViolationError):
        return f"is blank and must not be ({words})"
    if isinstance(refusal, asyncpg.CheckViolationError):
        return f"breaks the rule ({words})"
    return f"is refused by the database ({type(refusal).__name__.removesuffix('Error')})"
