"""The branch scorecard's rules: weights that add up, what is missing borne by the rest, points that explain."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.json_forms import Unreadable
from domain.scorecards.kinds import ScorecardClass, ScorePeriod
from domain.scorecards.models import Figure, read, written
from domain.scorecards.periods import first_day_of, is_end_of, latest_ends
from domain.scorecards.scoring import scaled, score

SHIPPED = Path(__file__).parents[1] / "tenants" / "scorecards" / "shipped" / "scorecard.json"
FORM = read(SHIPPED.read_text(encoding="utf-8"))
INDICATORS = [one for group in FORM.classes for one in group.indicators]
known = st.decimals(-2, 2, places=6)
figures = st.dictionaries(st.sampled_from(Figure), known | st.none())


def at(point: str) -> dict[Figure, Decimal | None]:
    """Every figure at its floor or at its target."""
    return {one.figure: getattr(one, point) for one in INDICATORS}


def test_the_shipped_classes_weigh_what_the_bank_has_decided() -> None:
    assert {one.class_code: one.weight * 100 for one in FORM.classes} == {
        ScorecardClass.COMPLIANCE: 20,
        ScorecardClass.RISK: 30,
        ScorecardClass.RETURN: 25,
        ScorecardClass.TRANSFORMATION: 15,
        ScorecardClass.SOCIAL: 10,
    }
    assert read(json.dumps(written(FORM))) == FORM
    assert set(Figure) == {one.figure for one in INDICATORS}


def test_every_target_reached_is_a_hundred_and_every_floor_is_nothing() -> None:
    assert score(FORM, at("target")).score == Decimal(100)
    assert score(FORM, at("floor")).score == Decimal(0)


@pytest.mark.parametrize(
    ("value", "floor", "target", "expected"),
    [("0.05", "0.05", "0", "0"), ("0", "0.05", "0", "1"), ("0.02", "0.05", "0", "0.6"), ("9", "0.05", "0", "0"),
     ("0.1", "0", "0.3", "0.333333"), ("0.4", "0", "0.3", "1"), ("-1", "0", "0.3", "0")],
)  # fmt: skip
def test_a_figure_earns_its_share_of_the_way_from_floor_to_target(
    value: str, floor: str, target: str, expected: str
) -> None:
    assert scaled(Decimal(value), Decimal(floor), Decimal(target)) == Decimal(expected)


def test_what_is_missing_is_named_and_its_weight_borne_by_its_class_else_by_the_others() -> None:
    without = at("target") | {Figure.FEE_SHARE: None, Figure.RETURN_ON_CAPITAL: None}
    without[Figure.NON_PERFORMING_SHARE] = None
    found = score(FORM, without)
    weights = {one.class_code: one.weight for one in found.classes}
    assert weights[ScorecardClass.RETURN] == 0
    assert weights[ScorecardClass.RISK] == Decimal("0.4")
    assert found.missing == ("nonPerforming", "returnOnCapital", "fees")
    assert found.score == Decimal(100)
    assert sum(weights.values()) == 1


def test_nothing_known_is_no_score() -> None:
    found = score(FORM, {})
    assert (found.score, len(found.missing)) == (None, len(INDICATORS))


@given(figures)
def test_the_score_is_the_sum_of_its_parts_and_the_weights_are_one(
    of: dict[Figure, Decimal | None],
) -> None:
    found = score(FORM, of)
    if found.score is None:
        return
    assert sum(part.weight for part in found.parts) == sum(one.weight for one in found.classes) == 1
    assert (
        found.score
        == sum(part.points or 0 for part in found.parts)
        == sum(one.points for one in found.classes)
    )
    assert 0 <= found.score <= 100
    assert {part.indicator for part in found.parts if part.value is None} == set(found.missing)


@given(figures, st.sampled_from(INDICATORS), known)
def test_a_better_figure_never_costs_points(
    of: dict[Figure, Decimal | None], one: Any, value: Decimal
) -> None:
    before = score(FORM, of | {one.figure: value}).score
    better = value + (one.target - one.floor)
    after = score(FORM, of | {one.figure: better}).score
    assert before is not None
    assert after is not None
    assert after >= before


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"currency": "XXX"}, "currency"),
        ({"classes": []}, "classes"),
        ({"classes": written(FORM)["classes"][:4]}, "classes"),
        ({"classes": written(FORM)["classes"] * 2}, "classes"),
        ({"pastDueDays": 0}, "pastDueDays"),
        ({"surplus": 1}, "surplus"),
    ],
)
def test_mistakes_in_a_model_are_named_by_their_place(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(Unreadable) as told:
        read(json.dumps(written(FORM) | changes))
    assert told.value.path == path


def test_a_target_lies_where_the_direction_says() -> None:
    form = written(FORM)
    form["classes"][0]["indicators"][0]["direction"] = "HIGHER_IS_BETTER"
    with pytest.raises(Unreadable, match=r"classes\[0\]\.indicators\[0\]\.target"):
        read(json.dumps(form))


def test_periods_end_with_months_and_quarters() -> None:
    day = dt.date(2024, 2, 29)
    assert is_end_of(day, ScorePeriod.MONTH)
    assert not is_end_of(day, ScorePeriod.QUARTER)
    assert first_day_of(dt.date(2024, 3, 31), ScorePeriod.QUARTER) == dt.date(2024, 1, 1)
    assert latest_ends(dt.date(2024, 12, 31), ScorePeriod.QUARTER, 4) == [
        dt.date(2024, 3, 31),
        dt.date(2024, 6, 30),
        dt.date(2024, 9, 30),
        dt.date(2024, 12, 31),
    ]
    assert latest_ends(dt.date(2024, 12, 30), ScorePeriod.MONTH, 2) == [
        dt.date(2024, 10, 31),
        dt.date(2024, 11, 30),
    ]
