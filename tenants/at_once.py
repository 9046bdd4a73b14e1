"""A change that is decided without locks and written by one statement, which is a transaction of its own.

What is read for it is read at once, in one message with the scope. What is written is written at once, and the same
message commits it: nothing of ours stands between a row's lock and the disk. The statement itself must see whether
what was decided still holds. Whatever needs more is carried out in a transaction (`NotAtOnce`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import asyncpg

from tenants.answering import Answering, NotPlain
from tenants.connections import Seat
from tenants.planning import GENERIC
from tenants.scope import Scope, literals_of
from tenants.transaction import Transaction

if TYPE_CHECKING:
    from tenants.database import Database


ABREAST = 4
"""How many of a tenant's changes are under way at a time: while one is waiting for the disk, the next is there."""


class NotAtOnce(Exception):
    """It takes a transaction: to lock, or to write more than one statement can."""


class AtOnce(Transaction):
    """Stands for a transaction where there is none: each statement sees what is committed when it is run."""

    def __init__(self, database: Database, scope: Scope) -> None:
        super().__init__(None, None)
        self._database = database
        self._scope = scope
        self.rules = database.rules

    async def fetch(self, text: str, values: Sequence[Any]) -> list[Any]:
        """Run a statement that only reads. Raises NotAtOnce where it locks or writes."""
        try:
            return await self._database.rows_at_once(self._scope, text, values)
        except (asyncpg.ReadOnlySQLTransactionError, NotPlain) as told:
            raise NotAtOnce from told

    async def write(self, text: str, values: Sequence[Any], *, tenant: int) -> list[Any]:
        """Run the statement that writes, and commit."""
        async with self._database.lanes.of(tenant):
            return await self._database.written_at_once(self._scope, text, values)


class Lanes:
    """Lets few of a tenant's changes at a time through: they would wait for each other in the database, each on a
    connection that another tenant could use.
    """

    def __init__(self) -> None:
        self._lanes: WeakValueDictionary[int, asyncio.Semaphore] = WeakValueDictionary()

    def of(self, tenant: int) -> asyncio.Semaphore:
        """The lane of one tenant."""
        lane = self._lanes.get(tenant)
        if lane is None:
            lane = self._lanes[tenant] = asyncio.Semaphore(ABREAST)
        return lane


class WritingAtOnce(Answering):
    """The connections of one login role for statements that write, each executed twice before one Sync.

    As where a read is answered (`tenants.answering`), the first execution puts the scope in force, the second does
    the work; both are one transaction, which the Sync commits.
    """

    # Each is planned for all values, and once: it finds rows by their keys.
    planned = GENERIC
    writes = True

    async def _executed(self, seat: Seat, scope: Scope, expression: str, values: Sequence[Any]) -> Any:
        statement = seat.kept(expression)
        if statement is None:
            statement = await seat.prepare(expression, _scoping(expression, len(values)))
        branches, clients = literals_of(scope, write=True)
        rows = await statement.fetchmany(
            ((*(None,) * len(values), branches, clients, False), (*values, None, None, True))
        )
        return rows[1:]


def _scoping(text: str, values: int) -> str:
    """The statement with one more value, which sets the scope where the last parameter is false.

    It must end with what it selects, of one row, and write nothing where all its values are null.
    """
    branches, clients, works = (f"${values + n}" for n in range(1, 4))
    return (
        f"{text}, case when {works}::boolean then true "
        f"else pg_catalog.set_config('app.branches', {branches}::text, true) is not null "
        f"and pg_catalog.set_config('app.clients', {clients}::text, true) is not null end as scoped"
    )
