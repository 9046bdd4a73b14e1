"""A run's parameters as JSON, the problem they make of a bank's figures, what becomes of quotas later."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.allocation.building import Asking, Ceilinged, Figures, Place, problem_of, weight_of
from domain.allocation.form import read, written
from domain.allocation.problem import Bound
from domain.allocation.reclaiming import Month, propose
from domain.allocation.runs import ChangeKind, ConstraintKind
from domain.allocation.words import listed, money, rate
from domain.json_forms import Unreadable
from domain.organisation import UnitKind

SHIPPED = Path(__file__).parents[1] / "tenants" / "allocation" / "shipped" / "parameters.json"

PLACES = {
    2: Place(2, "EAST", "East China", UnitKind.REGION, (2, 1)),
    4: Place(4, "310000", "Shanghai Branch", UnitKind.BRANCH, (4, 2, 1), "CORE", Decimal(1), Decimal(100)),
    7: Place(7, "310000-01", "Pudong", UnitKind.SUB_BRANCH, (7, 4, 2, 1), "CORE", Decimal(1)),
    6: Place(6, "110000", "Beijing Branch", UnitKind.BRANCH, (6, 1), "KEY", Decimal("1.5"), Decimal(0)),
}
ASKINGS = (
    Asking(4, "growth", 1_000, 10_001, Decimal("0.05")),
    Asking(4, "stable", 7_000, 5_000, Decimal("0.04")),
    Asking(7, "growth", 0, 10_000, Decimal("0.05")),
    Asking(6, "growth", 0, 20_000, Decimal("0.03")),
)


def form(**changes: Any) -> str:
    return json.dumps(json.loads(SHIPPED.read_text(encoding="utf-8")) | changes)


def test_the_shipped_parameters_read_back_as_they_were_written() -> None:
    shipped = read(form())
    assert read(json.dumps(written(shipped))) == shipped
    assert (shipped.buffer_fraction, shipped.demand_factor) == (Decimal("0.05"), Decimal("1.2"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bufferFraction": "1"}, "bufferFraction: Input should be less than 1"),
        ({"demandFactor": "0.9"}, "demandFactor: Input should be greater than or equal to 1"),
        ({"surplus": 1}, "surplus: unknown key; known: bufferFraction, demandFactor, "),
        ({"units": [{"unit": "310000"}]}, "units: say what 310000 must or may get"),
        (
            {"ceilings": [{"name": "x", "atMost": {"fraction": "0.1", "amount": "5"}}]},
            "ceilings[0].atMost: say either `fraction` or `amount`",
        ),
        (
            {"balance": [{"beyond": "0", "cost": "0.02"}, {"beyond": "0.5", "cost": "0.01"}]},
            "balance: the penalty must not become cheaper",
        ),
        ({"balance": [{"beyond": "0.5", "cost": "0.02"}]}, "balance: slices begin at 0"),
        (
            {"ceilings": [{"name": "Key areas", "atMost": {"fraction": "0.1"}}]},
            "minimumShares and ceilings: Key areas stands there twice",
        ),
        (
            {"reclaim": {"below": "0.95", "months": 2, "upTo": "0.5", "warnAbove": "0.9"}},
            "reclaim: what is reclaimed",
        ),
    ],
)
def test_a_mistake_is_named_by_its_place(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unreadable) as mistake:
        read(form(**changes))
    assert reason in str(mistake.value)


def test_a_misspelt_key_is_named_before_what_is_missing_with_what_may_be_meant() -> None:
    for text, told in (
        ('{"demandFaktor": "1.2"}', "demandFaktor: unknown key; did you mean 'demandFactor'?"),
        (
            form(ceilings=[{"name": "x", "atMost": {"fractoin": "0.1"}}]),
            "ceilings[0].atMost.fractoin: unknown key; did you mean 'fraction'?",
        ),
        (
            form(units=[{"unit": "310000", "atLeast": {"procent": "0.1"}}]),
            "units[0].atLeast.procent: unknown key; known: fraction, amount",
        ),
    ):
        with pytest.raises(Unreadable) as mistake:
            read(text)
        assert str(mistake.value) == told


@pytest.mark.parametrize("text", ["", "[" * 100_000, '{"bufferFraction": NaN}', "x" * 200_001])
def test_what_is_no_json_is_no_parameters(text: str) -> None:
    with pytest.raises(Unreadable):
        read(text)


def test_parameters_and_figures_make_a_problem() -> None:
    ceilings = [{"name": "Growth", "segments": ["growth"], "atMost": {"fraction": "0.5"}}]
    units = [
        {"unit": "EAST", "atMost": {"fraction": "0.9"}},
        {"unit": "310000", "atLeast": {"amount": "30.00"}},
    ]
    asked = read(form(ceilings=ceilings, units=units, minimumShares=[KEY]))
    figures = Figures(PLACES, ASKINGS, (Ceilinged("Core regions", ("CORE",), (), 25_000),))
    problem = problem_of(asked, figures, budget=40_000, currency="CNY")
    assert (problem.distributable, problem.committed) == (38_000, 8_000)
    # Demand times the factor, rounded up; never below what is committed already.
    assert [cell.cap for cell in problem.cells] == [12_002, 7_000, 12_000, 24_000]
    assert problem.bounds == (
        Bound(ConstraintKind.CONCENTRATION, "Growth", (0, 2, 3), upper=19_000),
        Bound(ConstraintKind.CONCENTRATION, "Core regions", (0, 1, 2), upper=25_000),
        # No more than they can use.
        Bound(ConstraintKind.MINIMUM_SHARE, "Key areas", (3,), lower=24_000),
        Bound(ConstraintKind.REGION_MAXIMUM, "East China: at most", (0, 1, 2), upper=34_200, unit=2),
        # A branch's bound is of all below it.
        Bound(ConstraintKind.BRANCH_MINIMUM, "Shanghai Branch: at least", (0, 1, 2), lower=3_000, unit=4),
    )
    # Claims of 15,001 × 1.2, of 10,000 × 1 and of 20,000 × 1.5 × 0.8; nobody's target is above what it asks.
    assert [(target.unit, target.amount) for target in problem.targets] == [
        (4, 13_154),
        (7, 7_307),
        (6, 17_538),
    ]
    with pytest.raises(Unreadable, match="there is no unit NOWHERE"):
        problem_of(
            read(form(units=[{"unit": "NOWHERE", "atMost": {"fraction": "1"}}])),
            figures,
            budget=1,
            currency="CNY",
        )


KEY = {"name": "Key areas", "tiers": ["KEY"], "atLeast": {"fraction": "0.9"}}


def test_a_scorecard_weighs_a_branch_up_or_down() -> None:
    influence = Decimal("0.2")
    assert [weight_of(PLACES[unit], influence) for unit in (4, 7, 6)] == [
        Decimal("1.200000"),
        Decimal(1),
        Decimal("1.200000"),
    ]


RULES = read(form()).reclaim


def months(*used: int, granted: int = 100_000_00) -> list[Month]:
    return [Month(dt.date(2026, 1 + n, 1), granted, one) for n, one in enumerate(used)]


def test_half_of_what_stays_unused_is_reclaimed_after_two_months_below_sixty_per_cent() -> None:
    found = propose(
        RULES,
        months(90_000_00, 30_000_00, 50_000_00),
        granted=100_000_00,
        committed=50_000_00,
        currency="CNY",
    )
    assert found is not None
    assert (found.kind, found.amount, found.months) == (ChangeKind.RECLAIM, 25_000_00, 2)
    assert found.reason == (
        "in use were 30.00 % in 2026-02 and 50.00 % in 2026-03, less than 60.00 % for 2 months; at least "
        "CNY 50,000 stayed unused: up to 50.00 % of that is taken back"
    )


@pytest.mark.parametrize(
    ("used", "committed", "why"),
    [
        ((30_000_00,), 0, "one month is not two"),
        ((30_000_00, 60_000_00), 0, "the second month is not below"),
        ((70_000_00, 30_000_00), 0, "nor the first"),
        ((30_000_00, 30_000_00), 100_000_00, "what is committed now is not taken back"),
        ((), 0, "nobody looked"),
    ],
)
def test_otherwise_nothing_is_reclaimed(used: tuple[int, ...], committed: int, why: str) -> None:
    assert propose(RULES, months(*used), granted=100_000_00, committed=committed, currency="CNY") is None, why


def test_no_more_is_reclaimed_than_is_free_now_and_gaps_between_months_do_not_count() -> None:
    found = propose(
        RULES, months(10_000_00, 10_000_00), granted=100_000_00, committed=80_000_00, currency="CNY"
    )
    assert found is not None
    assert found.amount == 20_000_00
    first, _, third = months(0, 0, 0)
    assert propose(RULES, [first, third], granted=100_000_00, committed=0, currency="CNY") is None
    assert propose(RULES, months(0, 0, granted=0), granted=100_000_00, committed=0, currency="CNY") is None


def test_above_ninety_per_cent_is_warned_of() -> None:
    found = propose(RULES, months(90_001_00), granted=100_000_00, committed=90_001_00, currency="CNY")
    assert found is not None
    assert (found.kind, found.amount) == (ChangeKind.WARNING, 0)
    assert propose(RULES, months(90_000_00), granted=100_000_00, committed=0, currency="CNY") is None


def test_amounts_and_rates_are_said_as_people_read_them() -> None:
    assert [money(minor, "CNY") for minor in (1_23, 950_00, 41_200_00, 41_200_49, 95_000_000_00)] == [
        "CNY 1.23",
        "CNY 950",
        "CNY 41,200",
        "CNY 41,200",
        "CNY 95 m",
    ]
    assert [money(12_345_678_90, "CNY"), money(500, "JPY"), money(-7_50, "CNY")] == [
        "CNY 12.3 m",
        "JPY 500",
        "CNY -7.50",
    ]
    assert rate(0.0412) == "4.12 %"
    assert [
        listed([]),
        listed(["a"]),
        listed(["a", "b"]),
        listed(["a", "b", "c"]),
        listed(list("abcde")),
    ] == [
        "",
        "a",
        "a and b",
        "a, b and c",
        "a, b, c and 2 more",
    ]
