"""The demo bank adds up, and differs between regions as it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from conftest import Server
from demo_banks import (
    CHECKSUM,
    CLIENTS,
    TABLES,
    checksums,
    empty_database,
    load,
)
from demo_expectations import BROKEN, SHARES
from stdnum.cn import uscc

from tenants.compensation.verifying import verify as verify_funds
from tenants.credentials import Credentials
from tenants.limits.verifying import verify
from tenants.transaction import Transaction


@pytest.fixture(scope="module")
def bank(server: Server, blank: str) -> Iterator[Credentials]:
    """A database with the demo bank's first clients, for tests that only read."""
    with empty_database(server, blank) as credentials:
        asyncio.run(load(credentials, CLIENTS))
        yield credentials


@pytest.fixture
async def books(bank: Credentials) -> AsyncIterator[asyncpg.Connection]:
    """Reads everything in the demo bank."""
    connection = await asyncpg.connect(bank.url, timeout=20)
    yield connection
    await connection.close()


async def test_twelve_month_ends_are_kept(books: asyncpg.Connection) -> None:
    """Of every unit, and the bank's is what its branches have used."""
    months = await books.fetch(
        "select month_end, count(*) = (select count(*) from bank.unit) as of_all, "
        "sum(utilised_minor) filter (where kind = 'BANK') as bank, "
        "sum(utilised_minor) filter (where kind = 'REGION') as regions "
        "from bank.quota_snapshot group by month_end order by month_end"
    )
    assert len(months) == 12
    assert months[-1]["month_end"] < await books.fetchval("select app.today()")
    assert all(month["of_all"] and month["bank"] == month["regions"] > 0 for month in months)
    measured = await books.fetchval(
        "select count(*) from bank.allocation_snapshot where value between 0 and 3"
    )
    assert measured == 12 * 9


async def test_every_province_has_a_branch_below_its_macro_region(books: asyncpg.Connection) -> None:
    kinds = dict(await books.fetch("select kind, count(*) from bank.unit group by 1"))
    astray = await books.fetchval(
        "select count(*) from bank.unit as b join bank.unit as m on m.id = b.parent_id "
        "join bank.region as r on r.code = b.code "
        "where b.kind = 'BRANCH' and m.code <> upper(split_part(r.macro_region, ' ', 1))"
    )
    sub_branches = await books.fetch(
        "select count(*) from bank.unit where kind = 'SUB_BRANCH' group by parent_id order by 1"
    )

    assert (kinds["HEADQUARTERS"], kinds["REGION"], kinds["BRANCH"]) == (1, 7, 31)
    assert astray == 0
    assert len(sub_branches) == 31
    assert {row[0] for row in sub_branches} == {2, 3, 4, 5}
    assert await books.fetchval("select count(*) from bank.region_indicator") == 31 * 5


async def test_every_client_has_what_a_client_has(books: asyncpg.Connection) -> None:
    count = {table: await books.fetchval(f"select count(*) from bank.{table}") for table in TABLES}

    assert count["client"] == CLIENTS
    assert count["financial_statement"] == CLIENTS * 5
    assert CLIENTS <= count["contact"] <= CLIENTS * 2
    assert 2.8 < count["facility"] / CLIENTS < 3.4
    assert 9 < count["posting"] / CLIENTS < 12


async def test_every_registration_number_is_valid_and_names_one_company(books: asyncpg.Connection) -> None:
    rows = await books.fetch(
        "select registration_number, legal_name, region_code, branch_id from bank.client"
    )
    numbers = {row[0] for row in rows}

    assert [number for number in numbers if not uscc.is_valid(number)] == []
    assert all(row["registration_number"][2:8] == row["region_code"] for row in rows)
    assert len({row["legal_name"] for row in rows}) == len(numbers)
    # Every thousandth is a company that another branch keeps as well.
    assert len(rows) - len(numbers) == CLIENTS // 1000
    assert len({(row["registration_number"], row["branch_id"]) for row in rows}) == len(rows)


@pytest.mark.parametrize(("table", "broken"), BROKEN)
async def test_no_row_contradicts_itself(books: asyncpg.Connection, table: str, broken: str) -> None:
    assert await books.fetchval(f"select count(*) from bank.{table} where {broken}") == 0


async def test_cash_flows_add_up_to_the_change_in_cash(books: asyncpg.Connection) -> None:
    assert (
        await books.fetchval(
            """
        select count(*)
        from (
            select
                cash_minor - lag(cash_minor) over (partition by client_id order by period_end) as change,
                operating_cash_flow_minor + investing_cash_flow_minor + financing_cash_flow_minor as flows
            from bank.financial_statement
        ) as year
        where change <> flows
        """
        )
        == 0
    )


