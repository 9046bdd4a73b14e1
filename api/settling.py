"""The server's own settler: what activations owe is done beside the requests, by one process of all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from api.logs import log, report_fault
from tenants.database import Database, DatabaseUnavailable
from tenants.organisation import Directory
from tenants.segments.settling import is_owed, settle

CHECK_S = 5.0
"""How often we look whether another process owes something; what we owe ourselves is begun at once."""
AFTER_FAULT_S = 60.0
STOP_WITHIN_S = 5.0


@asynccontextmanager
async def settling(
    database: Database, directory: Directory, *, check_s: float = CHECK_S
) -> AsyncIterator[None]:
    """Meanwhile, settle whatever is owed. What the end interrupts is still owed, and begun anew by the next."""
    working = asyncio.create_task(keep_settled(database, directory, check_s=check_s))
    try:
        yield
    finally:
        working.cancel()
        await asyncio.wait([working], timeout=STOP_WITHIN_S)


async def keep_settled(database: Database, directory: Directory, *, check_s: float = CHECK_S) -> None:
    """Never ends by itself."""
    while True:
        database.owing.clear()
        pause_s = check_s
        try:
            if await is_owed(database):
                await _settled(database, directory)
        except DatabaseUnavailable:
            log.warning("settling", warning="the database did not answer; what is owed is tried again")
        except Exception as problem:
            report_fault(problem)
            pause_s = AFTER_FAULT_S
        with suppress(TimeoutError):
            await asyncio.wait_for(database.owing.wait(), pause_s)


async def _settled(database: Database, directory: Directory) -> None:
    started = time.monotonic()
    done = await settle(database, directory, lambda line: log.info("settling", told=line))
    if done is None:
        return
    log.info(
        "settled",
        clients=done.clients,
        moved=done.moved,
        tasks_made=done.tasks.made,
        tasks_cancelled=done.tasks.cancelled,
        tasks_changed=done.tasks.changed,
        seconds=round(time.monotonic() - started, 1),
    )
