"""The organisation tree, the callers' places in it, the bank's day: read from the database, kept for a moment."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import func, select

from domain.access import Caller, Role
from domain.clients import RegistrationRefusal, registration_number
from domain.organisation import Organisation, Unit, UnitKind
from tenants.database import Database, Transaction
from tenants.roles import Login
from tenants.scope import Scope, operator_scope, scope_of_client, scope_of_staff
from tenants.tables import client, unit

KEPT_FOR_S = 1.0
# Of a token that names a company by its number alone: another country's must lead theirs, as "US:…".
HOME_COUNTRY = "CN"

_NOBODY = Scope(Caller("server", Role.AUDITOR), Login.HEADQUARTERS, ())


async def read_organisation(transaction: Transaction) -> Organisation:
    """The tree as this transaction sees it."""
    rows = await transaction.rows(select(unit.c.id, unit.c.code, unit.c.kind, unit.c.parent_id))
    return Organisation(Unit(r["id"], r["code"], UnitKind(r["kind"]), r["parent_id"]) for r in rows)


class Directory:
    """Turns callers into scopes; keeps the rules in force beside the tree, and the bank's day.

    Tree and day are kept for a second: a move made by this process counts at once (`forget`), one made by another
    process, and another day, count after that second at the latest.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.rules = database.rules
        self._database = database
        self._clock = clock
        self._organisation: Organisation | None = None
        self._today: dt.date | None = None
        self._read_at = 0.0
        self._forgotten = 0
        self._reading = asyncio.Lock()

    async def organisation(self) -> Organisation:
        """The tree, at most a second old."""
        if kept := self._kept():
            return kept
        async with self._reading:
            # Whoever waited finds what the first has read.
            return self._kept() or await self._read()

    @property
    def today(self) -> dt.date:
        """The bank's day, on which changes count; of whoever was given a place by this directory."""
        assert self._today is not None, "the day is read with the tree"
        return self._today

    def _kept(self) -> Organisation | None:
        fresh = self._clock() - self._read_at <= KEPT_FOR_S
        return self._organisation if fresh else None

    async def _read(self) -> Organisation:
        now, asked = self._clock(), self._forgotten
        async with self._database.signing_in(_NOBODY) as transaction:
            read = await read_organisation(transaction)
            self._today = await transaction.value(select(func.app.today()))
        # A tree whose reading began before a move answers this once, and is not kept.
        if asked == self._forgotten:
            self._organisation, self._read_at = read, now
        return read

    def forget(self) -> None:
        """The tree has changed: read it anew before the next answer."""
        self._organisation = None
        self._forgotten += 1

    async def scope(self, caller: Caller) -> Scope:
        """Which rows exist for this caller. Raises OutOfScope where there can be none."""
        if caller.role is Role.CLIENT_USER:
            return scope_of_client(caller, await self._rows_of_company(caller.client_registration or ""))
        return scope_of_staff(caller, await self.organisation())

    def place_at_once(self, caller: Caller) -> tuple[Scope, Organisation] | None:
        """The caller's scope and the tree, where no database needs to be asked. Raises OutOfScope."""
        kept = self._kept()
        if kept is None or caller.role is Role.CLIENT_USER:
            return None
        return scope_of_staff(caller, kept), kept

    async def place(self, caller: Caller) -> tuple[Scope, Organisation]:
        """The caller's scope and the tree. Raises OutOfScope where nothing is in sight."""
        return await self.scope(caller), await self.organisation()

    async def operator(self) -> Scope:
        """The scope of the operator's own commands."""
        return operator_scope(await self.organisation())

    async def _rows_of_company(self, registration: str) -> list[tuple[int, UUID]]:
        country, _, number = registration.rpartition(":")
        country = country or HOME_COUNTRY
        written = registration_number(country, number)
        if isinstance(written, RegistrationRefusal):
            return []
        named = select(client.c.branch_id, client.c.id).where(
            client.c.registration_country == country, client.c.registration_number == written
        )
        async with self._database.signing_in(_NOBODY) as transaction:
            return [(row["branch_id"], row["id"]) for row in await transaction.rows(named)]
