"""How regions are divided by economic strength: the index, its tiers, its laws, and China's provinces."""

from __future__ import annotations

import csv
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shipped_divisions import SHIPPED, form

from domain.divisions.economic import Figure, Indexed, Region, tiers
from domain.divisions.models import DivisionKind, EconomicParameters, Weighting
from domain.divisions.weights import by_entropy, spread

PROVINCES = SHIPPED.parents[1] / "intake" / "shipped" / "regions_china_2023.csv"


# The index


def economic(*weights: str, inverted: int | None = None, **said: Any) -> EconomicParameters:
    indicators = [
        {"name": f"i{n}", "indicator": f"i{n}", "weight": weight, "inverted": n == inverted}
        for n, weight in enumerate(weights)
    ]
    told = {"leastWeight": "0.5", "coreFrom": "0.6", "keyFrom": "0.35", "cityClusters": ["Delta"]} | said
    return EconomicParameters.model_validate({"indicators": indicators} | told)


def region(code: str, *values: Any, country: str = "CN", cluster: str | None = None) -> Region:
    known = {f"i{n}": Figure(Decimal(v), "%") for n, v in enumerate(values) if v is not None}
    return Region(code, country, cluster, known)


def test_the_index_is_the_weighted_sum_of_places_between_the_weakest_and_the_strongest() -> None:
    model = economic("0.75", "0.25")
    found = tiers(model, [region("a", 0, 10), region("b", 5, 20), region("c", 10, 15)])
    assert [(code, one.index) for code, one in found.items()] == [
        ("a", Decimal("0.000000")),
        ("b", Decimal("0.625000")),
        ("c", Decimal("0.875000")),
    ]


def test_of_an_inverted_indicator_the_least_is_the_best() -> None:
    found = tiers(economic("1", inverted=0), [region("a", 1), region("b", 3), region("c", 2)])
    assert [str(one.index) for one in found.values()] == ["1.000000", "0.000000", "0.500000"]


def test_an_indicator_may_be_the_ratio_of_two_and_is_missing_where_either_is() -> None:
    model = EconomicParameters.model_validate(
        {
            "indicators": [{"name": "gdpPerHead", "indicator": "i0", "per": "i1", "weight": "1"}],
            "leastWeight": "0.5",
            "coreFrom": "0.6",
            "keyFrom": "0.35",
        }
    )
    given_values = [("a", 30, 2), ("b", 10, 2), ("c", 10, 0), ("d", 10, None)]
    found = tiers(model, [region(code, *values) for code, *values in given_values])
    assert [one.parts[0].value for one in found.values()] == [Decimal(15), Decimal(5), None, None]
    assert found["a"].parts[0].unit == "% / %"
    assert found["c"].missing == ("gdpPerHead",)


def test_what_is_missing_is_borne_by_the_rest_and_named() -> None:
    found = tiers(economic("0.5", "0.3", "0.2"), [region("a", 1, 1, 1), region("b", 2, 2), region("c", 1, 2)])
    assert found["b"].missing == ("i2",)
    assert [str(part.weight) for part in found["b"].parts] == ["0.625000", "0.375000", "0"]
    # The third tells no region from another, since only one has it.
    assert found["a"].missing == ("i2",)
    assert found["b"].index == 1


TIERS = [
    # value of 0..100, city cluster, tier, in the reason
    (100, None, "CORE", "reaches 0.6"),
    (60, None, "CORE", "reaches 0.6"),
    (59, None, "KEY", "and not 0.6"),
    (35, None, "KEY", "reaches 0.35"),
    (34, None, "UNDERDEVELOPED", "does not reach 0.35"),
    (0, None, "UNDERDEVELOPED", "does not reach"),
    (10, "Delta", "CORE", "city cluster Delta"),
    (10, "Plain", "UNDERDEVELOPED", "does not reach"),
    (None, "Delta", "CORE", "city cluster Delta"),
    (None, None, None, "indicators of 0 of the weight are known, and 0.5 are needed"),
]


