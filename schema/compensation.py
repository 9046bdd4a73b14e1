"""The risk compensation fund as callers see it: terms, funders, covered loans, claims, what moved."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlalchemy import Text, cast

from domain.compensation.kinds import (
    BreakerBase,
    ClaimStatus,
    EnrolmentStatus,
    FundBucket,
    FundOperation,
    FundStanding,
    TermsStatus,
)
from schema.bound_fields import Node
from schema.clients import CLIENT
from schema.codes import described
from schema.fields import amount, bound, column, connection, expression, to_one
from schema.lending import FACILITY
from schema.money import Money

described(
    FundStanding,
    "Whether a fund goes on.",
    {
        FundStanding.ACTIVE: "It takes loans and claims.",
        FundStanding.STOPPED: "The breaker has tripped, a funder has nothing left, or no terms are in force.",
    },
)
described(
    TermsStatus,
    "Where a version of a fund's terms is in its life; of a fund at most one is active.",
    {
        TermsStatus.DRAFT: "Written; nothing is covered by it.",
        TermsStatus.ACTIVE: "In force: new loans are covered by it.",
        TermsStatus.ARCHIVED: "Was in force; loans enrolled by it stay covered by it.",
    },
)
described(
    BreakerBase,
    "What the circuit breaker holds paid claims against.",
    {
        BreakerBase.COVERED_PRINCIPAL: "The principal of all loans that the fund covers.",
        BreakerBase.CONTRIBUTIONS: "What the funders have paid into the fund.",
    },
)
described(
    EnrolmentStatus,
    "Whether a loan is covered.",
    {
        EnrolmentStatus.ENROLLED: "The fund covers it.",
        EnrolmentStatus.WITHDRAWN: "The fund covers it no more.",
    },
)
described(
    ClaimStatus,
    "Where a claim is.",
    {
        ClaimStatus.CLAIMED: "The branch has made it; headquarters is to decide.",
        ClaimStatus.APPROVED: "Granted: its amount is set aside in the fund.",
        ClaimStatus.REJECTED: "Turned down; `reason` says why.",
        ClaimStatus.PAID: "Paid by the fund.",
    },
)
described(
    FundOperation,
    "What moved in a fund.",
    {
        FundOperation.CONTRIBUTE: "A funder paid in.",
        FundOperation.RESERVE: "A claim was granted, and its amount set aside.",
        FundOperation.PAY: "A claim was paid out of what was set aside.",
        FundOperation.RECOVER: "What came in later flowed back to the funders.",
    },
)
described(
    FundBucket,
    "The parts of a funder's account; available is contributed + recovered - paid - reserved.",
    {
        FundBucket.CONTRIBUTED: "Paid in.",
        FundBucket.RESERVED: "Set aside for granted claims.",
        FundBucket.PAID: "Paid out.",
        FundBucket.RECOVERED: "Flowed back.",
    },
)

OF_FUND = {"fund_id": "id"}
FUND = {"id": "fund_id"}
ENROLMENT = {"branch_id": "branch_id", "id": "enrolment_id"}
CLAIM = {"branch_id": "branch_id", "id": "claim_id"}
_CURRENCY = "ISO 4217 code that its amounts are in."


@bound("compensation_fund", hidden_from_clients=True)
class CompensationFund(Node):
    """A fund that bears a share of what eligible loans lose: what is left in it, headquarters alone is told."""

    code: str = column("code", "Its code, unique.", where=True, order=True)
    name: str = column("name", "What it is called.", where=True, order=True)
    currency: str = column("currency", "ISO 4217 code of the loans that it covers.", where=True)
    standing: FundStanding = column("standing", "Whether it takes loans and claims.", where=True)
    created_by: str = column("created_by", "Who began it.", where=True)
    version: int = column("version", "Counts changes.")
    created_at: dt.datetime = column("created_at", "When it was begun.", where=True, order=True)
    terms_in_force: Any = to_one(
        "CompensationTerms", {"id": "active_terms_id"}, "By what new loans are covered; null: by nothing."
    )
    terms: Any = connection(
        "CompensationTerms", "Its terms in every version, the latest first.", on=OF_FUND, order=("-number",)
    )
    accounts: Any = connection(
        "CompensationAccount",
        "What each funder has in it; for headquarters, empty to everybody else.",
        on=OF_FUND,
        order=("funder",),
    )
    enrolments: Any = connection("LoanEnrolment", "The loans that it covers, in sight.", on=OF_FUND)
    claims: Any = connection(
        "CompensationClaim", "The claims in sight, the latest first.", on=OF_FUND, order=("-claimed_on",)
    )
    movements: Any = connection(
        "CompensationMovement", "What moved, in sight, the latest first.", on=OF_FUND, order=("-id",)
    )


@bound("compensation_terms", hidden_from_clients=True)
class CompensationTerms(Node):
    """What a fund covers, by whom it is borne, and when it stops: one version of it."""

    number: int = column("number", "Counts the versions of a fund's terms.", where=True, order=True)
    status: TermsStatus = column("status", "Where it is in its life.", where=True)
    coverage: Decimal = column(
        "coverage", "The share of overdue principal that the fund bears.", where=True, order=True
    )
    claim_from_days: int = column(
        "claim_from_days", "From how many days past due on a claim may be made.", where=True
    )
    eligibility: str | None = expression(
        lambda terms: cast(terms.c.eligibility, Text),
        "Which loans it takes: a condition over the client's facts and the loan's, as JSON.",
    )
    breaker_base: BreakerBase = column(
        "breaker_base", "What the circuit breaker holds paid claims against.", where=True
    )
    breaker_limit: Decimal = column(
        "breaker_limit", "Up to which share of it the fund pays.", where=True, order=True
    )
    valid_from: dt.date = column("valid_from", "The first day on which it counts.", where=True, order=True)
    valid_until: dt.date | None = column(
        "valid_until", "The last day on which it counts; null: until others come.", where=True, order=True
    )
    created_by: str = column("created_by", "Who wrote it.", where=True)
    activated_by: str | None = column("activated_by", "Who put it into force.", where=True)
    version: int = column("version", "Counts changes; pass it back as `expectedVersion`.")
    created_at: dt.datetime = column("created_at", "When it was written.", where=True, order=True)
    activated_at: dt.datetime | None = column("activated_at", "When it came into force.", where=True)
    archived_at: dt.datetime | None = column("archived_at", "When others took its place.", where=True)
    funders: Any = connection(
        "CompensationFunder", "Who bears what it pays.", on={"terms_id": "id"}, order=("position",)
    )
    fund: Any = to_one("CompensationFund", FUND, "The fund.", required=True)


@bound("compensation_funder", hidden_from_clients=True)
class CompensationFunder(Node):
    """Who bears a part of what a fund pays."""

    funder: str = column("funder", "Its code, e.g. CITY.", where=True, order=True)
    position: int = column("position", "Its place in the terms, from 1.", order=True)
    weight: int = column("weight", "How many parts of all the funders' weights it bears.", where=True)
    terms: Any = to_one("CompensationTerms", {"id": "terms_id"}, "The terms.", required=True)


@bound("compensation_account", for_headquarters=True)
class CompensationAccount(Node):
    """What a funder has in a fund: the sum of its postings."""

    funder: str = column("funder", "Whose it is.", where=True, order=True)
    currency: str = column("currency", _CURRENCY, where=True)
    contributed: Money = amount("contributed", "What was paid in.", where=True, order=True)
    reserved: Money = amount("reserved", "What is set aside for granted claims.", where=True, order=True)
    paid: Money = amount("paid", "What was paid out.", where=True, order=True)
    recovered: Money = amount("recovered", "What flowed back.", where=True, order=True)
    available: Money = amount("available", "What may still be granted of it.", where=True, order=True)
    version: int = column("version", "Counts changes.")
    fund: Any = to_one("CompensationFund", FUND, "The fund.", required=True)


@bound("compensation_enrolment", hidden_from_clients=True)
class LoanEnrolment(Node):
    """A loan that a fund covers."""

    status: EnrolmentStatus = column("status", "Whether it still does.", where=True)
    currency: str = column("currency", _CURRENCY, where=True)
    principal: Money = amount("principal", "What was owed when it was enrolled.", where=True, order=True)
    covered: Money = amount("covered", "The most that the fund bears of it.", where=True, order=True)
    claimed: Money = amount(
        "claimed", "Claims that were not rejected, less what was recovered of them.", where=True, order=True
    )
    enrolled_on: dt.date = column("enrolled_on", "When it was enrolled.", where=True, order=True)
    enrolled_by: str = column("enrolled_by", "Who enrolled it.", where=True)
    version: int = column("version", "Counts changes; pass it back as `expectedVersion`.")
    fund: Any = to_one("CompensationFund", FUND, "The fund.", required=True)
    terms: Any = to_one(
        "CompensationTerms", {"id": "terms_id"}, "By which terms it is covered.", required=True
    )
    facility: Any = to_one("Facility", FACILITY, "The loan.", required=True)
    client: Any = to_one("Client", CLIENT, "Whose loan it is.", required=True)
    branch: Any = to_one("OrganisationUnit", {"id": "branch_id"}, "The branch that keeps it.", required=True)
    claims: Any = connection(
        "CompensationClaim",
        "What was claimed of it, the latest first.",
        on={"branch_id": "branch_id", "enrolment_id": "id"},
        order=("-claimed_on",),
    )


@bound("compensation_claim", hidden_from_clients=True)
class CompensationClaim(Node):
    """What a branch claims of a fund for a loan's overdue principal."""

    status: ClaimStatus = column("status", "Where it is.", where=True)
    currency: str = column("currency", _CURRENCY, where=True)
    overdue_principal: Money = amount(
        "overdue_principal", "The principal that was overdue then.", where=True, order=True
    )
    recovered: Money = amount(
        "recovered", "What has flowed back of it to the funders.", where=True, order=True
    )
    amount: Money = amount("amount", "What is claimed.", where=True, order=True)
    days_past_due: int = column(
        "days_past_due", "How many days past due the loan was then.", where=True, order=True
    )
    claimed_on: dt.date = column("claimed_on", "When it was made.", where=True, order=True)
    claimed_by: str = column("claimed_by", "Who made it.", where=True)
    decided_by: str | None = column("decided_by", "Who granted it or turned it down.", where=True)
    decided_at: dt.datetime | None = column("decided_at", "When.", where=True, order=True)
    paid_by: str | None = column("paid_by", "Who paid it.", where=True)
    paid_at: dt.datetime | None = column("paid_at", "When it was paid.", where=True, order=True)
    reason: str | None = column("reason", "Why it was turned down.")
    version: int = column("version", "Counts changes; pass it back as `expectedVersion`.")
    fund: Any = to_one("CompensationFund", FUND, "The fund.", required=True)
    enrolment: Any = to_one("LoanEnrolment", ENROLMENT, "The covered loan.", required=True)
    facility: Any = to_one("Facility", FACILITY, "The loan.", required=True)
    client: Any = to_one("Client", CLIENT, "Whose loan it is.", required=True)
    branch: Any = to_one("OrganisationUnit", {"id": "branch_id"}, "The branch that claims.", required=True)
    movements: Any = connection(
        "CompensationMovement",
        "What moved in the fund for it, the latest first.",
        on={"branch_id": "branch_id", "claim_id": "id"},
        order=("-id",),
    )


