"""A way of scoring branches as versioned data: classes and indicators, read from JSON with every mistake named."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from domain.json_forms import Form, Mistakes, read_form, repeated, written_form
from domain.money import EXPONENTS
from domain.scorecards.kinds import ScorecardClass, ScoreDirection

Name = Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9]{0,39}$")]
Word = Annotated[str, Field(min_length=1, max_length=100)]
Fraction = Annotated[Decimal, Field(ge=0, le=1, decimal_places=6)]
Bound = Annotated[Decimal, Field(ge=-1_000_000, le=1_000_000, decimal_places=6)]


class Figure(StrEnum):
    """What the bank knows of a branch at the end of a period, or over it; each is a fraction.

    Lending is what is owed at the period's end, in the model's currency.
    """

    # Limits that are exceeded, of those in force; known of the latest period only
    LIMIT_BREACH_SHARE = "limitBreachShare"
    # Overrides, of all reservations and overrides in the period
    OVERRIDE_SHARE = "overrideShare"
    # Tasks overdue at the period's end, of those open then or done in it
    LATE_TASK_SHARE = "lateTaskShare"
    # Active clients with an annual statement not older than `statementMonths`
    STATEMENT_SHARE = "statementShare"
    # Lending more than `nonPerformingDays` past due; in the latest period substandard or worse as well
    NON_PERFORMING_SHARE = "nonPerformingShare"
    # Lending more than `pastDueDays` past due
    PAST_DUE_SHARE = "pastDueShare"
    # Lending that a public body guarantees
    GUARANTEED_SHARE = "guaranteedShare"
    # Net interest + fees - cost - expected loss, a year's worth, over the capital held
    RETURN_ON_CAPITAL = "returnOnCapital"
    # Fees, of net interest and fees
    FEE_SHARE = "feeShare"
    # Lending by green loans
    GREEN_SHARE = "greenShare"
    # Lending against pledged intellectual property
    IP_PLEDGED_SHARE = "ipPledgedShare"
    # Lending by supply chain finance
    SUPPLY_CHAIN_SHARE = "supplyChainShare"
    # Lending to growth clients, of lending to clients whose type is on record
    GROWTH_CLIENT_SHARE = "growthClientShare"
    # Lending to small and micro firms, of lending to clients whose size is known
    SMALL_FIRM_SHARE = "smallFirmShare"
    # Lending in key and underdeveloped regions, of lending in regions with a tier
    DEVELOPING_REGION_SHARE = "developingRegionShare"
    # Lending that a risk compensation fund covers
    FUND_COVERED_SHARE = "fundCoveredShare"


class Indicator(Form):
    """A figure scaled between the `floor`, which earns nothing, and the `target`, which earns all.

    The weight is its share of its class.
    """

    indicator: Name
    name: Word
    figure: Figure
    direction: ScoreDirection
    floor: Bound
    target: Bound
    weight: Fraction


class WeighedClass(Form):
    """A class of indicators; the weight is its share of the whole."""

    class_code: ScorecardClass
    weight: Fraction
    indicators: Annotated[tuple[Indicator, ...], Field(min_length=1, max_length=20)]


class ScorecardForm(Form):
    """How branches are scored. Amounts in other currencies than `currency` are left out: they cannot be added."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    non_performing_days: Annotated[int, Field(ge=1, le=3650)]
    past_due_days: Annotated[int, Field(ge=1, le=3650)]
    statement_months: Annotated[int, Field(ge=1, le=120)]
    classes: Annotated[tuple[WeighedClass, ...], Field(min_length=1, max_length=5)]


def read(text: str) -> ScorecardForm:
    """The model in its JSON form. Raises Unreadable at the first place that cannot be meant."""
    return read_form(text, ScorecardForm, _mistakes, what="a model has")


def written(form: ScorecardForm) -> dict[str, Any]:
    """The model as JSON values; numbers that must stay exact are strings."""
    return written_form(form)


def _mistakes(form: ScorecardForm) -> Mistakes:
    if form.currency not in EXPONENTS:
        yield "currency", f"{form.currency} is not a currency that the bank deals in"
    for _, name in repeated(
        [one.class_code for one in form.classes]
        + [one.indicator for group in form.classes for one in group.indicators]
    ):
        yield "classes", f"{name} stands there twice"
    yield from _whole("classes", [one.weight for one in form.classes])
    for n, group in enumerate(form.classes):
        path = f"classes[{n}].indicators"
        yield from _whole(path, [one.weight for one in group.indicators])
        for k, one in enumerate(group.indicators):
            higher = one.direction is ScoreDirection.HIGHER_IS_BETTER
            if one.floor == one.target or (one.target > one.floor) != higher:
                lies = "above" if higher else "below"
                yield f"{path}[{k}].target", f"of {one.indicator} the target lies {lies} the floor"


def _whole(path: str, weights: list[Decimal]) -> Mistakes:
    total = sum(weights)
    if total != 1:
        yield path, f"the weights add up to {total}, not to 1"
