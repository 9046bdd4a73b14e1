"""Bad files: one error for each bad row, with line, column, value and reason; the rows around it are read."""

from __future__ import annotations

import csv
import io
import tracemalloc
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from api.import_command import EXIT_REFUSED, import_command, run_import
from domain.imports import ImportStatus
from domain.intake.mapping import FileForm
from domain.intake.problems import FileRefused, Problem
from domain.intake.records import Records
from domain.intake.resuming import Step, next_step
from tenants.intake.error_file import ErrorFile
from tenants.intake.run import Outcome, Report

MAPPING = """
name = "loans"
unit = { column = "Branch", required = true }
[file]
max_field_bytes = 1000
max_record_bytes = 4000
[client]
registration_country = { constant = "US" }
registration_number = { column = "Id", required = true }
legal_name = { column = "Name", required = true }
currency = { constant = "USD" }
employees = { column = "Staff", on_bad = "missing" }
[facility]
reference = { column = "Id" }
product = { constant = "TERM_LOAN" }
status = { constant = "ACTIVE" }
currency = { constant = "USD" }
limit = { column = "Amount", required = true }
"""
HEADER = "Id,Name,Branch,Staff,Amount"


def row(number: int, **changed: str) -> str:
    values = {
        "Id": f"N{number}",
        "Name": f"Company {number}",
        "Branch": "B1",
        "Staff": "3",
        "Amount": "10.00",
    }
    return ",".join((values | changed).values())


async def read(
    tmp_path: Path, content: str | bytes, mapping: str = MAPPING
) -> tuple[Report, list[list[str]]]:
    """A dry run of a file; its report and the lines of its error file."""
    file, form = tmp_path / "loans.csv", tmp_path / "loans.toml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    form.write_text(mapping)
    errors = tmp_path / "errors.csv"
    report = await run_import(None, None, file=file, mapping=form, dry_run=True, error_file=errors)
    assert report.outcome is Outcome.DRY_RUN
    with errors.open(newline="") as written:
        return report, list(csv.reader(written))[1:]


async def refuse_one(tmp_path: Path, bad: str | bytes, mapping: str = MAPPING) -> list[str]:
    """The one error of a file whose second row is bad, among good ones which are all taken."""
    broken = bad if isinstance(bad, bytes) else bad.encode()
    rows = [HEADER.encode(), row(1).encode(), broken, row(3).encode(), row(4).encode(), b""]
    report, errors = await read(tmp_path, b"\n".join(rows), mapping)
    assert (report.progress.rows_taken, report.progress.rows_refused) == (3, 1)
    assert len(errors) == 1
    return errors[0]


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        ("NaN", "is not a number"),
        ("Infinity", "is not a number"),
        ("-Infinity", "is not a number"),
        ("9" * 40, "is too large"),
        ("1_000", "is not a number"),
        ("１０", "is not a number"),
        ("1.005", "has more decimal places than its currency"),
        ("-1", "is less than 0"),
        ("99999999999999999.99", "is too large"),
        ("", "is blank and must not be"),
    ],
)
async def test_an_amount_that_is_none_refuses_its_row(tmp_path: Path, amount: str, reason: str) -> None:
    assert await refuse_one(tmp_path, row(2, Amount=amount)) == ["3", "Amount", amount, reason, "error"]


async def test_a_nul_refuses_its_row(tmp_path: Path) -> None:
    line, column, value, reason, _ = await refuse_one(tmp_path, row(2, Name="a\0b"))
    assert (line, column, value, reason) == ("3", "Name", "a\\x00b", "contains a NUL character")


async def test_a_byte_of_another_encoding_refuses_its_row_and_is_named(tmp_path: Path) -> None:
    line, column, _, reason, _ = await refuse_one(tmp_path, row(2, Name="Café").encode("iso-8859-1"))
    at = len(f"{HEADER}\n{row(1)}\nN2,Caf")
    assert (line, column) == ("3", "Name")
    assert reason == f"is not utf-8: byte 0xE9 (at byte {at} of the file)"


async def test_the_encoding_is_the_one_that_the_mapping_names(tmp_path: Path) -> None:
    mapping = MAPPING.replace("[file]", '[file]\nencoding = "gb18030"')
    report, _ = await read(tmp_path, f"{HEADER}\n{row(1, Name='华夏钢铁')}\n".encode("gb18030"), mapping)
    assert report.progress.rows_taken == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
