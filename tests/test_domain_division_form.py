"""The JSON form of models of division: what ships reads back, and every mistake is named with its place."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from shipped_divisions import form, shipped

from domain.divisions.json_form import read, written
from domain.divisions.models import DivisionKind, EconomicForm
from domain.json_forms import Unreadable


@pytest.mark.parametrize("kind", DivisionKind)
def test_what_ships_reads_back_as_it_was_written(kind: DivisionKind) -> None:
    made = read(kind, json.dumps(shipped(kind)))
    assert read(kind, json.dumps(written(made))) == made
    assert {policy.class_code for policy in made.policies} == made.classes


INDICATOR = {"name": "growth", "indicator": "gdp_growth", "weight": "1"}
MISTAKES: list[tuple[DivisionKind, dict[str, Any], str, str]] = [
    (DivisionKind.ECONOMIC, {"indicators": []}, "indicators", "at least 1"),
    (DivisionKind.ECONOMIC, {"indicators": [INDICATOR | {"weight": "0.9"}]}, "indicators", "add up to 0.9"),
    (DivisionKind.ECONOMIC, {"indicators": [INDICATOR | {"weight": "x"}]}, "indicators[0].weight", "decimal"),
    (
        DivisionKind.ECONOMIC,
        {"indicators": [INDICATOR | {"wieght": 1}]},
        "indicators[0].wieght",
        "did you mean 'weight'",
    ),
    (
        DivisionKind.ECONOMIC,
        {"indicators": [INDICATOR | {"weight": "0.5"}] * 2},
        "indicators",
        "growth stands there twice",
    ),
    (DivisionKind.ECONOMIC, {"keyFrom": "0.6"}, "keyFrom", "below 0.60"),
    (DivisionKind.ECONOMIC, {"coreFrom": "1.1"}, "coreFrom", "less than or equal to 1"),
    (DivisionKind.ECONOMIC, {"policies": []}, "policies", "say what follows from CORE"),
    (DivisionKind.INDUSTRY, {"otherwise": "TECHNOLOGY"}, "groups", "TECHNOLOGY stands there twice"),
    (DivisionKind.INDUSTRY, {"measure": "EXPOSURE"}, "currency", "say the currency"),
    (DivisionKind.INDUSTRY, {"measure": "EXPOSURE", "currency": "XXX"}, "currency", "XXX is not a currency"),
    (
        DivisionKind.CREDIT_CLIMATE,
        {"bounds": [{"figure": "gradeAShare", "best": "0.1", "worst": "0.3"}]},
        "bounds[0]",
        "higher is better",
    ),
    (
        DivisionKind.CREDIT_CLIMATE,
        {"bounds": [{"figure": "defaultRate", "best": "0.1", "worst": "0.1"}]},
        "bounds[0]",
        "`best` must be lower than `worst`",
    ),
    (DivisionKind.CREDIT_CLIMATE, {"leastClients": 0}, "leastClients", "greater than or equal to 1"),
]


@pytest.mark.parametrize(("kind", "changes", "path", "reason"), MISTAKES)
def test_a_mistake_in_a_model_is_named_with_its_place(
    kind: DivisionKind, changes: dict[str, Any], path: str, reason: str
) -> None:
    with pytest.raises(Unreadable, match=reason) as told:
        form(kind, **changes)
    assert told.value.path == path


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "NaN", "[" * 10_000, '{"a": Infinity}', "1" * 5_000, "x" * 200_000]
)
def test_what_is_no_model_at_all_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read(DivisionKind.ECONOMIC, text)


def test_a_policy_is_for_a_class_of_the_model_and_names_a_product_once() -> None:
    policy = shipped(DivisionKind.CREDIT_CLIMATE)["policies"][0]
    for changes, path in (
        ({"classCode": "D"}, "policies[0].classCode"),
        ({"products": ["MORTGAGE", "MORTGAGE"]}, "policies[0].products"),
        ({"products": ["TULIPS"]}, "policies[0].products[0]"),
        ({"note": "PostgreSQL keeps no \0"}, ""),
        ({"pricingAdjustmentBps": 1001}, "policies[0].pricingAdjustmentBps"),
    ):
        others = shipped(DivisionKind.CREDIT_CLIMATE)["policies"][1:]
        with pytest.raises(Unreadable) as told:
            form(DivisionKind.CREDIT_CLIMATE, policies=[policy | changes, *others])
        assert told.value.path == path


def test_the_shipped_economic_model_is_the_one_that_the_reference_describes() -> None:
    made: EconomicForm = form(DivisionKind.ECONOMIC)
    assert {one.name: str(one.weight) for one in made.indicators} == {
        "gdpPerHead": "0.25",
        "incomePerHead": "0.20",
        "growth": "0.15",
        "tertiaryShare": "0.15",
        "badLoanRate": "0.15",
        "loansToGdp": "0.10",
    }
    assert [one.name for one in made.indicators if one.inverted] == ["badLoanRate"]
    assert (made.core_from, made.key_from) == (Decimal("0.60"), Decimal("0.35"))
    assert form(DivisionKind.INDUSTRY).cluster_from == Decimal("1.25")
