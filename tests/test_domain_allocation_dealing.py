"""From cells to the limits of units: what stands below counts above, and covers what stands against it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.allocation.dealing import Dealt, Top, dealt_out, too_small

HQ, EAST, SHANGHAI, PUDONG, NORTH = range(1, 6)


def top(unit: int, above: int | None, *, addition: int = 0, most: int | None = None, taken: int = 0) -> Top:
    return Top(unit, above, addition, most, taken)


BANK = [top(HQ, None), top(EAST, HQ), top(SHANGHAI, EAST, addition=5), top(PUDONG, SHANGHAI), top(NORTH, HQ)]


def test_a_units_limit_is_its_cells_and_the_limits_right_below_it_additions_included() -> None:
    assert dealt_out(BANK, {SHANGHAI: 70, PUDONG: 30}, 200) == {
        HQ: Dealt(200, 105),
        EAST: Dealt(105, 105),
        SHANGHAI: Dealt(100, 30),
        PUDONG: Dealt(30, 0),
        NORTH: Dealt(0, 0),
    }


def test_the_bank_is_never_less_than_what_it_has_dealt() -> None:
    assert dealt_out(BANK, {NORTH: 50}, 10)[HQ] == Dealt(55, 55)


def test_limits_too_small_for_what_stands_against_them_are_named() -> None:
    tops = [top(HQ, None), top(EAST, HQ, taken=8), top(NORTH, HQ, most=40, taken=45)]
    assert too_small(tops, dealt_out(tops, {EAST: 7, NORTH: 60}, 100)) == {EAST: 1, NORTH: 5}


def test_limits_in_a_circle_are_a_fault_of_ours() -> None:
    with pytest.raises(AssertionError):
        dealt_out([top(EAST, NORTH), top(NORTH, EAST)], {}, 1)


@given(st.dictionaries(st.sampled_from([SHANGHAI, PUDONG, NORTH]), st.integers(0, 100)), st.integers(0, 1000))
def test_every_unit_can_deal_what_it_dealt(own: dict[int, int], budget: int) -> None:
    made = dealt_out(BANK, own, budget)
    assert all(one.sanctioned >= one.dealt for one in made.values())
    assert made[HQ].sanctioned == max(budget, sum(own.values()) + 5)
    assert too_small(BANK, made) == {}
