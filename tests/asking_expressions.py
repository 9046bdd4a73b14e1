"""Expressions to ask the small bank, the callers who ask them, and whether a door is at rest afterwards."""

from __future__ import annotations

import asyncio
from typing import Any

from small_bank import BEIJING, JIANGSU, SHANGHAI, SmallBank, client_id
from test_isolation_transaction import BO, nothing_is_left

from tenants.answering import Answering
from tenants.database import Database
from tenants.organisation import Directory
from tenants.roles import Login
from tenants.scope import Scope


def as_text(rows: str) -> str:
    """The expression that answers a SELECT's rows as a JSON list."""
    return f"(select convert_to(coalesce(json_agg(r)::text, '[]'), 'UTF8') from ({rows}) r)"


# Nothing in these but the policy says whose rows they are.
CLIENTS = as_text("select branch_id, id from bank.client order by branch_id, id")
CLIENT = as_text("select branch_id, id, legal_name from bank.client where id = $1::uuid")
PAGE = as_text(
    "select branch_id, id from bank.client where branch_id = any($1::int[]) order by id limit $2::int"
)
LOANS = as_text(
    "select c.id, (select json_agg(f.id order by f.id) from bank.facility f "
    "where f.branch_id = c.branch_id and f.client_id = c.id) from bank.client c order by c.branch_id, c.id"
)
QUOTIENT = "(select convert_to((count(*) / $1::int)::text, 'UTF8') from bank.client)"
SLEEP = "(select convert_to(pg_sleep($1::float8)::text || count(*), 'UTF8') from bank.client)"

Question = tuple[str, tuple[Any, ...]]
QUESTIONS: list[Question] = [
    (CLIENTS, ()),
    (LOANS, ()),
    *((CLIENT, (client_id(index),)) for index in range(7)),
    *((PAGE, (branches, first)) for branches in ([SHANGHAI], [JIANGSU, BEIJING]) for first in (1, 3)),
]
WHO = (
    SmallBank.shanghai,
    SmallBank.jiangsu,
    SmallBank.beijing,
    SmallBank.east,
    SmallBank.huaxia,
    SmallBank.analyst,
)


async def scopes_of(database: Database) -> list[Scope]:
    """One scope of nothing, and one of each caller; headquarters' is the last."""
    directory = Directory(database)
    return [Scope(BO, Login.PORTAL, ()), *[await directory.scope(caller) for caller in WHO]]


async def everything_is_at_rest(database: Database) -> bool:
    """Whether every connection can be had, is at rest, and shows nothing to whoever has no scope."""
    for door in database._answering.values():
        seats = door.connections
        # Whoever was cancelled has not waited for this.
        await asyncio.gather(*seats._recovering)
        assert len(seats._free) == len(seats._seats) == database._connections
        for seat in seats._free:
            if seat.usable:
                await _is_at_rest(seat.connection, door)
    return bool(database._answering) or await nothing_is_left(database)


async def _is_at_rest(connection: Any, door: Answering) -> None:
    assert not connection.is_in_transaction()
    row = await connection.fetchrow(
        "select current_setting('app.branches', true), current_setting('app.clients', true), "
        "current_setting('plan_cache_mode'), session_user::text, (select count(*) from bank.client)"
    )
    assert not row[0]
    assert not row[1]
    assert row[2] == door.planned
    assert row[4] == (7 if row[3] == Login.HEADQUARTERS else 0)
