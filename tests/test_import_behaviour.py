"""Statements, behaviour and links come from files of any form; a bad row costs itself, the good ones are taken."""

from __future__ import annotations

import csv
import datetime as dt
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from imported_loans import free_unit_ids, take
from small_bank import CLIENTS
from typed_files import write_excel, write_parquet

from domain.intake.batches import batches
from domain.intake.problems import FileRefused
from domain.statements import UNBALANCED
from tenants.database import Database
from tenants.intake.jobs import Progress
from tenants.intake.run import Outcome
from tenants.intake.shipped import SHIPPED, source_of
from tenants.organisation import Directory
from tenants.segments.shipped import ensure_defaults

__all__ = ["free_unit_ids"]

SHIPPING, STEEL, INSTRUMENTS = (number for _, number, *_ in CLIENTS[:3])
NOT_A_CLIENT = "91110000600037341L"
YEAR = dt.date(2024, 12, 31)


def columns_of(mapping: str) -> list[str]:
    """The columns that a shipped mapping reads."""
    read = source_of(Path(), mapping).mapping
    named = {s.column for _, _, form in read.entities() for given in form.fields.values() for s in given}
    return ["branch", *sorted(filter(None, named))]


def table(mapping: str, rows: Sequence[dict[str, Any]]) -> list[list[Any]]:
    """Header and rows as a file would have them; what is not given is blank."""
    header = columns_of(mapping)
    own = {"branch": "310000", "country": "CN", "registration_number": SHIPPING, "source": "core"}
    return [header, *([(own | row).get(name) for name in header] for row in rows)]


def write(path: Path, rows: list[list[Any]]) -> Path:
    """The rows in the form that the file's name says."""
    match path.suffix:
        case ".xlsx":
            write_excel(path, rows)
        case ".parquet":
            write_parquet(path, rows)
        case _:
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(rows)
    return path


def refused(tmp_path: Path) -> list[tuple[str, str, str]]:
    """(line, column, reason) of every error."""
    with (tmp_path / "errors.csv").open(newline="", encoding="utf-8") as errors:
        return [(row[0], row[1], row[3]) for row in csv.reader(errors) if row[4] == "error"]


def statement(**changed: Any) -> dict[str, Any]:
    """A statement that balances, in typed cells."""
    sheet = {"total_assets": 1000.5, "total_liabilities": 600, "equity": 400.5, "revenue": 2000}
    return {"period_end": YEAR, "period_months": 12, "currency": "CNY", "audited": True} | sheet | changed


STATEMENTS = [
    statement(),
    statement(registration_number=STEEL, equity=400.52),
    statement(registration_number=NOT_A_CLIENT),
    statement(branch="310000-01", registration_number=INSTRUMENTS, audited=None),
]
OF_2024 = """
    select c.registration_number, s.* from bank.financial_statement s
    join bank.client c on c.branch_id = s.branch_id and c.id = s.client_id
    where period_end = '2024-12-31' order by registration_number, recorded_at
"""


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet"])
async def test_the_same_statements_are_taken_from_a_file_of_any_form(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path, form: str
) -> None:
    file = write(tmp_path / f"statements.{form}", table("statements", STATEMENTS))
    report = await take(database, directory, tmp_path, file=file, mapping="statements")
    assert (report.progress.rows_taken, report.progress.rows_refused) == (2, 2)
    assert report.progress.bytes_done == file.stat().st_size
    first = 1 if form == "parquet" else 2
    unknown = "is not a client of this branch: import the client first, or check its registration and branch"
    assert refused(tmp_path) == [
        (str(first + 1), "total_assets", UNBALANCED),
        (str(first + 2), "", unknown),
    ]
    found = {row["registration_number"]: row for row in await administrator.fetch(OF_2024)}
    assert set(found) == {SHIPPING, INSTRUMENTS}
    assert (found[SHIPPING]["total_assets_minor"], found[SHIPPING]["audited"]) == (1000_50, True)
    assert (found[INSTRUMENTS]["revenue_minor"], found[INSTRUMENTS]["audited"]) == (2000_00, False)


