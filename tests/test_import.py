"""An import takes every row once: whatever is run twice, cut short or run side by side ends the same."""

from __future__ import annotations

import asyncio
import csv
import functools
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from api.import_command import run_import
from domain.intake.batches import batches
from domain.intake.problems import FileRefused
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.intake import jobs
from tenants.intake.jobs import Progress
from tenants.intake.run import Outcome, Report
from tenants.intake.shipped import SHIPPED, load_regions
from tenants.organisation import Directory

EXCERPT = SHIPPED / "sba_loans_excerpt.csv"
FULL = Path(__file__).resolve().parents[2] / "shared" / "data" / "sba_loans.csv"

LOANS = "select * from bank.{} where branch_id in (select id from bank.unit where code like 'US-%')"
ONLY_OF_ONE_RUN = {"id", "client_id", "facility_id", "branch_id", "created_at", "updated_at", "parent_id"}


@pytest.fixture(autouse=True)
async def free_unit_ids(administrator: asyncpg.Connection) -> None:
    """The small bank gives its units their ids; the next ones come after those."""
    await administrator.execute("select setval(pg_get_serial_sequence('bank.unit', 'id'), 100)")


def rows_of(path: Path) -> list[dict[str, str]]:
    """The file as the standard library reads it: what the import is held against."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


async def take(database: Database, directory: Directory, tmp_path: Path, **changed: Any) -> Report:
    """Import the excerpt, or what is `changed`."""
    arguments: dict[str, Any] = {
        "file": EXCERPT,
        "mapping": "sba_loans",
        "error_file": tmp_path / "errors.csv",
    } | changed
    return await run_import(database, directory, **arguments)


async def state(administrator: asyncpg.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that imports wrote, without ids and moments, in an order of its own."""
    found = {}
    for table in ("client", "facility", "credit_event"):
        rows = await administrator.fetch(
            f"select t.*, u.code as unit from ({LOANS.format(table)}) t join bank.unit u on u.id = t.branch_id"
        )
        found[table] = sorted(
            (tuple(v for k, v in row.items() if k not in ONLY_OF_ONE_RUN) for row in rows), key=repr
        )
    units = await administrator.fetch(
        "select u.code, u.name, u.kind, p.code as parent from bank.unit u "
        "left join bank.unit p on p.id = u.parent_id"
    )
    return found | {"unit": sorted(map(tuple, units), key=repr)}


async def versions(administrator: asyncpg.Connection) -> list[tuple[Any, ...]]:
    """Which version of every row there is: whatever writes a row changes it."""
    tables = ("client", "facility", "credit_event", "unit", "region", "region_indicator")
    return [
        (t, *row) for t in tables for row in await administrator.fetch(f"select xmin, ctid from bank.{t}")
    ]


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


