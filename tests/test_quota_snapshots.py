"""Month ends: each is taken once, and tells the same however late it is taken; trends in the graph."""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal
from typing import Any

import asyncpg
from conftest import Ask
from limit_bank import (
    HANA,
    MILLION,
    OFFICER,
    Books,
    add_node,
    client_of,
    commitment_of,
    open_limits,
    top,
    yuan,
)
from small_bank import BEIJING, EAST, HQ, SHANGHAI, SmallBank

from domain.limits.nodes import NodeKey
from tenants.actions import limit_parameters, limits
from tenants.database import Database
from tenants.organisation import Directory
from tenants.snapshots.months import take_missing_months

JANUARY, FEBRUARY, MARCH = dt.date(2026, 1, 31), dt.date(2026, 2, 28), dt.date(2026, 3, 31)
QUOTAS = (
    "select month_end, branch_id, node_id, kind, segment, granted_minor, earmarked_minor, reserved_minor, "
    "utilised_minor, committed_minor, utilisation from bank.quota_snapshot order by 1, 2, 3"
)
SPREADS = (
    "select month_end, spread_of, spread_over, measure, currency, value, group_count, total_minor "
    "from bank.allocation_snapshot order by 1, 2, 3, 4"
)


async def the_day_is(administrator: asyncpg.Connection, day: dt.date) -> None:
    await administrator.execute("update bank.business_day set day = $1", day)


async def kept(administrator: asyncpg.Connection, until: dt.date = MARCH) -> list[tuple[Any, ...]]:
    rows = [*await administrator.fetch(QUOTAS), *await administrator.fetch(SPREADS)]
    return [tuple(row) for row in rows if row["month_end"] <= until]


async def a_quarter_of_business(
    administrator: asyncpg.Connection, database: Database, directory: Directory
) -> None:
    """Shanghai draws in January, draws more and repays in February; its limit is cut in March."""
    await open_limits(administrator)
    strategic = await add_node(
        administrator,
        SHANGHAI,
        1,
        20 * MILLION,
        kind="SUBLIMIT",
        segment_dimension="relationshipType",
        segment_value="STRATEGIC",
        sharing="RING_FENCED",
    )
    await administrator.execute(
        "update bank.limit_node set idle_fenced_minor = $1 where branch_id = $2 and id = $3",
        20 * MILLION,
        SHANGHAI,
        top(SHANGHAI),
    )
    officer, hana = Books(database, directory, OFFICER), Books(database, directory, HANA)
    client = client_of(0, SHANGHAI)
    movement = await officer.done(limits.reserve, client, "TERM_LOAN", yuan(6_000_000), node=strategic)
    loan = await commitment_of(administrator, movement)
    await officer.done(limits.utilise, loan, yuan(5_000_000))
    await take_at(administrator, database, directory, dt.date(2026, 2, 10))
    await officer.done(limits.repay, loan, yuan(2_000_000))
    await take_at(administrator, database, directory, dt.date(2026, 3, 5))
    await hana.done(limit_parameters.adjust, (BEIJING, top(BEIJING)), 1, {"sanctioned_minor": 40 * MILLION})
    await take_at(administrator, database, directory, dt.date(2026, 4, 2))


async def take_at(
    administrator: asyncpg.Connection, database: Database, directory: Directory, day: dt.date
) -> None:
    await the_day_is(administrator, day)
    await take_missing_months(database, directory)


def of(rows: list[tuple[Any, ...]], month_end: dt.date, key: NodeKey) -> tuple[Any, ...]:
    (row,) = [row for row in rows if row[:3] == (month_end, *key)]
    return row[5:]


