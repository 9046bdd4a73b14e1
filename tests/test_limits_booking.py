"""Bookings on real rows: what is held, by whom, and what nobody can sell."""

from __future__ import annotations

import asyncpg
import pytest
from limit_bank import (
    DAY,
    HANA,
    JIANGSU_OFFICER,
    OFFICER,
    Books,
    add_node,
    balance,
    client_of,
    commitment_of,
    open_limits,
    top,
    yuan,
)
from small_bank import EAST, JIANGSU, PUDONG, SHANGHAI

from domain.access import Caller, Role
from tenants.actions import limit_parameters, limits
from tenants.actions.once import Refused
from tenants.database import Database
from tenants.limits.expiring import expire_due
from tenants.organisation import Directory

PRODUCT = "TERM_LOAN"
CLIENT = client_of(0, SHANGHAI)


@pytest.fixture
async def books(database: Database, directory: Directory, administrator: asyncpg.Connection) -> Books:
    """A credit officer of Shanghai, whose branch has limits."""
    await open_limits(administrator)
    return Books(database, directory, OFFICER)


async def test_a_commitment_lives_from_earmark_to_repayment(
    books: Books, administrator: asyncpg.Connection
) -> None:
    line = await add_node(administrator, SHANGHAI, 1, 1000_00, client_id=CLIENT[1])
    first = await books.done(limits.earmark, CLIENT, PRODUCT, yuan(300))
    commitment = await commitment_of(administrator, first)
    assert await balance(administrator, line) == (300, 0, 0)
    await books.done(limits.reserve_earmarked, commitment, yuan(250))
    assert await balance(administrator, line) == (0, 250, 0)
    await books.done(limits.utilise, commitment, yuan(200))
    assert await balance(administrator, line) == (0, 50, 200)
    await books.done(limits.release, commitment, None)
    repayment = await books.done(limits.repay, commitment, yuan(200))
    assert await balance(administrator, line) == (0, 0, 0)
    await books.done(limits.reverse, repayment, "paid by mistake")
    assert await balance(administrator, line) == (0, 0, 200)
    assert await balance(administrator, (SHANGHAI, top(SHANGHAI))) == (0, 0, 200)


async def test_a_refusal_says_what_would_be_possible_and_what_binds(
    books: Books, administrator: asyncpg.Connection
) -> None:
    line = await add_node(administrator, SHANGHAI, 1, 1000_00, client_id=CLIENT[1])
    refused = await books(limits.reserve, CLIENT, PRODUCT, yuan(1001), key="too much")
    assert isinstance(refused, Refused)
    assert refused.refusal.code == "EXCEEDS_AVAILABLE"
    assert refused.refusal.possible is not None
    assert (refused.refusal.possible.available_minor, refused.refusal.possible.node) == (1000_00, line)
    assert await books(limits.reserve, CLIENT, PRODUCT, yuan(1001), key="too much") == refused
    part = await books.done(limits.reserve, CLIENT, PRODUCT, yuan(1001), partial=True)
    assert await balance(administrator, line) == (0, 1000, 0)
    again = await books(limits.reserve, CLIENT, PRODUCT, yuan(1), key="another")
    assert isinstance(again, Refused)
    await books.done(limits.reverse, part, "by mistake")
    assert await balance(administrator, line) == (0, 0, 0)
    twice = await books(limits.reverse, part, "by mistake")
    assert isinstance(twice, Refused)
    assert twice.refusal.code == "ALREADY_REVERSED"


async def test_a_client_draws_on_the_nearest_of_its_limits(
    books: Books, administrator: asyncpg.Connection
) -> None:
    line = await add_node(administrator, SHANGHAI, 1, 1000_00, client_id=CLIENT[1])
    facility = await add_node(
        administrator,
        SHANGHAI,
        2,
        500_00,
        kind="SUBLIMIT",
        parent=line[1],
        client_id=CLIENT[1],
        product=PRODUCT,
    )
    await books.done(limits.reserve, CLIENT, PRODUCT, yuan(100))
    await books.done(limits.reserve, CLIENT, "MORTGAGE", yuan(10))
    await books.done(limits.reserve, CLIENT, PRODUCT, yuan(1), node=line)
    await books.done(limits.reserve, client_of(1, SHANGHAI), PRODUCT, yuan(7))
    assert await balance(administrator, facility) == (0, 100, 0)
    assert await balance(administrator, line) == (0, 111, 0)
    assert await balance(administrator, (SHANGHAI, top(SHANGHAI))) == (0, 118, 0)
    foreign = await books(limits.reserve, client_of(1, SHANGHAI), PRODUCT, yuan(1), node=line)
    assert isinstance(foreign, Refused)
    assert foreign.refusal.code == "NO_LIMIT"


