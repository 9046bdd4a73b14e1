"""The fund's rules: each a staircase of guards, one line and one named refusal a step, in a documented order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain import splitting
from domain.compensation.fund import Account, Books, Cover, breaker_room, grantable, part_of
from domain.compensation.kinds import BreakerBase, ClaimStatus, EnrolmentStatus, FundBucket, FundStanding
from domain.money import Money
from domain.refusals import Possible, Refusal, RefusalCode, invalid, second_person_needed

Postings = Mapping[tuple[str, FundBucket], int]
"""What a movement changes: minor units by funder and bucket."""


@dataclass(frozen=True, slots=True)
class Loan:
    """What is known of a facility on a day: what is owed, what of it is overdue, and since when."""

    currency: str
    outstanding: int
    overdue_principal: int
    days_past_due: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A covered loan: the principal then, the most that the fund bears of it, what is claimed net of recoveries."""

    status: EnrolmentStatus
    principal: int
    covered: int
    claimed: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim: its amount and, by funder, what was reserved for it or paid, and what came back."""

    status: ClaimStatus
    amount: int
    claimed_by: str
    decided_by: str | None = None
    shares: Mapping[str, int] | None = None
    recovered: Mapping[str, int] | None = None


def enrol(
    cover: Cover | None,
    standing: FundStanding,
    currency: str,
    loan: Loan,
    unmet: Sequence[str],
    day: dt.date,
) -> int | Refusal:
    """The most that the fund will bear of a loan that it takes, in minor units."""
    if cover is None or not cover.holds_on(day):
        return Refusal(RefusalCode.FUND_STOPPED, "no terms of the fund are in force on this day")
    if standing is FundStanding.STOPPED:
        return _stopped("takes no new loans")
    if loan.currency != currency:
        return _not_eligible(f"the loan is in {loan.currency}, the fund in {currency}")
    if loan.outstanding <= 0:
        return _not_eligible("nothing is owed on it")
    if loan.days_past_due > 0:
        return _not_eligible(f"it is {loan.days_past_due} days past due already")
    if unmet:
        return _not_eligible("; ".join(unmet))
    covered = part_of(loan.outstanding, cover.coverage)
    if covered <= 0:
        return _not_eligible("its covered part is less than the smallest unit of the currency")
    return covered


def withdraw(enrolment: Enrolment) -> Refusal | None:
    """Whether a loan may leave the fund."""
    if enrolment.status is not EnrolmentStatus.ENROLLED:
        return Refusal(
            RefusalCode.STATUS_MAY_NOT_FOLLOW, "the loan is not covered any more", ("enrolmentId",)
        )
    if enrolment.claimed > 0:
        message = "something is claimed of it and has not come back: it stays covered until then"
        return Refusal(RefusalCode.STATUS_MAY_NOT_FOLLOW, message, ("enrolmentId",))
    return None


def claim(
    cover: Cover,
    standing: FundStanding,
    currency: str,
    enrolment: Enrolment,
    loan: Loan,
    asked: int | None,
) -> int | Refusal:
    """The amount of a claim, in minor units; all that may be claimed where none is asked for.

    `cover` is that of the terms under which the loan was enrolled: the fund keeps what it promised.
    """
    if enrolment.status is not EnrolmentStatus.ENROLLED:
        return Refusal(RefusalCode.NOT_ELIGIBLE, "the loan is not covered any more", ("enrolmentId",))
    if standing is FundStanding.STOPPED:
        return _stopped("takes no claims")
    if loan.overdue_principal <= 0 or loan.days_past_due < cover.claim_from_days:
        message = (
            f"a claim may be made from {cover.claim_from_days} days past due on: "
            f"the loan is {loan.days_past_due} days past due"
        )
        return Refusal(RefusalCode.NOT_YET_CLAIMABLE, message, ("enrolmentId",))
    room = min(part_of(loan.overdue_principal, cover.coverage), enrolment.covered) - enrolment.claimed
    if room <= 0:
        return _beyond_coverage("all that the fund bears of it is claimed already", 0, currency)
    if asked is not None and asked <= 0:
        return invalid("an amount above zero is needed", "amount")
    if asked is not None and asked > room:
        return _beyond_coverage("the fund bears no more of it", room, currency)
    return room if asked is None else asked


def approve(cover: Cover, books: Books, of: Claim, actor: str) -> Postings | Refusal:
    """What is set aside for a claim that headquarters grants: the funders' shares, exact.

    In this order: is it still to be decided, is somebody else deciding, does the breaker allow it, has every funder
    its share.
    """
    if of.status is not ClaimStatus.CLAIMED:
        return _may_not_follow(of.status, "granted")
    if actor == of.claimed_by:
        return second_person_needed("makes a claim", "grant it", "claimId")
    room = breaker_room(cover, books)
    if of.amount > room:
        message = f"the circuit breaker is set to {cover.breaker_limit:f} of the {_BASES[cover.breaker_base]}"
        return _possible(
            RefusalCode.BREAKER_TRIPPED, message, max(room, 0), books.currency, "circuit breaker"
        )
    shares = splitting.by_name(of.amount, cover.weights)
    for funder, share in sorted(shares.items()):
        if share > books.accounts.get(funder, Account()).available:
            possible = grantable(cover, books)
            return _possible(
                RefusalCode.FUND_EXHAUSTED, f"{funder} has not enough left", possible, books.currency, funder
            )
    return {(funder, FundBucket.RESERVED): share for funder, share in shares.items() if share}


def reject(of: Claim, actor: str) -> Refusal | None:
    """Whether headquarters may turn the claim down."""
    if of.status is not ClaimStatus.CLAIMED:
        return _may_not_follow(of.status, "rejected")
    if actor == of.claimed_by:
        return second_person_needed("makes a claim", "decide on it", "claimId")
    return None


def pay(of: Claim, actor: str) -> Postings | Refusal:
    """What is paid out of what was set aside for a claim."""
    if of.status is not ClaimStatus.APPROVED:
        return _may_not_follow(of.status, "paid")
    if actor == of.decided_by:
        return second_person_needed("grants a claim", "pay it", "claimId")
    assert of.shares is not None
    assert sum(of.shares.values()) == of.amount
    reserved = {(funder, FundBucket.RESERVED): -share for funder, share in of.shares.items() if share}
    paid = {(funder, FundBucket.PAID): share for funder, share in of.shares.items() if share}
    return reserved | paid


def recover(of: Claim, amount: int, currency: str) -> Postings | Refusal:
    """What flows back to the funders of a claim that was paid, in the shares in which they paid."""
    if of.status is not ClaimStatus.PAID:
        return _may_not_follow(of.status, "recovered")
    if amount <= 0:
        return invalid("an amount above zero is needed", "amount")
    assert of.shares is not None
    recovered = of.recovered or {}
    out = of.amount - sum(recovered.values())
    if amount > out:
        message = "no more comes back to the fund than it has paid"
        return _possible(RefusalCode.BEYOND_WHAT_WAS_PAID, message, out, currency, "claim")
    shares = flow_back(amount, of.shares, recovered)
    return {(funder, FundBucket.RECOVERED): share for funder, share in shares.items() if share}


def flow_back(amount: int, paid: Mapping[str, int], recovered: Mapping[str, int]) -> dict[str, int]:
    """A recovery in the shares in which was paid; nobody gets back more than was paid and has not come back yet.

    Each part is a share of what is still out: so in the end everybody has back exactly what it paid, whatever the
    order and the size of the recoveries.
    """
    out = {name: share - recovered.get(name, 0) for name, share in paid.items()}
    assert amount <= sum(out.values()), "no more comes back than was paid"
    shares = splitting.by_name(amount, out)
    assert all(shares[name] <= out[name] for name in shares)
    return shares


_BASES = {
    BreakerBase.COVERED_PRINCIPAL: "principal that the fund covers",
    BreakerBase.CONTRIBUTIONS: "contributions to the fund",
}


def _stopped(what: str) -> Refusal:
    return Refusal(
        RefusalCode.FUND_STOPPED, f"the fund is stopped: it {what} until headquarters lets it go on"
    )


def _not_eligible(why: str) -> Refusal:
    return Refusal(RefusalCode.NOT_ELIGIBLE, f"the fund does not take this loan: {why}", ("facilityId",))


def _beyond_coverage(why: str, room: int, currency: str) -> Refusal:
    return _possible(RefusalCode.BEYOND_COVERAGE, why, room, currency, "coverage")


def _possible(code: RefusalCode, why: str, room: int, currency: str, binding: str) -> Refusal:
    amount = Money(room, currency).amount
    message = f"{why}: {amount:f} {currency} would be possible"
    return Refusal(code, message, ("amount",), Possible(room, currency, binding))


def _may_not_follow(status: ClaimStatus, what: str) -> Refusal:
    message = f"a claim that is {status} cannot be {what}"
    return Refusal(RefusalCode.STATUS_MAY_NOT_FOLLOW, message, ("claimId",))
