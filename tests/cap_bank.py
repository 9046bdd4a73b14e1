"""Concentration caps for the small bank with limits: drafted by one, put in force by another."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import asyncpg
from limit_bank import DAY, HANA, Books, asked

from domain.access import Caller, Role
from domain.limits.regulation import Capital, checked_cap
from domain.refusals import Refusal
from tenants.actions import caps
from tenants.actions.once import Done, Outcome
from tenants.database import Database, Transaction
from tenants.limits.caps import once_with_room
from tenants.organisation import Directory

SECOND = Caller("hugo", Role.HEADQUARTERS_ADMINISTRATOR)


class RoomyBooks(Books):
    """Books the way a mutation does where caps are in force: more is dealt where a share is too small."""

    async def __call__(
        self, action: Callable[..., Awaitable[Outcome]], *arguments: Any, key: str | None = None, **named: Any
    ) -> Outcome:
        who = asked(self.caller, key, repr((arguments, named)))
        scope = await self.directory.scope(self.caller)
        organisation = await self.directory.organisation()

        async def act(transaction: Transaction) -> Outcome:
            return await action(transaction, who, *arguments, **named)

        return await once_with_room(self.database, scope, organisation, who.command, act)


async def at_headquarters(
    database: Database, directory: Directory, action: Callable[..., Awaitable[Outcome]], *arguments: Any
) -> Outcome:
    """Carry an action out in headquarters' scope."""
    async with database.transaction(await directory.scope(HANA), write=True) as transaction:
        return await action(transaction, *arguments)


async def put_in_force(database: Database, directory: Directory, **facts: Any) -> int:
    """A cap in force, of these columns; its id."""
    known: dict[str, Any] = {
        "name": "All lending",
        "per": "BANK",
        "counts": "EXPOSURE",
        "currency": "CNY",
        "valid_from": dt.date(2020, 1, 1),
    } | facts
    checked = checked_cap(known)
    assert not isinstance(checked, Refusal), checked
    drafted = await at_headquarters(database, directory, caps.draft, HANA.subject, checked)
    assert isinstance(drafted, Done), drafted
    done = await at_headquarters(database, directory, caps.activate, SECOND.subject, drafted.key[0], 1, DAY)
    assert isinstance(done, Done), done
    cap_id = done.key[0]
    assert isinstance(cap_id, int)
    return cap_id


async def record_capital(database: Database, directory: Directory, net: int, tier_1: int) -> None:
    """The bank's own funds, in whole yuan."""
    capital = Capital(net * 100, tier_1 * 100, "CNY")
    done = await at_headquarters(database, directory, caps.record_capital, HANA.subject, DAY, capital, DAY)
    assert isinstance(done, Done), done


async def shares_of(administrator: asyncpg.Connection, cap_id: int) -> dict[tuple[int, str], tuple[int, int]]:
    """Of each branch and subject what is dealt and what is used, in whole yuan."""
    rows = await administrator.fetch("select * from bank.cap_share where cap_id = $1", cap_id)
    return {
        (row["branch_id"], row["subject"]): (row["share_minor"] // 100, row["used_minor"] // 100)
        for row in rows
    }


# What must hold whatever happened.
_WRONG = """
select 'pool ' || pool.cap_id || ' ' || pool.subject || ': shares do not sum to what is dealt'
from bank.cap_pool pool
where pool.dealt_minor <> coalesce((
    select sum(share_minor) from bank.cap_share s where s.cap_id = pool.cap_id and s.subject = pool.subject
), 0)
union all
select 'pool ' || cap_id || ' ' || subject || ': more is dealt than the ceiling'
from bank.cap_pool where dealt_minor > ceiling_minor and not over_limit
union all
select 'share ' || branch_id || ' ' || cap_id || ' ' || subject || ': used is not the sum of its postings'
from bank.cap_share s
where used_minor <> coalesce((
    select sum(delta_minor) from bank.cap_posting p
    where p.branch_id = s.branch_id and p.cap_id = s.cap_id and p.subject = s.subject
), 0)
union all
select 'share ' || branch_id || ' ' || cap_id || ' ' || subject || ': dealt is not the sum of its deals'
from bank.cap_share s
where share_minor <> coalesce((
    select sum(delta_minor) from bank.cap_deal d
    where d.branch_id = s.branch_id and d.cap_id = s.cap_id and d.subject = s.subject
), 0)
union all
select 'commitment ' || commitment_id || ': counted in several pools of one cap'
from bank.cap_posting group by branch_id, commitment_id, cap_id having count(distinct subject) > 1
"""


async def wrong(administrator: asyncpg.Connection) -> list[str]:
    """What does not add up in the books of caps."""
    return [row[0] for row in await administrator.fetch(_WRONG)]


FIFTH = Decimal("0.2")
