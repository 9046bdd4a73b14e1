"""What a mapping may say, and what a cell means: laws and refusals."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.intake.cells import Bad, DateForm, NumberForm, add_months, date, decimal, integer, minor
from domain.intake.mapping import MappingRefused
from domain.intake.mapping_file import read_mapping
from domain.intake.problems import shown
from tenants.intake.shipped import SHIPPED, source_of

DOLLARS = NumberForm(symbols=("$",))
DATES = DateForm(
    ("%m/%d/%Y", "%d-%b-%y"),
    two_digit_years_from=1953,
    not_before=dt.date(1953, 7, 30),
    not_after=dt.date(2025, 12, 31),
)

SMALL = """
name = "small"
unit = { column = "State", codes = "state" }
units = [{ code = "B1", name = "One" }]
[codes.state]
A = "B1"
[client]
registration_country = { constant = "US" }
registration_number = { column = "Id" }
legal_name = { column = "Name" }
currency = { constant = "USD" }
"""


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED.glob("*.toml")))
def test_every_shipped_mapping_is_in_order(name: str) -> None:
    assert source_of(Path("x.csv"), name).mapping.name == name


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("legal_name", "legal_nam", "client.legal_nam: unknown target; did you mean 'legal_name'?"),
        ("legal_name", "zzz", "client.zzz: unknown target; known: registration_country"),
        ("[client]", "[borrower]", "borrower: unknown key; known:"),
        ('column = "Name"', 'colum = "Name"', "client.legal_name.colum: unknown key; did you mean 'column'?"),
        (
            'codes = "state"',
            'codes = "states"',
            "unit.codes: there is no code list 'states'; did you mean 'state'?",
        ),
        ('constant = "USD"', 'constant = "USDD"', "client.currency.constant: 'USDD' is not a known code"),
        (
            'column = "Id"',
            'column = "Id", formats = ["%Y-%m-%d"]',
            "formats: has no meaning for a registration number",
        ),
        ('column = "Id"', "", "client.registration_number: needs exactly one of column, constant and from"),
        ('column = "Id"', 'from = "client.emplyees"', "'client.emplyees' is not filled by this mapping"),
        (
            'name = "One"',
            'name = "One", parent = "B2"',
            "units: 'B1' stands under 'B2', which is not declared",
        ),
        ('name = "One"', 'name = "One", kind = "SUB_BRANCH"', "may not stand under a HEADQUARTERS"),
        ('unit = { column = "State", codes = "state" }', "", "unit: missing"),
        ('legal_name = { column = "Name" }', "", "client.legal_name: missing"),
        ("[client]", "[client", "is not TOML"),
        ("[codes.state]", '[dates]\nformats = ["%H:%M"]\n[codes.state]', "dates.formats"),
        ("[codes.state]", '[file]\nencoding = "utf-16"\n[codes.state]', "file.encoding"),
    ],
)
def test_a_mistake_in_a_mapping_is_named_with_its_key_and_the_nearest_name(
    before: str, after: str, said: str
) -> None:
    read_mapping(SMALL)
    with pytest.raises(MappingRefused) as refused:
        read_mapping(SMALL.replace(before, after))
    assert said in str(refused.value)


def test_targets_that_refer_to_each_other_in_a_circle_are_refused() -> None:
    circle = SMALL + 'city = { from = "client.address" }\naddress = { from = "client.city" }\n'
    with pytest.raises(MappingRefused, match="circle"):
        read_mapping(circle)


@given(st.integers(0, 2**63 - 1))
def test_an_amount_is_read_as_exactly_what_was_written(cents: int) -> None:
    plain = f"{cents // 100}.{cents % 100:02}"
    grouped = f"${cents // 100:,}.{cents % 100:02}"
    for written in (plain, grouped):
        amount = decimal(written, DOLLARS)
        assert isinstance(amount, Decimal)
        assert minor(amount, "USD", 0) == cents


@given(st.text(max_size=50))
def test_a_number_is_read_from_ascii_digits_alone_and_keeps_their_value(written: str) -> None:
    read = decimal(written, DOLLARS)
    if isinstance(read, Decimal):
        assert written.isascii()
        assert read.is_finite()
        assert read == Decimal(written.replace(",", "").replace("$", "").replace(" ", ""))


@pytest.mark.parametrize(
    "written",
    ["NaN", "nan", "Infinity", "-inf", "1_000", "١٢٣", "１２３", "1e5", "0x10", "1,00", "12,34", "1.2.3", "--1",
     "+-1", "$", "", ".5", "9" * 40, "1." + "0" * 30 + "1", "1\n"],
)  # fmt: skip
def test_what_only_looks_like_a_number_is_none(written: str) -> None:
    assert isinstance(decimal(written, DOLLARS), Bad)
    assert isinstance(integer(written, least=None, most=10**9), Bad)


def test_a_fraction_of_a_cent_is_refused_not_rounded() -> None:
    assert minor(Decimal("0.001"), "USD", 0) == Bad("has more decimal places than its currency")
    assert minor(Decimal("0.0100000"), "USD", 0) == 1
    assert minor(Decimal("1.5"), "JPY", 0) == Bad("has more decimal places than its currency")
    assert minor(Decimal("-1"), "USD", 0) == Bad("is less than 0")


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2/28/1997", dt.date(1997, 2, 28)),
        ("02/08/1997", dt.date(1997, 2, 8)),
        ("28-Feb-97", dt.date(1997, 2, 28)),
        ("3-SEP-08", dt.date(2008, 9, 3)),
        ("1-Jan-54", dt.date(1954, 1, 1)),
        ("1-Jan-25", dt.date(2025, 1, 1)),
    ],
)
def test_a_date_is_read_by_the_formats_listed(written: str, day: dt.date) -> None:
    assert date(written, DATES) == day


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("31-Feb-97", "is not a date"),
        ("13/13/1997", "is not a date"),
        ("2/28/97", "is not a date"),
        ("２/28/1997", "is not a date"),
        ("1-Jan-26", "is after 2025-12-31"),
        ("2/28/2069", "is after 2025-12-31"),
        ("1/1/1953", "is before 1953-07-30"),
    ],
)
def test_a_day_that_is_none_or_not_plausible_is_refused(written: str, reason: str) -> None:
    read = date(written, DATES)
    assert isinstance(read, Bad)
    assert read.reason.startswith(reason)


def test_adding_months_ends_at_the_end_of_a_shorter_month() -> None:
    assert add_months(dt.date(2004, 1, 31), 1) == dt.date(2004, 2, 29)
    assert add_months(dt.date(2004, 12, 31), 12) == dt.date(2005, 12, 31)
    assert isinstance(add_months(dt.date(2004, 1, 31), 12 * 9000), Bad)


def test_a_shown_value_is_one_bounded_line_and_never_a_formula() -> None:
    assert shown("a\x00b\nc") == "a\\x00b\\nc"
    assert shown("=1+1") == "'=1+1"
    assert shown("-5") == "-5"
    assert shown("-5+cmd|' /C calc'!A0").startswith("'")
    assert len(shown("x" * 10_000)) == 201