async def test_a_client_does_not_evade_its_own_limit_by_naming_another(
    books: Books, administrator: asyncpg.Connection
) -> None:
    line = await add_node(administrator, SHANGHAI, 1, 100_00, client_id=CLIENT[1])
    inner = await add_node(administrator, SHANGHAI, 2, 50_00, kind="SUBLIMIT", parent=line[1])
    group = await add_node(administrator, SHANGHAI, 3, 500_00, kind="GROUP")
    other = client_of(1, SHANGHAI)
    own = (SHANGHAI, top(SHANGHAI))
    for client, named in ((CLIENT, own), (CLIENT, group), (other, inner)):
        refused = await books(limits.reserve, client, PRODUCT, yuan(1), node=named)
        assert isinstance(refused, Refused), named
        assert (refused.refusal.code, refused.refusal.path) == ("NO_LIMIT", ("nodeId",))
    for client, named in ((CLIENT, inner), (other, group), (other, own)):
        await books.done(limits.reserve, client, PRODUCT, yuan(1), node=named)
    assert await balance(administrator, line) == (0, 1, 0)


async def test_a_row_of_another_tenant_is_as_if_it_did_not_exist(
    books: Books, administrator: asyncpg.Connection, database: Database, directory: Directory
) -> None:
    theirs = await add_node(administrator, JIANGSU, 1, 1000_00, client_id=client_of(3, JIANGSU)[1])
    movement = await Books(database, directory, JIANGSU_OFFICER).done(
        limits.reserve, client_of(3, JIANGSU), PRODUCT, yuan(1)
    )
    commitment = await commitment_of(administrator, movement)
    refused = [
        await books(limits.reserve, CLIENT, PRODUCT, yuan(1), node=theirs),
        await books(limits.reserve, client_of(3, JIANGSU), PRODUCT, yuan(1)),
        await books(limits.utilise, commitment, yuan(1)),
        await books(limits.reverse, movement, "not mine"),
        await books(limit_parameters.freeze, theirs, "not mine"),
    ]
    assert [r.refusal.code for r in refused if isinstance(r, Refused)] == ["NOT_FOUND"] * 5


async def test_an_earmark_expires_by_itself_and_makes_room_for_who_comes_next(
    books: Books, administrator: asyncpg.Connection
) -> None:
    line = await add_node(administrator, SHANGHAI, 1, 1000_00, client_id=CLIENT[1])
    held = await books.done(limits.earmark, CLIENT, PRODUCT, yuan(900))
    await administrator.execute("update bank.business_day set day = '2026-03-01'")
    await books.done(limits.reserve, CLIENT, PRODUCT, yuan(1000))
    assert await balance(administrator, line) == (0, 1000, 0)
    commitment = await commitment_of(administrator, held)
    status = "select status from bank.limit_commitment where id = $1"
    assert await administrator.fetchval(status, commitment[1]) == "EXPIRED"
    gone = await books(limits.reserve_earmarked, commitment, yuan(1))
    assert isinstance(gone, Refused)
    assert gone.refusal.code == "COMMITMENT_ENDED"
    async with books.database.transaction(await books.directory.operator(), write=True) as transaction:
        assert await expire_due(transaction, [SHANGHAI, JIANGSU]) == 0


