"""One open transaction under one scope, and how a statement's text and values come out of SQLAlchemy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import asyncpg
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect

if TYPE_CHECKING:
    from tenants.actions.once import Record
    from tenants.segments.rulebook import Rules

DIALECT = asyncpg_dialect()  # type: ignore[no-untyped-call]

Observer = Callable[[str], None]
"""Told the text of every statement; tests count with it."""


class Transaction:
    """One open transaction under one scope. Statements wait for each other: a connection serves one at a time."""

    def __init__(self, connection: Any, observer: Observer | None) -> None:
        self.connection = connection
        self._observer = observer
        self._turn = asyncio.Lock()
        self._over = False
        # Set by whoever opens it for a mutation: under what its answer is to be kept (`tenants/actions/once.py`).
        self.record: Record | None = None
        # Whether its action may decide first and lock when it writes; whoever does is ready to be undone.
        self.may_lock_late = False
        # Set by whoever works longer than a request may: how long one statement is waited for.
        self.patience_s: float | None = None
        # Set by the database: the rule sets in force, as they were read last.
        self.rules: Rules | None = None

    async def rows(self, statement: Executable) -> list[asyncpg.Record]:
        """Run a statement and return its rows."""
        return await self.fetch(*compiled(statement))

    async def row(self, statement: Executable) -> asyncpg.Record | None:
        """Run a statement and return its first row, if there is one."""
        rows = await self.rows(statement)
        return rows[0] if rows else None

    async def value(self, statement: Executable) -> Any:
        """Run a statement and return the first column of its first row, if there is one."""
        row = await self.row(statement)
        return row[0] if row else None

    async def answer(self, expression: str, values: Sequence[Any]) -> bytes:
        """Evaluate one SQL expression of type bytea over $1, $2, …"""
        rows = await self.fetch(f"select ({expression})", values)
        answered: bytes = rows[0][0]
        return answered

    async def fetch(self, text: str, values: Sequence[Any]) -> list[asyncpg.Record]:
        """Run a statement's text over the values of $1, $2, … and return its rows."""
        if self._observer:
            self._observer(text)
        async with self._turn:
            if self._over:
                raise asyncpg.InterfaceError("the transaction has ended: it answers nobody any more")
            rows: list[asyncpg.Record] = await self.connection.fetch(text, *values, timeout=self.patience_s)
        return rows

    async def write(self, text: str, values: Sequence[Any], *, tenant: int) -> list[Any]:
        """Run the one statement that writes a tenant's change (`tenants.at_once`); here it is like any other."""
        del tenant
        return await self.fetch(text, values)

    def end(self) -> None:
        """Answer nothing more; what still waits for its turn would run outside of the scope."""
        self._over = True


def compiled(statement: Executable) -> tuple[str, list[Any]]:
    """The statement's text and its values in the order of $1, $2, …"""
    made = statement.compile(dialect=DIALECT)  # type: ignore[attr-defined]
    processors = made._bind_processors
    values = [
        processors[name](made.params[name]) if name in processors else made.params[name]
        for name in made.positiontup or ()
    ]
    return str(made), values
