"""An import never converts money, and never takes its own error file's troubles for the database's."""

from __future__ import annotations

import errno
import functools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from click.testing import CliRunner
from imported_loans import EXCERPT, free_unit_ids, rows_of, take, versions, write

from api.import_command import EXIT_REFUSED, import_command
from domain.intake.batches import batches
from domain.intake.problems import FileRefused, Severity
from tenants.database import Database
from tenants.intake.error_file import ErrorFile
from tenants.intake.jobs import Progress
from tenants.intake.run import Outcome
from tenants.intake.shipped import SHIPPED
from tenants.organisation import Directory

__all__ = ["free_unit_ids"]

CONVERTED = "is kept in another currency, and amounts do not convert"

CLIENTS = """
name = "clients"
unit = { column = "branch", required = true }
[client]
registration_country = { constant = "CN" }
registration_number = { column = "number", required = true }
legal_name = { column = "name", required = true }
currency = { column = "currency", required = true }
registered_capital = { column = "capital" }
"""
WITH_CAPITAL, WITHOUT = "91310000607378229C", "91110000600037341L"


@pytest.fixture
def in_yen(tmp_path: Path) -> Path:
    """The mapping of loans, for a file whose amounts are yen."""
    shipped = next(SHIPPED.parent.rglob("sba_loans.toml")).read_text(encoding="utf-8")
    mapping = tmp_path / "in_yen.toml"
    mapping.write_text(shipped.replace('constant = "USD"', 'constant = "JPY"'), encoding="utf-8")
    return mapping


async def test_a_loan_keeps_its_currency(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path, in_yen: Path
) -> None:
    await take(database, directory, tmp_path)
    before = await versions(administrator)
    known = rows_of(EXCERPT)[:2]
    later = tmp_path / "later.csv"
    # With every amount given as well: what the bank has posted on the loan would still be dollars.
    write(later, [known[0] | {"SBA_Appv": "", "ChgOffPrinGr": ""}, known[1]])
    report = await take(database, directory, tmp_path, file=later, mapping=in_yen)
    assert (report.progress.rows_taken, report.progress.rows_refused) == (0, 2)
    assert (tmp_path / "errors.csv").read_text().splitlines()[1:] == [
        f'{line},,facility {row["LoanNr_ChkDgt"]},"{CONVERTED}",error' for line, row in enumerate(known, 2)
    ]
    assert await versions(administrator) == before


async def test_a_loan_in_another_currency_costs_its_own_row_only(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path, in_yen: Path
) -> None:
    first, later = tmp_path / "first.csv", tmp_path / "later.csv"
    known, new = rows_of(EXCERPT)[:2]
    write(first, [known])
    write(later, [known, new])
    await take(database, directory, tmp_path, file=first)
    report = await take(database, directory, tmp_path, file=later, mapping=in_yen)
    assert (report.progress.rows_taken, report.progress.rows_refused) == (1, 1)
    kept = await administrator.fetch(
        "select currency, limit_minor from bank.facility where reference = any($1) order by reference = $2",
        [known["LoanNr_ChkDgt"], new["LoanNr_ChkDgt"]],
        new["LoanNr_ChkDgt"],
    )
    assert [tuple(loan) for loan in kept] == [
        ("USD", 100 * int(known["GrAppv"])),
        ("JPY", int(new["GrAppv"])),
    ]