async def test_a_file_in_utf_16_is_refused_as_a_whole(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(FileRefused, match="UTF-16"):
        await read(tmp_path, f"{HEADER}\n{row(1)}\n".encode(encoding))


@pytest.mark.parametrize("quote", ['"', ""])
async def test_a_field_of_ten_megabytes_costs_its_row_and_no_memory(tmp_path: Path, quote: str) -> None:
    huge = row(2, Name=f"{quote}{'x' * 10_000_000}{quote}").encode()
    tracemalloc.start()
    line, column, value, reason, _ = await refuse_one(tmp_path, huge)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (line, column, len(value)) == ("3", "Name", 201)
    assert reason == "is in a record of more than 4000 bytes"
    assert peak < 3 * len(huge), "the test itself holds the field twice"


async def test_a_field_that_is_too_long_is_named(tmp_path: Path) -> None:
    line, column, _, reason, _ = await refuse_one(tmp_path, row(2, Name="x" * 1001))
    assert (line, column, reason) == ("3", "Name", "is longer than 1000 bytes")


@pytest.mark.parametrize(
    "bad", [row(2, Name='"Open'), row(2, Amount='"10.00'), '"' + row(2)], ids=["middle", "end", "start"]
)
async def test_a_quote_that_is_never_closed_costs_its_own_row_only(tmp_path: Path, bad: str) -> None:
    line, _, _, reason, _ = await refuse_one(tmp_path, bad)
    assert line == "3"
    assert reason == "has a quote that is not closed before the file ends"


async def test_a_quote_that_the_next_quoted_value_closes_costs_its_own_row_only(tmp_path: Path) -> None:
    rows = [HEADER, row(1, Name='"Open'), row(2, Name='"Closed, Inc."'), row(3), ""]
    report, errors = await read(tmp_path, "\n".join(rows))
    assert report.progress.rows_taken == 2
    assert [error[:2] for error in errors] == [["2", "Name"]]


async def test_an_open_quote_does_not_swallow_a_long_file(tmp_path: Path) -> None:
    rows = [HEADER, row(1, Name='"Open'), *(row(n) for n in range(2, 5000)), ""]
    report, errors = await read(tmp_path, "\n".join(rows))
    assert (report.progress.rows_taken, len(errors)) == (4998, 1)
    assert errors[0][:2] == ["2", "Name"]
    assert "not closed within" in errors[0][3]


async def test_a_quoted_value_may_span_lines(tmp_path: Path) -> None:
    mapping = MAPPING.replace('column = "Name", required', 'column = "Branch", required')
    content = "\n".join([HEADER, row(1, Name='"two\nlines, ""quoted"""'), row(2), ""])
    report, errors = await read(tmp_path, content, mapping)
    assert (report.progress.rows_taken, errors) == (2, [])


@pytest.mark.parametrize("bad", ["N2,Company 2,B1,3", row(2) + ",more"], ids=["short", "long"])
async def test_a_row_of_another_width_is_refused(tmp_path: Path, bad: str) -> None:
    line, column, value, reason, _ = await refuse_one(tmp_path, bad)
    assert (line, column, value) == ("3", "", bad)
    assert "values where the header has 5" in reason


async def test_the_same_loan_given_differently_twice_is_refused_the_second_time(tmp_path: Path) -> None:
    rows = [HEADER, row(1), row(1, Amount="11"), row(1), ""]
    report, errors = await read(tmp_path, "\n".join(rows))
    assert report.progress.rows_refused == 1
    assert errors[0][0] == "3"
    assert "first in line 2" in errors[0][2]
    assert errors[0][3] == "was given differently in an earlier line"


async def test_a_secondary_value_that_is_odd_is_set_missing_with_a_warning(tmp_path: Path) -> None:
    report, errors = await read(tmp_path, "\n".join([HEADER, row(1, Staff="a few"), ""]))
    assert report.progress.rows_taken == 1
    assert errors == [["2", "Staff", "a few", "is not a whole number; set missing", "warning"]]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + HEADER + "\r\n" + row(1) + "\r\n\r\n" + row(2) + "\r\n\r\n",
        HEADER + "\n" + row(1) + "\n" + row(2),
        HEADER.replace("Id", " Id ") + ",Extra,Extra\n" + row(1) + ",x,y\n" + row(2) + ",x,y\n",
        "Amount,Staff,Name,Id,Branch\n10,3,Company,N1,B1\n10,3,Company,N2,B1\n",
    ],
    ids=["mark and carriage returns", "no last line end", "extra columns", "other order"],
)
async def test_a_file_may_be_written_in_several_ways(tmp_path: Path, content: str) -> None:
    report, errors = await read(tmp_path, content)
    assert (report.progress.rows_taken, errors) == (2, [])
    assert report.progress.bytes_done == len(content.encode())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file is empty"),
        (HEADER.replace("Amount", "Amnt") + "\n", "no column 'Amount', which facility.limit names; did you mean"),
        (HEADER + ",Amount\n", "several columns 'Amount'"),
        ('Id,"Name\n' + row(1) + "\n", "line 1, which must name the columns, has a quote"),
    ],
)  # fmt: skip
async def test_a_file_without_the_columns_is_refused_as_a_whole(
    tmp_path: Path, content: str, said: str
) -> None:
    with pytest.raises(FileRefused) as refused:
        await read(tmp_path, content)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ["gone.csv", "--mapping", "sba_loans"],
        ["tenants/intake/shipped/regions_china_2023.csv", "--mapping", "sba_loans"],
        ["tenants/intake/shipped/regions_china_2023.csv", "--mapping", "sba_loan"],
        ["tenants/intake/shipped/regions_china_2023.csv", "--mapping", "gone.toml"],
        ["tenants/intake/shipped/regions_china_2023.csv", "--mapping", "pyproject.toml"],
    ],
)
def test_the_command_ends_with_2_where_file_or_mapping_cannot_be_used(
    tmp_path: Path, arguments: list[str]
) -> None:
    result = CliRunner().invoke(
        import_command, [*arguments, "--dry-run", "--errors", str(tmp_path / "e.csv")]
    )
    assert result.exit_code == EXIT_REFUSED
    assert "cannot import" in result.output


