"""Opening the books of a bank that has lent for years, and who may decide what beyond a limit."""

from __future__ import annotations

from typing import Any

import asyncpg
from limit_bank import HANA, OFFICER, Books, add_node, balance, client_of, open_limits, top, yuan
from small_bank import EAST, HQ, JIANGSU, SHANGHAI

from domain.access import Caller, Role
from domain.refusals import RefusalCode
from tenants.actions import limits
from tenants.actions.once import Refused
from tenants.database import Database
from tenants.limits.opening import Opened, open_books
from tenants.limits.shipped import ensure_authorities
from tenants.limits.verifying import verify
from tenants.organisation import Directory
from tenants.segments.rulebook import read_rulebook
from tenants.segments.shipped import ensure_defaults
from tenants.segments.statements import with_segments


async def test_the_books_open_with_what_has_been_lent_and_open_only_once(
    database: Database, directory: Directory, administrator: asyncpg.Connection
) -> None:
    # Revolving, so that what is not drawn yet is promised, too.
    await administrator.execute(f"update bank.facility set revolving = true where branch_id = {JIANGSU}")
    async with database.transaction(await directory.operator(), write=True) as transaction:
        assert await open_books(transaction) == Opened(nodes=7, commitments=14, left_aside=0)
        assert await open_books(transaction) == Opened(nodes=0, commitments=0, left_aside=0)
        assert await verify(transaction) == []
    rows = await administrator.fetch(
        "select branch_id, sanctioned_minor, dealt_minor, reserved_minor, utilised_minor, over_limit "
        "from bank.limit_node order by branch_id"
    )
    nodes = {row["branch_id"]: row for row in rows}
    assert nodes[JIANGSU]["utilised_minor"] == (1_600_000_00 + 2_000_000_00) * 2 + 2
    assert nodes[JIANGSU]["reserved_minor"] == (2_400_000_00 + 3_000_000_00) * 2 - 2
    assert nodes[SHANGHAI]["reserved_minor"] == 0
    assert not any(row["over_limit"] for row in rows)
    assert nodes[HQ]["sanctioned_minor"] > nodes[HQ]["dealt_minor"] > nodes[EAST]["sanctioned_minor"]
    # A loan that comes later, to a branch whose limit has been used up meanwhile, is what it is.
    await administrator.execute(
        f"update bank.limit_node set sanctioned_minor = 1, over_limit = true where branch_id = {JIANGSU}"
    )
    await administrator.execute(
        "insert into bank.facility select (jsonb_populate_record(f, jsonb_build_object('id', gen_random_uuid(), "
        f"'reference', 'later'))).* from bank.facility f where branch_id = {JIANGSU} limit 1"
    )
    async with database.transaction(await directory.operator(), write=True) as transaction:
        assert (await open_books(transaction)).commitments == 1


async def test_who_may_let_a_client_exceed_a_limit_is_data(
    database: Database, directory: Directory, administrator: asyncpg.Connection
) -> None:
    await open_limits(administrator)
    await administrator.execute("delete from bank.delegated_authority")
    async with database.transaction(await directory.operator(), write=True) as transaction:
        assert (await ensure_authorities(transaction), await ensure_authorities(transaction)) == (4, 0)
    client = client_of(0, SHANGHAI)
    line = await add_node(administrator, SHANGHAI, 1, 100_00, client_id=client[1])
    bo = Books(database, directory, Caller("bo", Role.BRANCH_MANAGER, office="310000"))
    beyond = await bo(limits.override, client, "TERM_LOAN", yuan(5_000_001), "a bridge")
    assert isinstance(beyond, Refused)
    assert beyond.refusal.code == "BEYOND_AUTHORITY"
    await bo.done(limits.override, client, "TERM_LOAN", yuan(5_000_000), "a bridge")
    flagged = await administrator.fetchval("select over_limit from bank.limit_node where id = $1", line[1])
    assert flagged is True
    assert await administrator.fetchval("select overridden_by from bank.limit_commitment") == "bo"
    nothing = await Books(database, directory, HANA)(limits.reserve, client, "TERM_LOAN", yuan(1))
    assert isinstance(nothing, Refused)
    assert nothing.refusal.code == "OVER_LIMIT"
    assert nothing.refusal.possible is not None
    assert nothing.refusal.possible.node == line
    assert (
        await administrator.fetchval("select over_limit from bank.limit_node where id = $1", top(SHANGHAI))
        is False
    )


async def test_a_clients_segment_of_now_says_on_which_sublimit_it_draws(
    database: Database, directory: Directory, administrator: asyncpg.Connection
) -> None:
    await open_limits(administrator)
    async with database.transaction(await directory.operator(), write=True) as transaction:
        await ensure_defaults(transaction)
        rulebook = await read_rulebook(transaction)
        text = with_segments(
            "select value from client_segment where client_id = $1 and dimension = $2", rulebook
        )
        client = client_of(0, SHANGHAI)
        (row,) = await transaction.fetch(text, (client[1], "relationshipType"))
    segment: dict[str, Any] = {"kind": "SUBLIMIT", "segment_dimension": "relationshipType"}
    other = await add_node(administrator, SHANGHAI, 1, 100_00, segment_value="SOMETHING_ELSE", **segment)
    own = await add_node(administrator, SHANGHAI, 2, 100_00, segment_value=row["value"], **segment)
    bo = Books(database, directory, OFFICER)
    await bo.done(limits.reserve, client, "TERM_LOAN", yuan(10))
    assert (await balance(administrator, own), await balance(administrator, other)) == ((0, 10, 0), (0, 0, 0))
    # Nobody passes by the segment's limit by naming the branch's own, or another segment's.
    for beside in ((SHANGHAI, top(SHANGHAI)), other):
        told = await bo(limits.reserve, client, "TERM_LOAN", yuan(1), node=beside)
        assert isinstance(told, Refused)
        assert told.refusal.code == RefusalCode.NO_LIMIT
    nearer = await add_node(administrator, SHANGHAI, 3, 100_00, client_id=client[1])
    await bo.done(limits.reserve, client, "TERM_LOAN", yuan(20))
    assert await balance(administrator, nearer) == (0, 20, 0)
