"""Facilities, what came back of them, and what went wrong, as callers see it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from domain.lending import CreditEventKind, FacilityStatus, PostingKind, Product
from schema.bound_fields import Node
from schema.clients import CLIENT
from schema.fields import amount, bound, column, connection, to_one
from schema.money import Money

FACILITY = {"branch_id": "branch_id", "id": "facility_id"}


@bound("facility")
class Facility(Node):
    """Credit granted to a client under one contract."""

    reference: str = column(
        "reference", "The contract's number, unique in the branch.", where=True, order=True
    )
    product: Product = column("product", "What kind of credit it is.", where=True)
    purpose: str | None = column("purpose", "What it is for.", where=True)
    currency: str = column("currency", "ISO 4217 code that its amounts are in.", where=True)
    limit: Money = amount("limit", "The most that may be owed.", where=True, order=True)
    outstanding: Money = amount("outstanding", "What is owed now.", where=True, order=True)
    guaranteed: Money | None = amount("guaranteed", "The part that a public body guarantees.", where=True)
    annual_rate: Decimal | None = column(
        "annual_rate", "The yearly rate as a fraction: 0.0435 is 4.35 %.", where=True, order=True
    )
    term_months: int | None = column("term_months", "How many months it runs.", where=True, order=True)
    revolving: bool = column("revolving", "Whether what is repaid may be drawn again.", where=True)
    approved_on: dt.date | None = column("approved_on", "When it was approved.", where=True, order=True)
    disbursed_on: dt.date | None = column("disbursed_on", "When it was paid out.", where=True, order=True)
    matures_on: dt.date | None = column("matures_on", "When it must be repaid.", where=True, order=True)
    status: FacilityStatus = column("status", "Where it is in its life.", where=True)
    version: int = column("version", "Counts changes.")
    client: Any = to_one("Client", CLIENT, "To whom it was granted.", required=True)
    branch: Any = to_one("OrganisationUnit", {"id": "branch_id"}, "The branch that keeps it.", required=True)
    postings: Any = connection(
        "RepaymentPosting",
        "What came back, in the order in which it was due.",
        on={"branch_id": "branch_id", "client_id": "client_id", "facility_id": "id"},
        order=("due_on",),
    )
    credit_events: Any = connection(
        "CreditEvent",
        "What happened to it, latest first.",
        on={"branch_id": "branch_id", "client_id": "client_id", "facility_id": "id"},
        order=("-occurred_on",),
    )


@bound("posting")
class RepaymentPosting(Node):
    """One repayment: when it was due, when it came, and of what it consisted."""

    kind: PostingKind = column("kind", "What it was for.", where=True)
    due_on: dt.date = column("due_on", "When it was due.", where=True, order=True)
    paid_on: dt.date | None = column(
        "paid_on", "When it came; null while it has not.", where=True, order=True
    )
    principal: Money = amount("principal", "The part that lowers the debt.", where=True)
    interest: Money = amount("interest", "The part that is interest.", where=True)
    days_late: int | None = column(
        "days_late", "Days between due and paid; 0 if in time, null while unpaid.", where=True, order=True
    )
    facility: Any = to_one("Facility", FACILITY, "The facility it repays.", required=True)
    client: Any = to_one("Client", CLIENT, "Who repaid.", required=True)


@bound("credit_event")
class CreditEvent(Node):
    """Something that a credit decision must know of."""

    kind: CreditEventKind = column("kind", "What happened.", where=True)
    occurred_on: dt.date = column("occurred_on", "When it happened.", where=True, order=True)
    amount: Money | None = amount(
        "amount", "The amount concerned, where there is one.", where=True, order=True
    )
    source: str = column("source", "Who reported it.", where=True)
    reference: str = column("reference", "The reporter's own number for it.", where=True)
    note: str | None = column("note", "Anything else.")
    client: Any = to_one("Client", CLIENT, "Whose credit.", required=True)
    facility: Any = to_one("Facility", FACILITY, "Which facility, where it is about one.")