@pytest.mark.parametrize(("value", "cluster", "tier", "reason"), TIERS)
def test_the_tier_follows_from_the_index_or_the_city_cluster(
    value: int | None, cluster: str | None, tier: str | None, reason: str
) -> None:
    ends = [region("least", 0), region("most", 100)]
    found = tiers(economic("1"), [*ends, region("x", value, cluster=cluster)])["x"]
    assert found.tier == tier
    assert reason in found.reason


def test_half_of_the_weight_must_be_known_for_an_index() -> None:
    regions = [region("a", 1, 1), region("b", 2, 2), region("c", 2), region("d", None, 2)]
    found = tiers(economic("0.6", "0.4"), regions)
    assert found["c"].index == 1
    assert found["d"].index is None
    assert found["d"].missing == ("i0",)
    # What is known of it stands there all the same.
    assert [str(part.value) for part in found["d"].parts] == ["None", "2"]


def test_countries_are_not_compared_with_each_other() -> None:
    found = tiers(economic("1"), [region("a", 1), region("b", 2), region("x", 50, country="US")])
    assert [one.index for one in found.values()] == [0, 1, None]


def test_outliers_at_both_ends_do_not_make_all_others_alike() -> None:
    regions = [region(str(n), value) for n, value in enumerate([-900, 1, 2, 3, 4, 5, 6, 7, 8, 1000])]
    found = tiers(economic("1", outliers="0.1"), regions)
    assert [str(one.index) for one in found.values()][:3] == ["0.000000", "0.000000", "0.142857"]
    assert [str(one.index) for one in found.values()][-2:] == ["1.000000", "1.000000"]


# Its laws

VALUES = st.one_of(st.none(), st.decimals(-(10**6), 10**30, places=3))
WEIGHTS = st.lists(st.integers(1, 1000), min_size=1, max_size=5)


@st.composite
def divided(draw: Any) -> tuple[EconomicParameters, list[Region], dict[str, Indexed]]:
    parts = spread({f"i{n}": Decimal(part) for n, part in enumerate(draw(WEIGHTS))})
    model = economic(
        *map(str, parts.values()),
        inverted=draw(st.one_of(st.none(), st.integers(0, 4))),
        weighting=draw(st.sampled_from(list(Weighting))),
        outliers=draw(st.sampled_from(["0", "0.1", "0.34"])),
        leastWeight=draw(st.sampled_from(["0", "0.3", "1"])),
    )
    rows = draw(st.lists(st.lists(VALUES, min_size=len(parts), max_size=len(parts)), min_size=1, max_size=9))
    countries = st.sampled_from(["CN", "CN", "US"])
    regions = [region(str(n), *row, country=draw(countries)) for n, row in enumerate(rows)]
    return model, regions, tiers(model, regions)


@given(divided())
def test_an_index_lies_within_its_bounds_and_is_the_sum_of_its_parts(
    case: tuple[EconomicParameters, list[Region], dict[str, Indexed]],
) -> None:
    _, regions, found = case
    assert set(found) == {one.code for one in regions}
    for one in found.values():
        known = [part for part in one.parts if part.scaled is not None]
        assert all(0 <= part.scaled <= 1 for part in known if part.scaled is not None)
        assert sum(part.weight for part in one.parts) in (0, 1)
        assert {part.indicator for part in one.parts if part.scaled is None} == set(one.missing)
        if one.index is not None:
            assert 0 <= one.index <= 1
            assert one.index == sum(part.contribution for part in known if part.contribution is not None)


@given(divided(), st.randoms(use_true_random=False))
def test_neither_the_order_of_regions_nor_that_of_indicators_matters(
    case: tuple[EconomicParameters, list[Region], dict[str, Indexed]], random: Any
) -> None:
    model, regions, found = case
    shuffled, indicators = list(regions), list(model.indicators)
    random.shuffle(shuffled)
    random.shuffle(indicators)
    again = tiers(model.model_copy(update={"indicators": tuple(indicators)}), shuffled)
    assert {code: (one.tier, one.index) for code, one in again.items()} == {
        code: (one.tier, one.index) for code, one in found.items()
    }


