"""A run's parameters: the JSON that headquarters writes, and what each part of it means.

    {
      "bufferFraction": "0.05",
      "demandFactor": "1.2",
      "trendLimit": "0.25",
      "minimumShares": [{"name": "Key areas", "tiers": ["KEY"], "atLeast": {"fraction": "0.10"}}],
      "ceilings": [{"name": "One segment", "segments": ["growth"], "atMost": {"fraction": "0.5"}}],
      "units": [{"unit": "310000", "atLeast": {"amount": "5000000.00"}, "atMost": {"fraction": "0.2"}}],
      "balance": [{"beyond": "0", "cost": "0.005"}, {"beyond": "0.5", "cost": "0.02"}],
      "scorecardInfluence": "0.2",
      "sharing": "SHARED",
      "reclaim": {"below": "0.6", "months": 2, "upTo": "0.5", "warnAbove": "0.9"}
    }

A cap is the demand times its factor; the trend of a client's utilisation moves its demand by the limit at most.
Fractions are of what is shared out (the budget less the buffer); amounts are in major units of the run's currency.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, model_validator

from domain.divisions.models import Tier
from domain.json_forms import Form, Mistakes, Unreadable, read_form, repeated, written_form
from domain.money import AmountRefusal, to_minor

LONGEST_FORM = 200_000
Fraction = Annotated[Decimal, Field(ge=0, le=1, decimal_places=6)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Names = Annotated[tuple[Name, ...], Field(max_length=500)]


class Sharing(StrEnum):
    """How a segment's quota stands below its branch's own: within its room, or fenced off from it."""

    SHARED = "SHARED"
    RING_FENCED = "RING_FENCED"


class End(Form):
    """An end of a bound: an amount, or a part of what is shared out."""

    fraction: Fraction | None = None
    amount: Annotated[Decimal, Field(ge=0, max_digits=21)] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> End:
        if (self.fraction is None) == (self.amount is None):
            raise ValueError("say either `fraction` or `amount`")
        return self

    def minor(self, distributable: int, currency: str) -> int:
        """In minor units; fractions are rounded down. Raises Unreadable."""
        if self.fraction is not None:
            return int(distributable * self.fraction)
        assert self.amount is not None
        amount = to_minor(self.amount, currency)
        if isinstance(amount, AmountRefusal):
            raise Unreadable("", f"{self.amount} is not an amount in {currency}: {amount}")
        return amount


class CellSet(Form):
    """Cells by tier, segment and unit (with all below it); what is not said does not matter."""

    name: Name
    tiers: Annotated[tuple[Tier, ...], Field(max_length=3)] = ()
    segments: Names = ()
    units: Names = ()


class MinimumShare(CellSet):
    """What cells must get at least; never more than they can use."""

    at_least: End


class Ceiling(CellSet):
    """What cells may get at most together."""

    at_most: End


class UnitBounds(Form):
    """What a region or a branch, with all below it, must and may get."""

    unit: Name
    at_least: End | None = None
    at_most: End | None = None


class BalanceSlice(Form):
    """What is short of a branch's fair share beyond this part of it costs so much a year."""

    beyond: Fraction
    cost: Fraction


class Reclaim(Form):
    """When unused quota is taken back in mid-period, and how much of it."""

    below: Fraction
    months: Annotated[int, Field(ge=1, le=24)]
    up_to: Fraction
    warn_above: Fraction


class AllocationForm(Form):
    """The parameters of a run."""

    buffer_fraction: Annotated[Decimal, Field(ge=0, lt=1, decimal_places=6)]
    demand_factor: Annotated[Decimal, Field(ge=1, le=100, decimal_places=6)]
    trend_limit: Fraction
    minimum_shares: Annotated[tuple[MinimumShare, ...], Field(max_length=200)] = ()
    ceilings: Annotated[tuple[Ceiling, ...], Field(max_length=200)] = ()
    units: Annotated[tuple[UnitBounds, ...], Field(max_length=5000)] = ()
    balance: Annotated[tuple[BalanceSlice, ...], Field(max_length=10)] = ()
    scorecard_influence: Fraction = Decimal(0)
    sharing: Sharing = Sharing.SHARED
    reclaim: Reclaim


def read(text: str) -> AllocationForm:
    """The parameters in their JSON form. Raises Unreadable at the first place that cannot be meant."""
    return read_form(text, AllocationForm, _mistakes, what="parameters have", longest=LONGEST_FORM)


def written(form: AllocationForm) -> dict[str, Any]:
    """The parameters as JSON values; numbers that must stay exact are strings."""
    return written_form(form, leave_out_none=True)


def _mistakes(form: AllocationForm) -> Mistakes:
    """What each value alone cannot show."""
    beyond, costs = [s.beyond for s in form.balance], [s.cost for s in form.balance]
    if beyond != sorted(set(beyond)) or (beyond and beyond[0] != 0):
        yield "balance", "slices begin at 0, and each beyond the one before"
    if costs != sorted(costs):
        yield "balance", "the penalty must not become cheaper from slice to slice"
    for _, name in repeated([one.name for one in (*form.minimum_shares, *form.ceilings)]):
        yield "minimumShares and ceilings", f"{name} stands there twice"
    for _, unit in repeated([one.unit for one in form.units]):
        yield "units", f"{unit} stands there twice"
    for bounds in form.units:
        if bounds.at_least is None and bounds.at_most is None:
            yield "units", f"say what {bounds.unit} must or may get: `atLeast`, `atMost`"
    if form.reclaim.below > form.reclaim.warn_above:
        yield "reclaim", "what is reclaimed for lack of use cannot be warned of for too much of it"
