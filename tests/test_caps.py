"""Concentration caps: strict over all branches, though each branch draws on a share of its own."""

from __future__ import annotations

import asyncio
import datetime as dt

import asyncpg
import pytest
from cap_bank import (
    FIFTH,
    RoomyBooks,
    put_in_force,
    record_capital,
    shares_of,
    wrong,
)
from limit_bank import JIANGSU_OFFICER, OFFICER, client_of, commitment_of, open_limits, yuan
from small_bank import BEIJING, CLIENTS, JIANGSU, SHANGHAI

from domain.access import Caller, Role
from tenants.actions import limits
from tenants.actions.once import Done, Refused
from tenants.database import Database
from tenants.limits.expiring import expire_due
from tenants.organisation import Directory

PRODUCT = "TERM_LOAN"
HUAXIA = f"CN:{CLIENTS[1][1]}"
BEIJING_OFFICER = Caller("olga", Role.CREDIT_OFFICER, office="110000")
OFFICERS = {SHANGHAI: OFFICER, JIANGSU: JIANGSU_OFFICER, BEIJING: BEIJING_OFFICER}
CLIENT_AT = {SHANGHAI: client_of(0, SHANGHAI), JIANGSU: client_of(3, JIANGSU), BEIJING: client_of(5, BEIJING)}


@pytest.fixture
async def at(
    database: Database, directory: Directory, administrator: asyncpg.Connection
) -> dict[int, RoomyBooks]:
    """A credit officer in each of three branches that have limits."""
    await open_limits(administrator)
    return {unit: RoomyBooks(database, directory, officer) for unit, officer in OFFICERS.items()}


async def test_what_one_branch_leaves_idle_another_may_draw_and_no_unit_more(
    at: dict[int, RoomyBooks], database: Database, directory: Directory, administrator: asyncpg.Connection
) -> None:
    before = await at[SHANGHAI].done(limits.reserve, CLIENT_AT[SHANGHAI], PRODUCT, yuan(100))
    cap = await put_in_force(database, directory, ceiling_minor=1000_00)
    # What stands on the books is counted when the cap comes into force.
    assert await shares_of(administrator, cap) == {(SHANGHAI, ""): (100, 100)}
    await at[JIANGSU].done(limits.reserve, CLIENT_AT[JIANGSU], PRODUCT, yuan(10))
    assert (await shares_of(administrator, cap))[JIANGSU, ""] == (50, 10)
    await at[SHANGHAI].done(limits.reserve, CLIENT_AT[SHANGHAI], PRODUCT, yuan(870))
    refused = await at[SHANGHAI](limits.reserve, CLIENT_AT[SHANGHAI], PRODUCT, yuan(21), key="too much")
    assert isinstance(refused, Refused)
    assert refused.refusal.code == "CAP_EXCEEDED"
    assert refused.refusal.possible is not None
    assert refused.refusal.possible.available_minor == 20_00
    # Again the same, whatever has been freed meanwhile.
    await at[SHANGHAI].done(limits.release, await commitment_of(administrator, before), yuan(60))
    again = await at[SHANGHAI](limits.reserve, CLIENT_AT[SHANGHAI], PRODUCT, yuan(21), key="too much")
    assert isinstance(again, Refused)
    assert again.refusal == refused.refusal
    part = await at[JIANGSU].done(limits.reserve, CLIENT_AT[JIANGSU], PRODUCT, yuan(500), partial=True)
    held = await administrator.fetchval(
        "select reserved_minor from bank.limit_commitment where branch_id = $1 and id = $2",
        *await commitment_of(administrator, part),
    )
    assert held == 80_00
    shares = await shares_of(administrator, cap)
    assert shares == {(SHANGHAI, ""): (910, 910), (JIANGSU, ""): (90, 90)}
    assert await wrong(administrator) == []
    actors = await administrator.fetch("select distinct actor from bank.cap_deal")
    assert "system on behalf of oskar" in {row["actor"] for row in actors}