async def test_a_client_with_capital_keeps_its_currency_and_one_without_may_change_it(
    database: Database, directory: Directory, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    mapping = tmp_path / "clients.toml"
    mapping.write_text(CLIENTS)

    async def given(name: str, currency: str, capital: str) -> tuple[int, int]:
        lines = [
            "branch,number,name,currency,capital",
            f"320000,{WITH_CAPITAL},Jia,{currency},{capital}",
            f"320000,{WITHOUT},Yi,{currency},",
        ]
        (tmp_path / name).write_text("\n".join([*lines, ""]))
        report = await take(database, directory, tmp_path, file=tmp_path / name, mapping=mapping)
        return report.progress.rows_taken, report.progress.rows_refused

    async def kept() -> list[tuple[Any, ...]]:
        found = await administrator.fetch(
            "select legal_name, currency, registered_capital_minor from bank.client "
            "where legal_name in ('Jia', 'Yi') order by 1"
        )
        return [tuple(client) for client in found]

    assert await given("first.csv", "CNY", "1000") == (2, 0)
    for name, capital in (("blank.csv", ""), ("anew.csv", "5")):
        await administrator.execute(
            "update bank.client set currency = 'CNY' where registration_number = $1", WITHOUT
        )
        assert await given(name, "JPY", capital) == (1, 1)
        assert await kept() == [("Jia", "CNY", 1000_00), ("Yi", "JPY", None)]
        refused = (tmp_path / "errors.csv").read_text().splitlines()[1:]
        assert refused == [f'2,,client CN {WITH_CAPITAL},"{CONVERTED}",error']


class Crash(BaseException):
    """As sudden as the interpreter allows."""


@pytest.fixture
def bad_in_every_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Seven batches of ten rows, the fifth row of each refused: lines 6, 16, … 66."""
    monkeypatch.setattr("tenants.intake.run.batches", functools.partial(batches, size=10))
    rows = rows_of(EXCERPT)[:70]
    for row in rows[4::10]:
        row["MIS_Status"] = "LOST"
    file = tmp_path / "loans.csv"
    write(file, rows)
    return file


def after(rows: int, act: Callable[[], None]) -> Callable[[Progress, int], None]:
    """An observer that acts once this many rows are read."""

    def observe(progress: Progress, size: int) -> None:
        del size
        if progress.rows_read == rows:
            act()

    return observe


def crash() -> None:
    raise Crash


def lines_listed(path: Path) -> list[str]:
    """The lines whose rows were refused; warnings are left out."""
    header, *listed = path.read_text().splitlines()
    assert header == "line,column,value,reason,severity"
    return [line.partition(",")[0] for line in listed if line.endswith(",error")]


EVERY_BAD_LINE = ["6", "16", "26", "36", "46", "56", "66"]


async def test_an_error_file_that_cannot_be_written_is_told_as_that_and_the_import_goes_on_with_another(
    database: Database,
    directory: Directory,
    administrator: asyncpg.Connection,
    tmp_path: Path,
    bad_in_every_batch: Path,
) -> None:
    folder, other = tmp_path / "x", tmp_path / "other.csv"
    folder.mkdir()
    lost = {"file": bad_in_every_batch, "error_file": folder / "err.csv"}
    told = r"x/err\.csv cannot be written \(No such file or directory\): name another by --errors"
    with pytest.raises(FileRefused, match=told):
        await take(
            database,
            directory,
            tmp_path,
            **lost,
            progress=after(20, functools.partial(shutil.rmtree, folder)),
        )
    job = await administrator.fetchrow("select status, rows_read from bank.import_job")
    assert job is not None
    assert tuple(job) == ("FAILED", 20)
    for named in (folder / "err.csv", None):
        with pytest.raises(FileRefused, match=told):
            await take(database, directory, tmp_path, **lost | {"error_file": named})

    report = await take(database, directory, tmp_path, file=bad_in_every_batch, error_file=other)
    assert (report.outcome, report.error_file) == (Outcome.COMPLETED, other)
    assert (report.progress.rows_read, report.progress.rows_refused) == (70, 7)
    assert lines_listed(other) == EVERY_BAD_LINE[2:]
    assert report.notes == (
        f"{folder / 'err.csv'} cannot be read: {other} does not list the problems up to line 21",
    )
    assert await administrator.fetchval("select error_file from bank.import_job") == str(other)


async def test_a_full_disk_is_not_the_databases_fault(
    database: Database,
    directory: Directory,
    administrator: asyncpg.Connection,
    tmp_path: Path,
    bad_in_every_batch: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(descriptor: int) -> None:
        del descriptor
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        fill = functools.partial(patched.setattr, "tenants.intake.error_file.os.fsync", full)
        with pytest.raises(FileRefused, match=r"\(No space left on device\)"):
            await take(database, directory, tmp_path, file=bad_in_every_batch, progress=after(30, fill))
    assert await administrator.fetchval("select status from bank.import_job") == "FAILED"
    report = await take(database, directory, tmp_path, file=bad_in_every_batch)
    assert (report.outcome, report.notes) == (Outcome.COMPLETED, ())
    assert lines_listed(tmp_path / "errors.csv") == EVERY_BAD_LINE


async def test_another_error_file_named_when_going_on_is_given_what_the_first_one_listed(
    database: Database,
    directory: Directory,
    administrator: asyncpg.Connection,
    tmp_path: Path,
    bad_in_every_batch: Path,
) -> None:
    first, other = tmp_path / "first.csv", tmp_path / "other.csv"
    with pytest.raises(Crash):
        await take(
            database,
            directory,
            tmp_path,
            file=bad_in_every_batch,
            error_file=first,
            progress=after(30, crash),
        )
    with first.open("a") as torn:
        torn.write("36,MIS_Status,LO")
    other.write_text("what was here before\n")
    with pytest.raises(Crash):
        await take(
            database,
            directory,
            tmp_path,
            file=bad_in_every_batch,
            error_file=other,
            progress=after(50, crash),
        )
    assert lines_listed(other) == EVERY_BAD_LINE[:5]

    # Not named again: it stays with the one that was named last.
    report = await take(database, directory, tmp_path, file=bad_in_every_batch, error_file=None)
    assert (report.outcome, report.error_file, report.notes) == (Outcome.COMPLETED, other, ())
    assert lines_listed(other) == EVERY_BAD_LINE
    assert sum(count for *_, count in report.reasons(Severity.ERROR)) == 7
    assert await administrator.fetchval("select error_file from bank.import_job") == str(other)


async def test_a_new_error_file_that_cannot_be_written_leaves_the_import_with_its_old_one(
    database: Database,
    directory: Directory,
    administrator: asyncpg.Connection,
    tmp_path: Path,
    bad_in_every_batch: Path,
) -> None:
    with pytest.raises(Crash):
        await take(database, directory, tmp_path, file=bad_in_every_batch, progress=after(30, crash))
    nowhere = tmp_path / "nowhere" / "err.csv"
    with pytest.raises(FileRefused, match="cannot be written"):
        await take(database, directory, tmp_path, file=bad_in_every_batch, error_file=nowhere)
    job = await administrator.fetchrow("select status, error_file from bank.import_job")
    assert job is not None
    assert tuple(job) == ("RUNNING", str(tmp_path / "errors.csv"))
    await take(database, directory, tmp_path, file=bad_in_every_batch, error_file=None)
    assert lines_listed(tmp_path / "errors.csv") == EVERY_BAD_LINE


def test_the_command_refuses_an_error_file_that_cannot_be_written(tmp_path: Path) -> None:
    errors = tmp_path / "no" / "err.csv"
    command = [str(EXCERPT), "--mapping", "sba_loans", "--dry-run", "--errors", str(errors)]
    answered = CliRunner().invoke(import_command, command)
    assert answered.exit_code == EXIT_REFUSED
    assert (
        f"{errors} cannot be written (No such file or directory): name another by --errors" in answered.output
    )


@pytest.mark.parametrize("another_name", [os.link, os.symlink])
def test_the_same_error_file_by_another_name_is_cut_back_and_not_emptied(
    tmp_path: Path, another_name: Callable[[Path, Path], None]
) -> None:
    listed = "line,column,value,reason,severity\n2,A,x,bad,error\n"
    earlier, other = tmp_path / "errors.csv", tmp_path / "other.csv"
    earlier.write_text(f"{listed}7,A,y,bad,error\n")
    another_name(earlier, other)
    errors = ErrorFile(other)
    assert errors.go_on_after(6, earlier)
    assert other.read_text() == earlier.read_text() == listed
    assert sum(errors.counts.values()) == 1


@pytest.mark.parametrize("spoil", [Path.mkdir, Path.touch, lambda path: path.write_text("not ours\n")])
def test_an_earlier_error_file_that_cannot_be_read_is_told(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(tmp_path / "errors.csv")
    errors = ErrorFile(tmp_path / "other.csv")
    assert not errors.go_on_after(6, tmp_path / "errors.csv")
    assert lines_listed(errors.path) == []