async def test_what_is_outstanding_is_what_was_not_repaid(books: asyncpg.Connection) -> None:
    wrong = await books.fetchval(
        """
        select count(*)
        from bank.facility
        left join (
            select facility_id, sum(principal_minor) as repaid
            from bank.posting
            where paid_on is not null
            group by 1
        ) as paid on paid.facility_id = facility.id
        where coalesce(repaid, 0) > limit_minor - outstanding_minor
            or (status = 'REPAID' and repaid is null)
            or (not revolving and status = 'ACTIVE' and product = 'TERM_LOAN'
                and coalesce(repaid, 0) <> limit_minor - outstanding_minor)
        """
    )

    assert wrong == 0


async def test_nothing_of_a_branch_lies_outside_of_it(books: asyncpg.Connection) -> None:
    assert (
        await books.fetchval(
            """
        select
            (select count(*) from bank.client join bank.unit on unit.id = branch_id
             where unit.kind not in ('BRANCH', 'SUB_BRANCH'))
            + (select count(*) from bank.client as c join bank.staff as s on s.id = c.relationship_manager_id
               where s.branch_id <> c.branch_id or s.role <> 'RELATIONSHIP_MANAGER')
            + (select count(*) from bank.posting as p join bank.facility as f on f.id = p.facility_id
               where (f.branch_id, f.client_id) <> (p.branch_id, p.client_id))
            + (select count(*) from bank.facility as f join bank.client as c on c.id = f.client_id
               where c.branch_id <> f.branch_id)
        """
        )
        == 0
    )


async def test_strong_provinces_have_better_grades_and_pay_in_time(books: asyncpg.Connection) -> None:
    rows = await books.fetch(
        """
        select
            macro_region,
            avg((credit_grade = 'C')::int)::float8 as weak,
            avg((days_late > 0)::int)::float8 as late,
            avg((size_class in ('LARGE', 'MEDIUM'))::int)::float8 as large
        from bank.client
        join bank.region on region.code = region_code
        left join bank.posting on posting.client_id = client.id
        group by 1
        """
    )
    of = {row["macro_region"]: row for row in rows}

    assert len(of) == 7
    assert of["Northeast China"]["weak"] > of["East China"]["weak"] + 0.03
    assert of["Northeast China"]["late"] > of["East China"]["late"] + 0.03


@pytest.mark.parametrize(
    ("province", "industry"), [("140000", "B06"), ("330000", "C17"), ("440000", "C39"), ("110000", "I65")]
)
async def test_clusters_show_in_the_location_quotient(
    books: asyncpg.Connection, province: str, industry: str
) -> None:
    quotient = await books.fetchval(
        """
        select avg((industry_code = $2)::int) filter (where region_code = $1) / avg((industry_code = $2)::int)
        from bank.client
        """,
        province,
        industry,
    )

    assert quotient > 1.25


async def test_weaker_grades_have_weaker_books(books: asyncpg.Connection) -> None:
    rows = await books.fetch(
        """
        select
            credit_grade,
            percentile_cont(.5) within group (
                order by (
                    6.56 * (current_assets_minor - current_liabilities_minor) + 3.26 * retained_earnings_minor
                    + 6.72 * ebit_minor
                ) / total_assets_minor::float8 + 1.05 * equity_minor / total_liabilities_minor::float8
            ) as z,
            percentile_cont(.5) within group (order by ebit_minor / interest_expense_minor::float8) as cover
        from bank.financial_statement as s
        join bank.client as c on c.id = s.client_id
        where credit_grade is not null
        group by 1
        order by 1
        """
    )
    (_, z_a, cover_a), (_, z_b, cover_b), (_, z_c, cover_c) = rows

    assert z_a > 2.6 > z_b > 1.1 > z_c
    assert cover_a > 5 > cover_b > 1 > cover_c


async def test_every_stage_of_life_and_every_kind_is_there(books: asyncpg.Connection) -> None:
    signs = await books.fetch(
        """
        select distinct
            sign(operating_cash_flow_minor)::int, sign(investing_cash_flow_minor)::int,
            sign(financing_cash_flow_minor)::int
        from bank.financial_statement
        """
    )

    assert {(-1, -1, 1), (1, -1, 1), (1, -1, -1), (-1, 1, 1), (-1, 1, -1), (1, 1, -1)} <= set(
        map(tuple, signs)
    )
    for table, column, values in [
        ("facility", "product", 11),
        ("facility", "status", 5),
        ("posting", "kind", 3),
        ("credit_event", "kind", 11),
        ("client", "status", 4),
        ("client", "size_class", 4),
    ]:
        assert await books.fetchval(f"select count(distinct {column}) from bank.{table}") == values, column


async def test_the_default_follows_from_the_grade(books: asyncpg.Connection) -> None:
    wrong = await books.fetchval(
        """
        select count(*)
        from bank.client_facts
        where assigned_grade <> case
                when probability_of_default <= .01 then 'A' when probability_of_default <= .05 then 'B' else 'C'
            end
            or (assigned_grade is null) <> (probability_of_default is null)
        """
    )

    assert wrong == 0


