"""The only door to the database: a transaction opened for a scope, and nothing outside of one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any

import asyncpg

from tenants.answering import Answering, FoundRow, ScopedAnswering, UnscopedAnswering
from tenants.at_once import Lanes, WritingAtOnce
from tenants.credentials import Credentials
from tenants.faults import LOST, DatabaseUnavailable, StatementTimeout, translated
from tenants.roles import Login
from tenants.scope import Scope, settings_of
from tenants.segments.rulebook import Rules
from tenants.transaction import DIALECT, Observer, Transaction, compiled

__all__ = [
    "DIALECT",
    "LOST",
    "Database",
    "DatabaseUnavailable",
    "Door",
    "StatementTimeout",
    "Transaction",
    "compiled",
]

CONNECT_TIMEOUT_S = 5.0
UNDO_TIMEOUT_S = 1.0

SIGN_IN_CONNECTIONS = 2


class Door(StrEnum):
    """A pool of connections: one per login role, and two more of headquarters' role."""

    PORTAL = Login.PORTAL
    CLIENT = Login.CLIENT
    HEADQUARTERS = Login.HEADQUARTERS
    REPLICA = "replica"
    SIGN_IN = "sign-in"


class Database:
    """One small pool of connections per door; the door is chosen by the scope, never by the caller."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        connections: int = 10,
        pooled: bool = False,
        single_round_trip: bool | None = None,
        statement_timeout_ms: int = 7000,
        observer: Observer | None = None,
    ) -> None:
        """`pooled` says that a pooler in transaction mode stands between: then nothing is kept prepared.

        `single_round_trip` says how `answer` sends scope and expression: at once, or in a transaction of three
        messages, as a pooler and Citus need it. By default at once, unless `pooled`.
        """
        self._credentials = credentials
        self._connections = connections
        # Whether one connection may hold a lock while another works.
        self.keeps_locks = connections > 1
        self._pooled = pooled
        self._statement_timeout_ms = int(statement_timeout_ms)
        self._single_round_trip = not pooled if single_round_trip is None else single_round_trip
        self._pools: dict[Door, asyncpg.Pool] = {}
        self._answering: dict[Door, Answering] = {}
        self._writing: dict[Door, WritingAtOnce] = {}
        self.lanes = Lanes()
        self.observer = observer
        # Kept where whoever reads and whoever records segments finds them.
        self.rules = Rules()
        # Set when this process has committed what all clients are to be settled for.
        self.owing = asyncio.Event()

    async def open(self) -> None:
        """Connect once under each role. Raises DatabaseUnavailable."""
        try:
            for door in Door:
                if dsn := self._dsn(door):
                    self._pools[door] = await self._pool(dsn, self._size(door))
        except (*LOST, TimeoutError, asyncpg.PostgresError) as lost:
            await self.close()
            raise DatabaseUnavailable(
                f"cannot connect to the database: {lost or type(lost).__name__}. Is it running, does DATABASE_URL "
                "(or READ_DATABASE_URL) name it, and has `python -m api migrate` prepared it?"
            ) from lost
        if self._single_round_trip:
            self._answering = {door: self._answers(door) for door in self._pools if door is not Door.SIGN_IN}
            self._writing = {door: self._writes(door) for door in (Door.PORTAL, Door.HEADQUARTERS)}

    async def close(self) -> None:
        """Close every connection, waiting a little for those in use."""
        at_once = [*self._answering.values(), *self._writing.values()]
        self._answering, self._writing = {}, {}
        await asyncio.gather(*(door.close() for door in at_once))
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
        answered: bytes = await self._put(answering.answer, scope, expression, values)
        return answered

    @property
    def works_at_once(self) -> bool:
        """Whether there are `rows_at_once` and `written_at_once`: not behind a pooler, nor on Citus."""
        return bool(self._writing)

    async def rows_at_once(self, scope: Scope, text: str, values: Sequence[Any]) -> list[FoundRow]:
        """The rows of one SELECT over $1, $2, … as the scope may see them now, in one round trip; it may not lock.

        Raises what `answer` raises, and NotPlain where its rows can be read in a transaction only.
        """
        rows: list[FoundRow] = await self._put(self._answering[Door(scope.login)].rows, scope, text, values)
        return rows

    async def written_at_once(self, scope: Scope, text: str, values: Sequence[Any]) -> list[Any]:
        """Run one statement that writes, and commit, in one round trip; its rows.

        See `tenants.at_once` for what it must be like: that it may be put twice, above all. Raises what `answer`
        raises.
        """
        if not self._writing:
            raise DatabaseUnavailable("the database is not open")
        rows: list[Any] = await self._put(self._writing[Door(scope.login)].answer, scope, text, values)
        return rows

    async def _put(
        self,
        put: Callable[[Scope, str, Sequence[Any]], Awaitable[Any]],
        scope: Scope,
        text: str,
        values: Sequence[Any],
    ) -> Any:
        if self.observer:
            self.observer(text)
        try:
            return await put(scope, text, values)
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

    @property
    def pooled(self) -> bool:
        """Whether a pooler in transaction mode stands between."""
        return self._pooled

    async def connection_for_jobs(self) -> Any:
        """A connection of headquarters' role outside of every pool, under no scope; the caller closes it.

        Raises DatabaseUnavailable.
        """
        try:
            return await asyncpg.connect(
                self._dsn(Door.HEADQUARTERS),
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=self._statement_timeout_ms / 1000 + 2,
                statement_cache_size=0 if self._pooled else 100,
            )
        except (*LOST, TimeoutError, asyncpg.PostgresError) as lost:
            raise DatabaseUnavailable(f"no connection for jobs: {lost or type(lost).__name__}") from lost

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
            transaction.rules = self.rules
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

    def _dsn(self, door: Door) -> str | None:
        if door is Door.REPLICA:
            return self._credentials.read_dsn
        return self._credentials.dsn(Login.HEADQUARTERS if door is Door.SIGN_IN else Login(door))

    def _size(self, door: Door) -> int:
        return SIGN_IN_CONNECTIONS if door is Door.SIGN_IN else self._connections

    def _answers(self, door: Door) -> Answering:
        """Connections of their own, opened when first needed: their sessions only read."""
        kind = ScopedAnswering if door in (Door.PORTAL, Door.CLIENT) else UnscopedAnswering
        return kind(
            self._dsn(door) or "",
            connections=self._size(door),
            statement_timeout_ms=self._statement_timeout_ms,
        )

    def _writes(self, door: Door) -> WritingAtOnce:
        """As many as write in transactions; opened when first needed, too."""
        return WritingAtOnce(
            self._dsn(door) or "",
            connections=self._size(door),
            statement_timeout_ms=self._statement_timeout_ms,
        )

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
