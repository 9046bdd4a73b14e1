"""The rule sets that ship: one client of each kind, with the reasons; the edges of every threshold."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.money import Money
from domain.segmentation.catalogue import CATALOGUE
from domain.segmentation.checking import check
from domain.segmentation.classification import Classified, classify, points
from domain.segmentation.json_form import read, written
from domain.segmentation.rules import Rulebook, Version

SHIPPED = Path("tenants/segments/shipped")
FORMS = {path.stem: json.loads(path.read_text()) for path in sorted(SHIPPED.glob("*.json"))}
SETS = {name: read(form["ruleSet"]) for name, form in FORMS.items()}
RULEBOOK = Rulebook({name: Version(1, 1, one) for name, one in SETS.items()})

SOUND: dict[str, Any] = {
    "probabilityOfDefault": Decimal("0.02"),
    "daysPastDue": 0,
    "daysPastDue12m": 0,
    "daysPastDue24m": 0,
    "loanClass": "NORMAL",
    "zScore": Decimal("2.0"),
    "interestCover": Decimal("4"),
    "interestCoverPrevious": Decimal("4"),
    "debtToEbitda": Decimal("2"),
    "misuse": False,
    "relatedPartyAbuse": False,
    "covenantDefault": False,
    "tenureYears": Decimal("2"),
    "revenueVariation": Decimal("0.25"),
    "revenueCagr3y": Decimal("0.05"),
    "contributionCumulated": Decimal("0.99"),
    "nps": 9,
    "operatingCashFlowSign": 1,
    "investingCashFlowSign": -1,
    "financingCashFlowSign": -1,
}
"""A client of middling risk without anything remarkable."""
LEAVING = {"balanceChange": Decimal("-0.5"), "refinancingAsked": True, "daysToMaturity": 60}


def value(dimension: str, **facts: Any) -> str:
    return found(dimension, facts).value


def found(dimension: str, facts: dict[str, Any]) -> Classified:
    made = classify(RULEBOOK, dimension, facts)
    assert made is not None
    return made


def test_every_dimension_ships_without_an_error_and_without_a_warning() -> None:
    assert set(SETS) == {
        "creditGrade",
        "lifecycleStage",
        "regionTier",
        "relationshipType",
        "riskClass",
        "sizeClass",
        "valueTier",
    }
    for name, rule_set in SETS.items():
        assert rule_set.dimension == name
        assert check(rule_set, CATALOGUE, SETS) == []
        assert read(written(rule_set)) == rule_set


@pytest.mark.parametrize(
    ("facts", "grade"),
    [
        ({"probabilityOfDefault": Decimal("0.01")}, "A"),
        ({"probabilityOfDefault": Decimal("0.010001")}, "B"),
        ({"probabilityOfDefault": Decimal("0.05")}, "B"),
        ({"probabilityOfDefault": Decimal("0.050001"), "assignedGrade": "A"}, "C"),
        ({"assignedGrade": "A"}, "A"),
        ({"assignedGrade": "B"}, "B"),
        ({}, "C"),
    ],
)
def test_the_grade_follows_the_probability_of_default(facts: dict[str, Any], grade: str) -> None:
    assert value("creditGrade", **facts) == grade


@pytest.mark.parametrize(
    ("facts", "risk"),
    [
        ({}, "MID"),
        ({"probabilityOfDefault": Decimal("0.050001")}, "HIGH"),
        ({"daysPastDue": 30}, "MID"),
        ({"daysPastDue": 31}, "HIGH"),
        ({"loanClass": "SPECIAL_MENTION"}, "MID"),
        ({"loanClass": "SUBSTANDARD"}, "HIGH"),
        ({"watchList": "AMBER"}, "MID"),
        ({"watchList": "RED"}, "HIGH"),
        ({"zScore": Decimal("1.1")}, "MID"),
        ({"zScore": Decimal("1.09")}, "HIGH"),
        ({"probabilityOfDefault": Decimal("0.01"), "zScore": Decimal("2.61")}, "LOW"),
        ({"probabilityOfDefault": Decimal("0.01"), "zScore": Decimal("2.6")}, "MID"),
        ({"probabilityOfDefault": Decimal("0.01"), "zScore": Decimal("2.61"), "daysPastDue12m": 1}, "MID"),
    ],
)
def test_the_risk_class_and_its_edges(facts: dict[str, Any], risk: str) -> None:
    assert value("riskClass", **(SOUND | facts)) == risk


def test_low_risk_is_never_assumed_of_what_is_not_known() -> None:
    low = {"probabilityOfDefault": Decimal("0.001"), "zScore": Decimal("5")}
    assert found("riskClass", low) == Classified(
        "MID", None, missing=("daysPastDue", "daysPastDue12m", "loanClass", "watchList")
    )


@pytest.mark.parametrize(
    ("share", "tier"), [("0.8", "V1"), ("0.81", "V2"), ("0.95", "V2"), ("0.96", "V3"), ("1", "V3")]
)
def test_the_value_tier_is_cut_at_80_and_95_per_cent(share: str, tier: str) -> None:
    assert value("valueTier", contributionCumulated=Decimal(share)) == tier


SIGNS = ("operatingCashFlowSign", "investingCashFlowSign", "financingCashFlowSign")


@pytest.mark.parametrize(
    ("signs", "stage"),
    [
        ((-1, -1, 1), "INTRODUCTION"),
        ((1, -1, 1), "GROWTH"),
        ((1, -1, -1), "MATURE"),
        ((-1, 1, 1), "DECLINE"),
        ((-1, 1, -1), "DECLINE"),
    ],
)
def test_the_lifecycle_follows_the_signs_of_the_cash_flows(signs: tuple[int, ...], stage: str) -> None:
    made = found("lifecycleStage", {**dict(zip(SIGNS, signs, strict=True)), "firmAgeYears": 1})
    assert (made.value, made.note, made.missing) == (stage, None, ())


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, -1), (1, 1, -1), (0, -1, 1)])
def test_a_shake_out_is_shown_as_mature_with_a_warning(signs: tuple[int, ...]) -> None:
    made = found("lifecycleStage", {**dict(zip(SIGNS, signs, strict=True)), "firmAgeYears": 1})
    assert made.value == "MATURE"
    assert "shake-out" in (made.note or "")


@pytest.mark.parametrize(
    ("facts", "stage"),
    [
        ({"firmAgeYears": Decimal("2.99"), "revenueGrowth": Decimal("-0.5")}, "INTRODUCTION"),
        ({"firmAgeYears": 3, "revenueGrowth": Decimal("0.2")}, "GROWTH"),
        ({"firmAgeYears": 3, "revenueGrowth": Decimal("-0.1")}, "DECLINE"),
        ({"firmAgeYears": 3, "revenueGrowth": Decimal("0.1")}, "MATURE"),
    ],
)
def test_without_cash_flows_age_and_growth_tell_the_stage(facts: dict[str, Any], stage: str) -> None:
    made = found("lifecycleStage", facts)
    assert made.value == stage
    assert "no cash-flow statement" in (made.note or "")
    assert set(SIGNS) <= set(made.missing)


def test_a_client_of_whom_nothing_is_known_is_provisionally_something_with_what_is_missing() -> None:
    for name in SETS:
        made = found(name, {})
        assert made.rule is None
        assert made.missing


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"watchList": "RED"}, "segment.riskClass is HIGH"),
        ({"interestCover": Decimal("0.99"), "interestCoverPrevious": Decimal("0.5")}, "interestCover < 1"),
        ({"debtToEbitda": Decimal("6.01")}, "debtToEbitda > 6"),
        ({"misuse": True}, "misuse is true"),
        ({"relatedPartyAbuse": True}, "relatedPartyAbuse is true"),
        ({"covenantDefault": True}, "covenantDefault is true"),
    ],
)
def test_each_sign_of_danger_puts_a_client_at_risk_whatever_else_it_is(
    facts: dict[str, Any], reason: str
) -> None:
    made = found("relationshipType", SOUND | LEAVING | STRATEGIC | facts)
    assert made.value == "AT_RISK"
    assert reason in [one.condition for one in made.because if one.holds]
    assert "LAPSING" in made.also_matched


@pytest.mark.parametrize(
    "facts",
    [
        {"interestCover": Decimal("0.99"), "interestCoverPrevious": Decimal("1")},
        {"debtToEbitda": Decimal("6")},
        {"daysPastDue": 30},
    ],
)
def test_what_is_not_yet_danger_leaves_a_client_stable(facts: dict[str, Any]) -> None:
    assert value("relationshipType", **(SOUND | facts)) == "STABLE"


LAPSE = SETS["relationshipType"].scores[0]


@pytest.mark.parametrize(
    ("facts", "scored"),
    [
        ({"balanceChange": Decimal("-0.5")}, 25),
        ({"balanceChange": Decimal("-0.49")}, 15),
        ({"balanceChange": Decimal("-0.29")}, 0),
        ({"outflowChange": Decimal("-0.2")}, 15),
        ({"refinancingAsked": True}, 20),
        ({"daysToMaturity": 60}, 15),
        ({"daysToMaturity": -3}, 15),
        ({"daysToMaturity": 61}, 0),
        ({"utilisationChange": Decimal("-0.01")}, 0),
        ({"utilisationChange": Decimal("-0.01"), "lineCancelled": True}, 10),
        ({"daysSinceContact": 91}, 10),
        ({"openComplaintDays": 16}, 10),
        ({"rateOverPeersBps": 51}, 10),
        ({"nps": 6}, 5),
        ({"daysSinceContact": 90, "openComplaintDays": 15, "rateOverPeersBps": 50, "nps": 7}, 0),
    ],
)
def test_the_lapse_score_counts_as_domain_md_has_it(facts: dict[str, Any], scored: int) -> None:
    assert points(LAPSE, facts) == scored
    assert LAPSE.most == 100


def test_a_client_lapses_from_60_points_and_is_warned_of_from_40() -> None:
    assert points(LAPSE, LEAVING) == 60
    assert value("relationshipType", **(SOUND | LEAVING)) == "LAPSING"
    warned = found("relationshipType", SOUND | LEAVING | {"refinancingAsked": False})
    assert (warned.value, points(LAPSE, LEAVING | {"refinancingAsked": False})) == ("STABLE", 40)
    assert "may be about to leave" in (warned.note or "")


STRATEGIC = {
    "contributionCumulated": Decimal("0.8"),
    "tenureYears": 3,
    "exposureRank": Decimal("0.05"),
}


@pytest.mark.parametrize(
    ("facts", "type_"),
    [
        ({}, "STRATEGIC"),
        ({"exposureRank": Decimal("0.06")}, "STABLE"),
        ({"exposureRank": Decimal("0.06"), "branchContributionShare": Decimal("0.01")}, "STRATEGIC"),
        ({"tenureYears": Decimal("2.99")}, "STABLE"),
        ({"contributionCumulated": Decimal("0.81")}, "STABLE"),
        ({"contributionCumulated": None}, "STABLE"),
        (
            {"exposureRank": None, "nationalKeyProject": True, "branchContributionShare": Decimal(0)},
            "STRATEGIC",
        ),
        (
            {"exposureRank": None, "nationalKeyProject": True, "branchContributionShare": Decimal("-1")},
            "STABLE",
        ),
        ({"exposureRank": None, "nationalKeyProject": True}, "STABLE"),
    ],
)
def test_strategic_is_worth_much_for_long_or_a_key_project_that_earns_its_hurdle(
    facts: dict[str, Any], type_: str
) -> None:
    assert value("relationshipType", **(SOUND | STRATEGIC | facts)) == type_


@pytest.mark.parametrize(
    ("facts", "type_"),
    [
        ({"revenueCagr3y": Decimal("0.2")}, "GROWTH"),
        ({"financingCashFlowSign": 1}, "GROWTH"),
        ({"operatingCashFlowSign": -1, "financingCashFlowSign": 1}, "GROWTH"),
        ({"revenueCagr3y": Decimal("0.19")}, "STABLE"),
    ],
)
def test_growth_is_fast_growing_or_young(facts: dict[str, Any], type_: str) -> None:
    assert value("relationshipType", **(SOUND | facts)) == type_


@pytest.mark.parametrize(
    "facts",
    [
        {"tenureYears": Decimal("1.99")},
        {"daysPastDue24m": 31},
        {"revenueVariation": Decimal("0.26")},
        {"revenueVariation": None},
    ],
)
def test_stable_for_certain_needs_two_years_of_a_steady_record(facts: dict[str, Any]) -> None:
    certain = found("relationshipType", SOUND)
    assert (certain.value, certain.rule, certain.note) == ("STABLE", 4, None)
    provisional = found("relationshipType", SOUND | facts)
    assert (provisional.value, provisional.rule) == ("STABLE", None)
    assert "provisionally stable" in (provisional.note or "")
    assert ("revenueVariation" in provisional.missing) is (facts.get("revenueVariation", 0) is None)


@pytest.mark.parametrize(
    ("facts", "size"),
    [
        ({"sizeClass": "MICRO", "employees": 5000}, "MICRO"),
        ({"employees": 1000, "revenue": Money(40_000_000_000, "CNY")}, "LARGE"),
        ({"employees": 999, "revenue": Money(40_000_000_000, "CNY")}, "MEDIUM"),
        ({"employees": 300, "revenue": Money(1_999_999_999, "CNY")}, "SMALL"),
        ({"employees": 19}, "MICRO"),
        ({"employees": 5000, "revenue": Money(299_999_999, "CNY")}, "MICRO"),
        ({"employees": 5000}, "SMALL"),
    ],
)
def test_the_size_is_the_registered_one_else_by_employees_and_revenue(
    facts: dict[str, Any], size: str
) -> None:
    assert value("sizeClass", **facts) == size


@pytest.mark.parametrize(
    ("facts", "tier"),
    [
        ({"regionTier": "CORE", "regionIndex": Decimal("0.1")}, "CORE"),
        ({"regionIndex": Decimal("0.60")}, "CORE"),
        ({"regionIndex": Decimal("0.35")}, "KEY"),
        ({"regionIndex": Decimal("0.34")}, "UNDERDEVELOPED"),
        ({}, "KEY"),
    ],
)
def test_the_region_tier_is_its_divisions_else_by_the_index(facts: dict[str, Any], tier: str) -> None:
    assert value("regionTier", **facts) == tier
