"""The daily round: what the new day has made of clients, recorded; what is over, archived; what is due, asked for.

Nothing that is answered depends on it but the history, the tasks and the yardsticks: segments are worked out anew
for every answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tenants.database import Database
from tenants.facts import take_standing
from tenants.organisation import Directory
from tenants.playbooks.settling import apply_playbooks, due_tasks
from tenants.segments.activating import archive_what_is_over
from tenants.segments.recording import FOR_ALL_CLIENTS, Cause, record_all

CLIENTS_AT_ONCE = 20_000
_CLIENTS = "select branch_id, count(*) as clients from bank.client_fact group by branch_id order by branch_id"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a round has found: clients looked at, clients with another value in some dimension."""

    clients: int
    moved: int


async def take_snapshot(database: Database, directory: Directory, say: Callable[[str], None]) -> Snapshot:
    """Take the standings, record every client's segments, and settle the tasks that the day has brought.

    Some branches a transaction: nobody waits for long, and what is done stays done.
    """
    scope = await directory.operator()
    async with database.transaction(scope, write=True) as transaction:
        await transaction.connection.execute(FOR_ALL_CLIENTS)
        await archive_what_is_over(transaction)
        await take_standing(transaction)
    found = await record_bank(database, directory, Cause.SNAPSHOT, say)
    async with database.transaction(scope, write=True) as transaction:
        await transaction.connection.execute(FOR_ALL_CLIENTS)
        settled = await due_tasks(transaction)
    say(f"tasks: {settled.made:,} made, {settled.cancelled:,} cancelled, {settled.changed:,} changed")
    return found


async def record_bank(
    database: Database, directory: Directory, cause: Cause, say: Callable[[str], None]
) -> Snapshot:
    """Record the segments of every client, and settle the tasks of those who have moved."""
    scope = await directory.operator()
    async with database.transaction(scope) as transaction:
        rows = await transaction.connection.fetch(_CLIENTS)
    counted = {row["branch_id"]: row["clients"] for row in rows}
    done = moved = 0
    for branches in _together(counted):
        async with database.transaction(scope, write=True) as transaction:
            await transaction.connection.execute(FOR_ALL_CLIENTS)
            rulebook = await database.rules.fresh(transaction)
            found = await record_all(transaction, rulebook, cause, branches)
            await apply_playbooks(transaction, found)
        done += sum(counted[branch_id] for branch_id in branches)
        moved += len(found)
        say(f"segments of {done:,} of {sum(counted.values()):,} clients: {moved:,} have moved")
    return Snapshot(done, moved)


def _together(counted: dict[int, int]) -> Iterator[list[int]]:
    """The branches in their order, as many at once as have some thousand clients together."""
    some: list[int] = []
    for branch_id, clients in counted.items():
        if some and sum(counted[one] for one in some) + clients > CLIENTS_AT_ONCE:
            yield some
            some = []
        some.append(branch_id)
    if some:
        yield some
