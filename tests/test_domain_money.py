"""Laws of money: exact, never rounded, and no amount where there is none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import EXPONENTS, LARGEST_MINOR, AmountRefusal, Money, to_minor

currencies = st.sampled_from(sorted(EXPONENTS))
minors = st.integers(-LARGEST_MINOR, LARGEST_MINOR)


@given(minors, currencies)
def test_what_is_shown_can_be_given_back(minor: int, currency: str) -> None:
    shown = str(Money(minor, currency).amount)
    assert to_minor(Decimal(shown), currency) == minor
    assert "E" not in shown
    assert len(shown.partition(".")[2]) == EXPONENTS[currency]


@given(st.decimals(allow_nan=False, allow_infinity=False, places=None), currencies)
def test_an_amount_is_taken_exactly_or_not_at_all(amount: Decimal, currency: str) -> None:
    minor = to_minor(amount, currency)
    if not isinstance(minor, AmountRefusal):
        assert abs(minor) <= LARGEST_MINOR
        assert Money(minor, currency).amount == amount


@given(minors, currencies, st.integers(1, 60))
def test_the_smallest_part_too_much_is_refused_however_far_behind_the_point(
    minor: int, currency: str, further: int
) -> None:
    shown = f"{Money(minor, currency).amount:f}"
    whole = shown if "." in shown else f"{shown}."
    assert to_minor(Decimal(whole + "0" * further), currency) == minor
    refused = to_minor(Decimal(whole + "0" * further + "1"), currency)
    assert refused is AmountRefusal.TOO_MANY_DECIMALS


@given(minors, minors)
def test_order_is_kept(one: int, other: int) -> None:
    assert (one < other) == (Money(one, "CNY").amount < Money(other, "CNY").amount)


@pytest.mark.parametrize(
    ("amount", "currency", "told"),
    [
        ("1.50", "CNY", 150),
        ("1.5", "CNY", 150),
        ("-1.50", "CNY", -150),
        ("-0", "CNY", 0),
        ("0E+40", "CNY", 0),
        ("1E+3", "JPY", 1000),
        ("5", "JPY", 5),
        ("5.0", "JPY", 5),
        ("5.5", "JPY", AmountRefusal.TOO_MANY_DECIMALS),
        ("0.001", "KWD", 1),
        ("0.0005", "KWD", AmountRefusal.TOO_MANY_DECIMALS),
        ("0.001", "CNY", AmountRefusal.TOO_MANY_DECIMALS),
        ("92233720368547758.07", "CNY", LARGEST_MINOR),
        ("92233720368547758.08", "CNY", AmountRefusal.TOO_LARGE),
        ("-92233720368547758.08", "CNY", AmountRefusal.TOO_LARGE),
        ("9223372036854775807", "JPY", LARGEST_MINOR),
        ("9223372036854775808", "JPY", AmountRefusal.TOO_LARGE),
        ("1E+999999", "CNY", AmountRefusal.TOO_LARGE),
        ("1E-999999", "CNY", AmountRefusal.TOO_MANY_DECIMALS),
        ("NaN", "CNY", AmountRefusal.NOT_A_NUMBER),
        ("sNaN", "CNY", AmountRefusal.NOT_A_NUMBER),
        ("Infinity", "CNY", AmountRefusal.NOT_A_NUMBER),
        ("-Infinity", "CNY", AmountRefusal.NOT_A_NUMBER),
        ("1", "XXX", AmountRefusal.UNKNOWN_CURRENCY),
        ("1", "cny", AmountRefusal.UNKNOWN_CURRENCY),
        ("1", "", AmountRefusal.UNKNOWN_CURRENCY),
    ],
)
def test_the_table_of_amounts(amount: str, currency: str, told: int | AmountRefusal) -> None:
    assert to_minor(Decimal(amount), currency) == told
