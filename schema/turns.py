"""How many statements one caller, and one office, may have before the database at a time: others wait in turn."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from domain.access import Caller
from schema.buckets import keys_of

TURN_WITHIN_S = 5.0


@dataclass(slots=True)
class _Line:
    """One caller's or office's statements: how many run, and who waits."""

    most: int
    running: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class Turns:
    """Keeps whoever asks dear questions from taking every connection: some are left for everybody else."""

    def __init__(self, *, of_caller: int, of_tenant: int) -> None:
        self._most = (max(1, of_caller), max(1, of_tenant))
        self._lines: dict[str, _Line] = {}

    async def take(self, caller: Caller) -> None:
        """Wait for the caller's turn, which `leave` gives back. Raises TimeoutError where it takes too long."""
        keys = keys_of(caller)
        if not self._enter_at_once(keys):
            async with asyncio.timeout(TURN_WITHIN_S):
                await self._enter(keys)

    def leave(self, caller: Caller) -> None:
        """Let the next one."""
        for key in keys_of(caller):
            self._leave(key)

    def _enter_at_once(self, keys: tuple[str, str]) -> bool:
        """Whether both turns were free, and are taken."""
        own, shared = keys
        if not self._takes(own, self._most[0]):
            return False
        if self._takes(shared, self._most[1]):
            return True
        self._leave(own)
        return False

    async def _enter(self, keys: tuple[str, str]) -> None:
        own, shared = keys
        await self._enter_line(own, self._most[0])
        try:
            await self._enter_line(shared, self._most[1])
        except BaseException:
            self._leave(own)
            raise

    async def _enter_line(self, key: str, most: int) -> None:
        if self._takes(key, most):
            return
        line = self._lines[key]
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # It was given at this very moment: somebody else may have it.
                self._leave(key)
            raise

    def _takes(self, key: str, most: int) -> bool:
        """Whether a turn was free, and is taken."""
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line(most)
        if line.running >= line.most:
            return False
        line.running += 1
        return True

    def _leave(self, key: str) -> None:
        line = self._lines[key]
        while line.waiting:
            turn = line.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        line.running -= 1
        if not line.running:
            del self._lines[key]
