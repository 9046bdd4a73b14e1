"""A version of a fund's terms: what is covered and by whom, read from JSON with every mistake named."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from domain import conditions
from domain.compensation.eligibility import mistakes_of
from domain.compensation.kinds import BreakerBase
from domain.conditions import Condition
from domain.json_forms import Form, Mistakes, read_form, repeated, written_form

Share = Annotated[Decimal, Field(gt=0, le=1, decimal_places=6)]
Code = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,39}$")]


class Funder(Form):
    """Who bears a part of what the fund pays: `weight` parts of all the weights together."""

    funder: Code
    weight: Annotated[int, Field(ge=1, le=1_000)]


class Breaker(Form):
    """Where the fund stops: no claim is granted that takes what it has paid beyond `limit` of the base."""

    base: BreakerBase
    limit: Share


class Terms(Form):
    """What a fund covers.

    `coverage`: the share of overdue principal that it bears. `claim_from_days`: how long the oldest unpaid
    instalment must be overdue. `eligibility`: a condition over the client's facts and its loan's
    (`eligibility.LOAN_FACTS`).
    """

    coverage: Share
    claim_from_days: Annotated[int, Field(ge=1, le=3650)]
    funders: Annotated[tuple[Funder, ...], Field(min_length=1, max_length=10)]
    eligibility: dict[str, Any]
    breaker: Breaker
    valid_from: dt.date
    valid_until: dt.date | None = None

    @property
    def weights(self) -> dict[str, int]:
        """The funders' weights by name."""
        return {one.funder: one.weight for one in self.funders}

    @property
    def condition(self) -> Condition:
        """What a loan must fulfil."""
        return conditions.read(self.eligibility)


def read(text: str) -> Terms:
    """The terms in their JSON form. Raises Unreadable at the first place that cannot be meant."""
    return read_form(text, Terms, _mistakes, what="terms have")


def written(terms: Terms) -> dict[str, Any]:
    """The terms as JSON values; numbers that must stay exact are strings."""
    return written_form(terms)


def _mistakes(terms: Terms) -> Mistakes:
    for n, name in repeated([one.funder for one in terms.funders]):
        yield f"funders[{n}].funder", f"{name} stands there twice"
    if terms.valid_until is not None and terms.valid_until < terms.valid_from:
        yield "validUntil", f"the terms begin on {terms.valid_from}: they cannot end before"
    try:
        condition = terms.condition
    except conditions.Unreadable as mistake:
        yield f"eligibility.{mistake.path}", mistake.reason
        return
    for reason in mistakes_of(condition):
        yield "eligibility", reason
