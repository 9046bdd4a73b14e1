"""Splitting into whole units by largest remainder: what it is by example, and its laws."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.splitting import Weight, by_name, by_weight, in_whole_units

AMOUNTS = st.integers(0, 10**18)
WEIGHT = st.integers(0, 1000) | st.decimals(0, 1000, places=3) | st.fractions(0, 1, max_denominator=60)


@pytest.mark.parametrize(
    ("amount", "weights", "expected"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (100, [1, 2], [33, 67]),
        (1, [1, 1], [1, 0]),
        (10, ["0.15", "0.25", "0.6"], [2, 2, 6]),
        (0, [1, 3], [0, 0]),
        (0, [], []),
        (5, [0, 1], [0, 5]),
    ],
)
def test_what_rounding_leaves_goes_to_the_largest_remainders(
    amount: int, weights: list[Any], expected: list[int]
) -> None:
    assert by_weight(amount, [Decimal(weight) for weight in weights]) == expected


def test_city_and_district_bear_four_to_six_in_the_order_in_which_they_are_named() -> None:
    shares = by_name(80_01, {"DISTRICT": 6, "CITY": 4})
    assert list(shares.items()) == [("DISTRICT", 48_01), ("CITY", 32_00)]
    assert by_name(1, {"B": 1, "A": 1}) == {"A": 1, "B": 0}


@given(AMOUNTS, st.lists(WEIGHT, min_size=1, max_size=31).filter(any))
def test_parts_sum_to_the_whole_each_within_a_unit_of_its_quota_and_in_the_order_of_the_weights(
    amount: int, weights: list[Weight]
) -> None:
    parts, exact = by_weight(amount, weights), [Fraction(weight) for weight in weights]
    assert sum(parts) == amount
    quotas = [amount * weight / sum(exact) for weight in exact]
    assert all(abs(part - quota) < 1 for part, quota in zip(parts, quotas, strict=True))
    assert in_whole_units(amount, quotas) == parts
    for one, other in combinations(range(len(parts)), 2):
        if exact[one] == exact[other]:
            assert parts[other] <= parts[one] <= parts[other] + 1
        elif (exact[one] < exact[other]) != (parts[one] < parts[other]):
            assert parts[one] == parts[other]


@given(
    AMOUNTS, st.dictionaries(st.text(max_size=3), st.integers(1, 1000), min_size=1, max_size=6), st.randoms()
)
def test_parts_by_name_do_not_depend_on_the_order(amount: int, weights: dict[str, int], random: Any) -> None:
    shuffled = list(weights.items())
    random.shuffle(shuffled)
    assert by_name(amount, dict(shuffled)) == by_name(amount, weights)
