"""What an activation owes: every client's history and tasks, by what is in force now.

Rules, playbooks and divisions count from the moment at which their activation is committed: segments are worked
out for every answer. What is *kept* of them follows outside of the request, some clients a transaction. That it is
owed stands in the database (`rules_change`: the counter is ahead of what is settled), so it is not
forgotten with the process; begun anew it finds what is left to do, and writes nothing twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from domain.access import Caller, Role
from tenants.database import Database
from tenants.facts import take_standing
from tenants.organisation import Directory
from tenants.playbooks.settling import Settled, apply_playbooks
from tenants.roles import Login
from tenants.scope import Scope
from tenants.segments.activating import archive_what_is_over
from tenants.segments.recording import (
    FOR_ALL_CLIENTS,
    STATEMENT_LIMIT_S,
    Cause,
    ClientKey,
    key_of,
    record_clients,
)
from tenants.transaction import Transaction

Say = Callable[[str], object]

CLIENTS_AT_ONCE = 1_000
"""Of one transaction: whoever writes to one of these clients waits for it, a second or two at most."""
TELL_EVERY = 20_000

# Reads no tenant's rows.
_NOBODY = Scope(Caller("settling", Role.AUDITOR), Login.HEADQUARTERS, ())
_BEFORE_ALL: ClientKey = (0, UUID(int=0))

# One in the whole bank, of all processes. Held by a transaction that does nothing else: it works behind a pooler,
# and ends with the process.
_LOCK = "hashtextextended('branchgraph settling', 0)"
_HOLDING = (
    f"set local statement_timeout = {int(STATEMENT_LIMIT_S * 1000)}; "
    "set local idle_in_transaction_session_timeout = 0"
)
_OWED = "select counter > settled as owed, counter from bank.rules_change"
_OWE = "update bank.rules_change set counter = counter + 1"
_SETTLED = "update bank.rules_change set settled = greatest(settled, $1)"
_NEXT = """
    select branch_id, client_id from bank.client_fact where (branch_id, client_id) > ($1, $2)
    order by branch_id, client_id limit $3
"""


@dataclass(frozen=True, slots=True)
class Settlement:
    """Clients looked at, those who have another value in some dimension, and what became of tasks."""

    clients: int
    moved: int
    tasks: Settled

    def __str__(self) -> str:
        tasks = (
            f"{self.tasks.made:,} made, {self.tasks.cancelled:,} cancelled, {self.tasks.changed:,} changed"
        )
        return f"{self.clients:,} clients, of which {self.moved:,} have moved; tasks: {tasks}"


async def owe(transaction: Transaction) -> None:
    """Ask for everybody to be settled once this transaction is committed. Rule sets ask by themselves.

    Until then nobody else can: to be called at the transaction's end.
    """
    await transaction.connection.execute(_OWE)


async def owes_nothing(transaction: Transaction) -> None:
    """Say that all clients are settled, as this transaction sees the bank: for whoever has just loaded it."""
    await transaction.connection.execute(
        "update bank.rules_change set settled = counter where settled < counter"
    )


async def is_owed(database: Database) -> bool:
    """Whether something is to be settled."""
    return (await _owed(database))[0]


async def settle(
    database: Database, directory: Directory, say: Say, *, at_once: int = CLIENTS_AT_ONCE
) -> Settlement | None:
    """Settle what is owed; None where nothing is, or where somebody else is at it already."""
    scope = await directory.operator()
    async with _alone(database, scope, waiting=False) as alone:
        if not alone:
            return None
        owed, counter = await _owed(database)
        if not owed:
            return None
        say("settling begins: other rules, playbooks or divisions have come into force")
        return await _settle_all(database, scope, Cause.ACTIVATION, counter, say, at_once)


async def take_snapshot(database: Database, directory: Directory, say: Say) -> Settlement:
    """The daily round: the same for what the day has brought, whatever is owed; and what is over is archived.

    Waits for whoever settles. What is found while something is owed counts as the activation's.
    """
    scope = await directory.operator()
    async with _alone(database, scope, waiting=True):
        owed, _ = await _owed(database)
        async with database.transaction(scope, write=True) as transaction:
            await archive_what_is_over(transaction)
        # Archiving counts as a change of rules: it is not to be settled once more.
        _, counter = await _owed(database)
        cause = Cause.ACTIVATION if owed else Cause.SNAPSHOT
        return await _settle_all(database, scope, cause, counter, say, CLIENTS_AT_ONCE)


async def _owed(database: Database) -> tuple[bool, int]:
    """Whether something is owed, and the counter up to which."""
    async with database.transaction(_NOBODY, fresh=True) as transaction:
        owed, counter = await transaction.connection.fetchrow(_OWED)
    return owed, counter


@asynccontextmanager
async def _alone(database: Database, scope: Scope, *, waiting: bool) -> AsyncIterator[bool]:
    """Keep others from settling; False where one has begun before us."""
    if not database.keeps_locks:
        # Two that are at it at once do the same work twice, and nothing else.
        yield True
        return
    # A write, which keeps no snapshot between its statements: nothing is held back by its lasting.
    async with database.transaction(scope, write=True) as transaction:
        connection = transaction.connection
        await connection.execute(_HOLDING)
        if waiting:
            await connection.execute(f"select pg_advisory_xact_lock({_LOCK})", timeout=STATEMENT_LIMIT_S)
            yield True
        else:
            yield await connection.fetchval(f"select pg_try_advisory_xact_lock({_LOCK})")


async def _settle_all(
    database: Database, scope: Scope, cause: Cause, counter: int, say: Say, at_once: int
) -> Settlement:
    """Yardsticks, then everybody's history and tasks, then the word that it is done, up to this counter.

    What is asked for meanwhile has a later one, and is settled the next time.
    """
    async with database.transaction(scope, write=True) as transaction:
        await transaction.connection.execute(FOR_ALL_CLIENTS)
        await take_standing(transaction)
    done, last = Settlement(0, 0, Settled()), _BEFORE_ALL
    while True:
        async with database.transaction(scope, write=True) as transaction:
            keys = [key_of(row) for row in await transaction.connection.fetch(_NEXT, *last, at_once)]
            if not keys:
                await transaction.connection.execute(_SETTLED, counter)
                return done
            found = await _settle_some(transaction, database, cause, keys)
        done = Settlement(done.clients + len(keys), done.moved + found.moved, done.tasks + found.tasks)
        last = keys[-1]
        if done.clients % TELL_EVERY == 0:
            say(f"settling: {done} so far")


async def _settle_some(
    transaction: Transaction, database: Database, cause: Cause, keys: list[ClientKey]
) -> Settlement:
    await transaction.connection.execute(FOR_ALL_CLIENTS)
    rulebook = await database.rules.fresh(transaction)
    moved = await record_clients(transaction, rulebook, cause, keys)
    # Of those who stay as well: it may be their playbook that is another.
    return Settlement(len(keys), len(moved), await apply_playbooks(transaction, keys))
