"""One expression answered under a scope in one round trip."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import asyncpg

from tenants.connections import CONNECT_TIMEOUT_S, Connections, Seat
from tenants.faults import LOST, OUTDATED
from tenants.planning import CUSTOM, Habits, preferred_mode
from tenants.scope import Scope, literals_of, settings_of

# A connection that died while idle fails at once. What took longer was running when it was lost, perhaps because
# somebody ended it on purpose: it is not begun again.
DIED_IDLE_S = 0.5

# The server gives up first: only one that is silent is given up on from here, this much later.
GRACE_S = 2.0

# A read waits for a lock only while a migration changes the table.
LOCK_TIMEOUT_MS = 3000


class NotPlain(Exception):
    """A statement's rows cannot be read at once: in a transaction they can."""


class FoundRow(dict[Any, Any]):
    """A row by its columns' names, or by their places, as the driver's own rows are."""

    def __missing__(self, place: int) -> Any:
        return [*self.values()][place]


class Answering:
    """The connections of one login role, and how a read is put to them.

    A subclass says how; this class keeps the promises. After every outcome the connection is outside of any
    transaction, nothing is set on it, and its seat is free; or it is closed, and its seat is free.
    """

    planned = "auto"
    writes = False

    def __init__(self, dsn: str, *, connections: int, statement_timeout_ms: int) -> None:
        self._dsn = dsn
        self._statement_timeout_ms = statement_timeout_ms
        self.connections = Connections(self._connect, connections)
        self._names: dict[str, tuple[str, ...]] = {}

    async def rows(self, scope: Scope, text: str, values: Sequence[Any]) -> list[FoundRow]:
        """The rows of a SELECT. Raises what `answer` raises, and NotPlain."""
        names = self._names.get(text)
        if names is None:
            names = self._names[text] = await self._columns(text)
        if not names:
            raise NotPlain("a column of the statement is of no plain type, or two have one name")
        found = await self.answer(scope, f"select array_agg(found) from ({text}) found", values)
        return [FoundRow(zip(names, row, strict=True)) for row in found or ()]

    async def _columns(self, text: str) -> tuple[str, ...]:
        """The names of the columns, if all are of types that the driver knows in a row of no type of its own."""
        seat = await self.connections.take()
        try:
            statement = await seat.connection.prepare(text)
        except BaseException as problem:
            await self.connections.recover(seat, problem)
            raise
        self.connections.give(seat)
        columns = statement.get_attributes()
        names = tuple(one.name for one in columns)
        plain = len({*names}) == len(names) and all(one.type.kind == "scalar" for one in columns)
        return names if plain else ()

    async def answer(self, scope: Scope, expression: str, values: Sequence[Any]) -> Any:
        """The expression's value. Raises what asyncpg raises, and TimeoutError.

        What finds its connection dead is put once more, on a new one.
        """
        seat = await self.connections.take()
        began = time.monotonic()
        try:
            answered = await self._put(seat, scope, expression, values)
        except BaseException as problem:
            if not _died_idle(problem, time.monotonic() - began):
                await self.connections.recover(seat, problem)
                raise
        else:
            self.connections.give(seat)
            return answered
        return await self._answer_anew(seat, scope, expression, values)

    async def close(self) -> None:
        """Close every connection, waiting a little for those in use."""
        await self.connections.close()

    async def _answer_anew(self, seat: Seat, scope: Scope, expression: str, values: Sequence[Any]) -> Any:
        await self.connections.renew(seat)
        try:
            answered = await self._put(seat, scope, expression, values)
        except BaseException as problem:
            await self.connections.recover(seat, problem)
            raise
        self.connections.give(seat)
        return answered

    async def _put(self, seat: Seat, scope: Scope, expression: str, values: Sequence[Any]) -> Any:
        try:
            return await self._executed(seat, scope, expression, values)
        except OUTDATED:
            seat.forget(expression)
            return await self._executed(seat, scope, expression, values)

    async def _executed(self, seat: Seat, scope: Scope, expression: str, values: Sequence[Any]) -> Any:
        raise NotImplementedError

    async def _connect(self) -> Any:
        return await asyncpg.connect(
            self._dsn,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=self._statement_timeout_ms / 1000 + GRACE_S,
            # The driver's cache is for its own questions (with none it prepares nothing under a name); what we
            # prepare is kept by the seat, bounded by its size as well.
            statement_cache_size=8,
            server_settings={
                "default_transaction_read_only": "off" if self.writes else "on",
                "statement_timeout": str(self._statement_timeout_ms),
                # Who writes waits in turn, for as long as the statement may take.
                "lock_timeout": "0" if self.writes else str(min(LOCK_TIMEOUT_MS, self._statement_timeout_ms)),
                "idle_in_transaction_session_timeout": "60000",
                "timezone": "UTC",
                # Compiling a statement takes longer than a page, and is done anew for each execution.
                "jit": "off",
                "plan_cache_mode": self.planned,
            },
        )


class ScopedAnswering(Answering):
    """For logins that see nothing without a scope: one statement, executed twice before one Sync.

    What comes before one Sync is one transaction, in the order in which it was sent: the first execution puts the
    scope in force until the transaction's end, the second evaluates the expression.
    """

    # The first execution's plan is next to nothing if made for its values; the second's is chosen by the first.
    planned = CUSTOM

    def __init__(self, dsn: str, *, connections: int, statement_timeout_ms: int) -> None:
        super().__init__(dsn, connections=connections, statement_timeout_ms=statement_timeout_ms)
        self.habits = Habits()

    async def _executed(self, seat: Seat, scope: Scope, expression: str, values: Sequence[Any]) -> Any:
        statement = seat.kept(expression)
        if statement is None:
            statement = await seat.prepare(expression, scoped(expression, len(values)))
        habit = self.habits.of(expression)
        if habit.is_due():
            settings = settings_of(scope, write=False)
            habit.mode = await preferred_mode(seat, settings, expression, values)
        branches, clients = literals_of(scope, write=False)
        rows = await statement.fetchmany(
            (
                (*(None,) * len(values), branches, clients, habit.mode, False),
                (*values, None, None, None, True),
            )
        )
        return rows[1][0]


class UnscopedAnswering(Answering):
    """For headquarters' login, whose policy shows every row to whoever reads: nothing is set, so that the
    statement may be run by several workers at once.
    """

    async def _executed(self, seat: Seat, scope: Scope, expression: str, values: Sequence[Any]) -> Any:
        del scope
        statement = seat.kept(expression)
        if statement is None:
            statement = await seat.prepare(expression, f"select ({expression})")
        # Not fetchval: PostgreSQL uses no workers for a statement of which a limited number of rows is asked for.
        rows = await statement.fetch(*values)
        return rows[0][0]


def scoped(expression: str, values: int) -> str:
    """The statement over an expression of `values` parameters that sets the scope where its last one is false."""
    branches, clients, mode, evaluate = (f"${values + n}" for n in range(1, 5))
    return (
        f"select case when {evaluate}::boolean then ({expression}) "
        f"when pg_catalog.set_config('app.branches', {branches}::text, true) is not null "
        f"and pg_catalog.set_config('app.clients', {clients}::text, true) is not null "
        f"and pg_catalog.set_config('plan_cache_mode', {mode}::text, true) is not null then null end"
    )


def _died_idle(problem: BaseException, elapsed_s: float) -> bool:
    silent = isinstance(problem, TimeoutError)
    return isinstance(problem, LOST) and not silent and elapsed_s < DIED_IDLE_S
