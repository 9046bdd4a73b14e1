"""Who a client is by a rule set, and why: tables and laws."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from drawn_rule_sets import DIMENSIONS, facts, rule_sets, rulebooks
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.conditions import AllOf, AnyOf, Compare, Not, Operator, Some, evaluate
from domain.money import Money
from domain.segmentation.classification import Classified, Reason, classify, points
from domain.segmentation.rules import Points, Remark, Rule, Rulebook, RuleSet, Score, Version, leaves
from domain.segmentation.texts import value_text, written_condition, written_leaf

EQ, NE, IN, NOT_IN = Operator.EQ, Operator.NE, Operator.IN, Operator.NOT_IN
GT, GTE, LT, LTE, BETWEEN = Operator.GT, Operator.GTE, Operator.LT, Operator.LTE, Operator.BETWEEN
LATE, SMALL = Compare("daysPastDue", GT, 30), Compare("employees", LT, 20)


def book(*sets: RuleSet, **overrides: tuple[int, RuleSet]) -> Rulebook:
    """The sets in force; overrides as dimension=(unit, its rule set)."""
    return Rulebook(
        {one.dimension: Version(number, 1, one) for number, one in enumerate(sets, start=1)},
        {name: [(unit, Version(100, 1, one))] for name, (unit, one) in overrides.items()},
    )


def rules(dimension: str, *those: Rule, default: str = "LOW", **parts: Any) -> RuleSet:
    return RuleSet(dimension, ("HIGH", "MID", "LOW"), those, default, **parts)


def said(rule_set: RuleSet, **of_client: Any) -> Classified:
    found = classify(book(rule_set), rule_set.dimension, of_client)
    assert found is not None
    return found


def test_the_first_rule_that_holds_decides_and_says_why() -> None:
    rule_set = rules(
        "risk", Rule("HIGH", AnyOf((LATE, SMALL)), "watch"), Rule("MID", LATE), Rule("HIGH", LATE)
    )
    assert said(rule_set, daysPastDue=31) == Classified(
        "HIGH",
        0,
        because=(Reason("daysPastDue > 30", "31", True), Reason("employees < 20", None, False)),
        missing=("employees",),
        also_matched=("MID",),
        note="watch",
    )


def test_without_a_rule_that_holds_it_is_the_default_and_everything_not_known_is_named() -> None:
    rule_set = rules(
        "risk", Rule("HIGH", LATE), Rule("MID", Not(Compare("zScore", GT, 1))), default_note="provisional"
    )
    assert said(rule_set, zScore=2) == Classified("LOW", None, missing=("daysPastDue",), note="provisional")


def test_what_a_later_rule_asks_for_is_not_missing() -> None:
    rule_set = rules("risk", Rule("HIGH", LATE), Rule("MID", SMALL))
    assert said(rule_set, daysPastDue=31).missing == ()


LEAVING = Score(
    "lapse",
    (
        (Points(Compare("balanceChange", LTE, Decimal("-0.5")), 25), Points(Compare("nps", LTE, 6), 15)),
        (Points(LATE, 60),),
        (Points(SMALL, 40),),
    ),
    cap=100,
)


@pytest.mark.parametrize(
    ("of_client", "scored"),
    [
        ({}, 0),
        ({"balanceChange": Decimal("-0.5"), "nps": 0}, 25),
        ({"balanceChange": Decimal("-0.49"), "nps": 0}, 15),
        ({"nps": 7}, 0),
        ({"nps": 0, "daysPastDue": 31}, 75),
        ({"nps": 0, "daysPastDue": 31, "employees": 1}, 100),
    ],
)
def test_of_alternatives_the_first_counts_and_the_sum_is_capped(
    of_client: dict[str, Any], scored: int
) -> None:
    assert points(LEAVING, of_client) == scored
    assert LEAVING.least == 0
    assert LEAVING.most == 100


def test_a_rule_may_compare_a_score_and_misses_what_the_score_misses() -> None:
    rule_set = rules(
        "type",
        Rule("HIGH", Compare("score.lapse", GTE, 60)),
        scores=(LEAVING,),
        remarks=(Remark(Compare("score.lapse", BETWEEN, (40, 59)), "may leave"),),
    )
    assert said(rule_set, daysPastDue=31) == Classified(
        "HIGH",
        0,
        because=(Reason("score.lapse >= 60", "60", True),),
        missing=("balanceChange", "employees", "nps"),
    )
    assert said(rule_set, employees=3, daysPastDue=0, nps=9, balanceChange=0) == Classified(
        "LOW", None, note="may leave"
    )


def test_a_note_and_the_remarks_are_said_together() -> None:
    remarks = (Remark(LATE, "late"), Remark(SMALL, "small"), Remark(LATE, "very late"))
    rule_set = rules("risk", Rule("HIGH", LATE, "watch"), remarks=remarks)
    assert said(rule_set, daysPastDue=31).note == "watch; late; very late"


RISK = rules("risk", Rule("HIGH", LATE))
TYPE = rules("type", Rule("HIGH", Compare("segment.risk", EQ, "HIGH")), Rule("MID", SMALL))


def test_a_rule_may_compare_another_dimensions_value_and_misses_what_that_one_misses() -> None:
    found = classify(book(RISK, TYPE), "type", {"daysPastDue": 31})
    assert found == Classified("HIGH", 0, because=(Reason("segment.risk is HIGH", "HIGH", True),))
    assert classify(book(RISK, TYPE), "type", {"employees": 9}) == Classified(
        "MID", 1, because=(Reason("employees < 20", "9", True),), missing=("daysPastDue",)
    )


def test_a_dimension_without_rules_in_force_has_no_value() -> None:
    assert classify(book(TYPE), "risk", {}) is None
    found = classify(book(TYPE), "type", {"employees": 30})
    assert found is not None
    assert (found.value, found.missing) == ("LOW", ("segment.risk",))


def test_the_nearest_unit_with_rules_of_its_own_decides_for_all_dimensions_above_it() -> None:
    strict = rules("risk", Rule("HIGH", Compare("daysPastDue", GT, 0)))
    rulebook = book(RISK, TYPE, risk=(7, strict))
    of_client = {"daysPastDue": 1}

    def value(*path: int) -> str | None:
        found = classify(rulebook, "type", of_client, path)
        return found.value if found else None

    assert value() == "LOW"
    assert value(9, 8, 1) == "LOW"
    assert value(9, 7, 1) == "HIGH"
    nearer = replace(rulebook, overrides={"risk": [(7, Version(1, 1, strict)), (9, Version(2, 1, RISK))]})
    found = classify(nearer, "type", of_client, (9, 7, 1))
    assert found is not None
    assert found.value == "LOW"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-30, "-30"),
        (100, "100"),
        (Decimal("0.10"), "0.1"),
        (Decimal("100"), "100"),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0.00"), "0"),
        (Decimal("0.000001"), "0.000001"),
        (Decimal("1.50"), "1.5"),
        (True, "true"),
        (False, "false"),
        (dt.date(2024, 1, 31), "2024-01-31"),
        (Money(150, "CNY"), "1.50 CNY"),
        (Money(-150, "JPY"), "-150 JPY"),
        (Money(1500, "KWD"), "1.500 KWD"),
        ("AT RISK", "AT RISK"),
    ],
)
def test_values_have_one_written_form(value: Any, text: str) -> None:
    assert value_text(value) == text


@pytest.mark.parametrize(
    ("leaf", "text"),
    [
        (LATE, "daysPastDue > 30"),
        (Compare("zScore", LTE, Decimal("1.10")), "zScore <= 1.1"),
        (Compare("employees", EQ, 3), "employees = 3"),
        (Compare("employees", NE, 3), "employees != 3"),
        (Compare("segment.riskClass", EQ, "HIGH"), "segment.riskClass is HIGH"),
        (Compare("city", NE, "New York"), 'city is not "New York"'),
        (Compare("city", EQ, 'a"b\\'), 'city is "a\\"b\\\\"'),
        (Compare("misuse", EQ, False), "misuse is false"),
        (Compare("riskClass", IN, ("HIGH", "MID")), "riskClass is one of HIGH, MID"),
        (Compare("riskClass", NOT_IN, ("HIGH",)), "riskClass is none of HIGH"),
        (Compare("riskClass", IN, ()), "riskClass is one of nothing"),
        (Compare("employees", BETWEEN, (1, 2)), "employees is between 1 and 2"),
        (Compare("city", Operator.STARTS_WITH, "Su"), "city starts with Su"),
        (Compare("city", Operator.CONTAINS, ""), 'city contains ""'),
        (Compare("city", Operator.IS_NULL, True), "city is missing"),
        (Compare("city", Operator.IS_NULL, False), "city is known"),
        (Compare("revenue", GTE, Money(100, "CNY")), "revenue >= 1.00 CNY"),
    ],
)
def test_comparisons_have_one_written_form(leaf: Compare, text: str) -> None:
    assert written_leaf(leaf) == text


def test_conditions_are_written_with_brackets_where_they_are_needed() -> None:
    either = AnyOf((LATE, SMALL))
    assert written_condition(AllOf((either, Not(LATE)))) == (
        "(daysPastDue > 30 or employees < 20) and not (daysPastDue > 30)"
    )
    assert written_condition(AnyOf((AllOf((LATE,)), AllOf((LATE, SMALL))))) == (
        "daysPastDue > 30 or (daysPastDue > 30 and employees < 20)"
    )
    assert written_condition(AllOf(())) == "always"
    assert written_condition(AnyOf(())) == "never"


def test_rules_speak_of_facts_not_of_related_rows() -> None:
    with pytest.raises(TypeError, match="related rows"):
        list(leaves(Some("facilities", LATE)))


@given(rule_sets(), facts)
@settings(deadline=None, max_examples=40)
def test_the_value_is_the_first_matching_rules(rule_set: RuleSet, of_client: dict[str, Any]) -> None:
    found = said(rule_set, **of_client)
    scores = {score.name: points(score, of_client) for score in rule_set.scores}
    seen = of_client | {"score": type("Scores", (), scores)}
    matched = [rule for rule in rule_set.rules if evaluate(rule.when, seen)]
    assert found.value == (matched[0].value if matched else rule_set.default)
    if matched:
        assert found.rule is not None
        decided = rule_set.rules[found.rule]
        assert decided == matched[0]
        assert [one.condition for one in found.because] == [
            written_leaf(leaf) for leaf in leaves(decided.when)
        ]
        of_facts = [
            one.holds for one in found.because if not one.condition.startswith(("score", "exposure."))
        ]
        plain = [evaluate(leaf, of_client) for leaf in leaves(decided.when) if "." not in leaf.field]
        assert of_facts == plain
    else:
        assert (found.rule, found.because, found.also_matched) == (None, (), ())
    assert found.value not in found.also_matched
    assert set(found.also_matched) <= {rule.value for rule in matched[1:]}


@given(rulebooks(), facts)
@settings(deadline=None, max_examples=40)
def test_what_is_said_to_be_missing_is_missing(rulebook: Rulebook, of_client: dict[str, Any]) -> None:
    for dimension in DIMENSIONS:
        found = classify(rulebook, dimension, of_client)
        assert found is not None
        assert all(of_client[name] is None for name in found.missing)
        assert list(found.missing) == sorted(set(found.missing))


@given(rule_sets(), rule_sets(), facts)
@settings(deadline=None, max_examples=40)
def test_a_rule_added_behind_moves_nobody_whom_a_rule_had(
    rule_set: RuleSet, other: RuleSet, of_client: dict[str, Any]
) -> None:
    before = said(rule_set, **of_client)
    added = tuple(Rule(rule.value, AllOf((rule.when, LATE))) for rule in other.rules if not other.scores)
    after = said(replace(rule_set, rules=rule_set.rules + added), **of_client)
    if before.rule is not None:
        assert (after.value, after.rule, after.because) == (before.value, before.rule, before.because)
        assert after.missing == before.missing
    elif after.rule is not None:
        assert after.rule >= len(rule_set.rules)


@given(rulebooks((1, 2)), facts, st.lists(st.integers(1, 3), unique=True))
@settings(deadline=None, max_examples=40)
def test_overrides_decide_as_if_they_were_the_banks_own(
    rulebook: Rulebook, of_client: dict[str, Any], path: list[int]
) -> None:
    there = {name: rulebook.version_for(name, path) for name in DIMENSIONS}
    alone = Rulebook({name: version for name, version in there.items() if version})
    for name in DIMENSIONS:
        assert classify(rulebook, name, of_client, path) == classify(alone, name, of_client)
