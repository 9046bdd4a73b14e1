"""What rows of statements, behaviour and links may say, and what typed cells are as text."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.intake.cells import Bad, DateForm, NumberForm, date, decimal
from domain.intake.mapping import MappingRefused
from domain.intake.mapping_file import read_mapping
from domain.intake.rows import Plan
from domain.intake.typed_cells import written
from domain.statements import is_unbalanced

SHIPPED = Path(__file__).parents[1] / "tenants/intake/shipped"
CLIENT = {"branch": "310000", "country": "CN", "registration_number": "91310000607378229C"}
OTHER = {"related_country": "CN", "related_number": "91110000600037341L"}

GOOD: dict[str, dict[str, str]] = {
    "statements": {
        "period_end": "2024-12-31",
        "period_months": "12",
        "currency": "CNY",
        "source": "core",
        "total_assets": "100.00",
        "total_liabilities": "60.00",
        "equity": "40.00",
    },
    "client_months": {"month": "2024-12-01", "currency": "CNY", "source": "core", "fees": "-1.5"},
    "interactions": {"kind": "CALL", "occurred_on": "2024-12-01", "subject": "Renewal", "reference": "I-1"},
    "complaints": {"received_on": "2024-12-01", "subject": "Slow", "reference": "C-1"},
    "ratings": {
        "rated_on": "2024-12-01",
        "model": "PD 3",
        "probability_of_default": "0.02",
        "source": "core",
    },
    "client_links": OTHER
    | {"kind": "OWNERSHIP", "direction": "INWARD", "share": "0.51", "valid_from": "2020-01-01"}
    | {"source": "register", "reference": "L-1"},
}


def read(mapping: str, **changed: str) -> Any:
    """One row of a shipped mapping's form, with some cells changed."""
    read_ = read_mapping((SHIPPED / f"{mapping}.toml").read_text(encoding="utf-8"))
    columns = {s.column for _, _, form in read_.entities() for given in form.fields.values() for s in given}
    row = dict.fromkeys(sorted(filter(None, columns)), "") | CLIENT | GOOD[mapping] | changed
    return Plan(read_, tuple(row)).read(2, list(row.values()))


@pytest.mark.parametrize("mapping", GOOD)
def test_a_client_is_named_by_its_registration_alone(mapping: str) -> None:
    reading = read(mapping)
    assert reading.problems == ()
    assert reading.row.entities["client"] == [("CN", "91310000607378229C")]


@pytest.mark.parametrize(
    ("mapping", "changed", "column", "said"),
    [
        ("statements", {"equity": "40.02"}, "total_assets", "does not balance: total assets must be"),
        ("statements", {"period_months": "25"}, "period_months", "is more than 24"),
        ("client_months", {"month": "2024-12-31"}, "month", "write 2024-12-01"),
        ("client_months", {"outflow": "-1"}, "outflow", "is less than 0"),
        ("interactions", {"nps": "11"}, "nps", "is more than 10"),
        ("interactions", {"kind": "LETTER"}, "kind", "is not a known code"),
        ("complaints", {"resolved_on": "2024-11-30"}, "resolved_on", "before the day on which the complaint"),
        ("ratings", {"probability_of_default": "5"}, "probability_of_default", "write 5 % as 0.05"),
        (
            "client_links",
            {"related_number": CLIENT["registration_number"]},
            "related_number",
            "the client itself",
        ),
        ("client_links", {"share": "51"}, "share", "is not between 0 and 1"),
        ("client_links", {"share": ""}, "share", "ownership needs its share"),
        ("client_links", {"kind": "CONTROL"}, "share", "only OWNERSHIP has a share"),
        ("client_links", {"amount": "5", "currency": "CNY"}, "amount", "only GUARANTEE has an amount"),
        ("client_links", {"valid_until": "2019-12-31"}, "valid_until", "before the day from which"),
        ("client_links", {"related_number": "91310000607378229D"}, "related_number", "a wrong check digit"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_what_mends_it(
    mapping: str, changed: dict[str, str], column: str, said: str
) -> None:
    reading = read(mapping, **changed)
    (problem,) = reading.problems
    assert (reading.row, problem.column) == (None, column)
    assert said in problem.reason


def test_a_cent_of_rounding_and_a_missing_line_are_no_imbalance() -> None:
    assert read("statements", equity="40.01").row is not None
    assert read("statements", equity="").row is not None


@given(st.integers(-(2**62), 2**62), st.integers(-(2**62), 2**62), st.integers(-3, 3))
def test_a_statement_balances_exactly_within_one_minor_unit(liabilities: int, equity: int, off: int) -> None:
    sheet = {"total_assets": liabilities + equity + off, "total_liabilities": liabilities, "equity": equity}
    assert is_unbalanced(sheet) == (abs(off) > 1)
    assert not any(is_unbalanced(sheet | {name: None}) for name in sheet)


def test_a_client_that_is_named_without_its_legal_name_is_only_found_if_nothing_else_is_said_of_it() -> None:
    text = (SHIPPED / "ratings.toml").read_text(encoding="utf-8")
    with pytest.raises(MappingRefused, match=r"client.legal_name: missing"):
        read_mapping(text.replace("[client]", '[client]\ncity = { column = "city" }'))
    alone = text.split("[rating]")[0]
    with pytest.raises(MappingRefused, match="makes nothing of a row"):
        read_mapping(alone)


ISO = DateForm(("%d/%m/%Y",), 1950, dt.date(1900, 1, 1), dt.date(2199, 12, 31))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("  x", "  x"),
        (True, "true"),
        (84, "84"),
        (84.0, "84"),
        (0.1 + 0.2, "0.3"),
        (1e21, "1000000000000000000000"),
        (1.5e-7, "0.00000015"),
        (Decimal("1E+3"), "1000"),
        (Decimal("60000.10"), "60000.10"),
        (dt.date(2024, 2, 29), "2024-02-29"),
        (dt.datetime(2024, 2, 29), "2024-02-29"),  # noqa: DTZ001 - as spreadsheets keep days
        (dt.datetime(2024, 2, 29, 8), "2024-02-29 08:00:00"),  # noqa: DTZ001
    ],
)
def test_a_typed_cell_is_written_as_a_text_file_would(value: object, text: str) -> None:
    assert written(value) == text


def test_what_no_cell_of_a_text_file_could_say_is_refused() -> None:
    assert isinstance(written(b"\x00"), Bad)
    assert isinstance(written([1]), Bad)


@given(st.dates(dt.date(1900, 1, 1), dt.date(2199, 12, 31)))
def test_a_typed_day_is_understood_whatever_form_the_mapping_gives_its_days(day: dt.date) -> None:
    text = written(day)
    assert isinstance(text, str)
    assert date(text, ISO) == day


@pytest.mark.parametrize("end", [dt.date.min, dt.date.max])
def test_the_ends_of_the_calendar_are_no_days_however_wide_the_mapping(end: dt.date) -> None:
    assert date(end.isoformat(), DateForm((), 1950, dt.date.min, dt.date.max)) == Bad(
        "is an end of the calendar: leave it out for an open end"
    )


@given(st.integers(-(10**14), 10**14))
def test_cents_survive_a_spreadsheets_floating_point(cents: int) -> None:
    text = written(cents / 100)
    assert isinstance(text, str)
    assert decimal(text, NumberForm()) == Decimal(cents) / 100
