"""The organisation tree and the callers' places in it, read from the database and kept for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import select

from domain.access import Caller, Role
from domain.organisation import Organisation, Unit, UnitKind
from tenants.database import Database, Transaction
from tenants.roles import Login
from tenants.scope import OutOfScope, Scope, operator_scope, scope_of_client, scope_of_staff
from tenants.tables import client, unit

KEPT_FOR_S = 1.0

_NOBODY = Scope(Caller("server", Role.AUDITOR), Login.HEADQUARTERS, ())


async def read_organisation(transaction: Transaction) -> Organisation:
    """The tree as this transaction sees it."""
    rows = await transaction.rows(select(unit.c.id, unit.c.code, unit.c.kind, unit.c.parent_id))
    return Organisation(Unit(r["id"], r["code"], UnitKind(r["kind"]), r["parent_id"]) for r in rows)


class Directory:
    """Turns callers into scopes.

    The tree is kept for a second: a move made by this process counts at once (`forget`), one made by another
    process counts after that second at the latest.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._organisation: Organisation | None = None
        self._read_at = 0.0
        self._forgotten = 0

    async def organisation(self) -> Organisation:
        """The tree, at most a second old."""
        kept = self._organisation
        if kept is None or self._clock() - self._read_at > KEPT_FOR_S:
            now, asked = self._clock(), self._forgotten
            async with self._database.transaction(_NOBODY) as transaction:
                kept = await read_organisation(transaction)
            # A tree whose reading began before a move answers this once, and is not kept.
            if asked == self._forgotten:
                self._organisation, self._read_at = kept, now
        return kept

    def forget(self) -> None:
        """The tree has changed: read it anew before the next answer."""
        self._organisation = None
        self._forgotten += 1

    async def scope(self, caller: Caller) -> Scope:
        """Which rows exist for this caller. Raises OutOfScope where there can be none."""
        if caller.role is Role.CLIENT_USER:
            return scope_of_client(caller, await self._rows_of_company(caller.client_registration or ""))
        return scope_of_staff(caller, await self.organisation())

    async def operator(self) -> Scope:
        """The scope of the operator's own commands."""
        return operator_scope(await self.organisation())

    async def _rows_of_company(self, registration: str) -> list[tuple[int, UUID]]:
        country, _, number = registration.rpartition(":")
        named = select(client.c.branch_id, client.c.id, client.c.registration_country).where(
            client.c.registration_number == number
        )
        if country:
            named = named.where(client.c.registration_country == country)
        async with self._database.transaction(_NOBODY) as transaction:
            rows = await transaction.rows(named)
        if len({row["registration_country"] for row in rows}) > 1:
            raise OutOfScope(
                "the token's registration number is used in several countries: name one, as CC:…"
            )
        return [(row["branch_id"], row["id"]) for row in rows]