@pytest.mark.parametrize(("dimension", "shares"), SHARES)
async def test_every_segment_has_a_believable_share(
    books: asyncpg.Connection, dimension: str, shares: dict[str, tuple[float, float]]
) -> None:
    found = dict(
        await books.fetch(
            "select value, count(*)::float8 / $2 from bank.segment_history "
            "where dimension_code = $1 and valid_until = 'infinity' group by 1",
            dimension,
            CLIENTS,
        )
    )

    assert set(found) == set(shares)
    assert {
        name: share for name, share in found.items() if not shares[name][0] < share < shares[name][1]
    } == {}


async def test_clients_have_changed_segment_within_the_year(books: asyncpg.Connection) -> None:
    moved = await books.fetchval(
        """
        select count(*)
        from bank.segment_history as was
        join bank.segment_history as is_now
            on is_now.branch_id = was.branch_id and is_now.client_id = was.client_id
            and is_now.dimension_code = was.dimension_code and is_now.valid_from = was.valid_until
            and is_now.value <> was.value and is_now.valid_until = 'infinity'
        where was.dimension_code = 'relationshipType'
        """
    )

    assert 0.1 < moved / CLIENTS < 0.3


async def test_some_companies_are_connected(books: asyncpg.Connection) -> None:
    groups = await books.fetch("select group_no, max(members) from bank.client_group group by 1")

    assert len(groups) == CLIENTS // 50 * 3
    assert {row[1] for row in groups} == {2, 3}


async def test_what_rules_speak_of_is_there_for_nearly_everybody(books: asyncpg.Connection) -> None:
    missing = await books.fetchrow(
        """
        select avg((contribution12m_minor is null)::int)::float8, avg((balance_change is null)::int)::float8,
            avg((revenue_cagr3y is null)::int)::float8, avg((days_since_contact is null)::int)::float8,
            avg((region_tier is null)::int)::float8, avg((contribution_cumulated is null)::int)::float8
        from bank.client_facts
        where status = 'ACTIVE'
        """
    )

    assert missing is not None
    assert max(missing) < 0.25


async def test_every_postgresql_gives_the_same_bank(bank: Credentials) -> None:
    found = await checksums(bank)

    assert found.pop("all") == CHECKSUM, found


async def test_the_demo_banks_books_of_limits_are_open_and_right(books: asyncpg.Connection) -> None:
    assert await verify(Transaction(books, None)) == []
    kinds = dict(await books.fetch("select kind, count(*) from bank.limit_node group by 1"))
    assert kinds["BANK"] == 1
    assert 200 <= kinds["CLIENT"] <= 600
    missing = await books.fetchval(
        "select count(*) from bank.facility f where status in ('APPROVED', 'ACTIVE') and outstanding_minor > 0 and "
        "not exists (select from bank.limit_commitment k where k.branch_id = f.branch_id and k.facility_id = f.id)"
    )
    assert missing == 0
    assert await books.fetchval("select count(*) from bank.limit_node where over_limit") == 0


async def test_the_demo_banks_credit_is_shared_out_and_an_alternative_simulated(
    books: asyncpg.Connection,
) -> None:
    runs = await books.fetch("select * from bank.allocation_run order by id")
    assert [(row["status"], row["feasible"]) for row in runs] == [("ADOPTED", True), ("SIMULATED", True)]
    adopted = runs[0]
    assert adopted["granted_minor"] == adopted["distributable_minor"]
    own = await books.fetchval("select sum(granted_minor) from bank.allocation_cell where status = 'ADOPTED'")
    assert own == adopted["granted_minor"]
    bank = await books.fetchrow(
        "select sanctioned_minor, dealt_minor from bank.limit_node where kind = 'BANK'"
    )
    assert tuple(bank) == (adopted["budget_minor"], own)


async def test_the_demo_banks_fund_and_its_four_quarters_are_in_order(books: asyncpg.Connection) -> None:
    assert await verify_funds(Transaction(books, None)) == []
    assert await books.fetchval("select standing from bank.compensation_fund where code = 'RISK'") == "ACTIVE"
    assert await books.fetchval("select count(*) from bank.compensation_enrolment") >= 200
    claims = await books.fetch("select status from bank.compensation_claim order by status")
    assert [row["status"] for row in claims] == ["APPROVED", "PAID"]
    quarters = await books.fetch(
        "select count(*) as branches, avg(score) as mean, stddev(score) as spread from bank.branch_scorecard "
        "group by period_end"
    )
    assert len(quarters) == 4
    assert all(row["branches"] > 100 and 40 < row["mean"] < 90 and row["spread"] > 3 for row in quarters)
