"""Limits for the small bank: the bank, its regions and branches, and what stands below them.

    Bank 1,000 m ─ East 600 m ─ Shanghai 100 m ─ Pudong 10 m
                 │             └ Jiangsu 50 m
                 └ North 200 m ─ Beijing 80 m

A test adds nodes below a branch's own with `add_node`, and books with `booked`.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
from small_bank import BEIJING, EAST, HQ, JIANGSU, NORTH, PUDONG, SHANGHAI, client_id

from domain.access import Caller, Role
from domain.limits.nodes import NodeKey
from domain.money import Money
from tenants.actions import limits
from tenants.actions.asked import Asked
from tenants.actions.once import Command, Done, Outcome, once
from tenants.database import Database, Transaction
from tenants.organisation import Directory

DAY = dt.date(2026, 1, 15)
OFFICER = Caller("ottilie", Role.CREDIT_OFFICER, office="310000")
JIANGSU_OFFICER = Caller("oskar", Role.CREDIT_OFFICER, office="320000")
HANA = Caller("hana", Role.HEADQUARTERS_ADMINISTRATOR)

OPENING = (limits.earmark, limits.reserve, limits.override)
"""What the graph tries at once, too."""

MILLION = 1_000_000_00
TOPS = {
    HQ: ("BANK", None, 1000 * MILLION),
    EAST: ("REGION", HQ, 600 * MILLION),
    NORTH: ("REGION", HQ, 200 * MILLION),
    SHANGHAI: ("BRANCH", EAST, 100 * MILLION),
    JIANGSU: ("BRANCH", EAST, 50 * MILLION),
    BEIJING: ("BRANCH", NORTH, 80 * MILLION),
    PUDONG: ("BRANCH", SHANGHAI, 10 * MILLION),
}
"""The units' own nodes: kind, unit above, amount."""
AUTHORITY = 200 * MILLION
"""What one person at headquarters may decide alone."""

_numbers = itertools.count(1)


def top(unit: int) -> UUID:
    """The id of a unit's own node."""
    return UUID(f"01910000-0000-7000-8000-{unit:012x}")


def node(number: int) -> UUID:
    """An id for a node that a test adds."""
    return UUID(f"01920000-0000-7000-8000-{number:012x}")


async def open_limits(administrator: asyncpg.Connection, *, day: dt.date = DAY) -> None:
    """Give every unit of the small bank its own node, in force; the bank its day, headquarters its authority."""
    await administrator.execute(
        "insert into bank.business_day (day) values ($1) on conflict (singleton) do update set day = $1", day
    )
    await administrator.execute(
        "insert into bank.delegated_authority (role, amount_minor, currency) "
        "values ('HEADQUARTERS_ADMINISTRATOR', $1, 'CNY') on conflict do nothing",
        AUTHORITY,
    )
    for unit, (kind, above, sanctioned) in TOPS.items():
        dealt = sum(amount for _, parent, amount in TOPS.values() if parent == unit)
        await administrator.execute(
            "insert into bank.limit_node (branch_id, id, kind, name, parent_branch_id, parent_id, currency, "
            "sanctioned_minor, dealt_minor, sharing, valid_from, valid_until, status, created_by, approved_by) "
            "values ($1, $2, $3, $4, $5, $6, 'CNY', $7, $8, 'RING_FENCED', '2020-01-01', '2035-12-31', 'ACTIVE', "
            "'founder', 'second')",
            unit,
            top(unit),
            kind,
            f"{kind} {unit}",
            above,
            None if above is None else top(above),
            sanctioned,
            dealt,
        )


async def add_node(
    administrator: asyncpg.Connection,
    branch: int,
    number: int,
    sanctioned: int,
    *,
    kind: str = "CLIENT",
    parent: UUID | None = None,
    **columns: Any,
) -> NodeKey:
    """A shared node below the branch's own (or another), in force, on which nothing is booked yet."""
    values: dict[str, Any] = {
        "branch_id": branch,
        "id": node(number),
        "kind": kind,
        "name": f"{kind} {number}",
        "parent_branch_id": branch,
        "parent_id": parent or top(branch),
        "currency": "CNY",
        "sanctioned_minor": sanctioned,
        "valid_from": dt.date(2020, 1, 1),
        "valid_until": dt.date(2035, 12, 31),
        "status": "ACTIVE",
        "created_by": "founder",
        "approved_by": "second",
    } | columns
    places = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    await administrator.execute(
        f"insert into bank.limit_node ({', '.join(values)}) values ({places})", *values.values()
    )
    return branch, values["id"]


def asked(caller: Caller, key: str | None = None, payload: str = "p", *, day: dt.date = DAY) -> Asked:
    """Who asks, under a key of its own where none is said."""
    command = Command("book", key or f"k{next(_numbers)}", payload)
    return Asked(caller.subject, caller.role, day, command)


def yuan(amount: int) -> Money:
    """Whole yuan."""
    return Money(amount * 100, "CNY")


def client_of(index: int, branch: int) -> tuple[int, UUID]:
    """The key of a client of the small bank."""
    return branch, client_id(index)


class Books:
    """Books as one caller, the way a mutation does."""

    def __init__(self, database: Database, directory: Directory, caller: Caller) -> None:
        self.database, self.directory, self.caller = database, directory, caller
        self.at_once = True

    async def __call__(
        self, action: Callable[..., Awaitable[Outcome]], *arguments: Any, key: str | None = None, **named: Any
    ) -> Outcome:
        """Carry the action out once."""
        who = asked(self.caller, key, repr((arguments, named)))
        scope = await self.directory.scope(self.caller)
        organisation = await self.directory.organisation()

        async def act(transaction: Transaction) -> Outcome:
            return await action(transaction, who, *arguments, **named)

        at_once = self.at_once and action in OPENING
        return await once(self.database, scope, organisation, who.command, act, at_once=at_once)

    async def done(self, action: Callable[..., Awaitable[Outcome]], *arguments: Any, **named: Any) -> Any:
        """Carry the action out; the key of what was done."""
        outcome = await self(action, *arguments, **named)
        assert isinstance(outcome, Done), outcome
        return outcome.key


async def balance(administrator: asyncpg.Connection, key: NodeKey) -> tuple[int, int, int]:
    """What a node holds, by bucket, in whole yuan."""
    row = await administrator.fetchrow(
        "select earmarked_minor, reserved_minor, utilised_minor from bank.limit_node "
        "where branch_id = $1 and id = $2",
        *key,
    )
    assert row is not None
    return row[0] // 100, row[1] // 100, row[2] // 100


async def commitment_of(administrator: asyncpg.Connection, movement: NodeKey) -> NodeKey:
    """The commitment that a movement is of."""
    found = await administrator.fetchval(
        "select commitment_id from bank.limit_movement where branch_id = $1 and id = $2", *movement
    )
    return movement[0], UUID(int=found.int)
