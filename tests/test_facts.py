"""What the facts of a client say: each by its definition, missing where it is missing, of the day it is read on."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from fact_histories import TODAY, facts_of, put, set_day
from small_bank import BEIJING, CLIENTS, client_id, facility_id

from domain.segmentation.catalogue import CATALOGUE
from tenants.credentials import Credentials
from tenants.database import Transaction
from tenants.facts import take_standing
from tenants.roles import Login
from tenants.tables.views import client_facts
from tenants.transaction import DIALECT


def year(end: int, **amounts: int) -> dict[str, Any]:
    return {"period_end": dt.date(end, 12, 31)} | {f"{name}_minor": value for name, value in amounts.items()}


def month(back: int, **amounts: int) -> dict[str, Any]:
    """The month so many before December 2024."""
    first = dt.date(2024 - (back > 11), 12 - back % 12, 1)
    return {"month": first} | {f"{name}_minor": value for name, value in amounts.items()}


@pytest.fixture
async def bank(administrator: asyncpg.Connection) -> asyncpg.Connection:
    """The small bank, read on the last day of 2024."""
    await set_day(administrator, TODAY)
    return administrator


def said(facts: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    return {name: facts[CATALOGUE[name].column] for name in expected}


async def test_the_view_is_as_the_code_declares_it(administrator: asyncpg.Connection) -> None:
    rows = await administrator.fetch(
        "select attname, format_type(atttypid, -1) as type from pg_attribute "
        "where attrelid = 'bank.client_facts'::regclass order by attnum"
    )
    types = {"NUMERIC": "numeric", "BIGINT": "bigint", "TIMESTAMP WITH TIME ZONE": "timestamp with time zone"}
    declared = [(c.name, str(c.type.compile(DIALECT))) for c in client_facts.columns]
    assert [(row["attname"], row["type"]) for row in rows] == [
        (name, types.get(kind, kind.lower())) for name, kind in declared
    ]


async def test_the_banks_day_is_none_of_the_calendars_ends(bank: asyncpg.Connection) -> None:
    """The days reckoned from it would lie beyond the calendar, or be infinite."""
    for day in (dt.date.min, dt.date(1899, 12, 31), dt.date(3000, 1, 1), dt.date.max):
        with pytest.raises(asyncpg.CheckViolationError, match="day_of_a_bank"):
            await set_day(bank, day)


async def test_statements(bank: asyncpg.Connection) -> None:
    await bank.execute("delete from bank.financial_statement")
    latest = {
        "revenue": 133_100,
        "cost_of_sales": 99_825,
        "ebit": 20_000,
        "depreciation": 5_000,
        "interest_expense": 4_000,
        "profit_before_tax": 16_000,
        "net_income": 12_000,
        "current_assets": 60_000,
        "current_liabilities": 40_000,
        "total_assets": 200_000,
        "total_liabilities": 120_000,
        "equity": 80_000,
        "retained_earnings": 30_000,
        "borrowings": 50_000,
        "operating_cash_flow": -1,
        "investing_cash_flow": 0,
        "financing_cash_flow": 7,
    }
    await put(
        bank,
        "financial_statement",
        # Half a year, though later, is no year.
        {"period_end": dt.date(2024, 6, 30), "period_months": 6, "revenue_minor": 1},
        year(2023, **latest) | {"recorded_at": dt.datetime(2024, 5, 1, tzinfo=dt.UTC)},
        # As it was first recorded, and the year before as it was restated.
        year(2023, revenue=5) | {"recorded_at": dt.datetime(2024, 4, 1, tzinfo=dt.UTC)},
        year(2022, revenue=7) | {"recorded_at": dt.datetime(2023, 4, 1, tzinfo=dt.UTC)},
        year(2022, revenue=110_000, ebit=-3_000, interest_expense=2_000)
        | {"recorded_at": dt.datetime(2023, 9, 1, tzinfo=dt.UTC)},
        # A year that was restated with another last day is the same year.
        year(2020, revenue=100_000) | {"recorded_at": dt.datetime(2021, 9, 1, tzinfo=dt.UTC)},
        year(2020, revenue=1)
        | {"period_end": dt.date(2020, 12, 30), "recorded_at": dt.datetime(2021, 4, 1, tzinfo=dt.UTC)},
    )
    expected = {
        "statementPeriodEnd": dt.date(2023, 12, 31),
        "statementAgeDays": 366,
        "statementCount": 3,
        "revenue": 133_100,
        "totalAssets": 200_000,
        "revenueGrowth": Decimal("0.21"),
        "revenueCagr3y": Decimal("0.1"),
        # 133,100, 110,000 and 100,000: mean 114,366.67, deviation 13,861.30.
        "revenueVariation": Decimal("0.1212"),
        "grossMargin": Decimal("0.25"),
        "ebitMargin": Decimal("0.150263"),
        "netMargin": Decimal("0.090158"),
        "profitBeforeTaxMargin": Decimal("0.120210"),
        "liabilitiesToAssets": Decimal("0.6"),
        "equityRatio": Decimal("0.4"),
        "currentRatio": Decimal("1.5"),
        "debtToEbitda": Decimal(2),
        "ebitdaPositive": True,
        "interestCover": Decimal(5),
        "interestCoverPrevious": Decimal("-1.5"),
        # 6.56 × .1 + 3.26 × .15 + 6.72 × .1 + 1.05 × 80 / 120
        "zScore": Decimal("2.517"),
        "operatingCashFlowSign": -1,
        "investingCashFlowSign": 0,
        "financingCashFlowSign": 1,
    }
    assert said(await facts_of(bank), expected) == expected
    # Without EBITDA above 0 the multiple is missing; in another currency so are the amounts, but not the ratios.
    await put(
        bank,
        "financial_statement",
        year(2024, revenue=0, ebit=-9_000, depreciation=1_000, borrowings=5, total_assets=10, equity=3)
        | {"currency": "USD"},
    )
    changed = {
        "revenue": None,
        "totalAssets": None,
        "revenueGrowth": None,
        "debtToEbitda": None,
        "ebitdaPositive": False,
        "equityRatio": Decimal("0.3"),
        "ebitMargin": None,
        "interestCover": None,
        "interestCoverPrevious": Decimal(5),
        "zScore": None,
    }
    assert said(await facts_of(bank), changed) == changed


async def test_the_credit_record(bank: asyncpg.Connection) -> None:
    await bank.execute("delete from bank.posting; delete from bank.credit_event")
    never = dict.fromkeys(
        ("daysPastDue", "daysPastDue12m", "daysPastDue24m", "daysSinceDefault", "loanClass")
    )
    assert said(await facts_of(bank), never) == never
    no = {"misuse": False, "covenantDefault": False, "lineCancelled": False, "defaultCount": 0}
    assert said(await facts_of(bank), no) == no
    await put(
        bank,
        "posting",
        # 40 days late two and a half years ago, 25 late a year and a half ago, 10 and then 8 late this year.
        {"due_on": dt.date(2022, 5, 1), "paid_on": dt.date(2022, 6, 10)},
        {"due_on": dt.date(2023, 5, 1), "paid_on": dt.date(2023, 5, 26)},
        {"due_on": dt.date(2024, 5, 1), "paid_on": dt.date(2024, 5, 11)},
        {"due_on": dt.date(2024, 6, 1), "paid_on": dt.date(2024, 6, 9)},
        {"due_on": dt.date(2025, 1, 31)},
    )
    await put(
        bank,
        "credit_event",
        {"kind": "DEFAULT", "occurred_on": dt.date(2024, 12, 1)},
        {"kind": "CHARGE_OFF", "occurred_on": dt.date(2024, 12, 21)},
        {"kind": "MISUSE", "occurred_on": dt.date(2023, 1, 1)},
        {"kind": "COVENANT_DEFAULT", "occurred_on": dt.date(2022, 12, 31)},
        {"kind": "LINE_CANCELLED", "occurred_on": dt.date(2024, 2, 1)},
        {"kind": "REFINANCING_REQUEST", "occurred_on": dt.date(2024, 6, 30)},
    )
    await bank.execute("update bank.facility set loan_class = 'SUBSTANDARD' where id = $1", facility_id(0))
    await bank.execute(
        "update bank.facility set loan_class = 'LOSS', status = 'REPAID' where id = $1", facility_id(0, 1)
    )
    expected = {
        "daysPastDue": 0,
        "daysPastDue12m": 10,
        "daysPastDue24m": 25,
        "defaultCount": 2,
        "daysSinceDefault": 10,
        "loanClass": "SUBSTANDARD",
        "misuse": True,
        "relatedPartyAbuse": False,
        "covenantDefault": False,
        "lineCancelled": True,
        "refinancingAsked": False,
    }
    assert said(await facts_of(bank), expected) == expected
    # Nothing is written, and days pass.
    await set_day(bank, dt.date(2025, 2, 14))
    later = {
        "daysPastDue": 14,
        "daysPastDue12m": 14,
        "daysPastDue24m": 25,
        "misuse": False,
        "lineCancelled": False,
    }
    assert said(await facts_of(bank), later) == later
    await set_day(bank, dt.date(2025, 5, 27))
    assert said(await facts_of(bank), {"daysPastDue24m": 116}) == {"daysPastDue24m": 116}


async def test_exposure_basic_information_and_what_is_missing(bank: asyncpg.Connection) -> None:
    await bank.execute(
        "update bank.client set established_on = '2022-01-01', relationship_since = '2021-12-31' where id = $1",
        client_id(0),
    )
    await put(bank, "rating", {"rated_on": dt.date(2024, 1, 1)})
    await put(bank, "rating", {"rated_on": dt.date(2024, 6, 1), "probability_of_default": Decimal("0.03")})
    expected = {
        # A day short of the anniversary, and on it.
        "firmAgeYears": Decimal("2.99"),
        "tenureYears": Decimal("3.00"),
        "probabilityOfDefault": Decimal("0.03"),
        "exposure": 80_000_001,
        "facilityLimit": 200_000_000,
        "utilisation": Decimal("0.4"),
        "facilityCount": 2,
        "daysToMaturity": 731,
    }
    assert said(await facts_of(bank), expected) == expected
    await bank.execute("update bank.facility set currency = 'USD' where id = $1", facility_id(0, 1))
    missing = dict.fromkeys(("exposure", "facilityLimit", "utilisation"))
    assert said(await facts_of(bank), missing) == missing
    # Days without end are nothing to reckon with, and no reason to fail.
    await bank.execute("update bank.client set established_on = '-infinity', relationship_since = 'infinity'")
    await bank.execute("update bank.facility set matures_on = 'infinity'")
    endless = dict.fromkeys(("firmAgeYears", "tenureYears", "daysToMaturity"))
    assert said(await facts_of(bank), endless) == endless


async def test_behaviour_and_contribution(bank: asyncpg.Connection) -> None:
    parts = {"net_interest": 900, "fees": 100, "cost": 200, "expected_loss": 50, "capital_held": 10_000}
    for back in range(13):
        balance = {"average_balance": 400 if back < 3 else 1_200, "outflow": 500}
        await put(
            bank,
            "client_month",
            month(back, **balance, **parts, limit=1_000, utilised=600 - 100 * (back < 1)),
        )
    await bank.execute("update bank.client_month set rate_over_peers_bps = 55.5 where month = '2024-12-01'")
    await put(
        bank,
        "interaction",
        {"occurred_on": dt.date(2024, 10, 1), "nps": 4},
        {"occurred_on": dt.date(2024, 12, 11)},
        {"occurred_on": dt.date(2024, 9, 1), "nps": 9},
    )
    contacted = {"openComplaintDays": 0, "daysSinceContact": 20, "nps": 4}
    assert said(await facts_of(bank), contacted) == contacted
    assert (await facts_of(bank, 1))["open_complaint_days"] is None
    await put(
        bank,
        "complaint",
        {"received_on": dt.date(2024, 12, 15)},
        {"received_on": dt.date(2024, 11, 1), "resolved_on": dt.date(2024, 12, 30)},
    )
    expected = {
        "balance3m": 400,
        "balance12m": 1_000,
        "balanceChange": Decimal("-0.6"),
        "outflowChange": Decimal(0),
        "utilisationChange": Decimal("-0.1"),
        "rateOverPeersBps": Decimal("55.5"),
        "openComplaintDays": 16,
        # Twelve times 900 + 100 - 200 - 50 and a hundredth of the capital.
        "contribution12m": 12 * 650,
    }
    assert said(await facts_of(bank), expected) == expected
    await bank.execute("update bank.client_month set fees_minor = null where month = '2024-03-01'")
    await bank.execute("delete from bank.client_month where month = '2024-11-01'")
    gaps = {"balance3m": None, "balance12m": None, "balanceChange": None, "contribution12m": None}
    assert said(await facts_of(bank), gaps) == gaps


async def test_ranks_are_read_from_the_standing_with_the_clients_own_amount(bank: asyncpg.Connection) -> None:
    # Of 10,000 in all: 4,000, 3,000, 1,500, 1,500, and one that loses money.
    amounts = [4_000, 3_000, 1_500, 1_500, -2_000]
    for index, amount in enumerate(amounts):
        parts = {"net_interest": amount, "fees": 0, "cost": 0, "expected_loss": 0, "capital_held": 0}
        await put(bank, "client_month", month(0, **parts), index=index)
    assert (await facts_of(bank))["contribution_cumulated"] is None
    await take_standing(Transaction(bank, None))

    async def cumulated() -> list[Decimal | None]:
        query = "select contribution_cumulated from bank.client_facts order by client_id"
        return [row[0] for row in await bank.fetch(query)]

    assert await cumulated() == [Decimal("0.4"), Decimal("0.7"), 1, 1, 1, None, None]
    shares = [(await facts_of(bank, index))["branch_contribution_share"] for index in (0, 2, 4)]
    # Shanghai's two earn 7,000; Pudong has one; Jiangsu's two earn 1,500.
    assert shares == [Decimal("0.571429"), Decimal(1), Decimal("-1.333333")]
    ranks = [
        row[0]
        for row in await bank.fetch("select exposure_rank from bank.client_facts order by client_id desc")
    ]
    assert ranks == [Decimal(share) / 100 for share in (15, 29, 43, 58, 72, 86, 100)]
    # Its own amount changes at once, the yardstick when it is taken.
    await bank.execute(
        "update bank.client_month set net_interest_minor = 3500 where net_interest_minor = 1500"
    )
    assert await cumulated() == [
        Decimal("0.4"),
        Decimal("0.7"),
        Decimal("0.7"),
        Decimal("0.7"),
        1,
        None,
        None,
    ]


async def test_regions_industries_and_groups(bank: asyncpg.Connection) -> None:
    await bank.execute(
        "update bank.client set region_code = '310000', industry_scheme = 'S', industry_code = 'C31' where id = $1",
        client_id(0),
    )
    nothing = dict.fromkeys(("regionTier", "regionIndex", "creditClimate", "industryIsCluster", "groupSize"))
    assert said(await facts_of(bank), nothing) == nothing
    await bank.execute("insert into bank.region_class values ('310000', 'CORE', 0.81, 'A')")
    await bank.execute("insert into bank.region_cluster values ('320000', 'S', 'C31', 1.5)")
    assert (await facts_of(bank))["industry_is_cluster"] is False
    await bank.execute("insert into bank.region_cluster values ('310000', 'S', 'C31', 1.3)")
    await bank.execute(
        "insert into bank.client_group (branch_id, client_id, group_no, members, exposure_minor, currency, "
        "worst_loan_class, worst_days_past_due) values (4, $1, 1, 3, 77, 'CNY', 'DOUBTFUL', 91)",
        client_id(0),
    )
    expected = {
        "regionTier": "CORE",
        "regionIndex": Decimal("0.81"),
        "creditClimate": "A",
        "industryIsCluster": True,
        "groupSize": 3,
        "groupExposure": 77,
        "groupLoanClass": "DOUBTFUL",
        "groupDaysPastDue": 91,
    }
    assert said(await facts_of(bank), expected) == expected


async def test_as_of_a_past_day_the_facts_are_what_was_known_at_its_end(bank: asyncpg.Connection) -> None:
    """Nothing was known on day 0; a default was recorded on day 1, two more on day 3, and nothing on day 2."""
    day = [dt.date(2025, 1, 1) + dt.timedelta(days=n) for n in range(5)]
    await bank.execute("delete from bank.credit_event; update bank.client_fact set valid_from = '2025-01-02'")
    for number, events in ((1, 1), (3, 1), (3, 1), (4, 0)):
        await set_day(bank, day[number])
        if events:
            await put(bank, "credit_event", {"occurred_on": dt.date(2024, 12, 22)})

    async def known(number: int) -> list[tuple[int, int]]:
        query = "select default_count, days_since_default from app.client_facts_at($1) where client_id = $2"
        return [tuple(row) for row in await bank.fetch(query, day[number], client_id(0))]

    assert [await known(number) for number in range(5)] == [[], [(1, 11)], [(1, 12)], [(3, 13)], [(3, 14)]]
    today = await bank.fetch("select * from bank.client_facts order by client_id")
    assert await bank.fetch("select * from app.client_facts_at($1) order by client_id", day[4]) == today
    assert (
        await bank.fetchval(
            "select count(*) from bank.client_fact_version where client_id = $1", client_id(0)
        )
        == 1
    )


async def test_one_client_is_an_index_lookup_and_what_nobody_asks_for_is_not_joined(
    credentials: Credentials,
) -> None:
    portal = await asyncpg.connect(credentials.dsn(Login.PORTAL))
    await portal.execute(f"set app.branches = '{{{BEIJING}}}'; set enable_seqscan = off")

    async def plan(columns: str) -> str:
        query = (
            f"explain select {columns} from bank.client_facts where branch_id = {BEIJING} and client_id = $1"
        )
        index = next(place for place, client in enumerate(CLIENTS) if client[0] == BEIJING)
        return "\n".join(row[0] for row in await portal.fetch(query.replace("$1", f"'{client_id(index)}'")))

    one = await plan("z_score")
    assert "Index Scan using pk_client_fact on client_fact" in one
    assert "Join" not in one
    assert "Loop" not in one
    assert "Filter" not in one.replace("One-Time Filter", "").replace("Filter: (branch_id = ANY", "")
    whole = await plan("*")
    assert all(table in whole for table in ("client_group", "region_class", "business_day", "standing"))
    await portal.close()
