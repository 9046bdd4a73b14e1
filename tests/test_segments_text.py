"""Rules as the text of SQL: data stays data, what cannot be said is false, what is not asked for is not there."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from domain.conditions import AllOf, AnyOf, Compare, Not, Operator
from domain.money import Money
from domain.segmentation.rules import Rule, Rulebook, RuleSet, Version
from tenants.segments.arms import MOST_WRITTEN_OUT
from tenants.segments.conditions import FALSE, TRUE, combined, in_words, literal, on_a_fact, quoted
from tenants.segments.cte import written
from tenants.segments.rulebook import RulesInForce

HIGH = Compare("daysPastDue", Operator.GT, 30)


def rule_set(dimension: str, *rules: Rule, default: str = "Z") -> RuleSet:
    return RuleSet(dimension, ("A", "B", "Z"), rules, default)


def book(*rule_sets: RuleSet, **overrides: list[tuple[int, RuleSet]]) -> RulesInForce:
    default = {made.dimension: Version(n, 1, made) for n, made in enumerate(rule_sets, 1)}
    numbered = iter(range(100, 200))
    own = {
        dimension: [(unit, Version(next(numbered), 1, made)) for unit, made in listed]
        for dimension, listed in overrides.items()
    }
    return RulesInForce(default, own, "1:2024-12-31", {1: (1,), 2: (2, 1), 3: (3, 1), 4: (4, 2, 1)})


@pytest.mark.parametrize(
    ("text", "literally"),
    [
        ("A", "'A'"),
        ("it's", "'it''s'"),
        ("'; drop table bank.client; --", "'''; drop table bank.client; --'"),
        ("back\\slash' or true", "E'back\\\\slash'' or true'"),
        ("$1 :name %s {x}", "'$1 :name %s {x}'"),
    ],
)
def test_texts_are_literals_whatever_stands_in_them(text: str, literally: str) -> None:
    assert quoted(text) == literally


def test_what_the_database_cannot_hold_is_no_literal() -> None:
    with pytest.raises(ValueError, match="U\\+0000"):
        quoted("a\0b")


@pytest.mark.parametrize(
    ("value", "literally"),
    [
        (-5, "(-5)"),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0.050"), "(-0.050)"),
        (True, "true"),
        (dt.date(2024, 12, 31), "date '2024-12-31'"),
        (Money(-12345, "CNY"), "(-12345)"),
    ],
)
def test_values_are_written_exactly(value: Any, literally: str) -> None:
    assert literal(value) == literally


@pytest.mark.parametrize(
    ("leaf", "made"),
    [
        (HIGH, "(f.days_past_due > 30)"),
        (
            Compare("revenue", Operator.LT, Money(100, "CNY")),
            "(f.currency = 'CNY' and (f.revenue_minor < 100))",
        ),
        (Compare("revenue", Operator.IS_NULL, False), "(f.revenue_minor is not null)"),
        (Compare("sizeClass", Operator.IN, ()), FALSE),
        (Compare("sizeClass", Operator.NOT_IN, ()), "(f.size_class is not null)"),
        (Compare("sizeClass", Operator.EQ, 3), FALSE),
        (Compare("daysPastDue", Operator.NE, "a"), FALSE),
        (Compare("noSuchFact", Operator.NE, 1), FALSE),
        (Compare("noSuchFact", Operator.IS_NULL, True), TRUE),
        (Compare("employees.currency", Operator.EQ, "CNY"), FALSE),
    ],
)
def test_comparisons_with_facts(leaf: Compare, made: str) -> None:
    assert on_a_fact(leaf) == made


def test_a_negation_holds_of_what_cannot_be_said() -> None:
    assert combined(Not(HIGH), on_a_fact) == "(((f.days_past_due > 30)) is not true)"
    assert combined(AllOf(()), on_a_fact) == TRUE
    assert combined(Not(AnyOf(())), on_a_fact) == "((false) is not true)"


def test_amounts_in_words_have_their_currencys_decimal_places() -> None:
    told = in_words("revenue")
    assert "when f.currency in ('JPY', 'KRW', 'VND') then f.revenue_minor::text" in told
    assert "when f.currency in ('BHD', 'KWD', 'OMR') then (f.revenue_minor * 0.001)::text" in told


def test_a_value_is_found_from_the_facts_alone_and_rules_that_make_no_difference_are_left_out() -> None:
    inner = rule_set("inner", Rule("A", HIGH), Rule("B", Compare("employees", Operator.GT, 5)))
    outer = rule_set("outer", Rule("B", Compare("segment.inner", Operator.EQ, "A")))
    text = written(book(inner, outer), dimensions={"outer"}, columns=("value",))
    assert "case when case when (f.days_past_due > 30) then true else false end then 'B' else 'Z' end" in text
    assert "'outer'" not in text, "only what is selected"


def test_long_chains_of_dimensions_are_looked_up_and_do_not_multiply() -> None:
    chain = [rule_set("d0", *[Rule("A", HIGH)] * 40)]
    for number in range(1, 8):
        before = f"segment.d{number - 1}"
        chain.append(
            rule_set(f"d{number}", *[Rule("B", Compare(before, Operator.EQ, value)) for value in "ABZ"])
        )
    text = written(book(*chain), dimensions={"d7"})
    assert MOST_WRITTEN_OUT < 40 * 3**7
    assert len(text) < 60_000


def test_an_override_is_an_arm_of_its_own_for_its_branches_and_for_what_depends_on_it() -> None:
    inner, other = rule_set("inner", Rule("A", HIGH)), rule_set("inner", default="B")
    outer = rule_set("outer", Rule("B", Compare("segment.inner", Operator.EQ, "A")))
    text = written(book(inner, outer, inner=[(2, other)]))
    assert text.count("where f.branch_id = any ('{2,4}'::int[])") == 2
    assert text.count("where f.branch_id <> all ('{2,4}'::int[])") == 2
    with pytest.raises(ValueError, match="tree"):
        written(Rulebook({}, {"inner": [(2, Version(9, 1, other))]}))


def test_without_rules_there_are_no_segments() -> None:
    assert written(book()).endswith("where false")
    assert written(book(rule_set("inner")), dimensions={"mood"}).endswith("where false")