async def test_branches_that_race_for_the_last_of_a_cap_get_all_of_it_and_nothing_more(
    at: dict[int, RoomyBooks], database: Database, directory: Directory, administrator: asyncpg.Connection
) -> None:
    cap = await put_in_force(database, directory, ceiling_minor=300_00, deal_fraction=FIFTH)
    outcomes = await asyncio.gather(
        *(
            at[unit](limits.reserve, CLIENT_AT[unit], PRODUCT, yuan(20), key=f"{unit} {turn}")
            for turn in range(8)
            for unit in OFFICERS
        )
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert {one.refusal.code for one in refused} == {"CAP_EXCEEDED"}
    assert sum(isinstance(outcome, Done) for outcome in outcomes) == 15
    assert sum(used for _, used in (await shares_of(administrator, cap)).values()) == 300
    assert await wrong(administrator) == []


async def test_a_company_counts_once_whichever_branches_it_is_a_client_of(
    at: dict[int, RoomyBooks], database: Database, directory: Directory, administrator: asyncpg.Connection
) -> None:
    """Loans to one client: 10 % of net capital; to a group of connected clients: 20 % of Tier 1."""
    await record_capital(database, directory, net=1000, tier_1=1000)
    await at[SHANGHAI].done(limits.reserve, client_of(1, SHANGHAI), PRODUCT, yuan(40))
    fraction = {"ceiling_of": "TIER_1", "counts": "EXPOSURE"}
    one = await put_in_force(database, directory, per="CLIENT", ceiling_fraction=FIFTH / 2, **fraction)
    group = await put_in_force(database, directory, per="GROUP", ceiling_fraction=FIFTH, **fraction)
    # What the other branch has promised is counted when somebody first draws.
    assert await shares_of(administrator, one) == {}
    drawn = await at[JIANGSU].done(limits.reserve, client_of(4, JIANGSU), PRODUCT, yuan(50))
    assert (await shares_of(administrator, one))[SHANGHAI, HUAXIA] == (40, 40)
    refused = await at[SHANGHAI](limits.reserve, client_of(1, SHANGHAI), PRODUCT, yuan(11))
    assert isinstance(refused, Refused)
    assert refused.refusal.possible is not None
    assert refused.refusal.possible.available_minor == 10_00
    # It becomes one group with a company of Beijing's: what is counted stays, what is new counts there.
    await administrator.execute(
        "insert into bank.client_group (branch_id, client_id, group_no, members) "
        "values ($1, $2, 7, 2), ($3, $4, 7, 2)",
        *client_of(4, JIANGSU),
        *client_of(5, BEIJING),
    )
    await at[BEIJING].done(limits.reserve, client_of(5, BEIJING), PRODUCT, yuan(100))
    await at[JIANGSU].done(limits.reserve, client_of(4, JIANGSU), PRODUCT, yuan(10))
    commitment = await commitment_of(administrator, drawn)
    await at[JIANGSU].done(limits.utilise, commitment, yuan(30))
    await at[JIANGSU].done(limits.release, commitment, None)
    used = {key: used for key, (_, used) in (await shares_of(administrator, group)).items()}
    assert used == {(SHANGHAI, HUAXIA): 40, (JIANGSU, HUAXIA): 30, (JIANGSU, "7"): 10, (BEIJING, "7"): 100}
    assert await wrong(administrator) == []


async def test_a_contract_falls_under_a_cap_and_all_above_it_once(
    at: dict[int, RoomyBooks], database: Database, directory: Directory, administrator: asyncpg.Connection
) -> None:
    await administrator.execute(
        "update bank.client set industry_scheme = 'GB/T 4754', industry_code = case when branch_id = $1 "
        "then 'K7010' else 'C3110' end, region_code = '310000'",
        SHANGHAI,
    )
    await administrator.execute(
        "insert into bank.region_class (region_code, economic_tier) values ('310000', 'CORE')"
    )
    await at[SHANGHAI].done(limits.reserve, CLIENT_AT[SHANGHAI], PRODUCT, yuan(5))
    whole = await put_in_force(database, directory, ceiling_minor=100_00, products=["GREEN_LOAN"])
    estate = await put_in_force(
        database,
        directory,
        ceiling_minor=60_00,
        parent_id=whole,
        industry_scheme="GB/T 4754",
        industry_codes=["K", "E"],
        region_tiers=["CORE", "KEY"],
    )
    short = await put_in_force(
        database, directory, ceiling_minor=50_00, parent_id=whole, tenor_until_months=12, grades=["A"]
    )
    await at[SHANGHAI].done(limits.reserve, CLIENT_AT[SHANGHAI], PRODUCT, yuan(20), tenor_months=12)
    await at[SHANGHAI].done(limits.reserve, CLIENT_AT[SHANGHAI], PRODUCT, yuan(15), tenor_months=13)
    await at[JIANGSU].done(limits.reserve, CLIENT_AT[JIANGSU], PRODUCT, yuan(33), tenor_months=6)
    used = {
        cap: sum(used for _, used in (await shares_of(administrator, cap)).values())
        for cap in (whole, estate, short)
    }
    # The five that were there counted above as soon as the cap below came into force; nobody said their tenor.
    assert used == {whole: 40, estate: 40, short: 25}
    refused = await at[SHANGHAI](limits.reserve, CLIENT_AT[SHANGHAI], PRODUCT, yuan(21), tenor_months=13)
    assert isinstance(refused, Refused)
    assert refused.refusal.possible is not None
    assert (refused.refusal.possible.available_minor, refused.refusal.possible.binding) == (
        20_00,
        "All lending",
    )
    assert await wrong(administrator) == []


async def test_a_lower_ceiling_deletes_nothing_and_lets_nothing_new_in(
    at: dict[int, RoomyBooks], database: Database, directory: Directory, administrator: asyncpg.Connection
) -> None:
    await record_capital(database, directory, net=1000, tier_1=2000)
    cap = await put_in_force(
        database, directory, ceiling_fraction=FIFTH, ceiling_of="NET_CAPITAL", counts="LOANS"
    )
    reserved = await at[SHANGHAI].done(limits.reserve, CLIENT_AT[SHANGHAI], PRODUCT, yuan(150))
    loan = await commitment_of(administrator, reserved)
    await at[SHANGHAI].done(limits.utilise, loan, yuan(120))
    await record_capital(database, directory, net=500, tier_1=2000)
    assert await shares_of(administrator, cap) == {(SHANGHAI, ""): (120, 120)}
    pool = "select ceiling_minor, dealt_minor, over_limit from bank.cap_pool where cap_id = $1"
    assert tuple(await administrator.fetchrow(pool, cap)) == (100_00, 120_00, True)
    # Not even what was reserved is drawn, while everything may be repaid; below the ceiling it opens again.
    stays = await at[SHANGHAI](limits.utilise, loan, yuan(1), key="still over")
    assert isinstance(stays, Refused)
    assert stays.refusal.code == "CAP_EXCEEDED"
    await at[SHANGHAI].done(limits.repay, loan, yuan(70))
    elsewhere = await at[JIANGSU].done(limits.reserve, CLIENT_AT[JIANGSU], PRODUCT, yuan(50))
    await at[JIANGSU].done(limits.utilise, await commitment_of(administrator, elsewhere), yuan(50))
    assert tuple(await administrator.fetchrow(pool, cap)) == (100_00, 100_00, False)
    assert await wrong(administrator) == []


async def test_a_sweep_of_several_earmarks_takes_their_shares_in_the_order_of_whoever_deals(
    at: dict[int, RoomyBooks], database: Database, directory: Directory, administrator: asyncpg.Connection
) -> None:
    caps = [
        await put_in_force(database, directory, name=product, products=[product], ceiling_minor=1000_00)
        for product in (PRODUCT, "MORTGAGE")
    ]
    moment = await administrator.fetchval("select app.moment()")
    # The one whose cap comes last in the order is due first.
    for seconds, product in enumerate(("MORTGAGE", PRODUCT), start=60):
        until = moment + dt.timedelta(seconds=seconds)
        await at[SHANGHAI].done(limits.earmark, CLIENT_AT[SHANGHAI], product, yuan(10), expires_at=until)
    scope = await directory.operator()

    async def sweep() -> int:
        async with database.transaction(scope, write=True) as transaction:
            return await expire_due(transaction, scope.branches, moment + dt.timedelta(seconds=90))

    share = "select 1 from bank.cap_share where cap_id = $1 for update"
    waits = """select exists (select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock')"""
    async with administrator.transaction():
        await administrator.execute(share, caps[0])
        sweeping = asyncio.create_task(sweep())
        while not await administrator.fetchval(waits):
            assert not sweeping.done()
            await asyncio.sleep(0.01)
        await administrator.execute(f"{share} nowait", caps[1])
    assert await sweeping == 2
    assert {used for _, used in (await shares_of(administrator, caps[1])).values()} == {0}
