"""An allocation run on the bank's own rows: gathered, simulated, adopted for all branches or none, superseded."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from allocation_bank import MILLION, PLAIN, drafted, furnish, simulate, simulated, wanted
from limit_bank import JIANGSU_OFFICER, Books, add_node, client_of, yuan
from patience import PATIENCE_S
from small_bank import BEIJING, EAST, HQ, JIANGSU, NORTH, PUDONG, SHANGHAI

from domain.allocation.reclaiming import Month
from domain.money import Money
from domain.refusals import RefusalCode
from tenants.actions import allocation, limits, quota_changes
from tenants.actions.allocation import Writing
from tenants.actions.once import Done, Refused
from tenants.allocation.months import Used
from tenants.allocation.simulating import simulated as found_of
from tenants.database import Database, Transaction
from tenants.limits.verifying import verify
from tenants.organisation import Directory

TOPS = """select branch_id, sanctioned_minor / 100000000 as millions, dealt_minor / 100000000 as dealt, period_id
    from bank.limit_node where kind in ('BANK', 'REGION', 'BRANCH') order by branch_id"""
QUOTAS = """select branch_id, segment_value, sanctioned_minor, sharing, id from bank.limit_node
    where kind = 'SUBLIMIT' and segment_value is not null order by branch_id, segment_value"""


@dataclass(frozen=True)
class Bank:
    database: Database
    directory: Directory
    administrator: asyncpg.Connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Transaction]:
        async with self.database.transaction(await self.directory.operator(), write=True) as transaction:
            yield transaction

    async def adopt(self, run_id: int, version: int = 2, *, by: str = "bea") -> Done | Refused:
        async with self.writing() as transaction:
            return await allocation.adopt(transaction, by, run_id, version)

    async def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.administrator.fetch(query, *values)]

    async def is_in_order(self) -> bool:
        async with self.writing() as transaction:
            assert await verify(transaction) == []
        return True


@pytest.fixture
async def bank(database: Database, directory: Directory, administrator: asyncpg.Connection) -> Bank:
    made = Bank(database, directory, administrator)
    async with made.writing() as transaction:
        await furnish(transaction, administrator)
    return made


async def test_what_is_adopted_becomes_every_units_limit_at_once(bank: Bank) -> None:
    # Beside the segments' quotas there is a client with a fence of its own, of which half is used.
    fence = await add_node(
        bank.administrator, JIANGSU, 1, 2 * MILLION, client_id=client_of(3, JIANGSU)[1], sharing="RING_FENCED"
    )
    await bank.administrator.execute(
        "update bank.limit_node set idle_fenced_minor = $1 where branch_id = $2 and kind = 'BRANCH'",
        2 * MILLION,
        JIANGSU,
    )
    books = Books(bank.database, bank.directory, JIANGSU_OFFICER)
    await books.done(limits.reserve, client_of(3, JIANGSU), "TERM_LOAN", yuan(1_000_000))
    async with bank.writing() as transaction:
        run_id = await simulated(transaction, wanted("Year", 30, **PLAIN))
        other = await simulated(transaction, wanted("Alternative", 20, **PLAIN))
    run = (await bank.administrator.fetch("select * from bank.allocation_run where id = $1", run_id))[0]
    assert (run["granted_minor"], run["committed_minor"]) == (30 * MILLION, 2 * MILLION)
    assert run["explanation"] == (
        "CNY 30 m of CNY 30 m are shared out, after a buffer of CNY 0; they are expected to earn CNY 1,000,000 a "
        "year, of which imbalance costs CNY 0. One more million of budget would earn CNY 20,000 a year, in Beijing "
        "Branch / STRATEGIC (CNY 1,000,000) first."
    )
    assert await bank.rows(
        "select segment_value, change_minor / 100000000 from bank.allocation_difference "
        "where from_run_id = $1 and to_run_id = $2 order by unit_id",
        run_id,
        other,
    ) == [("STRATEGIC", -10)]
    assert isinstance(await bank.adopt(run_id), Done)
    assert await bank.rows(TOPS) == [
        (HQ, 30, 30, run_id),
        (EAST, 20, 20, run_id),
        (NORTH, 10, 10, run_id),
        (SHANGHAI, 12, 6, run_id),
        (JIANGSU, 8, 0, run_id),
        (BEIJING, 10, 0, run_id),
        (PUDONG, 6, 0, run_id),
    ]
    quotas = await bank.rows(QUOTAS)
    assert [(branch, segment, amount / MILLION) for branch, segment, amount, *_ in quotas] == [
        (SHANGHAI, "GROWTH", 2),
        (SHANGHAI, "STABLE", 4),
        (JIANGSU, "AT_RISK", 0),
        # Two of eight stand in the client's fence.
        (JIANGSU, "STABLE", 6),
        (BEIJING, "STRATEGIC", 10),
        (PUDONG, "GROWTH", 6),
    ]
    assert await bank.is_in_order()
    movements = (
        "select count(*), count(distinct node_id) from bank.limit_movement where operation = 'ALLOCATE'"
    )
    assert await bank.rows(movements) == [(13, 13)]
    assert fence[0] == JIANGSU


async def test_a_second_run_takes_the_firsts_place_and_fences_its_quotas(bank: Bank) -> None:
    async with bank.writing() as transaction:
        first = await simulated(transaction, wanted("First", 30, **PLAIN))
        second = await simulated(transaction, wanted("Second", 36, **PLAIN, sharing="RING_FENCED"))
    assert isinstance(await bank.adopt(first), Done)
    books = Books(bank.database, bank.directory, JIANGSU_OFFICER)
    # A stable client draws on the quota of its segment, one at risk has none there.
    at_risk, stable = [(row[0], row[4]) for row in await bank.rows(QUOTAS) if row[0] == JIANGSU]
    await books.done(limits.reserve, client_of(3, JIANGSU), "TERM_LOAN", yuan(5_000_000), node=stable)
    refused = await books(limits.reserve, client_of(4, JIANGSU), "TERM_LOAN", yuan(1), node=at_risk)
    assert isinstance(refused, Refused)
    assert refused.refusal.code is RefusalCode.EXCEEDS_AVAILABLE
    assert isinstance(await bank.adopt(second), Done)
    assert await bank.is_in_order()
    statuses = "select status, count(distinct run_id) from bank.allocation_cell group by 1 order by 1"
    assert await bank.rows(statuses) == [("ADOPTED", 1), ("SUPERSEDED", 1)]
    assert await bank.rows("select id, status from bank.allocation_run order by id") == [
        (first, "SUPERSEDED"),
        (second, "ADOPTED"),
    ]
    # The same nodes as before, and no more of them.
    assert {row[3] for row in await bank.rows(QUOTAS)} == {"RING_FENCED"}
    assert len(await bank.rows(QUOTAS)) == 6
    used = await bank.rows(
        "select reserved_minor, idle_fenced_minor from bank.limit_node where branch_id = 5 and kind = 'BRANCH'"
    )
    assert used == [(5 * MILLION, 3 * MILLION)]


async def test_what_has_been_committed_since_the_simulation_is_named_and_nothing_is_adopted(
    bank: Bank,
) -> None:
    async with bank.writing() as transaction:
        run_id = await simulated(transaction, wanted("Year", 12, **PLAIN))
    books = Books(bank.database, bank.directory, JIANGSU_OFFICER)
    await books.done(limits.reserve, client_of(4, JIANGSU), "TERM_LOAN", yuan(3_000_000))
    before = await bank.rows(TOPS)
    refused = await bank.adopt(run_id)
    assert isinstance(refused, Refused)
    assert refused.refusal.code is RefusalCode.STILL_COMMITTED
    assert refused.refusal.message == (
        "more has been committed since the simulation than it grants: Jiangsu Branch / AT_RISK (CNY 3,000,000 are "
        "committed, CNY 0 granted); simulate the run again"
    )
    assert await bank.rows(TOPS) == before
    assert await bank.rows("select count(*) from bank.allocation_cell") == [(0,)]
    assert await bank.is_in_order()
    async with bank.writing() as transaction:
        assert isinstance(await simulate(transaction, run_id, 2), Done)
    assert isinstance(await bank.adopt(run_id, 3), Done)
    assert await bank.is_in_order()


async def test_readers_read_on_while_a_run_is_adopted_and_who_books_waits(bank: Bank) -> None:
    async with bank.writing() as transaction:
        run_id = await simulated(transaction, wanted("Year", 30, **PLAIN))
    books = Books(bank.database, bank.directory, JIANGSU_OFFICER)
    async with bank.writing() as transaction:
        assert isinstance(await allocation.adopt(transaction, "bea", run_id, 2), Done)
        booking = asyncio.create_task(books(limits.reserve, client_of(3, JIANGSU), "TERM_LOAN", yuan(1)))
        reading = bank.rows("select sanctioned_minor from bank.limit_node where branch_id = $1", JIANGSU)
        assert await asyncio.wait_for(reading, PATIENCE_S) == [(50 * MILLION,)]
        await asyncio.sleep(0.1)
        assert not booking.done()
    assert isinstance(await booking, Done)
    assert await bank.is_in_order()


async def test_constraints_that_conflict_are_told_apart_and_cannot_be_adopted(bank: Bank) -> None:
    least = [{"unit": "NORTH", "atLeast": {"amount": "27000000.00"}}]
    async with bank.writing() as transaction:
        run_id = await simulated(transaction, wanted("Year", 30, **PLAIN | {"units": least}))
    found = await bank.rows("select feasible, granted_minor, explanation from bank.allocation_run")
    assert found == [
        (
            False,
            None,
            "These cannot hold together: the caps of what can be used there, CNY 26 m; “North China: at least”, at "
            "least CNY 27 m. Any one of these mends it: lower “North China: at least” by CNY 1,000,000; or find "
            "CNY 1,000,000 more of demand.",
        )
    ]
    conflicting = "select kind, name from bank.allocation_constraint where conflicts order by position"
    assert await bank.rows(conflicting) == [
        ("REGION_MINIMUM", "North China: at least"),
        ("CAP", "What can be used, cell by cell"),
    ]
    refused = await bank.adopt(run_id)
    assert isinstance(refused, Refused)
    assert refused.refusal.code is RefusalCode.STATUS_MAY_NOT_FOLLOW


async def test_a_bank_without_limits_is_simulated_by_what_its_clients_owe_and_not_adopted(bank: Bank) -> None:
    await bank.administrator.execute("delete from bank.limit_node_version; delete from bank.limit_node")
    scope = await bank.directory.operator()
    async with bank.writing() as transaction:
        run_id = await drafted(transaction, wanted("Year", 30, **PLAIN))
    found = await found_of(bank.database, scope, run_id, 1)
    assert await found_of(bank.database, scope, run_id, 7) is None
    async with bank.writing() as transaction:
        assert isinstance(await allocation.simulate(transaction, "ada", run_id, 1, found), Done)
    committed = "select committed_minor from bank.allocation_run"
    assert await bank.rows(committed) == [(22_400_000_07,)]
    refused = await bank.adopt(run_id)
    assert isinstance(refused, Refused)
    assert refused.refusal.message.startswith(
        "every unit needs a limit of its own in force, in CNY, to allocate to: Headquarters (has none), East China"
    )


async def test_idle_quota_is_proposed_and_taken_back_by_a_second_person_and_given_to_another(
    bank: Bank,
) -> None:
    async with bank.writing() as transaction:
        run_id = await simulated(transaction, wanted("Year", 30, **PLAIN))
    assert isinstance(await bank.adopt(run_id), Done)
    quotas = {(branch, segment): (branch, key) for branch, segment, *_, key in await bank.rows(QUOTAS)}
    idle, nearly_used, busy = (
        quotas[SHANGHAI, "STABLE"],
        quotas[PUDONG, "GROWTH"],
        quotas[JIANGSU, "STABLE"],
    )
    books = Books(bank.database, bank.directory, JIANGSU_OFFICER)
    await books.done(limits.reserve, client_of(3, JIANGSU), "TERM_LOAN", yuan(7_000_000), node=busy)

    def used(*millions: int, granted: int) -> Used:
        months = [
            Month(dt.date(2025, 11 + n, 1), granted * MILLION, m * MILLION) for n, m in enumerate(millions)
        ]
        return Used("quota", "CNY", granted * MILLION, 0, tuple(months))

    months = {idle: used(1, 2, granted=4), nearly_used: used(0, 6, granted=6), busy: used(0, 0, granted=8)}
    async with bank.writing() as transaction:
        assert isinstance(await quota_changes.propose_reclaims(transaction, "ada", run_id, months), Done)
        # Looked at again: what was proposed before is withdrawn. The ledger knows no whole month yet.
        assert isinstance(await quota_changes.propose_reclaims(transaction, "ada", run_id), Done)
        assert isinstance(await quota_changes.propose_reclaims(transaction, "ada", run_id, months), Done)
        asked = await quota_changes.top_up(
            transaction, "ada", quotas[BEIJING, "STRATEGIC"], yuan(2_000_000), "new"
        )
        assert isinstance(asked, Done)
    proposed = await bank.rows(
        "select kind, amount_minor / 100000000, status, branch_id, id from bank.quota_change "
        "where status <> 'WITHDRAWN' order by kind, branch_id"
    )
    assert [row[:3] for row in proposed] == [
        ("RECLAIM", 1, "PROPOSED"),
        ("RECLAIM", 4, "PROPOSED"),
        ("TOP_UP", 2, "PROPOSED"),
        ("WARNING", 0, "NOTED"),
    ]
    keys = [(row[3], row[4]) for row in proposed]
    async with bank.writing() as transaction:
        outcomes = [
            await quota_changes.carry_out(transaction, by, key, 1)
            for by, key in (
                ("ada", keys[0]),
                ("bea", keys[1]),
                ("bea", keys[2]),
                ("bea", keys[0]),
                ("bea", keys[2]),
                ("bea", keys[3]),
            )
        ]
        withdrawn = await quota_changes.withdraw(transaction, "ada", keys[1], 1)
    assert isinstance(withdrawn, Done)
    codes = [one.refusal.code if isinstance(one, Refused) else None for one in outcomes]
    assert codes == [
        RefusalCode.SECOND_PERSON_NEEDED,
        # Seven of the eight were reserved after the months that were looked at.
        RefusalCode.STILL_COMMITTED,
        # The whole budget has been dealt: only what is taken back can be given out again.
        RefusalCode.EXCEEDS_AVAILABLE,
        None,
        RefusalCode.EXCEEDS_AVAILABLE,
        RefusalCode.STATUS_MAY_NOT_FOLLOW,
    ]
    short = outcomes[4]
    assert isinstance(short, Refused)
    assert short.refusal.possible is not None
    assert short.refusal.possible.available_minor == 1 * MILLION
    assert (await bank.rows(TOPS))[:2] == [(HQ, 30, 29, run_id), (EAST, 19, 19, run_id)]
    assert (await bank.rows(TOPS))[3] == (SHANGHAI, 11, 6, run_id)
    assert await bank.is_in_order()


async def test_the_ledger_tells_how_quotas_were_used_in_whole_months(bank: Bank) -> None:
    async with bank.writing() as transaction:
        run_id = await simulated(transaction, wanted("Year", 30, **PLAIN))
    assert isinstance(await bank.adopt(run_id), Done)
    await bank.administrator.execute("update bank.business_day set day = '2026-04-20'")
    async with bank.writing() as transaction:
        assert isinstance(await quota_changes.propose_reclaims(transaction, "ada", run_id), Done)
    found = await bank.rows(
        "select branch_id, amount_minor / 100000000, months, utilisation from bank.quota_change "
        "where kind = 'RECLAIM' order by branch_id, amount_minor"
    )
    # Nothing is used of anything; of a quota of nothing, nothing is taken.
    assert [(row[0], row[1], row[2], int(row[3])) for row in found] == [
        (SHANGHAI, 1, 2, 0),
        (SHANGHAI, 2, 2, 0),
        (JIANGSU, 4, 2, 0),
        (BEIJING, 5, 2, 0),
        (PUDONG, 3, 2, 0),
    ]
    # Where a month's end was taken, it is told by that: Jiangsu's quota was in use then.
    await bank.administrator.execute(
        """insert into bank.quota_snapshot (branch_id, id, month_end, node_id, kind, segment, currency,
            granted_minor, earmarked_minor, reserved_minor, utilised_minor, committed_minor)
        select branch_id, gen_random_uuid(), day, node_id, 'SUBLIMIT', segment_value, currency, granted_minor, 0, 0,
            granted_minor * 8 / 10, granted_minor * 8 / 10
        from bank.allocation_cell, unnest($2::date[]) day where branch_id = $1 and granted_minor > 0""",
        JIANGSU,
        [dt.date(2026, 2, 28), dt.date(2026, 3, 31)],
    )
    async with bank.writing() as transaction:
        assert isinstance(await quota_changes.propose_reclaims(transaction, "ada", run_id), Done)
    proposed = "select branch_id from bank.quota_change where status = 'PROPOSED' order by branch_id"
    assert [row[0] for row in await bank.rows(proposed)] == [SHANGHAI, SHANGHAI, BEIJING, PUDONG]


@pytest.mark.parametrize(
    ("writing", "path"),
    [
        (Writing(" ", Money(1, "CNY"), dt.date(2026, 1, 1), dt.date(2026, 1, 1)), ("name",)),
        (Writing("x", Money(0, "CNY"), dt.date(2026, 1, 1), dt.date(2026, 1, 1)), ("budget",)),
        (Writing("x", None, None, None, "{"), ("parameters",)),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_place(writing: Writing, path: tuple[str, ...]) -> None:
    refused = writing.values()
    assert not isinstance(refused, dict)
    assert refused.path == path
