"""How long a test waits for what must happen: a machine may be busy, or stand still for a while."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import time
from collections.abc import Awaitable, Callable

import asyncpg

PATIENCE_S = 120
# Below those that the kernel gives to whoever asks for any; each worker begins elsewhere.
_ports = itertools.count(20_000 + os.getpid() % 1_000 * 10)


def wait_until(happened: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Look again and again, from a thread that may stand still."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


async def until(happened: Callable[[], bool]) -> None:
    """The same within an event loop."""

    async def looked() -> bool:
        return happened()

    await until_told(looked)


async def until_told(happened: Callable[[], Awaitable[bool]]) -> None:
    """The same where somebody has to be asked."""
    deadline = time.monotonic() + PATIENCE_S
    while not await happened():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.01)


async def until_it_sleeps(administrator: asyncpg.Connection) -> None:
    """Wait until a statement of somebody else's in this database is within pg_sleep."""

    async def sleeps() -> bool:
        found: bool = await administrator.fetchval(
            "select exists (select from pg_stat_activity where datname = current_database() "
            "and wait_event = 'PgSleep')"
        )
        return found

    await until_told(sleeps)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that nobody is given by chance."""
    for port in _ports:
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("there are more ports than that")