async def test_a_month_is_taken_once_and_late_is_the_same(
    administrator: asyncpg.Connection, database: Database, directory: Directory
) -> None:
    await a_quarter_of_business(administrator, database, directory)
    taken = await kept(administrator)
    m = MILLION
    shanghai, region, bank = (SHANGHAI, top(SHANGHAI)), (EAST, top(EAST)), (HQ, top(HQ))
    # granted, earmarked, reserved, utilised, committed (with what stands idle behind the fence), utilisation
    assert of(taken, JANUARY, shanghai) == (100 * m, 0, 1 * m, 5 * m, 20 * m, Decimal("0.05"))
    assert of(taken, FEBRUARY, shanghai) == (100 * m, 0, 1 * m, 3 * m, 20 * m, Decimal("0.03"))
    assert of(taken, FEBRUARY, region) == (600 * m, 0, 1 * m, 3 * m, 20 * m, Decimal("0.005"))
    assert of(taken, FEBRUARY, bank)[3:] == (3 * m, 20 * m, Decimal("0.003"))
    assert of(taken, FEBRUARY, (BEIJING, top(BEIJING)))[0] == 80 * m
    assert of(taken, MARCH, (BEIJING, top(BEIJING)))[0] == 40 * m
    (segment,) = [row for row in taken if row[0] == JANUARY and row[3] == "SUBLIMIT"]
    assert segment[4:] == ("STRATEGIC", 20 * m, 0, 1 * m, 5 * m, 6 * m, Decimal("0.25"))
    # Shanghai with Pudong, Jiangsu, Beijing: 100, 50 and 80, then 40.
    spread = {row[1:4]: row[5:] for row in taken if row[0] == JANUARY and len(row) == 8}
    assert spread["GRANTED", "BRANCH", "HHI"] == (Decimal("0.357278"), 3, 230 * m)
    assert spread["UTILISED", "BRANCH", "GINI"] == (Decimal("0.666667"), 3, 5 * m)
    assert spread["UTILISED", "BRANCH", "THEIL"] == (Decimal("1.098612"), 3, 5 * m)

    # A second time there is nothing to take; two at once take each month once.
    assert await take_missing_months(database, directory) == []
    await administrator.execute("delete from bank.quota_snapshot")
    await administrator.execute("delete from bank.allocation_snapshot")
    await administrator.execute("delete from bank.quota_month")
    both = await asyncio.gather(*(take_missing_months(database, directory) for _ in range(2)))
    assert sorted(month.month_end for found in both for month in found) == [JANUARY, FEBRUARY, MARCH]
    assert await kept(administrator) == taken


TREND = """
query ($unit: String!, $where: QuotaSnapshotWhere) {
  unit(code: $unit) {
    quotaHistory(where: $where, orderBy: [{field: MONTH_END}]) {
      totalCount
      nodes {
        monthEnd granted { amount currency } utilised { amount } utilisation segment limit { name } unit { code }
      }
      groups(by: [{field: MONTH_END}]) {
        key { monthEnd } aggregates { utilised(currency: "CNY") { sum { amount } } }
      }
    }
  }
  quotaSnapshots(where: $where) { totalCount }
  allocationBalance(where: {monthEnd: {eq: "2026-03-31"}, spreadOver: {eq: BRANCH}, measure: {eq: HHI}}) {
    nodes { spreadOf value groupCount total { amount } }
  }
}
"""
OWN = {"kind": {"in": ["BANK", "REGION", "BRANCH"]}}


async def test_trends_are_in_the_graph_and_each_sees_its_own(
    administrator: asyncpg.Connection, database: Database, directory: Directory, ask: Ask
) -> None:
    await a_quarter_of_business(administrator, database, directory)
    seen = await ask(SmallBank.shanghai, TREND, unit="310000", where=OWN)
    history = seen["unit"]["quotaHistory"]
    assert [(row["monthEnd"], row["utilised"]["amount"], row["utilisation"]) for row in history["nodes"]] == [
        ("2026-01-31", "5000000.00", "0.050000"),
        ("2026-02-28", "3000000.00", "0.030000"),
        ("2026-03-31", "3000000.00", "0.030000"),
    ]
    assert history["groups"][0]["aggregates"]["utilised"]["sum"] == {"amount": "5000000.00"}
    assert seen["quotaSnapshots"]["totalCount"] == 6, "Shanghai's and Pudong's"
    assert seen["allocationBalance"]["nodes"] == [], "it tells of all branches"
    assert (await ask(SmallBank.huaxia, TREND, unit="310000"))["quotaSnapshots"]["totalCount"] == 0
    bank = await ask(SmallBank.analyst, TREND, unit="EAST", where=OWN)
    assert [row["utilised"]["amount"] for row in bank["unit"]["quotaHistory"]["nodes"]] == [
        "5000000.00",
        "3000000.00",
        "3000000.00",
    ]
    assert bank["allocationBalance"]["nodes"] == [
        {"spreadOf": "GRANTED", "value": "0.390582", "groupCount": 3, "total": {"amount": "190000000.00"}},
        {"spreadOf": "UTILISED", "value": "1.000000", "groupCount": 3, "total": {"amount": "3000000.00"}},
    ]


async def test_a_month_is_taken_though_limits_that_share_a_room_come_to_more_than_any_amount(
    administrator: asyncpg.Connection, database: Database, directory: Directory
) -> None:
    await open_limits(administrator)
    segment: dict[str, Any] = {"segment_dimension": "relationshipType", "segment_value": "GROWTH"}
    for number, product in enumerate((None, "MORTGAGE"), start=1):
        largest = 2**63 - 1
        await add_node(administrator, SHANGHAI, number, largest, kind="SUBLIMIT", product=product, **segment)
    await take_at(administrator, database, directory, dt.date(2026, 2, 10))
    spread = {row[1:4]: row[5:] for row in await kept(administrator) if len(row) == 8}
    assert spread["GRANTED", "SEGMENT", "HHI"] == (Decimal(1), 1, 2**63 - 1)
