"""How evenly something is spread: the three measures by their definitions, and the laws that they obey."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.concentration import MEASURES, Measure, gini, herfindahl_hirschman, theil

HHI, THEIL, GINI = Measure.HHI, Measure.THEIL, Measure.GINI
SMALLEST = Decimal("0.000001")

spreads = st.lists(st.integers(0, 10**15), min_size=1, max_size=40).filter(any)


@pytest.mark.parametrize(
    ("amounts", "hhi", "theil_", "gini_"),
    [
        ([7], "1", "0", "0"),
        ([5, 5], "0.5", "0", "0"),
        ([10, 0], "1", "0.693147", "0.5"),
        ([1, 2, 3, 4], "0.3", "0.106440", "0.25"),
        ([100, 50, 80], "0.357278", "0.037404", "0.144928"),
        ([0, 0, 5], "1", "1.098612", "0.666667"),
    ],
)
def test_examples(amounts: list[int], hhi: str, theil_: str, gini_: str) -> None:
    assert herfindahl_hirschman(amounts) == Decimal(hhi)
    assert theil(amounts) == Decimal(theil_)
    assert gini(amounts) == Decimal(gini_)


@pytest.mark.parametrize("measure", Measure)
def test_nothing_has_no_measure_and_less_than_nothing_is_a_mistake(measure: Measure) -> None:
    reckon = MEASURES[measure]
    assert reckon([]) is None
    assert reckon([0, 0]) is None
    with pytest.raises(ValueError, match="negative"):
        reckon([3, -1])


@given(spreads)
def test_each_is_its_definition(amounts: list[int]) -> None:
    """By the definitions as they are written in books, in floating point."""
    total, count = sum(amounts), len(amounts)
    mean = total / count
    pairs = sum(abs(one - other) for one, other in itertools.product(amounts, amounts))
    assert float(herfindahl_hirschman(amounts) or 0) == pytest.approx(
        sum((amount / total) ** 2 for amount in amounts), abs=2e-6
    )
    assert float(theil(amounts) or 0) == pytest.approx(
        sum(amount / mean * math.log(amount / mean) for amount in amounts if amount) / count, abs=2e-6
    )
    assert float(gini(amounts) or 0) == pytest.approx(pairs / (2 * count**2 * mean), abs=2e-6)


@given(spreads)
def test_each_lies_between_even_and_everything_with_one(amounts: list[int]) -> None:
    count = len(amounts)
    even, alone = [1] * count, [1] + [0] * (count - 1)
    for reckon in MEASURES.values():
        lowest, found, highest = (reckon(spread) for spread in (even, amounts, alone))
        assert lowest is not None
        assert found is not None
        assert highest is not None
        assert lowest - SMALLEST <= found <= highest + SMALLEST


@given(spreads, st.integers(1, 1000))
def test_neither_the_order_nor_the_unit_matters(amounts: list[int], factor: int) -> None:
    shuffled = sorted(amount * factor for amount in amounts)
    for reckon in MEASURES.values():
        assert reckon(shuffled) == reckon(amounts)


@given(spreads, st.data())
def test_giving_from_more_to_less_never_concentrates(amounts: list[int], data: st.DataObject) -> None:
    """The principle of transfers (Pigou, Dalton)."""
    amounts = sorted(amounts)
    poor, rich = 0, len(amounts) - 1
    given_over = data.draw(st.integers(0, (amounts[rich] - amounts[poor]) // 2))
    evener = amounts.copy()
    evener[rich] -= given_over
    evener[poor] += given_over
    for reckon in MEASURES.values():
        before, after = reckon(amounts), reckon(evener)
        assert before is not None
        assert after is not None
        assert after <= before


@given(spreads, st.integers(2, 4))
def test_copies_of_every_group_change_no_inequality(amounts: list[int], copies: int) -> None:
    """Theil and Gini compare populations of any size; the index of Herfindahl falls to its share."""
    assert theil(amounts * copies) == theil(amounts)
    assert gini(amounts * copies) == gini(amounts)
    alone, together = herfindahl_hirschman(amounts), herfindahl_hirschman(amounts * copies)
    assert alone is not None
    assert together is not None
    assert abs(together * copies - alone) <= copies * SMALLEST