async def test_a_period_with_other_figures_is_restated_and_both_are_kept(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    async def imported(name: str, **changed: Any) -> tuple[int, int, int]:
        file = write(tmp_path / name, table("statements", [statement(**changed)]))
        done = (await take(database, directory, tmp_path, file=file, mapping="statements")).progress
        return done.rows_taken, done.rows_unchanged, done.rows_refused

    assert await imported("first.csv") == (1, 0, 0)
    assert await imported("again.csv", source="another source of the same figures") == (0, 1, 0)
    # Only what changed is in the file; the rest of the restated row is as it was.
    assert await imported("restated.xlsx", revenue=1999, total_assets=None, equity=None) == (1, 0, 0)
    assert await imported("unbalanced.csv", total_assets=None, total_liabilities=599, equity=None) == (
        0,
        0,
        1,
    )
    assert refused(tmp_path)[0][2] == UNBALANCED
    assert await imported("dollars.csv", currency="USD") == (0, 0, 1)
    assert refused(tmp_path)[0][2] == "is kept in another currency, and amounts do not convert"
    kept = await administrator.fetch(OF_2024)
    assert [(row["revenue_minor"], row["total_assets_minor"], row["equity_minor"]) for row in kept] == [
        (2000_00, 1000_50, 400_50),
        (1999_00, 1000_50, 400_50),
    ]


async def test_behaviour_is_taken_corrected_and_left_alone(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    month = {"month": dt.date(2024, 12, 1), "currency": "CNY", "average_balance": 7, "fees": 1}
    called = {"kind": "CALL", "occurred_on": YEAR, "subject": "Renewal", "reference": "I-1", "nps": 9}
    came = {"received_on": dt.date(2024, 12, 1), "subject": "Slow", "reference": "C-1"}
    rated = {"rated_on": YEAR, "model": "PD 3", "probability_of_default": 0.0125}
    files: list[tuple[str, list[dict[str, Any]], tuple[int, int, int]]] = [
        ("client_months", [month, month | {"month": YEAR}], (1, 0, 1)),
        ("client_months", [month | {"fees": None, "average_balance": 8}], (1, 0, 0)),
        ("client_months", [month | {"currency": "USD"}], (0, 0, 1)),
        ("interactions", [called, called | {"reference": "I-2", "nps": 11}], (1, 0, 1)),
        ("interactions", [called | {"registration_number": STEEL}], (0, 0, 1)),
        ("complaints", [came, came | {"reference": "C-2", "resolved_on": YEAR}], (2, 0, 0)),
        ("complaints", [came | {"resolved_on": YEAR}, came | {"reference": "C-2"}], (1, 1, 0)),
        ("ratings", [rated, rated | {"model": "PD 4", "probability_of_default": 1.25}], (1, 0, 1)),
    ]
    for number, (mapping, rows, counts) in enumerate(files):
        file = write(tmp_path / f"{number}.parquet", table(mapping, rows))
        done = (await take(database, directory, tmp_path, file=file, mapping=mapping)).progress
        assert (done.rows_taken, done.rows_unchanged, done.rows_refused) == counts, (
            number,
            refused(tmp_path),
        )
    found = await administrator.fetchrow(
        "select average_balance_minor, fees_minor, (select array_agg(nps) from bank.interaction), "
        "(select count(*) from bank.complaint where resolved_on is not null), "
        "(select array_agg(probability_of_default::text) from bank.rating) from bank.client_month"
    )
    assert found is not None
    assert tuple(found) == (8_00, 1_00, [9], 2, ["0.012500"])


async def test_who_a_client_is_follows_from_what_was_imported(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    async with database.transaction(await directory.operator(), write=True) as transaction:
        await ensure_defaults(transaction)
    rated = {"rated_on": dt.date(2024, 6, 30), "model": "PD 3", "probability_of_default": 0.004}
    for name, later in (("first.csv", {}), ("later.csv", {"rated_on": YEAR, "probability_of_default": 0.2})):
        file = write(tmp_path / name, table("ratings", [rated | later]))
        await take(database, directory, tmp_path, file=file, mapping="ratings")
    grades = await administrator.fetch(
        "select value, valid_until = 'infinity' as holds from bank.segment_history "
        "where dimension_code = 'creditGrade' order by valid_from"
    )
    assert [tuple(row) for row in grades][-1] == ("C", True)
    facts = await administrator.fetchval(
        "select probability_of_default::text from bank.client_facts where probability_of_default is not null"
    )
    assert facts == "0.200000"


async def test_no_more_than_the_whole_of_a_company_is_owned(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    held = {"kind": "OWNERSHIP", "direction": "INWARD", "related_country": "SG", "valid_from": YEAR}
    shares = [("A", 0.6), ("B", 0.3), ("C", 0.2), ("D", 0.1)]
    rows = [held | {"related_number": name, "share": share, "reference": name} for name, share in shares]
    rows.append(held | {"related_country": "CN", "related_number": SHIPPING, "share": 0.1, "reference": "E"})
    file = write(tmp_path / "links.xlsx", table("client_links", rows))
    done = (await take(database, directory, tmp_path, file=file, mapping="client_links")).progress
    assert (done.rows_taken, done.rows_refused) == (3, 2)
    assert [line for line, *_ in refused(tmp_path)] == ["4", "6"]
    assert "more than 100 %" in refused(tmp_path)[0][2]
    assert await administrator.fetchval("select sum(share) from bank.client_link") == 1
    # What an import brings counts, also of what a branch had only claimed.
    await administrator.execute("update bank.client_link set recorded_by = 'bo'")
    file = write(tmp_path / "names.xlsx", table("client_links", [rows[0] | {"related_name": "A Holdings"}]))
    await take(database, directory, tmp_path, file=file, mapping="client_links")
    claims = await administrator.fetch("select reference from bank.client_link where recorded_by is not null")
    assert {row[0] for row in claims} == {"B", "D"}


async def test_a_sheet_is_chosen_by_name_and_its_own_rows_are_blamed(tmp_path: Path) -> None:
    mapping = tmp_path / "ratings.toml"
    shipped = (SHIPPED / "ratings.toml").read_text()
    mapping.write_text(shipped.replace("unit = ", "file = { sheet = 'PD' }\nunit = ", 1))
    bad = {"rated_on": "yesterday", "model": "PD 3", "probability_of_default": 0.5}
    blank = dict.fromkeys(columns_of("ratings"))
    file = tmp_path / "ratings.xlsx"
    write_excel(file, table("ratings", [blank, bad]), sheet="PD", blank_rows=3)
    report = await take(None, None, tmp_path, file=file, mapping=mapping, dry_run=True)
    assert (report.outcome, report.progress.rows_read) == (Outcome.DRY_RUN, 1)
    assert refused(tmp_path) == [("6", "rated_on", "is not a date (%Y-%m-%d)")]
    write_excel(file, table("ratings", [bad]), sheet="PD2")
    with pytest.raises(FileRefused, match="no sheet 'PD'; did you mean 'PD2'"):
        await take(None, None, tmp_path, file=file, mapping=mapping, dry_run=True)


@pytest.mark.parametrize("form", ["xlsx", "parquet"])
async def test_typed_cells_are_read_batch_after_batch_to_the_last_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr("tenants.intake.file_forms.ROWS_AT_ONCE", 50)
    monkeypatch.setattr("tenants.intake.run.batches", functools.partial(batches, size=60))
    rated = {"rated_on": YEAR, "model": "PD 3", "probability_of_default": 0.5}
    rows = [rated | {"model": str(number)} for number in range(130)]
    file = write(tmp_path / f"ratings.{form}", table("ratings", rows))
    told: list[tuple[int, bool]] = []

    def observe(progress: Progress, size: int) -> None:
        told.append((progress.rows_taken, progress.bytes_done == size))

    await take(None, None, tmp_path, file=file, mapping="ratings", dry_run=True, progress=observe)
    assert told == [(60, False), (120, False), (130, True), (130, True)]


async def test_a_file_of_typed_cells_goes_on_where_it_stopped(
    database: Database,
    directory: Directory,
    administrator: asyncpg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tenants.intake.run.batches", functools.partial(batches, size=20))
    rated = {"rated_on": YEAR, "probability_of_default": 0.5}
    rows = [rated | {"model": str(number)} for number in range(50)]
    file = write(tmp_path / "ratings.parquet", table("ratings", rows))

    def stop(progress: Progress, size: int) -> None:
        del size
        if progress.rows_read == 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await take(database, directory, tmp_path, file=file, mapping="ratings", progress=stop)
    report = await take(database, directory, tmp_path, file=file, mapping="ratings")
    assert (report.outcome, report.resumed_after_line, report.progress.rows_taken) == (
        Outcome.COMPLETED,
        40,
        50,
    )
    assert await administrator.fetchval("select count(*) from bank.rating") == 50


async def test_one_stray_cell_does_not_take_the_memory(tmp_path: Path) -> None:
    file = tmp_path / "ratings.xlsx"
    write_excel(file, [*table("ratings", []), [None] * 16_383 + ["x"]], blank_rows=1_000_000)
    with pytest.raises(FileRefused, match="reaches to row 1000002 and column 16384: delete what lies far"):
        await take(None, None, tmp_path, file=file, mapping="ratings", dry_run=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04 and nothing behind it", "not an Excel workbook that can be read"),
        (b"PAR1 and nothing behind it", "not Parquet that can be read"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "save it as .xlsx"),
    ],
)
async def test_a_file_that_is_not_what_it_says_is_refused_with_what_to_do(
    tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(FileRefused, match=said):
        await take(None, None, tmp_path, file=tmp_path / "file", mapping="ratings", dry_run=True)
