"""What a condition means, as tables and laws: missing values, kinds, amounts, texts, related rows."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from condition_trees import facts, trees
from hypothesis import given, settings

from domain.conditions import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Every,
    Explanation,
    NoneOf,
    Not,
    One,
    Operator,
    Some,
    evaluate,
    explain,
    fold,
    mistake,
    size_of,
)
from domain.money import Money

EQ, NE, IN, NOT_IN = Operator.EQ, Operator.NE, Operator.IN, Operator.NOT_IN
GT, GTE, LT, LTE, BETWEEN = Operator.GT, Operator.GTE, Operator.LT, Operator.LTE, Operator.BETWEEN
STARTS_WITH, CONTAINS, IS_NULL = Operator.STARTS_WITH, Operator.CONTAINS, Operator.IS_NULL
NOON = dt.datetime(2026, 1, 15, 12, tzinfo=dt.UTC)


class Grade(StrEnum):
    A = "A"


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


@pytest.mark.parametrize(
    ("value", "operator", "operand", "holds"),
    [
        (3, EQ, 3, True),
        (3, NE, 3, False),
        (3, NE, 4, True),
        (3, EQ, Decimal("3.00"), True),
        (Decimal("0.1"), LT, 1, True),
        (3, IN, (), False),
        (3, IN, (1, 3), True),
        (3, NOT_IN, (), True),
        (3, NOT_IN, (1, 3), False),
        (3, NOT_IN, (1, 2), True),
        (3, GT, 3, False),
        (3, GTE, 3, True),
        (3, LT, 3, False),
        (3, LTE, 3, True),
        (3, BETWEEN, (3, 3), True),
        (3, BETWEEN, (4, 2), False),
        (True, EQ, True, True),
        (True, EQ, 1, False),
        (1, EQ, True, False),
        ("1", EQ, 1, False),
        ("1", NE, 1, False),
        ("1", NOT_IN, (1,), False),
        (1, STARTS_WITH, "1", False),
        (float("nan"), NE, 1, False),
        (Decimal("NaN"), GT, 1, False),
        (Grade.A, EQ, "A", True),
        (dt.date(2026, 1, 15), LT, dt.date(2026, 1, 16), True),
        (NOON, GTE, NOON.astimezone(dt.timezone(dt.timedelta(hours=8))), True),
        (NOON, GT, dt.date(2026, 1, 1), False),
        (dt.date(2026, 1, 15), EQ, NOON, False),
        (NOON.replace(tzinfo=None), NE, NOON, False),
        (cny(100), EQ, cny(100), True),
        (cny(100), EQ, Money(100, "USD"), False),
        (cny(100), NE, Money(100, "USD"), False),
        (cny(100), LT, Money(200, "JPY"), False),
        (cny(100), LT, cny(101), True),
        (cny(100), BETWEEN, (cny(99), cny(100)), True),
        (cny(100), IN, (cny(99), cny(100)), True),
        (cny(100), NOT_IN, (cny(99),), True),
        (cny(100), NOT_IN, (Money(99, "USD"),), False),
        (cny(100), NOT_IN, (), True),
        ("Silk", EQ, "silk", False),
        ("Suzhou Silk", STARTS_WITH, "SUZ", True),
        ("Suzhou Silk", STARTS_WITH, "Silk", False),
        ("Suzhou Silk", CONTAINS, "U S", True),
        ("Suzhou Silk", CONTAINS, "", True),
        ("", STARTS_WITH, "", True),
        ("100 %", CONTAINS, "%", True),
        ("100", CONTAINS, "%", False),
        ("ΟΔΟΣ", STARTS_WITH, "οδοσ", True),
        ("İnci", STARTS_WITH, "inci", True),
        ("Straße", CONTAINS, "SS", False),
        ("华夏钢铁", CONTAINS, "钢", True),
        (3, IS_NULL, False, True),
        (3, IS_NULL, True, False),
    ],
)
def test_the_table_of_comparisons(value: Any, operator: Operator, operand: Any, holds: bool) -> None:
    assert evaluate(Compare("x", operator, operand), {"x": value}) is holds


@pytest.mark.parametrize("missing", [{}, {"x": None}])
def test_a_missing_value_satisfies_nothing_but_being_missing(missing: dict[str, Any]) -> None:
    one: list[tuple[Operator, Any]] = [(EQ, 1), (NE, 1), (IN, (1,)), (NOT_IN, ()), (GT, 1), (BETWEEN, (1, 2))]
    for operator, operand in one:
        comparison = Compare("x", operator, operand)
        assert not evaluate(comparison, missing)
        assert evaluate(Not(comparison), missing)
    assert evaluate(Compare("x", IS_NULL, True), missing)
    assert not evaluate(Compare("x", IS_NULL, False), missing)


BIG, SMALL = Compare("size", GT, 10), Compare("size", LTE, 10)
FACTS = {
    "size": 11,
    "limit": cny(5),
    "owner": {"size": 3},
    "landlord": None,
    "parts": [{"size": 20}, {"size": None}],
    "leaves": [],
}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (AllOf(()), True),
        (AnyOf(()), False),
        (AllOf((BIG, SMALL)), False),
        (AnyOf((BIG, SMALL)), True),
        (Not(BIG), False),
        (Compare("limit.currency", EQ, "CNY"), True),
        (Compare("limit.currency", IN, ("USD",)), False),
        (Compare("size.currency", EQ, "CNY"), False),
        (One("owner", SMALL), True),
        (One("owner", BIG), False),
        (One("owner", AllOf(())), True),
        (One("landlord", AllOf(())), False),
        (Not(One("landlord", AllOf(()))), True),
        (Some("parts", BIG), True),
        (Some("parts", SMALL), False),
        (NoneOf("parts", SMALL), True),
        (NoneOf("parts", BIG), False),
        (Every("parts", BIG), False),
        (Every("parts", AnyOf((BIG, Compare("size", IS_NULL, True)))), True),
        (Some("leaves", AllOf(())), False),
        (NoneOf("leaves", AllOf(())), True),
        (Every("leaves", AnyOf(())), True),
        (Some("unknown", AllOf(())), False),
        (Every("unknown", AnyOf(())), True),
    ],
)
def test_the_table_of_combinations(condition: Condition, holds: bool) -> None:
    assert evaluate(condition, FACTS) is holds
    assert explain(condition, FACTS).holds is holds


def test_an_explanation_has_the_conditions_form_with_what_was_found() -> None:
    found = explain(AllOf((BIG, Compare("grade", EQ, "A"), Some("parts", BIG), One("landlord", BIG))), FACTS)
    assert found == Explanation(
        found.condition,
        False,
        parts=(
            Explanation(BIG, True, 11),
            Explanation(Compare("grade", EQ, "A"), False, None, missing=("grade",)),
            Explanation(
                Some("parts", BIG),
                True,
                parts=(Explanation(BIG, True, 20), Explanation(BIG, False, missing=("size",))),
                missing=("parts.size",),
            ),
            Explanation(One("landlord", BIG), False, missing=("landlord",)),
        ),
        missing=("grade", "parts.size", "landlord"),
    )


@given(trees, facts)
@settings(deadline=None)
def test_explaining_and_evaluating_agree(condition: Condition, of: dict[str, Any]) -> None:
    explained = explain(condition, of)
    assert explained.holds is evaluate(condition, of)
    assert explained.condition is condition
    if isinstance(condition, AllOf | AnyOf):
        assert tuple(part.condition for part in explained.parts) == condition.parts


@given(trees, facts)
@settings(deadline=None)
def test_the_laws_of_logic_hold_although_values_are_missing(condition: Condition, of: dict[str, Any]) -> None:
    holds = evaluate(condition, of)
    assert evaluate(Not(condition), of) is not holds
    assert evaluate(AllOf((condition, Not(condition))), of) is False
    assert evaluate(AnyOf((condition, Not(condition))), of) is True
    rows = {"parts": of.get("parts", [])}
    assert evaluate(NoneOf("parts", condition), rows) is not evaluate(Some("parts", condition), rows)
    assert evaluate(Every("parts", condition), rows) is evaluate(NoneOf("parts", Not(condition)), rows)


@given(trees)
@settings(deadline=None)
def test_equal_trees_are_one_key_of_a_dictionary(condition: Condition) -> None:
    assert {condition: 1}[condition] == 1
    assert size_of(AllOf((condition, condition))) == 1 + 2 * size_of(condition)


@pytest.mark.parametrize(
    ("operator", "operand", "told"),
    [
        (EQ, 1.5, "float"),
        (EQ, None, "NoneType"),
        (EQ, (1,), "tuple"),
        (EQ, NOON.replace(tzinfo=None), "datetime"),
        (EQ, Decimal("Infinity"), "Decimal"),
        (EQ, 2**63, "64 bits"),
        (EQ, Money(1, "XXX"), "XXX"),
        (GT, "a", "order"),
        (LTE, True, "order"),
        (IN, 1, "list"),
        (IN, (1, "a"), "one kind"),
        (IN, (cny(1), Money(1, "USD")), "one currency"),
        (NOT_IN, tuple(range(1001)), "1001"),
        (BETWEEN, (1,), "two"),
        (BETWEEN, (1, dt.date(2026, 1, 1)), "one kind"),
        (BETWEEN, ("a", "b"), "order"),
        (STARTS_WITH, 1, "text"),
        (CONTAINS, ("a",), "text"),
        (IS_NULL, 1, "true or false"),
    ],
)
def test_what_cannot_be_meant_is_said(operator: Operator, operand: Any, told: str) -> None:
    assert told in (mistake(Compare("x", operator, operand)) or "")


def test_texts_are_folded_character_by_character() -> None:
    for text, folded in [
        ("ABC", "abc"),
        ("ΟΔΟΣ", "οδοσ"),
        ("İI", "ii"),
        ("ẞß", "ßß"),
        ("ǅ", "ǆ"),
        ("华", "华"),
    ]:
        assert fold(text) == folded
        assert len(fold(text)) == len(text)
