"""A fund: what its funders have in it, what it promises, how far it may still go."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from domain.compensation.kinds import BreakerBase, FundStanding


@dataclass(frozen=True, slots=True)
class Account:
    """What one funder has in a fund; minor units."""

    contributed: int = 0
    reserved: int = 0
    paid: int = 0
    recovered: int = 0

    @property
    def available(self) -> int:
        """What may still be granted of it."""
        return self.contributed + self.recovered - self.paid - self.reserved

    @property
    def borne(self) -> int:
        """What it has paid or is about to, less what came back."""
        return self.paid + self.reserved - self.recovered


@dataclass(frozen=True, slots=True)
class Cover:
    """What a fund promises by the terms in force."""

    coverage: Decimal
    claim_from_days: int
    weights: Mapping[str, int]
    breaker_base: BreakerBase
    breaker_limit: Decimal
    valid_from: dt.date
    valid_until: dt.date | None

    def holds_on(self, day: dt.date) -> bool:
        """Whether the terms are valid on a day; both ends count."""
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


@dataclass(frozen=True, slots=True)
class Books:
    """A fund's accounts by funder, and the principal of all loans that it covers; all in `currency`."""

    currency: str
    accounts: Mapping[str, Account]
    covered_principal: int


def part_of(principal: int, coverage: Decimal) -> int:
    """The covered part of a principal: never more than the coverage, to the last minor unit."""
    return int((principal * coverage).to_integral_value(ROUND_FLOOR))


def breaker_room(cover: Cover, books: Books) -> int:
    """What may still be granted until the breaker trips, in minor units; below zero where it has long tripped.

    What counts is what the fund bears: paid and set aside, less what came back.
    """
    accounts = books.accounts.values()
    base = (
        books.covered_principal
        if cover.breaker_base is BreakerBase.COVERED_PRINCIPAL
        else sum(account.contributed for account in accounts)
    )
    return part_of(base, cover.breaker_limit) - sum(account.borne for account in accounts)


def grantable(cover: Cover, books: Books) -> int:
    """A claim that can be granted whatever rounding does: within the breaker, and within what every funder has."""
    total = sum(cover.weights.values())
    # No share is more than its quota rounded up.
    shared = min(
        books.accounts.get(funder, Account()).available * total // weight
        for funder, weight in cover.weights.items()
    )
    return max(min(shared, breaker_room(cover, books)), 0)


def standing_of(cover: Cover | None, books: Books) -> FundStanding:
    """Whether a fund goes on: while terms are in force, every funder has something left and the breaker holds."""
    if cover is None:
        return FundStanding.STOPPED
    # Of a fund that covers nothing yet, there is nothing to trip it.
    tripped = books.covered_principal > 0 and breaker_room(cover, books) <= 0
    exhausted = any(books.accounts.get(funder, Account()).available <= 0 for funder in cover.weights)
    return FundStanding.STOPPED if tripped or exhausted else FundStanding.ACTIVE