def test_weights_that_are_spread_are_millionths_that_add_up_to_one() -> None:
    thirds = spread({"b": Decimal("0.1"), "c": Decimal("0.1"), "a": Decimal("0.1"), "none": Decimal(0)})
    assert list(map(str, thirds.values())) == ["0.333333", "0.333333", "0.333334", "0.000000"]
    assert spread({"none": Decimal(0)}) == {}


def test_by_entropy_what_differs_more_weighs_more_and_what_is_the_same_weighs_nothing() -> None:
    even, one_of_all, mixed = (
        [Decimal(1)] * 4,
        [Decimal(n == 0) for n in range(4)],
        [Decimal(n) for n in range(4)],
    )
    found = by_entropy({"even": even, "oneOfAll": one_of_all, "mixed": mixed})
    assert found["even"] == 0 < found["mixed"] < found["oneOfAll"]
    assert by_entropy({"a": even, "b": even}) == {"a": Decimal("0.5"), "b": Decimal("0.5")}


# The shipped model on the shipped provinces


def provinces(**changes: Any) -> dict[str, Indexed]:
    names = {
        "gdp": "gdp_100m_cny",
        "population": "population_10k",
        "gdp_growth": "gdp_growth_pct",
        "disposable_income_per_capita": "disposable_income_per_capita_cny",
        "tertiary_share": "tertiary_share_pct",
    }
    with PROVINCES.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    regions = [
        Region(
            row["name_en"],
            "CN",
            row["city_cluster"] or None,
            {name: Figure(Decimal(row[column]), "x") for name, column in names.items()},
        )
        for row in rows
    ]
    return tiers(form(DivisionKind.ECONOMIC, **changes), regions)


def test_the_shipped_model_divides_chinas_provinces_plausibly() -> None:
    found = provinces()
    by_tier = {
        tier: {name for name, one in found.items() if one.tier == tier}
        for tier in ("CORE", "KEY", "UNDERDEVELOPED")
    }
    assert {tier: len(names) for tier, names in by_tier.items()} == {
        "CORE": 9,
        "KEY": 8,
        "UNDERDEVELOPED": 14,
    }
    assert by_tier["CORE"] >= {"Beijing", "Shanghai", "Tianjin", "Jiangsu", "Zhejiang", "Guangdong"}
    assert by_tier["KEY"] >= {"Shandong", "Hubei", "Chongqing", "Sichuan"}
    assert by_tier["UNDERDEVELOPED"] >= {"Gansu", "Guizhou", "Qinghai", "Yunnan", "Guangxi", "Heilongjiang"}
    strongest = sorted(found, key=lambda name: found[name].index or 0, reverse=True)
    assert strongest[:6] == ["Beijing", "Shanghai", "Zhejiang", "Jiangsu", "Tianjin", "Guangdong"]


def test_what_the_shipped_figures_lack_is_reported_and_its_weight_borne_by_the_rest() -> None:
    for one in provinces().values():
        assert one.missing == ("badLoanRate", "loansToGdp")
        assert [str(part.weight) for part in one.parts] == [
            "0.333333",
            "0.266667",
            "0.200000",
            "0.200000",
            "0",
            "0",
        ]


def test_without_leaving_out_outliers_only_the_two_richest_cities_reach_the_core_by_their_index() -> None:
    by_index = [
        name for name, one in provinces(outliers="0").items() if one.index and one.index >= Decimal("0.6")
    ]
    assert by_index == ["Beijing", "Shanghai"]


def test_weights_by_entropy_divide_the_provinces_much_alike() -> None:
    given_weights, entropy = provinces(), provinces(weighting="ENTROPY")
    differ = {name for name in entropy if entropy[name].tier != given_weights[name].tier}
    assert differ == {"Tibet"}
