"""What follows from the whole demo bank once its clients are there: divisions, groups, segments, tasks."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from tenants.connected.deriving import derive
from tenants.database import Database, Transaction
from tenants.demo.allocating import share_out
from tenants.demo.capping import cap_lending
from tenants.demo.covering import cover_loans
from tenants.demo.limiting import open_limits
from tenants.divisions.shipped import ensure_default_divisions
from tenants.facts import take_standing
from tenants.organisation import Directory
from tenants.playbooks.settling import due_tasks
from tenants.playbooks.shipped import ensure_playbooks
from tenants.segments.recording import Cause, record_all
from tenants.segments.rulebook import read_rulebook
from tenants.segments.settling import owes_nothing
from tenants.segments.shipped import ensure_defaults

DERIVED_BY = "demo"
# Two loaders at once would make the same rows: the second waits, then finds them there.
ONE_LOADER = "select pg_advisory_xact_lock(hashtextextended('branchgraph demo bank', 0))"
LOADING_LIMIT_S = 3600.0

Step = Callable[[Transaction], Awaitable[object]]


async def finish(database: Database, directory: Directory, say: Callable[[str], None]) -> None:
    """Bring everything that is reckoned over the whole bank up to date.

    Each step may read what those before it have written, in a transaction of its own.
    """
    organisation = await directory.organisation()
    root = organisation.with_code("HQ")
    assert root is not None, "just founded"
    headquarters = root.id

    async def groups(transaction: Transaction) -> None:
        await derive(transaction, headquarters, DERIVED_BY)

    async def segments(transaction: Transaction) -> None:
        branches = (await directory.operator()).branches
        await record_all(transaction, await read_rulebook(transaction), Cause.SNAPSHOT, branches)

    for name, step in (
        ("rules and playbooks", _rules),
        ("standings", take_standing),
        ("divisions", ensure_default_divisions),
        ("groups", groups),
        ("segments", segments),
        ("tasks", due_tasks),
        ("limits", open_limits),
        ("concentration caps", cap_lending),
        ("risk compensation fund", cover_loans),
        ("allocation", share_out),
        ("all settled", owes_nothing),
    ):
        started = time.monotonic()
        async with database.transaction(await directory.operator(), write=True) as transaction:
            await transaction.connection.execute("set local statement_timeout = 0; set local jit = off")
            await transaction.connection.execute(ONE_LOADER, timeout=LOADING_LIMIT_S)
            transaction.patience_s = LOADING_LIMIT_S
            await step(transaction)
        say(f"{name}: {time.monotonic() - started:.1f} s")


async def _rules(transaction: Transaction) -> None:
    await ensure_defaults(transaction)
    await ensure_playbooks(transaction)
