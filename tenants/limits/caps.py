"""What happens where a share of a concentration cap is too small: more is dealt, and the branch tries once more.

A draw counts in its branch's own share, a row of its own tenant. What the share lacks only headquarters' scope can
bring: in a transaction of its own, as the system on behalf of whoever draws. A refusal by a cap is final when even
that has not helped, and then says what would be possible.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import asyncpg

from domain.access import Caller, Role
from domain.limits.caps import Draw
from domain.money import Money
from domain.organisation import Organisation
from domain.refusals import Possible
from tenants.actions.once import Command, Done, Outcome, Refused, once
from tenants.database import Database, Transaction
from tenants.faults import DatabaseUnavailable
from tenants.limits.dealing import Brought, bring
from tenants.roles import Login
from tenants.scope import Scope

Act = Callable[[Transaction], Awaitable[Outcome]]

ON_DEMAND = "drawn beyond the share"
MOST_ROUNDS = 8
"""After so many deals that somebody else used up first, a refusal stands."""
PATIENCE_S = 0.05
MOST_PATIENCE_S = 2.0
"""What was dealt a moment ago is left to whoever asked for it; how often, and how long, others look again."""
GIVE_WAY = "set local lock_timeout = '400ms'"
"""Dealing gives way to bookings, sooner than PostgreSQL would look for circles among those who wait."""


@dataclass(frozen=True, slots=True)
class RefusedByCap(Refused):
    """Refused because the branch's shares leave too little for the draws that it `wants`."""

    wants: tuple[Draw, ...] = ()


@dataclass(frozen=True, slots=True)
class DoneInPart(Done):
    """Done for less than was asked because the branch's shares leave no more; more would be welcome."""

    wants: tuple[Draw, ...] = ()


class _Wanted(Exception):
    """Undoes an attempt that more room might let through."""

    def __init__(self, wants: tuple[Draw, ...]) -> None:
        super().__init__("a share of a cap is too small")
        self.wants = wants


async def once_with_room(
    database: Database,
    scope: Scope,
    organisation: Organisation,
    command: Command,
    act: Act,
    *,
    at_once: bool = False,
) -> Outcome:
    """`once`, but what a share of a cap has no room for is undone and tried again when room has been dealt."""
    brought = Brought()
    for _ in range(MOST_ROUNDS):
        try:
            wanting = _wanting(act)
            return await once(database, scope, organisation, command, wanting, at_once=at_once)
        except _Wanted as short:
            brought = await bring_patiently(database, scope, organisation, short.wants)
            if not brought.enough:
                break
    return await once(database, scope, organisation, command, _saying(act, brought))


async def bring_patiently(
    database: Database, scope: Scope, organisation: Organisation, wants: tuple[Draw, ...]
) -> Brought:
    """Bring the branches what their shares lack, waiting a moment for what others may not need after all."""
    system = system_scope(scope, organisation)
    began = time.monotonic()
    while True:
        try:
            async with database.transaction(system, write=True) as transaction:
                await transaction.fetch(GIVE_WAY, ())
                brought = await bring(transaction, wants, system.caller.subject, ON_DEMAND)
        except DatabaseUnavailable as problem:
            if not isinstance(
                problem.__cause__, asyncpg.LockNotAvailableError | asyncpg.DeadlockDetectedError
            ):
                raise
            brought = Brought(enough=False, later=True)
        if not brought.later or time.monotonic() - began > MOST_PATIENCE_S:
            return brought
        await asyncio.sleep(PATIENCE_S)


def system_scope(scope: Scope, organisation: Organisation) -> Scope:
    """Headquarters' scope over all branches, for the system on behalf of a caller."""
    system = Caller(f"system on behalf of {scope.caller.subject}", Role.HEADQUARTERS_ADMINISTRATOR)
    return Scope(system, Login.HEADQUARTERS, organisation.all_ids())


def _wanting(act: Act) -> Act:
    async def attempt(transaction: Transaction) -> Outcome:
        outcome = await act(transaction)
        if isinstance(outcome, RefusedByCap | DoneInPart) and outcome.wants:
            raise _Wanted(outcome.wants)
        return outcome

    return attempt


def _saying(act: Act, brought: Brought) -> Act:
    """The last attempt, whose refusal says what could have been brought at most."""

    async def attempt(transaction: Transaction) -> Outcome:
        outcome = await act(transaction)
        if not isinstance(outcome, RefusedByCap) or brought.reachable is None:
            return outcome
        refusal, possible = outcome.refusal, outcome.refusal.possible
        if possible is None or possible.available_minor >= brought.reachable:
            return outcome
        most, binding = Money(brought.reachable, possible.currency), brought.binding or possible.binding
        return Refused(
            replace(
                refusal,
                message=f"the concentration cap {binding!r} leaves {most.amount} {most.currency}",
                possible=Possible(most.minor, most.currency, binding),
            )
        )

    return attempt
