"""An import takes every row once and to the last cent; what it refuses costs that row only."""

from __future__ import annotations

import csv
from collections import Counter
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest
from imported_loans import (
    EXCERPT,
    FULL,
    LOANS,
    free_unit_ids,
    rows_of,
    state,
    take,
    versions,
    write,
)

from tenants.credentials import Credentials
from tenants.database import Database
from tenants.intake.jobs import Progress
from tenants.intake.run import Outcome
from tenants.intake.shipped import SHIPPED, load_regions
from tenants.organisation import Directory

__all__ = ["free_unit_ids"]


async def test_the_excerpt_is_taken_to_the_last_cent(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    report = await take(database, directory, tmp_path)
    rows = rows_of(EXCERPT)
    assert report.outcome is Outcome.COMPLETED
    assert report.progress == Progress(
        bytes_done=EXCERPT.stat().st_size, lines_done=501, rows_read=500, rows_taken=500
    )
    facts = await administrator.fetchrow(
        f"select count(*), sum(limit_minor), sum(guaranteed_minor) from ({LOANS.format('facility')}) loans"
    )
    assert facts is not None
    assert tuple(facts.values()) == (
        500,
        sum(100 * int(row["GrAppv"]) for row in rows),
        sum(100 * int(row["SBA_Appv"]) for row in rows),
    )
    events = await administrator.fetch(
        f"select kind, count(*), sum(amount_minor) from ({LOANS.format('credit_event')}) loans group by kind"
    )
    charged = [row for row in rows if row["ChgOffDate"] or row["MIS_Status"] == "CHGOFF"]
    assert {event["kind"]: (event["count"], event["sum"]) for event in events} == {
        "CHARGE_OFF": (len(charged), sum(100 * int(row["ChgOffPrinGr"]) for row in charged)),
        "PAID_IN_FULL": (sum(row["MIS_Status"] == "P I F" for row in rows), None),
    }


async def test_states_become_branches_under_census_regions(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    await take(database, directory, tmp_path)
    units = {tuple(unit) for unit in (await state(administrator))["unit"]}
    assert ("US-CA", "California", "BRANCH", "US-WEST") in units
    assert ("US-WEST", "West (census region)", "REGION", "HQ") in units
    kept = await administrator.fetch(
        "select u.code, count(*) from bank.client c join bank.unit u on u.id = c.branch_id "
        "where u.code like 'US-%' group by u.code"
    )
    expected = Counter(f"US-{row['State']}" for row in rows_of(EXCERPT))
    assert {row["code"]: row["count"] for row in kept} == expected


async def test_one_loan_is_taken_word_for_word(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    await take(database, directory, tmp_path)
    loan = await administrator.fetchrow(
        "select c.legal_name, c.city, c.industry_scheme, c.industry_code, c.employees, f.* from bank.facility f "
        "join bank.client c on c.branch_id = f.branch_id and c.id = f.client_id where reference = '1000014003'"
    )
    assert loan is not None
    assert {
        "legal_name": "Borrower 1000014003",
        "city": "EVANSVILLE",
        "industry_scheme": "NAICS",
        "industry_code": "451120",
        "employees": 4,
        "product": "GUARANTEED_LOAN",
        "currency": "USD",
        "limit_minor": 60_000_00,
        "guaranteed_minor": 48_000_00,
        "outstanding_minor": 0,
        "term_months": 84,
        "revolving": False,
        "status": "REPAID",
        "version": 1,
    }.items() <= dict(loan).items()
    assert [str(loan[day]) for day in ("approved_on", "disbursed_on", "matures_on")] == [
        "1997-02-28",
        "1999-02-28",
        "2006-02-28",
    ]


async def test_the_same_again_changes_nothing(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    await take(database, directory, tmp_path)
    before = await versions(administrator)
    assert (await take(database, directory, tmp_path)).outcome is Outcome.NOTHING_TO_DO
    report = await take(database, directory, tmp_path, again=True)
    assert (report.progress.rows_taken, report.progress.rows_unchanged) == (0, 500)
    assert await versions(administrator) == before


async def test_a_pooler_in_transaction_mode_may_stand_between(
    credentials: Credentials, tmp_path: Path
) -> None:
    pooled = Database(credentials, connections=2, pooled=True)
    await pooled.open()
    try:
        report = await take(pooled, Directory(pooled), tmp_path)
    finally:
        await pooled.close()
    assert report.progress.rows_taken == 500


async def test_a_blank_erases_nothing_and_a_correction_is_one_change(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    await take(database, directory, tmp_path)
    later = tmp_path / "later.csv"
    rows = rows_of(EXCERPT)[:3]
    write(later, [rows[0] | {"City": ""}, rows[1] | {"GrAppv": "1"}, rows[2]])
    report = await take(database, directory, tmp_path, file=later)
    assert (report.progress.rows_taken, report.progress.rows_unchanged) == (1, 2)
    found = await administrator.fetchrow(
        "select limit_minor, version from bank.facility where reference = $1", rows[1]["LoanNr_ChkDgt"]
    )
    assert found is not None
    assert tuple(found) == (100, 2)


async def test_an_event_is_never_rewritten(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    await take(database, directory, tmp_path)
    before = await versions(administrator)
    charged = next(row for row in rows_of(EXCERPT) if row["MIS_Status"] == "CHGOFF" and row["ChgOffDate"])
    write(tmp_path / "later.csv", [charged | {"ChgOffPrinGr": "7", "City": "ELSEWHERE"}])
    report = await take(database, directory, tmp_path, file=tmp_path / "later.csv")
    assert report.progress.rows_refused == 1
    assert "events are not rewritten" in (tmp_path / "errors.csv").read_text()
    assert await versions(administrator) == before


async def test_a_dry_run_writes_nothing_and_counts_the_same(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    before = await versions(administrator)
    dry = await take(database, directory, tmp_path, dry_run=True)
    dry_errors = (tmp_path / "errors.csv").read_text()
    assert await versions(administrator) == before
    assert await administrator.fetchval("select count(*) from bank.import_job") == 0
    real = await take(database, directory, tmp_path)
    assert (dry.progress, dry.counts) == (real.progress, real.counts)
    assert (tmp_path / "errors.csv").read_text() == dry_errors


CLIENTS = """
name = "clients"
unit = { column = "branch", required = true }
[client]
registration_country = { constant = "CN" }
registration_number = { column = "number", required = true }
legal_name = { column = "name", required = true }
region_code = { column = "region" }
currency = { constant = "CNY" }
"""


async def test_what_the_database_refuses_costs_its_own_row_only(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    numbers = ["91310000607378229C", "91310115660725290K", "91320000134761223Q", "91110000600037341L"]
    file, mapping = tmp_path / "clients.csv", tmp_path / "clients.toml"
    mapping.write_text(CLIENTS)
    lines = [
        "branch,number,name,region",
        f"320000,{numbers[0]},甲公司,320000",
        f"320000,{numbers[1]},乙公司,999999",
    ]
    lines += [
        f"320000,{numbers[3]},丙公司,310000",
        f"888888,{numbers[3]},丁公司,",
        f"EAST,{numbers[3]},戊公司,",
    ]
    lines += [f"320000,{numbers[2][:-1]}X,己公司,"]
    file.write_text("\n".join([*lines, ""]), encoding="utf-8")
    report = await take(database, directory, tmp_path, file=file, mapping=mapping)
    assert (report.progress.rows_taken, report.progress.rows_refused) == (2, 4)
    with (tmp_path / "errors.csv").open(newline="", encoding="utf-8") as errors:
        found = list(csv.reader(errors))[1:]
    unknown_region = "names something that this bank does not have (client: region code)"
    assert found == [
            ["3", "region", "999999", unknown_region, "error"],
            ["5", "branch", "888888", "names a unit that this bank does not have", "error"],
            ["6", "branch", "EAST", "names a unit that keeps no clients", "error"],
            ["7", "number", f"{numbers[2][:-1]}X", "has a wrong check digit", "error"],
        ]  # fmt: skip
    names = await administrator.fetch(
        "select legal_name from bank.client c join bank.unit u on u.id = c.branch_id "
        "where u.code = '320000' and legal_name like '%公司' and length(legal_name) = 3 order by 1"
    )
    assert {row["legal_name"] for row in names} == {"甲公司", "丙公司"}


async def test_a_bank_without_a_root_is_given_one(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    for table in ("credit_event", "posting", "facility", "financial_statement", "contact", "client", "staff"):
        await administrator.execute(f"delete from bank.{table}")
    await administrator.execute("delete from bank.unit")
    await take(database, directory, tmp_path)
    roots = await administrator.fetch("select code, name from bank.unit where parent_id is null")
    assert [tuple(root) for root in roots] == [("HQ", "Headquarters")]


async def test_chinas_regions_come_with_their_indicators(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    progress = await load_regions(database, directory)
    assert (progress.rows_read, progress.rows_taken) == (31, 31)
    report = await take(
        database, directory, tmp_path, file=SHIPPED / "regions_china_2023.csv", mapping="regions_china"
    )
    assert (report.outcome, report.progress.rows_unchanged) == (Outcome.COMPLETED, 31)
    shanghai = await administrator.fetchrow(
        "select code, name, local_name, country, macro_region, city_cluster from bank.region where code = '310000'"
    )
    assert shanghai is not None
    assert tuple(shanghai.values()) == (
        "310000",
        "Shanghai",
        "上海市",
        "CN",
        "East China",
        "Yangtze River Delta",
    )
    indicators = await administrator.fetch(
        "select indicator, value, unit from bank.region_indicator where region_code = '310000' and year = 2023"
    )
    assert {tuple(row.values()) for row in indicators} == {
        ("gdp", Decimal("47218.7"), "100 million CNY"),
        ("gdp_growth", Decimal("5.0"), "%"),
        ("disposable_income_per_capita", Decimal(84834), "CNY"),
        ("population", Decimal(2487), "10,000 persons"),
        ("tertiary_share", Decimal(75), "%"),
    }


MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def as_published(row: dict[str, str]) -> dict[str, str]:
    """The same loan as the original publication writes it: `28-Feb-97`, `$60,000.00 `; columns turned round."""

    def day(written: str) -> str:
        if "/" not in written:
            return written
        month, day_, year = written.split("/")
        return f"{day_}-{MONTHS[int(month) - 1]}-{year[2:]}"

    changed = dict(reversed(row.items())) | {"Extra": "x"}
    for name in ("ApprovalDate", "DisbursementDate", "ChgOffDate"):
        changed[name] = day(row[name])
    for name in ("GrAppv", "SBA_Appv", "ChgOffPrinGr", "DisbursementGross"):
        changed[name] = f"${int(row[name]):,}.00 "
    return changed | {"State": f" {row['State'].lower()} ", "ApprovalFY": f"{row['ApprovalFY']}A"}


async def test_another_file_of_the_same_form_is_taken_unseen(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    await take(database, directory, tmp_path)
    before = await versions(administrator)
    rows = [as_published(row) for row in rows_of(EXCERPT)]
    odd = as_published(rows_of(EXCERPT)[0])
    rows += [
        odd | {"LoanNr_ChkDgt": "9000000001", "State": ""},
        odd | {"LoanNr_ChkDgt": "9000000002", "State": "ZZ"},
        odd | {"LoanNr_ChkDgt": "9000000003", "ApprovalDate": "31-Dec-48"},
        odd | {"LoanNr_ChkDgt": "9000000004", "MIS_Status": "LOST"},
        odd | {"LoanNr_ChkDgt": "1.0E+09"},
        odd | {"LoanNr_ChkDgt": "9000000005", "Name": " "},
    ]
    write(tmp_path / "held_out.csv", rows)
    report = await take(database, directory, tmp_path, file=tmp_path / "held_out.csv")
    assert (report.progress.rows_unchanged, report.progress.rows_refused) == (500, 6)
    assert await versions(administrator) == before
    with (tmp_path / "errors.csv").open(newline="") as errors:
        refused = [error for error in csv.reader(errors) if error[-1] == "error"]
    assert [(line, column) for line, column, *_ in refused] == [
        ("502", "State"),
        ("503", "State"),
        ("504", "ApprovalDate"),
        ("505", "MIS_Status"),
        ("506", "LoanNr_ChkDgt"),
        ("507", "Name"),
    ]


@pytest.mark.skipif(not FULL.is_file(), reason=f"the full file is not here ({FULL})")
async def test_the_full_file_is_taken_whole(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    report = await take(database, directory, tmp_path, file=FULL)
    rows = rows_of(FULL)
    assert (report.progress.rows_taken, report.progress.rows_refused) == (len(rows), 0)
    assert await administrator.fetchval(
        f"select sum(limit_minor) from ({LOANS.format('facility')}) loans"
    ) == sum(100 * int(row["GrAppv"]) for row in rows)
    print(f"{report.rows_per_second:.0f} rows per second")  # noqa: T201
    assert report.rows_per_second > 200
