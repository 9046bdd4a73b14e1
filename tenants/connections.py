"""A few connections of one login role, each lent to one statement at a time, the last used first."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from tenants.faults import LOST

CONNECT_TIMEOUT_S = 5.0
UNDO_TIMEOUT_S = 1.0
CLOSE_TIMEOUT_S = 5.0

# Prepared statements that one connection keeps, and the characters of all their texts together. PostgreSQL
# keeps a tree and a plan of each: 100 to 170 bytes a character, measured.
STATEMENTS = 500
CHARACTERS = 500_000

Connect = Callable[[], Awaitable[Any]]


class Seat:
    """The place of one connection, whether it is open or not, and of what is prepared on it."""

    __slots__ = ("_characters", "_connect", "connection", "intact", "statements")

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._characters = 0
        self.connection: Any = None
        self.statements: OrderedDict[str, Any] = OrderedDict()
        self.intact = True
        """Whether what is on the server is what is known here; without, the connection is not used again."""

    @property
    def usable(self) -> bool:
        """Whether the connection is open, as far as this side of it knows."""
        return self.connection is not None and not self.connection.is_closed()

    async def occupy(self) -> None:
        """Connect. Raises what asyncpg raises, and TimeoutError."""
        self.vacate()
        self.connection = await self._connect()

    def vacate(self) -> None:
        """Close the connection without asking the server, which may be silent."""
        if self.connection is not None:
            self.connection.terminate()
        self.connection = None
        self.intact = True
        self._characters = 0
        self.statements.clear()

    def kept(self, key: str) -> Any:
        """The statement prepared under `key`, where there is one; it is used now."""
        statement = self.statements.get(key)
        if statement is not None:
            self.statements.move_to_end(key)
        return statement

    async def prepare(self, key: str, text: str) -> Any:
        """Prepare the text and keep it under `key`; those used longest ago make room."""
        self.intact = False
        try:
            statement = await self.connection.prepare(text)
        except asyncpg.PostgresError:
            self.intact = True
            raise
        self.intact = True
        self.statements[key] = statement
        self._characters += len(key)
        while len(self.statements) > STATEMENTS or self._characters > CHARACTERS:
            # The driver closes it on the server before it prepares the next one; one that is too long at once.
            oldest, _ = self.statements.popitem(last=False)
            self._characters -= len(oldest)
        return statement

    def forget(self, key: str) -> None:
        """Do not use this statement again."""
        if self.statements.pop(key, None) is not None:
            self._characters -= len(key)


class Connections:
    """At most `limit` connections, opened when first needed; who waits for one is served in turn."""

    def __init__(self, connect: Connect, limit: int) -> None:
        self._seats = [Seat(connect) for _ in range(limit)]
        self._free = list(self._seats)
        self._waiting: deque[asyncio.Future[Seat]] = deque()
        self._closing = False
        self._recovering: set[asyncio.Task[None]] = set()

    async def take(self) -> Seat:
        """A seat, connected. Raises what asyncpg raises, and TimeoutError where none is free in time."""
        seat = self._free.pop() if self._free else await self._turn(CONNECT_TIMEOUT_S)
        if not seat.usable:
            await self._occupied(seat)
        return seat

    def give(self, seat: Seat) -> None:
        """Take the seat back; its connection is outside of any transaction, or closed."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(seat)
                return
        self._free.append(seat)

    async def recover(self, seat: Seat, problem: BaseException) -> None:
        """Take the seat back after a failure: the connection is shown to be at rest, or it is closed.

        Who was cancelled does not wait for that: the database may be silent.
        """
        if not isinstance(problem, asyncio.CancelledError):
            await self._recovered(seat, problem)
            return
        task = asyncio.create_task(self._recovered(seat, problem))
        self._recovering.add(task)
        task.add_done_callback(self._recovering.discard)

    async def _recovered(self, seat: Seat, problem: BaseException) -> None:
        try:
            if not seat.intact or isinstance(problem, LOST) or not await _at_rest(seat.connection):
                seat.vacate()
        except BaseException:
            seat.vacate()
            raise
        finally:
            self.give(seat)

    async def renew(self, seat: Seat) -> None:
        """Connect anew in the same place, which is taken back where that fails."""
        seat.vacate()
        await self._occupied(seat)

    async def close(self) -> None:
        """Close every connection, waiting a little for those in use."""
        self._closing = True
        until = asyncio.get_running_loop().time() + CLOSE_TIMEOUT_S
        for _ in self._seats:
            try:
                seat = self._free.pop() if self._free else await self._turn(until - _now())
            except TimeoutError:
                break
            await _farewell(seat)
        for seat in self._seats:
            seat.vacate()

    async def _occupied(self, seat: Seat) -> None:
        try:
            if self._closing:
                raise asyncpg.InterfaceError("the connections are closed")
            await seat.occupy()
        except BaseException:
            self.give(seat)
            raise

    async def _turn(self, timeout_s: float) -> Seat:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Seat] = loop.create_future()
        self._waiting.append(waiter)
        expiry = loop.call_later(timeout_s, _expire, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.give(waiter.result())
            raise
        finally:
            expiry.cancel()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _expire(waiter: asyncio.Future[Seat]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError("no connection became free"))


async def _at_rest(connection: Any) -> bool:
    try:
        # Waits until the server has acknowledged a cancellation, as well.
        await connection.execute("select", timeout=UNDO_TIMEOUT_S)
    except Exception:
        return False
    return not connection.is_in_transaction()


async def _farewell(seat: Seat) -> None:
    if seat.usable:
        try:
            await seat.connection.close(timeout=UNDO_TIMEOUT_S)
        except (*LOST, asyncpg.PostgresError):
            seat.vacate()
