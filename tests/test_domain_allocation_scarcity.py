"""The scarcity rules: the laws that define them, exact in fractions, and what rounding keeps of them."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.allocation.beside import by_rule
from domain.allocation.problem import Cell, Problem
from domain.allocation.scarcity import (
    RULES,
    ScarcityRule,
    equal_awards,
    equal_losses,
    proportional,
    shared_out,
    talmud,
)

CLAIMS = st.lists(st.integers(0, 10**6), min_size=1, max_size=8)


@st.composite
def scarce(draw: st.DrawFn) -> tuple[int, list[int]]:
    """An estate and claims of it that it does not exceed."""
    claims = draw(CLAIMS)
    return draw(st.integers(0, sum(claims))), claims


# Aumann and Maschler (1985): the three estates of the Mishnah, and what the other rules make of them.
TABLE = [
    (talmud, 100, ["100/3", "100/3", "100/3"]),
    (talmud, 200, ["50", "75", "75"]),
    (talmud, 300, ["50", "100", "150"]),
    (proportional, 300, ["50", "100", "150"]),
    (equal_awards, 300, ["100", "100", "100"]),
    (equal_awards, 200, ["200/3", "200/3", "200/3"]),
    (equal_losses, 300, ["0", "100", "200"]),
    (equal_losses, 100, ["0", "0", "100"]),
]


@pytest.mark.parametrize(("rule", "estate", "awards"), TABLE)
def test_the_table_of_the_mishnah(rule: object, estate: int, awards: list[str]) -> None:
    assert callable(rule)
    assert rule(estate, [100, 200, 300]) == [Fraction(award) for award in awards]


def test_the_garment_of_which_one_claims_all_and_one_claims_half() -> None:
    assert talmud(200, [200, 100]) == [150, 50]


@pytest.mark.parametrize("rule", ScarcityRule)
@given(asked=scarce())
def test_every_rule_gives_out_the_estate_within_the_claims_and_equal_claims_get_the_same(
    rule: ScarcityRule, asked: tuple[int, list[int]]
) -> None:
    estate, claims = asked
    exact, whole = RULES[rule](estate, claims), shared_out(rule, estate, claims)
    assert sum(exact) == sum(whole) == estate
    assert all(0 <= award <= claim for award, claim in zip(exact, claims, strict=True))
    assert all(0 <= award <= claim for award, claim in zip(whole, claims, strict=True))
    # Rounding moves nobody by a unit or more.
    assert all(abs(one - other) < 1 for one, other in zip(exact, whole, strict=True))
    for one, other in combinations(range(len(claims)), 2):
        if claims[one] == claims[other]:
            assert exact[one] == exact[other]
            assert abs(whole[one] - whole[other]) <= 1
        elif claims[one] < claims[other]:
            # Order: who claims more gets no less, and loses no less.
            assert exact[one] <= exact[other]
            assert claims[one] - exact[one] <= claims[other] - exact[other]


@given(asked=scarce())
def test_losses_are_shared_by_equal_losses_as_awards_are_by_equal_awards(
    asked: tuple[int, list[int]],
) -> None:
    estate, claims = asked
    lost = equal_awards(sum(claims) - estate, claims)
    assert equal_losses(estate, claims) == [c - loss for c, loss in zip(claims, lost, strict=True)]


@given(asked=scarce())
def test_proportional_and_talmud_share_awards_as_they_share_losses(asked: tuple[int, list[int]]) -> None:
    estate, claims = asked
    for rule in (proportional, talmud):
        lost = rule(sum(claims) - estate, claims)
        assert rule(estate, claims) == [c - loss for c, loss in zip(claims, lost, strict=True)]


@given(asked=scarce())
def test_talmud_is_what_two_would_agree_on_over_what_they_get_together(asked: tuple[int, list[int]]) -> None:
    """Consistency: any two, with what the rule gave both, divide it as over the disputed garment."""
    estate, claims = asked
    awards = talmud(estate, claims)
    for one, other in combinations(range(len(claims)), 2):
        both, (a, b) = awards[one] + awards[other], (claims[one], claims[other])
        conceded_by_b, conceded_by_a = max(both - b, Fraction(0)), max(both - a, Fraction(0))
        assert awards[one] == conceded_by_b + (both - conceded_by_a - conceded_by_b) / 2


def test_where_there_is_enough_everybody_gets_what_it_claims() -> None:
    assert shared_out(ScarcityRule.TALMUD, 1000, [100, 200, 300]) == [100, 200, 300]


def test_what_is_committed_is_honoured_first_and_branches_claim_before_their_segments() -> None:
    def cell(unit: int, segment: str, committed: int, asked: int) -> Cell:
        return Cell(unit, segment, Decimal(0), committed, asked, asked)

    cells = (cell(1, "growth", 40, 100), cell(1, "stable", 0, 40), cell(2, "growth", 10, 60))
    problem = Problem("CNY", 150, Decimal(0), cells)
    # 100 are left for claims of 100 and 50: equal awards give both 50, and of the first's 50 its segments 25 each.
    assert by_rule(problem, ScarcityRule.EQUAL_AWARDS) == [40 + 25, 25, 10 + 50]
    assert by_rule(problem, ScarcityRule.EQUAL_LOSSES) == [40 + 48, 27, 10 + 25]
