"""Clients and what is known of them, as callers see them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from domain.clients import ClientStatus, CreditGrade, SizeClass
from schema.binding import AmountSource, ConnectionSource
from schema.bound_fields import Node
from schema.fields import (
    amount,
    as_of,
    bound,
    column,
    connection,
    quota,
    related,
    segments_of,
    to_one,
    total,
)
from schema.money import Money

OF_CLIENT = {"branch_id": "branch_id", "client_id": "id"}
CLIENT = {"branch_id": "branch_id", "id": "client_id"}


@bound("client")
class Client(Node):
    """A company as one branch knows it. A company that two branches serve is two clients."""

    legal_name: str = column(
        "legal_name", "The registered name.", where=True, order=True, folded="legal_name_lc"
    )
    registration_country: str = column("registration_country", "ISO 3166 code of the register.", where=True)
    registration_number: str = column(
        "registration_number",
        "The number there; in China the unified social credit code (GB 32100-2015).",
        where=True,
        order=True,
    )
    legal_representative: str | None = column("legal_representative", "Who represents it by law.", where=True)
    registered_capital: Money | None = amount(
        "registered_capital", "The registered capital.", where=True, order=True
    )
    currency: str = column("currency", "ISO 4217 code that its amounts are in.", where=True)
    industry_scheme: str | None = column(
        "industry_scheme", "Which classification `industryCode` is of.", where=True
    )
    industry_code: str | None = column("industry_code", "The industry's code.", where=True, order=True)
    size_class: SizeClass | None = column("size_class", "How large it is.", where=True)
    employees: int | None = column("employees", "How many people it employs.", where=True, order=True)
    established_on: dt.date | None = column("established_on", "When it was founded.", where=True, order=True)
    relationship_since: dt.date | None = column(
        "relationship_since", "Since when it has been a client.", where=True, order=True
    )
    city: str | None = column("city", "The city of its seat.", where=True)
    address: str | None = column("address", "Its address.")
    phone: str | None = column("phone", "Its telephone number.")
    email: str | None = column("email", "Its mail address.")
    credit_grade: CreditGrade | None = column(
        "credit_grade", "The bank's grade; null while ungraded.", where=True, order=True
    )
    graded_on: dt.date | None = column("graded_on", "When it was graded.", where=True)
    status: ClientStatus = column("status", "Whether the relationship is alive.", where=True)
    version: int = column("version", "Counts changes; pass it back as `expectedVersion`.")
    created_at: dt.datetime = column("created_at", "When it was registered.", where=True, order=True)
    updated_at: dt.datetime = column("updated_at", "When it was last changed.", where=True)
    branch: Any = to_one("OrganisationUnit", {"id": "branch_id"}, "The branch that keeps it.", required=True)
    region: Any = to_one("Region", {"code": "region_code"}, "The region of its seat.")
    relationship_manager: Any = to_one(
        "Staff", {"branch_id": "branch_id", "id": "relationship_manager_id"}, "Who looks after it."
    )
    contacts: Any = connection("Contact", "Whom to talk to.", on=OF_CLIENT, order=("name",))
    statements: Any = connection(
        "FinancialStatement",
        "Its financial statements, latest period first; corrections are statements of their own.",
        on=OF_CLIENT,
        order=("-period_end", "-recorded_at"),
    )
    facilities: Any = connection("Facility", "What was lent to it.", on=OF_CLIENT, order=("reference",))
    credit_events: Any = connection(
        "CreditEvent", "What happened to its credit, latest first.", on=OF_CLIENT, order=("-occurred_on",)
    )
    months: Any = connection(
        "ClientMonth", "What its accounts did month by month, latest first.", on=OF_CLIENT, order=("-month",)
    )
    interactions: Any = connection(
        "Interaction", "When the bank spoke with it, latest first.", on=OF_CLIENT, order=("-occurred_on",)
    )
    complaints: Any = connection(
        "Complaint", "What it complained of, latest first.", on=OF_CLIENT, order=("-received_on",)
    )
    ratings: Any = connection(
        "Rating", "How likely its default was thought, latest first.", on=OF_CLIENT, order=("-rated_on",)
    )
    facts: Any = to_one("ClientFacts", OF_CLIENT, "What is known of it on the bank's day.")
    facts_as_of: Any = as_of(
        "ClientFacts",
        OF_CLIENT,
        "client_facts_at",
        "What was known of it at the end of a day, reckoned on that day; null where it was no client yet.",
    )
    segments: Any = segments_of(
        "ClientSegment", OF_CLIENT, "Who it is to the bank by the rules in force, by dimension."
    )
    segment_history: Any = connection(
        "SegmentPeriod",
        "Who it has been, as it was recorded, latest first.",
        on=OF_CLIENT,
        order=("-valid_from",),
    )
    playbook: Any = to_one("ClientPlaybook", OF_CLIENT, "How the bank manages a client of its type.")
    tasks: Any = connection(
        "Task", "What is to be done for it, and was, by the day it is due.", on=OF_CLIENT, order=("due_on",)
    )
    links: Any = connection(
        "ClientLink",
        "What connects it with other companies, as its branch recorded it, latest first.",
        on=OF_CLIENT,
        order=("-valid_from",),
    )
    group: Any = to_one(
        "ConnectedGroup", OF_CLIENT, "The group of connected clients it is in; null where in none."
    )
    related: Any = related(
        "RelatedCompany",
        "The companies connected with it by links in sight that hold on the bank's day, the nearest first.",
    )
    quota: Any = quota(
        "Quota", "What it may still draw, and why no more; null where it has no limit to draw on."
    )
    limits: Any = connection("LimitNode", "The limits that are its own.", on=OF_CLIENT, order=("name",))
    commitments: Any = connection(
        "LimitCommitment", "What it has been promised, latest first.", on=OF_CLIENT, order=("-id",)
    )
    loan_enrolments: Any = connection(
        "LoanEnrolment", "Its loans that a risk compensation fund covers.", on=OF_CLIENT
    )
    exposure: list[Money] = total(
        ConnectionSource("Facility", OF_CLIENT),
        AmountSource("outstanding_minor"),
        "What it owes, one amount per currency.",
    )


@bound("contact")
class Contact(Node):
    """A person at a client."""

    name: str = column("name", "The person's name.", where=True, order=True)
    position: str | None = column("position", "What the person does there.", where=True)
    phone: str | None = column("phone", "Telephone number.")
    email: str | None = column("email", "Mail address.", where=True)
    is_primary: bool = column("is_primary", "Whether to call this person first.", where=True)
    version: int = column("version", "Counts changes; pass it back as `expectedVersion`.")
    client: Any = to_one("Client", CLIENT, "The client the person works for.", required=True)


@bound("financial_statement")
class FinancialStatement(Node):
    """A client's figures for one period, as one source gave them on one day. What is missing is null."""

    period_end: dt.date = column("period_end", "The last day of the period.", where=True, order=True)
    period_months: int = column("period_months", "How many months it covers.", where=True)
    audited: bool = column("audited", "Whether an auditor has confirmed it.", where=True)
    source: str = column("source", "Where the figures come from.", where=True)
    recorded_at: dt.datetime = column(
        "recorded_at", "Since when the bank has known it.", where=True, order=True
    )
    currency: str = column("currency", "ISO 4217 code of the figures.", where=True)
    revenue: Money | None = amount("revenue", "Sales of the period.", where=True)
    cost_of_sales: Money | None = amount("cost_of_sales", "What the goods sold cost.", where=True)
    ebit: Money | None = amount("ebit", "Profit before interest and tax.", where=True)
    depreciation: Money | None = amount("depreciation", "Depreciation and amortisation.", where=True)
    interest_expense: Money | None = amount("interest_expense", "Interest paid.", where=True)
    profit_before_tax: Money | None = amount("profit_before_tax", "Profit before tax.", where=True)
    net_income: Money | None = amount("net_income", "Profit after tax.", where=True)
    cash: Money | None = amount("cash", "Cash and equivalents.", where=True)
    receivables: Money | None = amount("receivables", "What customers owe.", where=True)
    prepaid: Money | None = amount("prepaid", "Paid in advance to suppliers.", where=True)
    inventory: Money | None = amount("inventory", "Stock.", where=True)
    current_assets: Money | None = amount(
        "current_assets", "Assets that turn to cash within a year.", where=True
    )
    total_assets: Money | None = amount("total_assets", "All assets.", where=True)
    payables: Money | None = amount("payables", "What suppliers are owed.", where=True)
    advances_received: Money | None = amount("advances_received", "Paid in advance by customers.", where=True)
    current_liabilities: Money | None = amount("current_liabilities", "Debts due within a year.", where=True)
    borrowings: Money | None = amount("borrowings", "Interest-bearing debt.", where=True)
    total_liabilities: Money | None = amount("total_liabilities", "All debts.", where=True)
    retained_earnings: Money | None = amount("retained_earnings", "Profits kept.", where=True)
    equity: Money | None = amount("equity", "The owners' share.", where=True)
    operating_cash_flow: Money | None = amount(
        "operating_cash_flow", "Cash from the business itself.", where=True
    )
    investing_cash_flow: Money | None = amount(
        "investing_cash_flow", "Cash from buying and selling assets.", where=True
    )
    financing_cash_flow: Money | None = amount(
        "financing_cash_flow", "Cash from owners and lenders.", where=True
    )
    client: Any = to_one("Client", CLIENT, "Whose figures they are.", required=True)
