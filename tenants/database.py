"""The only door to the database: a transaction opened for a scope, and nothing outside of one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any

import asyncpg
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect

from tenants.answering import Answering, ScopedAnswering, UnscopedAnswering
from tenants.credentials import Credentials
from tenants.faults import LOST, DatabaseUnavailable, StatementTimeout, translated
from tenants.roles import Login
from tenants.scope import Scope, settings_of

__all__ = ["LOST", "Database", "DatabaseUnavailable", "Door", "StatementTimeout", "Transaction", "compiled"]

DIALECT = asyncpg_dialect()  # type: ignore[no-untyped-call]
CONNECT_TIMEOUT_S = 5.0
UNDO_TIMEOUT_S = 1.0

Observer = Callable[[str], None]
"""Told the text of every statement; tests count with it."""


SIGN_IN_CONNECTIONS = 2


class Door(StrEnum):
    """A pool of connections: one per login role, and two more of headquarters' role."""

    PORTAL = Login.PORTAL
    CLIENT = Login.CLIENT
    HEADQUARTERS = Login.HEADQUARTERS
    REPLICA = "replica"
    SIGN_IN = "sign-in"


class Transaction:
    """One open transaction under one scope. Statements wait for each other: a connection serves one at a time."""

    def __init__(self, connection: Any, observer: Observer | None) -> None:
        self.connection = connection
        self._observer = observer
        self._turn = asyncio.Lock()
        self._over = False

    async def rows(self, statement: Executable) -> list[asyncpg.Record]:
        """Run a statement and return its rows."""
        return await self._fetch(*compiled(statement))

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
        rows = await self._fetch(f"select ({expression})", values)
        answered: bytes = rows[0][0]
        return answered

    async def _fetch(self, text: str, values: Sequence[Any]) -> list[asyncpg.Record]:
        if self._observer:
            self._observer(text)
        async with self._turn:
            if self._over:
                raise asyncpg.InterfaceError("the transaction has ended: it answers nobody any more")
            rows: list[asyncpg.Record] = await self.connection.fetch(text, *values)
        return rows

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