def test_the_command_tells_what_it_read(tmp_path: Path) -> None:
    arguments = ["tenants/intake/shipped/sba_loans_excerpt.csv", "--mapping", "sba_loans", "--dry-run"]
    result = CliRunner().invoke(import_command, [*arguments, "--errors", str(tmp_path / "e.csv")])
    assert result.exit_code == 0
    assert "500 rows read: 500 would be taken, 0 unchanged, 0 refused" in result.output
    assert "rows per second" in result.output


async def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    rows = [HEADER, *(row(n, Staff="odd" if n % 100 == 0 else "3") for n in range(15_000)), ""]
    content = "\n".join(rows)
    (tmp_path / "loans.toml").write_text(MAPPING)
    peaks = []
    for part in (len(content) // 3, len(content)):
        file = tmp_path / "loans.csv"
        file.write_text(content[:part])
        tracemalloc.start()
        await run_import(
            None,
            None,
            file=file,
            mapping=tmp_path / "loans.toml",
            dry_run=True,
            error_file=tmp_path / "e.csv",
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Two batches of 2,000 rows and the remembered cells; measured the same for 15,000 rows and for 60,000.
    assert max(peaks) < 5_000_000
    assert peaks[1] < peaks[0] * 1.4, "three times the rows"


@given(
    st.lists(
        st.lists(st.text(st.sampled_from('ab,"\r\n x'), max_size=8), min_size=2, max_size=2),
        min_size=1,
        max_size=12,
    )
)
def test_what_a_csv_writer_writes_is_read_back_and_every_byte_is_counted(rows: list[list[str]]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([["A", "B"], *rows])
    content = written.getvalue().encode()
    read_back = list(Records(io.BytesIO(content).readline, FileForm()))
    assert [record.fields for record in read_back] == rows
    assert read_back[-1].end_offset == len(content)
    assert read_back[-1].end_line == content.count(b"\n")


@given(st.binary(max_size=300))
def test_no_bytes_whatever_break_the_reader(content: bytes) -> None:
    try:
        records = Records(
            io.BytesIO(b"A,B\n" + content).readline, FileForm(max_record_lines=3, max_record_bytes=50)
        )
    except FileRefused:
        return
    ends = [record.end_offset for record in records]
    assert ends == sorted(set(ends))


def test_an_error_file_is_cut_back_to_what_was_committed(tmp_path: Path) -> None:
    errors = ErrorFile(tmp_path / "errors.csv")
    errors.begin()
    errors.add([Problem(2, "A", "x", "bad"), Problem(7, "A", "y", "bad")])
    with errors.path.open("a") as torn:
        torn.write("8,A,to")
    again = ErrorFile(errors.path)
    assert again.go_on_after(6)
    assert errors.path.read_text().splitlines() == ["line,column,value,reason,severity", "2,A,x,bad,error"]
    assert sum(again.counts.values()) == 1


@pytest.mark.parametrize(
    ("status", "again", "step"),
    [
        (None, False, Step.BEGIN),
        (ImportStatus.COMPLETED, False, Step.NOTHING),
        (ImportStatus.COMPLETED, True, Step.BEGIN),
        (ImportStatus.RUNNING, False, Step.GO_ON),
        (ImportStatus.PAUSED, False, Step.GO_ON),
        (ImportStatus.FAILED, False, Step.GO_ON),
        (ImportStatus.CANCELLED, False, Step.REFUSE_CANCELLED),
        (ImportStatus.CANCELLED, True, Step.BEGIN),
    ],
)
def test_what_a_run_does_about_an_earlier_one(status: ImportStatus | None, again: bool, step: Step) -> None:
    assert next_step(status, again=again) is step
