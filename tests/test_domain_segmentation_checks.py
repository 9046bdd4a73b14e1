"""What is found wrong with a rule set before anybody is judged by it, and what changed from one to the next."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from drawn_rule_sets import facts, rule_sets
from hypothesis import given, settings

from domain.conditions import AllOf, AnyOf, Compare, Condition, Not, Operator
from domain.money import Money
from domain.segmentation.catalogue import CATALOGUE
from domain.segmentation.checking import Severity, check
from domain.segmentation.classification import classify
from domain.segmentation.differing import Change, Difference, differences
from domain.segmentation.reach import Reach
from domain.segmentation.rules import Points, Remark, Rule, Rulebook, RuleSet, Score, Version

EQ, NE, IN, NOT_IN = Operator.EQ, Operator.NE, Operator.IN, Operator.NOT_IN
GT, GTE, LT, LTE, BETWEEN = Operator.GT, Operator.GTE, Operator.LT, Operator.LTE, Operator.BETWEEN
IS_NULL, STARTS_WITH, CONTAINS = Operator.IS_NULL, Operator.STARTS_WITH, Operator.CONTAINS
LATE, VERY_LATE = Compare("daysPastDue", GT, 30), Compare("daysPastDue", GT, 90)
SMALL, LARGE = Compare("employees", LT, 20), Compare("employees", GTE, 1000)

RISK = RuleSet("riskClass", ("LOW", "HIGH"), (Rule("HIGH", LATE),), "LOW")


def of(*conditions: Condition, **parts: Any) -> RuleSet:
    """A rule set whose rules give B, C, D … with these conditions; A is the default."""
    values = ["A", *"BCDEFG"[: len(conditions)]]
    rules = tuple(Rule(value, when) for value, when in zip(values[1:], conditions, strict=True))
    return replace(RuleSet("kind", tuple(values), rules, "A"), **parts)


def told(rule_set: RuleSet, *others: RuleSet) -> list[tuple[Severity, str, str]]:
    found = check(rule_set, CATALOGUE, {other.dimension: other for other in others})
    return [(one.severity, one.message, one.path) for one in found]


@pytest.mark.parametrize(
    ("leaf", "message"),
    [
        (Compare("daysPastDu", GT, 30), "daysPastDu is no fact; did you mean daysPastDue or daysPastDue24m"),
        (Compare("daysPastDue", EQ, "30"), "daysPastDue is a number (5, or"),
        (Compare("daysPastDue", EQ, True), "which 'true' (boolean) is not"),
        (Compare("exposure", GT, 5), 'exposure is an amount ({"money": {"amount": "1000.00"'),
        (Compare("exposure", IN, (Money(1, "CNY"), Money(1, "USD"))), "amounts of one currency"),
        (Compare("exposure.currency", EQ, 5), "exposure.currency is a text"),
        (Compare("employees.currency", EQ, "CNY"), "only an amount has a currency"),
        (Compare("misuse", EQ, "yes"), "misuse is true or false, which 'yes' (text) is not"),
        (Compare("statementPeriodEnd", GT, 2024), "statementPeriodEnd is a day"),
        (Compare("sizeClass", GT, "SMALL"), "a text has no order"),
        (
            Compare("sizeClass", IN, ("SMALL", "TINY")),
            "TINY is no value; there are LARGE, MEDIUM, SMALL, MICRO",
        ),
        (Compare("loanClass", EQ, "SUBSTANDART"), "did you mean SUBSTANDARD?"),
        (Compare("score.laps", GT, 1), "laps is no score; did you mean lapse?"),
        (Compare("score.lapse", EQ, "much"), "score.lapse is a number"),
        (Compare("segment.kind", EQ, "A"), "a dimension cannot depend on itself"),
        (Compare("segment.riskclass", EQ, "LOW"), "no dimension with rules; did you mean riskClass?"),
        (Compare("segment.riskClass", EQ, "MIDDLE"), "MIDDLE is no value; there are LOW, HIGH"),
        (Compare("segment.riskClass", EQ, 1), "segment.riskClass is a text"),
    ],
)
def test_what_cannot_be_meant_is_an_error_with_its_place_and_the_way_out(leaf: Compare, message: str) -> None:
    lapse = Score("lapse", ((Points(SMALL, 1),),))
    [(severity, said, path)] = told(of(LATE, Not(AllOf((leaf,))), scores=(lapse,)), RISK)
    assert (severity, path) == (Severity.ERROR, "rules[1].when")
    assert message in said


@pytest.mark.parametrize(
    ("rule_set", "message", "path"),
    [
        (of(LATE, values=("A", "BB")), "B is no value; did you mean BB?", "rules[0].value"),
        (of(LATE, default="Z"), "Z is no value; there are A, B", "default.value"),
        (of(LATE, values=("A", "B", "B")), "B is listed 2 times", "values"),
        (of(LATE, scores=(Score("s", ()), Score("s", ()))), "there are 2 scores of the name s", "scores"),
        (
            of(LATE, scores=(Score("s", ((Points(Compare("score.s", GT, 0), 1),),)),)),
            "a score counts facts, not scores",
            "scores[0].items[0][0].when",
        ),
    ],
)
def test_a_rule_set_must_fit_together(rule_set: RuleSet, message: str, path: str) -> None:
    [(severity, said, where)] = told(rule_set)
    assert (severity, where) == (Severity.ERROR, path)
    assert message in said


def test_dimensions_may_not_depend_on_each_other_in_a_circle() -> None:
    first = of(Compare("segment.second", EQ, "A"))
    second = replace(of(Compare("segment.third", EQ, "A")), dimension="second")
    third = replace(of(Compare("segment.kind", EQ, "A")), dimension="third")
    message = "the dimensions depend on each other in a circle: kind → second → third → kind"
    assert told(first, second, third) == [(Severity.ERROR, message, "rules")]
    assert told(first, second, replace(third, rules=(Rule("B", LATE),))) == []


@pytest.mark.parametrize(
    ("rule_set", "message", "path"),
    [
        (of(), "there is no rule: every client is A", "rules"),
        (of(LATE, values=("A", "B", "C")), "no rule gives C", "values[2]"),
        (
            of(Compare("utilisation", GT, 30)),
            "utilisation is a fraction, so 30 means 3000 %",
            "rules[0].when",
        ),
        (
            of(AllOf((LATE, Compare("daysPastDue", LTE, 10)))),
            "nothing can match rule 1 (B): daysPastDue > 30, daysPastDue <= 10 cannot hold together",
            "rules[0].when",
        ),
        (
            of(AllOf((SMALL, AnyOf((LARGE, AllOf((LATE, Compare("daysPastDue", EQ, 0)))))))),
            "nothing can match rule 1 (B): its conditions cannot hold together",
            "rules[0].when",
        ),
        (
            of(LATE, VERY_LATE),
            "rule 2 (C) is never reached: whatever it matches, rule 1 (B) matches first",
            "rules[1].when",
        ),
        (
            of(LATE, Compare("daysPastDue", LTE, 30), Compare("daysPastDue", IS_NULL, False)),
            "rule 3 (D) is never reached: whatever it matches, rule 1 (B), rule 2 (C) match first",
            "rules[2].when",
        ),
        (
            of(AllOf(()), SMALL),
            "rule 2 (C) is never reached: whatever it matches, rule 1 (B) matches first",
            "rules[1].when",
        ),
        (
            of(
                Compare("score.s", GTE, 60),
                scores=(Score("s", ((Points(LATE, 25), Points(VERY_LATE, 40)), (Points(SMALL, 30),))),),
            ),
            "the alternative of 40 points is never reached",
            "scores[0].items[0][1].when",
        ),
        (
            of(Compare("score.s", GT, 60), scores=(Score("s", ((Points(LATE, 100),),), cap=60),)),
            "nothing can match rule 1 (B): score.s > 60 cannot hold",
            "rules[0].when",
        ),
        (
            of(LATE, remarks=(Remark(AllOf((SMALL, LARGE)), "odd"),)),
            "nothing can match the remark: employees < 20, employees >= 1000 cannot hold together",
            "remarks[0].when",
        ),
    ],
)
def test_what_is_likely_not_meant_is_a_warning_with_the_reason(
    rule_set: RuleSet, message: str, path: str
) -> None:
    [(severity, said, where)] = told(rule_set)
    assert (severity, where) == (Severity.WARNING, path)
    assert message in said


@pytest.mark.parametrize(
    "rule_set",
    [
        of(VERY_LATE, LATE),
        of(AllOf((LATE, SMALL)), LATE),
        of(Not(LATE), LATE),
        of(LATE, Compare("daysPastDue", LTE, 30), Compare("daysPastDue", IS_NULL, True)),
        of(Compare("industryCode", STARTS_WITH, "C"), Compare("industryCode", CONTAINS, "C3")),
        of(AllOf((Compare("industryCode", STARTS_WITH, "C"), Compare("industryCode", CONTAINS, "3")))),
        of(Compare("exposure", GT, Money(5, "CNY")), Compare("exposure", GT, Money(5, "USD"))),
        of(Compare("exposure", LTE, Money(5, "CNY")), Compare("exposure", LT, Money(7, "CNY"))),
        of(Not(Compare("exposure.currency", IS_NULL, True))),
        of(Compare("statementPeriodEnd", GTE, dt.date.max), Compare("statementPeriodEnd", EQ, dt.date.min)),
        of(
            Compare("revenueGrowth", BETWEEN, (Decimal("0.1"), Decimal("0.2"))),
            Compare("revenueGrowth", NE, 0),
        ),
    ],
)
def test_what_some_client_can_match_is_no_warning(rule_set: RuleSet) -> None:
    assert told(rule_set) == []


def test_of_another_dimension_only_its_values_are_expected() -> None:
    high, rest = Compare("segment.riskClass", EQ, "HIGH"), Compare("segment.riskClass", EQ, "LOW")
    assert told(of(high, rest), RISK) == []
    [(_, message, _)] = told(of(high, rest, SMALL), RISK)
    assert "rule 3 (D) is never reached" in message


@given(rule_sets(), facts)
@settings(deadline=None, max_examples=50)
def test_a_rule_that_decides_for_somebody_is_never_called_unreachable(
    rule_set: RuleSet, of_client: dict[str, Any]
) -> None:
    paths = [
        one.path
        for one in check(rule_set, CATALOGUE, {})
        if "reached" in one.message or "match" in one.message
    ]
    found = classify(Rulebook({"first": Version(1, 1, rule_set)}), "first", of_client)
    assert found is not None
    assert f"rules[{found.rule}].when" not in paths


def test_looking_for_a_client_ends_however_tangled_the_rules_are() -> None:
    def either(first: int) -> Condition:
        return AnyOf(tuple(Compare("employees", EQ, number) for number in range(first, first + 5)))

    tangled = [Not(AllOf((either(number), Not(either(number + 1))))) for number in range(60)]
    assert Reach(tangled).met(all_of=tangled)


def test_differences_are_told_in_words() -> None:
    old = of(LATE, SMALL, LARGE, scores=(Score("s", ((Points(LATE, 5),),), cap=10),))
    new = replace(
        old,
        values=("A", "B", "C", "D", "E"),
        rules=(
            Rule("E", VERY_LATE, "new"),
            old.rules[2],
            replace(old.rules[0], when=VERY_LATE),
        ),
        default="E",
        scores=(Score("s", ((Points(LATE, 6),), (Points(SMALL, 1),)), cap=None),),
        remarks=(Remark(LATE, "late"),),
    )
    assert differences(old, new) == [
        Difference(Change.ADDED, "values[4]", "the value E is new"),
        Difference(Change.CHANGED, "scores[0].cap", "the score s is without a cap, no longer 10 at most"),
        Difference(
            Change.CHANGED,
            "scores[0].items[0]",
            "the score s counts 6 for daysPastDue > 30, no longer 5 for daysPastDue > 30",
        ),
        Difference(Change.ADDED, "scores[0].items[1]", "the score s also counts 1 for employees < 20"),
        Difference(Change.REMOVED, "rules[1]", "rule 2 (C) is no more"),
        Difference(Change.MOVED, "rules[1]", "rule 2 (D) was rule 3"),
        Difference(
            Change.CHANGED,
            "rules[2].when",
            "rule 3 (B) asks for daysPastDue > 90, no longer for daysPastDue > 30",
        ),
        Difference(Change.ADDED, "rules[0]", "rule 1 (E) is new: daysPastDue > 90"),
        Difference(Change.CHANGED, "default.value", "who matches no rule is E, no longer A"),
        Difference(Change.ADDED, "remarks[0]", '"late" is remarked if daysPastDue > 30'),
    ]


@given(rule_sets(), rule_sets())
@settings(deadline=None, max_examples=40)
def test_there_are_differences_exactly_where_rule_sets_differ(old: RuleSet, new: RuleSet) -> None:
    assert differences(old, old) == []
    assert bool(differences(old, new)) is (old != new)