class Database:
    """One small pool of connections per door; the door is chosen by the scope, never by the caller."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        connections: int = 10,
        pooled: bool = False,
        single_round_trip: bool | None = None,
        statement_timeout_ms: int = 8000,
        observer: Observer | None = None,
    ) -> None:
        """`pooled` says that a pooler in transaction mode stands between: then nothing is kept prepared.

        `single_round_trip` says how `answer` sends scope and expression: at once, or in a transaction of three
        messages, as a pooler and Citus need it. By default at once, unless `pooled`.
        """
        self._credentials = credentials
        self._connections = connections
        self._pooled = pooled
        self._statement_timeout_ms = int(statement_timeout_ms)
        self._single_round_trip = not pooled if single_round_trip is None else single_round_trip
        self._pools: dict[Door, asyncpg.Pool] = {}
        self._answering: dict[Door, Answering] = {}
        self.observer = observer

    async def open(self) -> None:
        """Connect once under each role. Raises DatabaseUnavailable."""
        try:
            for login in Login:
                self._pools[Door(login)] = await self._pool(self._credentials.dsn(login), self._connections)
            headquarters = self._credentials.dsn(Login.HEADQUARTERS)
            self._pools[Door.SIGN_IN] = await self._pool(headquarters, SIGN_IN_CONNECTIONS)
            if replica := self._credentials.read_dsn:
                self._pools[Door.REPLICA] = await self._pool(replica, self._connections)
        except (*LOST, TimeoutError, asyncpg.PostgresError) as lost:
            await self.close()
            raise DatabaseUnavailable(
                f"cannot connect to the database: {lost or type(lost).__name__}. Is it running, does DATABASE_URL "
                "(or READ_DATABASE_URL) name it, and has `python -m api migrate` prepared it?"
            ) from lost
        if self._single_round_trip:
            self._open_answering()

    def _open_answering(self) -> None:
        """Answer over connections of their own, opened when first needed: their sessions only read."""
        limits = {"connections": self._connections, "statement_timeout_ms": self._statement_timeout_ms}
        for login in (Login.PORTAL, Login.CLIENT):
            self._answering[Door(login)] = ScopedAnswering(self._credentials.dsn(login), **limits)
        headquarters = self._credentials.dsn(Login.HEADQUARTERS)
        self._answering[Door.HEADQUARTERS] = UnscopedAnswering(headquarters, **limits)
        if replica := self._credentials.read_dsn:
            self._answering[Door.REPLICA] = UnscopedAnswering(replica, **limits)

    async def close(self) -> None:
        """Close every connection, waiting a little for those in use."""
        answering, self._answering = self._answering, {}
        for door in answering.values():
            await door.close()
        for pool in set(self._pools.values()):
            try:
                await asyncio.wait_for(pool.close(), 5)
            except TimeoutError:
                pool.terminate()
        self._pools.clear()

    @asynccontextmanager
    async def transaction(
        self, scope: Scope, *, write: bool = False, fresh: bool = False
    ) -> AsyncIterator[Transaction]:
        """A transaction in which exactly the scope's rows exist; committed at the end, undone by an error.

        A read sees one snapshot from its first statement to its last; headquarters' may be of a replica, unless
        it must be `fresh`. Raises DatabaseUnavailable and StatementTimeout.
        """
        async with self._through(self._door(scope, write=write, fresh=fresh), scope, write=write) as opened:
            yield opened

    async def answer(
        self, scope: Scope, expression: str, values: Sequence[Any], *, fresh: bool = False
    ) -> bytes:
        """Read the value of one SQL expression of type bytea over $1, $2, …, as the scope may see it.

        Each parameter's type must follow from the expression; the value must not be null. Headquarters' may be of
        a replica, unless it must be `fresh`. Raises DatabaseUnavailable and StatementTimeout, and as asyncpg's
        errors what the expression itself is refused for.
        """
        door = self._door(scope, write=False, fresh=fresh)
        answering = self._answering.get(door)
        if answering is None:
            async with self._through(door, scope, write=False) as transaction:
                return await transaction.answer(expression, values)
        if self.observer:
            self.observer(expression)
        try:
            return await answering.answer(scope, expression, values)
        except Exception as problem:
            told = translated(problem)
            if told is problem:
                raise
            raise told from problem

    @asynccontextmanager
    async def signing_in(self, scope: Scope) -> AsyncIterator[Transaction]:
        """A fresh read on connections of its own: slow statements must not keep anybody from being known."""
        async with self._through(Door.SIGN_IN, scope, write=False) as opened:
            yield opened

    def _door(self, scope: Scope, *, write: bool, fresh: bool) -> Door:
        replica = scope.login is Login.HEADQUARTERS and not write and not fresh
        return Door.REPLICA if replica and Door.REPLICA in self._pools else Door(scope.login)

    @asynccontextmanager
    async def _through(self, door: Door, scope: Scope, *, write: bool) -> AsyncIterator[Transaction]:
        if not self._pools:
            raise DatabaseUnavailable("the database is not open")
        pool = self._pools[door]
        connection = None
        try:
            connection = await self._begin(pool, self._opening(scope, write=write))
            transaction = Transaction(connection, self.observer)
            try:
                yield transaction
            finally:
                transaction.end()
            # After an error that somebody swallowed, COMMIT succeeds and undoes everything.
            if await connection.execute("commit") != "COMMIT" and write:
                raise asyncpg.InFailedSQLTransactionError("an earlier error undid the whole transaction")
        except BaseException as problem:
            if connection is not None:
                await _undo(connection)
            told = translated(problem)
            if told is problem:
                raise
            raise told from problem
        finally:
            if connection is not None:
                await _give_back(pool, connection)

    def _opening(self, scope: Scope, *, write: bool) -> str:
        begin = "begin" if write else "begin isolation level repeatable read read only"
        limits = (
            f"set local statement_timeout = {self._statement_timeout_ms}; "
            "set local idle_in_transaction_session_timeout = '60s'; set local timezone = 'UTC'"
        )
        return f"{begin}; {settings_of(scope, write=write)}; {limits}"

    async def _begin(self, pool: asyncpg.Pool, opening: str) -> Any:
        """Take a connection and open the transaction on it; a connection that died while idle is replaced."""
        for attempt in range(self._connections + 1):
            connection = await pool.acquire(timeout=CONNECT_TIMEOUT_S)
            try:
                await connection.execute(opening, timeout=CONNECT_TIMEOUT_S)
            except TimeoutError:
                # Alive and silent: the next connection would be as well.
                _drop(connection)
                raise
            except LOST:
                _drop(connection)
                if attempt == self._connections:
                    raise
            except BaseException:
                try:
                    await _undo(connection)
                finally:
                    await _give_back(pool, connection)
                raise
            else:
                return connection
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _pool(self, dsn: str, connections: int) -> asyncpg.Pool:
        return await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=connections,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=self._statement_timeout_ms / 1000 + 2,
            statement_cache_size=0 if self._pooled else 1000,
            max_cacheable_statement_size=0,
            # The pool's own reset costs as much as a query. Nothing outlives a transaction here: every
            # setting is SET LOCAL, and `_undo` or asyncpg itself rolls back what was left open.
            reset=_nothing_to_reset,
        )


async def _nothing_to_reset(connection: asyncpg.Connection) -> None:
    del connection


async def _undo(connection: Any) -> None:
    """Leave the connection outside of any transaction, or closed."""
    try:
        # Not shielded: a shielded task that then fails is complained of to the event loop.
        await connection.execute("rollback", timeout=UNDO_TIMEOUT_S)
    except BaseException as problem:
        _drop(connection)
        if not isinstance(problem, Exception):
            raise


async def _give_back(pool: asyncpg.Pool, connection: Any) -> None:
    # One that is lost at this very moment gives its place back by itself; what was committed stays committed.
    with contextlib.suppress(*LOST):
        await pool.release(connection, timeout=CONNECT_TIMEOUT_S)


def _drop(connection: Any) -> None:
    """Close the connection, which gives its place in the pool back."""
    # One that the server closed may have given it back by itself.
    with contextlib.suppress(asyncpg.InterfaceError):
        connection.terminate()
