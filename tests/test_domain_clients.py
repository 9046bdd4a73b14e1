"""Registration numbers: one written form, and a check digit that catches a slip of the pen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_bank import CLIENTS
from stdnum.cn import uscc

from domain.clients import LONGEST_REGISTRATION, RegistrationRefusal, registration_number

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
GOOD = "91310000607378229C"

codes = st.text(ALPHABET, min_size=17, max_size=17).map(lambda head: head + uscc.calc_check_digit(head))
well_formed = codes.filter(uscc.is_valid)


@pytest.mark.parametrize(
    ("country", "number", "told"),
    [
        ("CN", GOOD, GOOD),
        ("CN", GOOD.lower(), GOOD),
        ("CN", f"  {GOOD} ", GOOD),
        ("CN", "91310000 607378229C", GOOD),
        ("CN", "９１３１００００６０７３７８２２９Ｃ", GOOD),
        ("CN", "91310000607378229D", RegistrationRefusal.WRONG_CHECK_DIGIT),
        ("CN", "91310000607378228C", RegistrationRefusal.WRONG_CHECK_DIGIT),
        ("CN", GOOD[:-1], RegistrationRefusal.WRONG_LENGTH),
        ("CN", GOOD + "0", RegistrationRefusal.WRONG_LENGTH),
        ("CN", "12-3456789", RegistrationRefusal.WRONG_LENGTH),
        ("CN", "", RegistrationRefusal.EMPTY),
        ("CN", "   ", RegistrationRefusal.EMPTY),
        ("CN", "9131000060737822٩C", RegistrationRefusal.ODD_CHARACTERS),
        ("CN", "91310000607378229\n", RegistrationRefusal.WRONG_LENGTH),
        ("US", "12-3456789", "12-3456789"),
        ("GB", "sc 123456", "SC 123456"),
        ("DE", "HRB 12345/a", "HRB 12345/A"),
        ("US", "12_3456789", RegistrationRefusal.ODD_CHARACTERS),
        ("US", "1\x002", RegistrationRefusal.ODD_CHARACTERS),
        ("US", "'; drop table", RegistrationRefusal.ODD_CHARACTERS),
        ("US", "9" * LONGEST_REGISTRATION, "9" * LONGEST_REGISTRATION),
        ("US", "9" * (LONGEST_REGISTRATION + 1), RegistrationRefusal.TOO_LONG),
        ("cn", GOOD, RegistrationRefusal.COUNTRY_UNKNOWN),
        ("CHN", GOOD, RegistrationRefusal.COUNTRY_UNKNOWN),
        ("", GOOD, RegistrationRefusal.COUNTRY_UNKNOWN),
        ("ＣＮ", GOOD, RegistrationRefusal.COUNTRY_UNKNOWN),
    ],
)
def test_the_table_of_numbers(country: str, number: str, told: str) -> None:
    assert registration_number(country, number) == told


@pytest.mark.parametrize("number", sorted({client[1] for client in CLIENTS}))
def test_the_small_banks_numbers_are_good(number: str) -> None:
    assert registration_number("CN", number) == number


@given(well_formed)
def test_the_written_form_is_its_own_written_form(number: str) -> None:
    assert registration_number("CN", number) == number
    assert registration_number("CN", f" {number.lower()} ") == number


@given(well_formed, st.integers(0, 17), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_always_noticed(number: str, place: int, other: str) -> None:
    slipped = number[:place] + other + number[place + 1 :]
    if slipped != number:
        assert registration_number("CN", slipped) is RegistrationRefusal.WRONG_CHECK_DIGIT


@given(st.sampled_from(["CN", "US", "DE", "XX", "c", ""]), st.text(max_size=60))
def test_any_text_is_taken_or_refused_and_what_is_taken_stays(country: str, number: str) -> None:
    told = registration_number(country, number)
    if not isinstance(told, RegistrationRefusal):
        assert registration_number(country, told) == told
        assert told.isascii()
        assert 0 < len(told) <= LONGEST_REGISTRATION