async def test_a_job_that_stopped_within_a_record_is_not_guessed_at(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    await take(database, directory, tmp_path)
    await administrator.execute("update bank.import_job set status = 'RUNNING', bytes_done = 12345")
    with pytest.raises(FileRefused, match="--again"):
        await take(database, directory, tmp_path)
    assert await administrator.fetchval("select status from bank.import_job") == "FAILED"
    assert (await take(database, directory, tmp_path, again=True)).progress.rows_unchanged == 500


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


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight batches of the excerpt instead of one."""
    cut = functools.partial(batches, size=70)
    monkeypatch.setattr("tenants.intake.run.batches", cut)


class Crash(BaseException):
    """As sudden as the interpreter allows."""


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("moment", ["before the rows", "after the rows", "after the commit"])
async def test_a_crash_loses_nothing_and_doubles_nothing(
    database: Database,
    directory: Directory,
    administrator: asyncpg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    whole = tmp_path / "whole.csv"
    expected = await take(database, directory, tmp_path, error_file=whole, dry_run=True)
    name, at = {
        "before the rows": ("hold", 3),
        "after the rows": ("record", 3),
        "after the commit": ("hold", 4),
    }[moment]
    real, calls = getattr(jobs, name), []

    async def crash(*arguments: Any, **more: Any) -> Any:
        result = await real(*arguments, **more)
        calls.append(1)
        if len(calls) == at:
            raise Crash
        return result

    with monkeypatch.context() as patched:
        patched.setattr(jobs, name, crash)
        with pytest.raises(Crash):
            await take(database, directory, tmp_path)
    assert await administrator.fetchval("select status from bank.import_job") == "RUNNING"
    done = await administrator.fetchval("select rows_read from bank.import_job")
    assert await administrator.fetchval(f"select count(*) from ({LOANS.format('facility')}) loans") == done

    report = await take(database, directory, tmp_path)
    assert report.outcome is Outcome.COMPLETED
    assert report.resumed_after_line == done + 1
    assert (report.progress, report.counts) == (expected.progress, expected.counts)
    assert (tmp_path / "errors.csv").read_text() == whole.read_text()
    assert (await take(database, directory, tmp_path, again=True)).progress.rows_unchanged == 500
    assert len((await state(administrator))["facility"]) == 500


KILLED = """
import asyncio, os, random, signal, sys
from pathlib import Path
from api.import_command import run_import
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.intake import run
from tenants.organisation import Directory

cut = run.batches
run.batches = lambda *arguments, **more: cut(*arguments, **more, size=20)
url, file, errors = sys.argv[1:]

def told(progress, size):
    print(progress.rows_read, flush=True)

async def main():
    database = Database(Credentials(url), connections=2)
    await database.open()
    await run_import(database, Directory(database), file=Path(file), mapping="sba_loans",
                     error_file=Path(errors), progress=told)

asyncio.run(main())
"""


async def test_a_process_killed_again_and_again_ends_like_one_that_was_not(
    database: Database,
    directory: Directory,
    credentials: Credentials,
    administrator: asyncpg.Connection,
    tmp_path: Path,
) -> None:
    whole = tmp_path / "whole.csv"
    expected = await take(database, directory, tmp_path, error_file=whole, dry_run=True)
    errors = tmp_path / "errors.csv"
    for patience in (0.03, 0.11):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            KILLED,
            credentials.url,
            str(EXCERPT),
            str(errors),
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[1],
            env=os.environ | {"PYTHONPATH": "."},
        )
        assert process.stdout is not None
        assert await process.stdout.readline(), "the import began"
        # Anywhere within the batches that follow: reading, copying or committing.
        await asyncio.sleep(patience * random.random())
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.communicate()
    report = await take(database, directory, tmp_path)
    assert report.outcome in (Outcome.COMPLETED, Outcome.NOTHING_TO_DO)
    assert report.progress == expected.progress
    assert errors.read_text() == whole.read_text()
    assert await administrator.fetchval("select count(*) from bank.import_job") == 1
    found = await state(administrator)
    again = await take(database, directory, tmp_path, again=True)
    assert again.progress.rows_unchanged == 500
    assert await state(administrator) == found


@pytest.mark.usefixtures("small_batches")
async def test_two_runs_at_once_double_nothing_and_the_first_gives_way(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    second: list[Report] = []

    def observe(progress: Progress, size: int) -> None:
        del size
        if progress.rows_read == 140:
            overtaking.append(asyncio.ensure_future(take(database, Directory(database), tmp_path)))

    overtaking: list[asyncio.Future[Report]] = []
    first = await take(database, directory, tmp_path, progress=observe)
    second = [await each for each in overtaking]
    assert [first.outcome, second[0].outcome] == [Outcome.TAKEN_OVER, Outcome.COMPLETED]
    assert second[0].progress.rows_taken == 500
    assert await administrator.fetchval(f"select count(*) from ({LOANS.format('facility')}) loans") == 500


@pytest.mark.usefixtures("small_batches")
async def test_a_paused_import_stops_before_its_next_batch_and_goes_on_when_run_again(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    asked: list[asyncio.Future[Any]] = []

    async def pause(progress: Progress) -> None:
        del progress
        await administrator.execute(
            "update bank.import_job set status = 'PAUSED', version = version + 1 where status = 'RUNNING'"
        )

    real = jobs.record

    async def record_then_pause(*arguments: Any, **more: Any) -> Any:
        job = await real(*arguments, **more)
        if job.progress.rows_read == 140:
            asked.append(asyncio.ensure_future(pause(job.progress)))
        return job

    def observe(progress: Progress, size: int) -> None:
        del progress, size

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(jobs, "record", record_then_pause)
        report = await take(database, directory, tmp_path, progress=observe)
    await asyncio.gather(*asked)
    assert report.outcome is Outcome.PAUSED
    assert 140 <= report.progress.rows_read < 500
    report = await take(database, directory, tmp_path)
    assert (report.outcome, report.progress.rows_taken) == (Outcome.COMPLETED, 500)


async def test_a_cancelled_import_begins_anew_only_when_asked_to(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    await take(database, directory, tmp_path)
    await administrator.execute("update bank.import_job set status = 'CANCELLED'")
    assert (await take(database, directory, tmp_path)).outcome is Outcome.CANCELLED
    assert (await take(database, directory, tmp_path, again=True)).outcome is Outcome.COMPLETED


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
    shanghai = await administrator.fetchrow("select * from bank.region where code = '310000'")
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


def write(path: Path, rows: list[dict[str, str]]) -> None:
    """A file of these rows, its columns in the order of the first row."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


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