async def test_a_limit_is_drafted_by_one_approved_by_another_and_then_drawn_on(
    books: Books, administrator: asyncpg.Connection, database: Database, directory: Directory
) -> None:
    bo = Books(database, directory, Caller("bo", Role.BRANCH_MANAGER, office="310000"))
    bea = Books(database, directory, Caller("bea", Role.BRANCH_MANAGER, office="310000"))
    branch = (SHANGHAI, top(SHANGHAI))
    facts = {
        "kind": "CLIENT",
        "name": "Huangpu",
        "client_id": CLIENT[1],
        "branch_id": SHANGHAI,
        "currency": "CNY",
        "sanctioned_minor": 500_00,
        "valid_from": DAY,
        "valid_until": DAY,
        "sharing": "RING_FENCED",
    }
    line = await bo.done(limit_parameters.create, branch, facts)
    own = await bo(limit_parameters.approve, line, 1)
    assert isinstance(own, Refused)
    assert own.refusal.code == "SECOND_PERSON_NEEDED"
    await bea.done(limit_parameters.approve, line, 1)
    await bo.done(limit_parameters.activate, line, 2)
    fenced = "select idle_fenced_minor from bank.limit_node where id = $1"
    assert await administrator.fetchval(fenced, top(SHANGHAI)) == 500_00
    await books.done(limits.reserve, CLIENT, PRODUCT, yuan(200))
    assert await administrator.fetchval(fenced, top(SHANGHAI)) == 300_00
    assert isinstance(await books(limits.reserve, CLIENT, PRODUCT, yuan(301)), Refused)
    await bo.done(limit_parameters.adjust, line, 3, {"sanctioned_minor": 100_00})
    over = "select over_limit from bank.limit_node where id = $1"
    assert await administrator.fetchval(over, line[1]) is True
    stale = await bo(limit_parameters.adjust, line, 3, {"sanctioned_minor": 900_00})
    assert isinstance(stale, Refused)
    assert stale.refusal.code == "CONFLICT"
    await bo.done(limit_parameters.freeze, line, "late accounts")
    frozen = await books(limits.reserve, CLIENT, PRODUCT, yuan(1), key="frozen")
    assert isinstance(frozen, Refused)
    assert frozen.refusal.code == "LIMIT_FROZEN"
    versions = (
        "select array_agg(status order by valid_from, id) from bank.limit_node_version where node_id = $1"
    )
    assert await administrator.fetchval(versions, line[1]) == [
        "DRAFT",
        "APPROVED",
        "ACTIVE",
        "ACTIVE",
        "FROZEN",
    ]
    for change in (
        (limit_parameters.adjust, branch, 1, {"sanctioned_minor": 10**12}),
        (limit_parameters.grant_addition, branch, yuan(1), DAY, DAY),
        (limit_parameters.unfreeze, branch),
    ):
        mine = await bo(*change)
        assert isinstance(mine, Refused)
        assert mine.refusal.code == "BEYOND_AUTHORITY"


@pytest.mark.usefixtures("books")
async def test_headquarters_freezes_a_region_with_its_branches_and_transfers_between_them(
    administrator: asyncpg.Connection, database: Database, directory: Directory
) -> None:
    hana = Books(database, directory, HANA)
    shanghai, jiangsu, east = ((unit, top(unit)) for unit in (SHANGHAI, JIANGSU, EAST))
    await hana.done(limit_parameters.freeze, east, "under review")
    frozen = "select array_agg(branch_id order by branch_id) from bank.limit_node where status = 'FROZEN'"
    assert await administrator.fetchval(frozen) == [EAST, SHANGHAI, JIANGSU, PUDONG]
    await hana.done(limit_parameters.unfreeze, east)
    assert await administrator.fetchval(frozen) is None
    await hana.done(limit_parameters.transfer, shanghai, jiangsu, yuan(20_000_000))
    await hana.done(limit_parameters.adjust, shanghai, 4, {"sanctioned_minor": 100_000_000_00})
    dealt = "select dealt_minor from bank.limit_node where id = $1"
    assert await administrator.fetchval(dealt, top(EAST)) == 170_000_000_00
    beyond = await hana(limit_parameters.adjust, shanghai, 5, {"sanctioned_minor": 700_000_000_00})
    assert isinstance(beyond, Refused)
    assert beyond.refusal.code == "BEYOND_PARENT"


_VERSIONS = """
select count(*), count(*) filter (where valid_until = 'infinity'),
    count(*) filter (where until is distinct from since)
from (
    select *, lead(valid_from) over told as until, nullif(valid_until, 'infinity') as since
    from bank.limit_node_version window told as (partition by branch_id, node_id order by valid_from, valid_until)
) version
"""


@pytest.mark.usefixtures("books")
async def test_whatever_changes_many_limits_at_once_the_terms_of_each_are_kept_without_a_gap(
    administrator: asyncpg.Connection,
) -> None:
    limits_there = await administrator.fetchval("select count(*) from bank.limit_node")
    await administrator.execute("update bank.limit_node set over_limit = true, updated_at = now()")
    assert [*await administrator.fetchrow(_VERSIONS)] == [limits_there, limits_there, 0]
    async with administrator.transaction():
        for _ in range(2):
            await administrator.execute("update bank.limit_node set sanctioned_minor = sanctioned_minor + 1")
        await administrator.execute("update bank.limit_node set tolerance = 0.1 where kind = 'BRANCH'")
        branches = await administrator.fetchval("select count(*) from bank.limit_node where kind = 'BRANCH'")
    told = [*await administrator.fetchrow(_VERSIONS)]
    assert told == [3 * limits_there + branches, limits_there, 0]
    agree = """select count(*) from bank.limit_node n join bank.limit_node_version v
        on v.branch_id = n.branch_id and v.node_id = n.id and v.valid_until = 'infinity'
        and (v.sanctioned_minor, v.tolerance, v.first_day) = (n.sanctioned_minor, n.tolerance, n.valid_from)"""
    assert await administrator.fetchval(agree) == limits_there