@bound("compensation_movement", hidden_from_clients=True)
class CompensationMovement(Node):
    """Something that moved in a fund. What is written here stays."""

    operation: FundOperation = column("operation", "What happened.", where=True)
    currency: str = column("currency", _CURRENCY, where=True)
    amount: Money = amount("amount", "How much.", where=True, order=True)
    value_date: dt.date = column("value_date", "The bank's day on which it counts.", where=True, order=True)
    actor: str = column("actor", "Who did it.", where=True)
    recorded_at: dt.datetime = column("recorded_at", "When it was written.", where=True, order=True)
    fund: Any = to_one("CompensationFund", FUND, "The fund.", required=True)
    claim: Any = to_one("CompensationClaim", CLAIM, "For which claim; null for a contribution.")
    branch: Any = to_one(
        "OrganisationUnit",
        {"id": "branch_id"},
        "The branch whose claim it was for; headquarters, of a contribution.",
        required=True,
    )
    postings: Any = connection(
        "CompensationPosting",
        "What changed in which funder's account.",
        on={"branch_id": "branch_id", "movement_id": "id"},
        order=("funder", "bucket"),
    )


@bound("compensation_posting", hidden_from_clients=True)
class CompensationPosting(Node):
    """One change of one part of a funder's account."""

    funder: str = column("funder", "Whose account.", where=True, order=True)
    bucket: FundBucket = column("bucket", "Which part of it.", where=True)
    currency: str = column("currency", _CURRENCY, where=True)
    delta: Money = amount("delta", "By how much; below zero where it became less.", where=True, order=True)
    fund: Any = to_one("CompensationFund", FUND, "The fund.", required=True)
    movement: Any = to_one(
        "CompensationMovement",
        {"branch_id": "branch_id", "id": "movement_id"},
        "What moved.",
        required=True,
    )
