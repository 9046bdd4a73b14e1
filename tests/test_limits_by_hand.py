"""What a branch's database login may do to its own limits with SQL of its own: never to their terms."""

from __future__ import annotations

import datetime as dt
from typing import Any

import asyncpg
import pytest
from limit_bank import MILLION, add_node, node, open_limits, top
from small_bank import BEIJING, SHANGHAI, client_id

from tenants.credentials import Credentials
from tenants.roles import Login

OWN_ID = top(SHANGHAI)
OWN = f"branch_id = {SHANGHAI} and kind = 'BRANCH'"
TOLD = (
    "insert into bank.limit_movement (branch_id, id, node_id, operation, currency, value_date, actor) values "
)
HELD = (
    "insert into bank.limit_commitment (branch_id, id, node_id, client_id, currency, status, earmarked_minor, "
    "granted_minor, opened_on, moved_on, expires_at) values "
)
BEYOND = TOLD.replace("actor)", "actor, after)")
NODE = (
    "insert into bank.limit_node (branch_id, id, kind, name, parent_branch_id, parent_id, client_id, currency, "
    "sanctioned_minor, sharing, valid_from, valid_until, created_by) values "
)
MADE, TERMS = "gen_random_uuid()", "'CNY', 1, 'SHARED', '2020-01-01', '2030-01-01', 'bo'"
REFUSED = {
    # Its own limit.
    f"update bank.limit_node set sanctioned_minor = 1 where {OWN}": "42501",
    f"update bank.limit_node set tolerance = 1 where {OWN}": "42501",
    f"update bank.limit_node set status = 'ACTIVE' where {OWN}": "42501",
    f"update bank.limit_node set approved_by = 'hana' where {OWN}": "42501",
    f"update bank.limit_node set version = 99 where {OWN}": "42501",
    f"update bank.limit_node set dealt_minor = 0 where {OWN}": "42501",
    # What headquarters has frozen, what one person may not raise, an earmark without an end.
    "update bank.limit_node set status = 'ACTIVE', frozen_as = null where name = 'CLIENT 2'": "42501",
    "update bank.limit_node set sanctioned_minor = sanctioned_minor + 1 where name = 'CLIENT 1'": "42501",
    "update bank.limit_node set valid_until = '2035-12-31' where name = 'CLIENT 1'": "42501",
    "update bank.limit_node set status = 'DRAFT' where name = 'CLIENT 1'": "42501",
    "update bank.limit_node set parent_rate = 0.000000001 where name = 'CLIENT 1'": "42501",
    "update bank.limit_node set reinstatement = 'REDUCING', sanctioned_minor = 10^9 where kind = 'CLIENT'": "42501",
    f"{HELD} ({SHANGHAI}, {MADE}, '{node(1)}', '{client_id(0)}', 'CNY', 'EARMARKED', 1, 1, '2026-01-15', "
    "'2026-01-15', '9999-01-01')": "42501",
    # A balance without a movement, or by another amount than is posted.
    f"update bank.limit_node set reserved_minor = 1, last_movement_id = gen_random_uuid() where {OWN}": "42501",
    f"with told as ({TOLD} ({SHANGHAI}, {MADE}, '{OWN_ID}', 'RESERVE', 'CNY', '2026-01-15', 'bo') returning id), "
    "posted as (insert into bank.limit_posting (branch_id, movement_id, node_id, bucket, delta_minor) "
    f"select {SHANGHAI}, id, '{OWN_ID}', 'RESERVED', 2 from told) "
    "update bank.limit_node n set reserved_minor = 1, last_movement_id = told.id from told "
    f"where n.branch_id = {SHANGHAI} and n.id = '{OWN_ID}'": "42501",
    # What headquarters alone does, in its name.
    f"{TOLD} ({SHANGHAI}, {MADE}, '{top(SHANGHAI)}', 'ALLOCATE', 'CNY', '2026-01-15', 'hana')": "42501",
    f"{TOLD} ({SHANGHAI}, {MADE}, '{top(SHANGHAI)}', 'RECLAIM', 'CNY', '2026-01-15', 'hana')": "42501",
    f"{BEYOND} ({SHANGHAI}, {MADE}, '{OWN_ID}', 'OVERRIDE', 'CNY', '2026-01-15', 'hana', "
    """'{"overriddenAs": "HEADQUARTERS_ADMINISTRATOR"}')""": "42501",
    f"{BEYOND} ({SHANGHAI}, {MADE}, '{OWN_ID}', 'OVERRIDE', 'CNY', '2026-01-15', 'bo', null)": "42501",
    # Another branch's books, another branch's client, a limit below another branch's.
    f"{TOLD} ({BEIJING}, {MADE}, '{top(BEIJING)}', 'OPEN', 'CNY', '2026-01-15', 'bo')": "42501",
    f"{NODE} ({SHANGHAI}, {MADE}, 'CLIENT', 'x', {SHANGHAI}, '{OWN_ID}', '{client_id(3)}', {TERMS})": "23503",
    f"{NODE} ({SHANGHAI}, {MADE}, 'SUBLIMIT', 'x', {BEIJING}, '{top(BEIJING)}', null, {TERMS})": "23514",
    # The past, and what is dealt, owed, scored and queued elsewhere.
    "update bank.limit_posting set delta_minor = 1": "42501",
    "delete from bank.limit_movement": "42501",
    "update bank.limit_node_version set sanctioned_minor = 1": "42501",
    "update bank.cap_share set share_minor = 10": "42501",
    "update bank.delegated_authority set amount_minor = 10": "42501",
    "update bank.compensation_claim set status = 'PAID'": "42501",
    "update bank.branch_scorecard set score = 100": "42501",
    "update bank.quota_change set status = 'CARRIED_OUT'": "42501",
    "select count(*) from bank.cap_pool": "42501",
    "select count(*) from bank.allocation_proposal": "42501",
    "select count(*) from jobs.pgqueuer": "42501",
}


@pytest.mark.parametrize("login", [Login.PORTAL, Login.CLIENT])
async def test_no_login_of_a_branch_goes_around_the_application(
    login: Login, credentials: Credentials, administrator: asyncpg.Connection
) -> None:
    await open_limits(administrator)
    await add_node(
        administrator, SHANGHAI, 1, 1 * MILLION, client_id=client_id(0), valid_until=dt.date(2026, 12, 31)
    )
    frozen: dict[str, Any] = {"status": "FROZEN", "frozen_as": "HEADQUARTERS_ADMINISTRATOR"}
    await add_node(administrator, SHANGHAI, 2, 1, client_id=client_id(1), **frozen)
    caller = await asyncpg.connect(credentials.dsn(login), timeout=20)
    try:
        await caller.execute(
            "select set_config('app.branches', $1, false), set_config('app.clients', $2, false)".replace(
                "$1", f"'{{{SHANGHAI}}}'"
            ).replace("$2", f"'{{{client_id(0)}}}'")
        )
        for statement, code in REFUSED.items():
            with pytest.raises(asyncpg.PostgresError) as told:
                await caller.execute(statement)
            assert told.value.sqlstate == (code if login is Login.PORTAL else "42501"), (
                statement,
                told.value,
            )
    finally:
        await caller.close()
