"""Industry clusters by location quotient, and the climate of credit by the bank's own portfolio."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shipped_divisions import form

from domain.divisions.climate import Portfolio, climate
from domain.divisions.industry import Presence, clusters, location_quotients
from domain.divisions.models import ClimateForm, ClusterSource, DivisionKind, IndustryForm

# Clusters


def presence(place: str, industry: str, amount: int, clients: int = 10, scheme: str = "GB") -> Presence:
    return Presence(place, "CN", scheme, industry, Decimal(amount), clients)


def test_a_location_quotient_is_the_share_in_the_region_over_that_in_the_country() -> None:
    found = location_quotients([presence("a", "C26", 30), presence("a", "F51", 10), presence("b", "F51", 40)])
    assert found == {
        # 30/40 over 30/80; 10/40 over 50/80; 40/40 over 50/80
        ("a", "GB", "C26"): Decimal(2),
        ("a", "GB", "F51"): Decimal("0.4"),
        ("b", "GB", "F51"): Decimal("1.6"),
    }


PRESENCES = st.lists(
    st.builds(
        presence,
        st.sampled_from("abc"),
        st.sampled_from(["C1", "C2", "F5"]),
        st.integers(0, 1000),
        st.just(9),
    ),
    unique_by=lambda one: (one.region_code, one.industry_code),
)


@given(PRESENCES)
def test_a_country_of_one_region_has_no_cluster(presences: list[Presence]) -> None:
    one_region = {one.industry_code: one for one in presences}
    found = location_quotients([presence("all", code, int(one.amount)) for code, one in one_region.items()])
    assert set(found.values()) <= {Decimal(1)}


@given(PRESENCES)
def test_weighted_by_the_regions_sizes_an_industrys_quotients_average_to_one(
    presences: list[Presence],
) -> None:
    found = location_quotients(presences)
    sizes = {place: Decimal(0) for place in "abc"}
    for one in presences:
        sizes[one.region_code] += one.amount
    whole = sum(sizes.values(), Decimal(0))
    for industry in {cell[2] for cell in found}:
        shares = [q * sizes[cell[0]] / whole for cell, q in found.items() if cell[2] == industry]
        weighted = sum(shares, Decimal(0))
        assert abs(weighted - 1) < Decimal("0.00001")


def test_a_cluster_needs_its_quotient_and_its_clients_and_has_the_class_of_its_group() -> None:
    industry: IndustryForm = form(DivisionKind.INDUSTRY, official=None)
    portfolio = [
        presence("a", "I65", 20),
        presence("a", "C26", 15, clients=9),
        presence("a", "F51", 25),
        presence("b", "F51", 75),
        presence("b", "I65", 16),
        presence("b", "C26", 4),
    ]
    found = clusters(industry, portfolio)
    assert [
        (one.region_code, one.industry_code, one.class_code, str(one.location_quotient)) for one in found
    ] == [
        # Not a's C26: only nine clients are in it. Nor b's F51, at 1.22.
        ("a", "I65", "TECHNOLOGY", "1.435185"),
    ]


def test_official_figures_are_preferred_where_they_can_be_compared() -> None:
    industry: IndustryForm = form(DivisionKind.INDUSTRY)
    portfolio = [
        presence("a", "I65", 90),
        presence("a", "F51", 10),
        presence("b", "F51", 90),
        presence("c", "I65", 10),
    ]
    alone = clusters(industry, portfolio, [presence("a", "F51", 5, 0)])
    assert {one.source for one in alone} == {ClusterSource.PORTFOLIO}
    official = [presence("a", "F51", 80, 0), presence("a", "I65", 20, 0), presence("c", "I65", 100, 0)]
    found = clusters(industry, portfolio, official)
    assert [(one.region_code, one.industry_code, one.source, one.clients) for one in found] == [
        ("a", "F51", ClusterSource.OFFICIAL, 10),
        ("b", "F51", ClusterSource.PORTFOLIO, 10),
        ("c", "I65", ClusterSource.OFFICIAL, 10),
    ]


# Credit climate

GOOD = Portfolio(
    borrowers=100,
    defaulted=1,
    graded=100,
    grade_a=50,
    grade_c=5,
    exposure=1000,
    past_due=10,
    non_performing=5,
)
CLIMATES: list[tuple[dict[str, Any], str | None, str]] = [
    ({}, "A", "every figure speaks for A"),
    ({"past_due": 15}, "A", "every figure"),
    ({"past_due": 16}, "B", "pastDueShare 0.016000 does not speak for A"),
    ({"past_due": 50}, "B", "pastDueShare"),
    ({"past_due": 51}, "C", "pastDueShare 0.051000 speaks for C"),
    ({"non_performing": 26}, "C", "nonPerformingShare 0.026000 speaks for C"),
    ({"defaulted": 5}, "C", "defaultRate 0.050000 speaks for C"),
    ({"grade_a": 34}, "B", "gradeAShare"),
    ({"grade_a": 19}, "C", "gradeAShare 0.190000 speaks for C"),
    ({"grade_c": 26, "past_due": 90}, "C", "pastDueShare 0.090000, gradeCShare 0.260000"),
    ({"graded": 0, "grade_a": 0, "grade_c": 0}, "B", "gradeAShare unknown, gradeCShare unknown"),
    ({"borrowers": 19}, None, "19 clients borrow there, and 20 are needed to tell"),
    ({"borrowers": 20, "defaulted": 0}, "A", "every figure"),
]


@pytest.mark.parametrize(("changes", "expected", "reason"), CLIMATES)
def test_the_climate_is_as_bad_as_the_worst_figure_and_good_only_if_all_are(
    changes: dict[str, Any], expected: str | None, reason: str
) -> None:
    model: ClimateForm = form(DivisionKind.CREDIT_CLIMATE)
    found = climate(model, replace(GOOD, **changes))
    assert found.climate == expected
    assert reason in found.reason


def test_an_empty_portfolio_says_nothing_and_that_is_said() -> None:
    found = climate(form(DivisionKind.CREDIT_CLIMATE), Portfolio())
    assert found.climate is None
    assert found.missing[:2] == ("borrowers", "pastDueShare")
