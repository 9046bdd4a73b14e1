"""The closed code lists as GraphQL enums: the domain's values, each with what it means."""

from __future__ import annotations

import enum
from typing import TypeVar

import strawberry

from domain.access import Role
from domain.clients import ClientStatus, CreditGrade, InteractionKind, SizeClass, WatchList
from domain.divisions.models import Tier
from domain.imports import ImportStatus
from domain.lending import CreditEventKind, FacilityStatus, LoanClass, PostingKind, Product
from domain.organisation import UnitKind

E = TypeVar("E", bound=enum.Enum)


def described(codes: type[E], description: str, values: dict[E, str], *, name: str | None = None) -> type[E]:
    """Make a GraphQL enum of a domain enum, by this name or its own; every value must be described."""
    assert set(values) == set(codes), f"{codes.__name__}: {set(codes) ^ set(values)} described or not"
    made = strawberry.enum(codes, name=name, description=description)
    for value in made.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[codes[value.name]]
    return made


described(
    Role,
    "What a caller is to the bank; it decides what may be done, the office or company decides with whom.",
    {
        Role.HEADQUARTERS_ADMINISTRATOR: "Sees every branch; keeps rules, limits, caps and funds, allocates.",
        Role.HEADQUARTERS_ANALYST: "Sees every branch, changes nothing.",
        Role.AUDITOR: "Sees every branch, changes nothing.",
        Role.REGIONAL_MANAGER: "Sees and keeps the clients and limits of a region's branches.",
        Role.BRANCH_MANAGER: "Sees and keeps a branch's clients and limits, books credit.",
        Role.RELATIONSHIP_MANAGER: "Sees and keeps a branch's clients, holds room for applications.",
        Role.CREDIT_OFFICER: "Sees a branch's clients, records what is known of their credit, books it.",
        Role.CLIENT_USER: "A company's own staff: sees that company only.",
    },
)
described(
    UnitKind,
    "Kinds of organisation unit.",
    {
        UnitKind.HEADQUARTERS: "The root of the tree.",
        UnitKind.REGION: "A group of branches.",
        UnitKind.BRANCH: "A branch with clients of its own: a tenant.",
        UnitKind.SUB_BRANCH: "A branch below a branch: a tenant of its own that its branch sees, too.",
    },
)
described(
    SizeClass,
    "Size of an enterprise, as the statistics office classes it.",
    {
        SizeClass.LARGE: "Large.",
        SizeClass.MEDIUM: "Medium.",
        SizeClass.SMALL: "Small.",
        SizeClass.MICRO: "Micro.",
    },
)
described(
    CreditGrade,
    "The bank's own grade, by probability of default within a year.",
    {
        CreditGrade.A: "Up to 1 %.",
        CreditGrade.B: "Above 1 %, up to 5 %.",
        CreditGrade.C: "Above 5 %.",
    },
)
described(
    ClientStatus,
    "Whether a relationship is alive.",
    {
        ClientStatus.PROSPECT: "Not yet a client.",
        ClientStatus.ACTIVE: "A client.",
        ClientStatus.DORMANT: "A client without business for a while.",
        ClientStatus.CLOSED: "No client any more.",
    },
)
described(
    WatchList,
    "How closely a client is watched.",
    {
        WatchList.AMBER: "Something calls for attention.",
        WatchList.RED: "A loss is likely unless something is done.",
    },
)
described(
    Tier,
    "A region's class by economic strength.",
    {
        Tier.CORE: "Strong.",
        Tier.KEY: "In between: where the bank wants to grow.",
        Tier.UNDERDEVELOPED: "Weak.",
    },
    name="RegionTier",
)
described(
    InteractionKind,
    "How the bank and a client spoke to each other.",
    {
        InteractionKind.VISIT: "One visited the other.",
        InteractionKind.CALL: "By telephone or video.",
        InteractionKind.MAIL: "In writing.",
        InteractionKind.MEETING: "At a meeting with others.",
        InteractionKind.SURVEY: "The client answered a survey.",
    },
)
described(
    Product,
    "What kind of credit a facility is.",
    {
        Product.TERM_LOAN: "A loan repaid over a fixed term.",
        Product.WORKING_CAPITAL: "Short credit for stock and receivables.",
        Product.REVOLVING_CREDIT: "A line that may be drawn again after repayment.",
        Product.PROJECT_LOAN: "A loan repaid from a project's cash flow.",
        Product.SUPPLY_CHAIN_FINANCE: "Credit against a core enterprise's payables.",
        Product.ACQUISITION_LOAN: "A loan for mergers and acquisitions.",
        Product.MORTGAGE: "A loan secured on real estate.",
        Product.MICRO_CREDIT: "A small loan to a small enterprise.",
        Product.IP_PLEDGED_LOAN: "A loan secured on intellectual property.",
        Product.GREEN_LOAN: "A loan for an environmental purpose.",
        Product.GUARANTEED_LOAN: "A loan that a public body guarantees in part.",
    },
)
described(
    FacilityStatus,
    "Where a facility is in its life.",
    {
        FacilityStatus.APPROVED: "Approved, nothing paid out yet.",
        FacilityStatus.ACTIVE: "Paid out, not yet repaid.",
        FacilityStatus.REPAID: "Repaid in full.",
        FacilityStatus.CHARGED_OFF: "Written off.",
        FacilityStatus.CANCELLED: "Given up before it was paid out.",
    },
)
described(
    LoanClass,
    "The supervisor's five categories of a loan.",
    {
        LoanClass.NORMAL: "Nothing speaks against full repayment.",
        LoanClass.SPECIAL_MENTION: "It is being repaid, but something may harm that.",
        LoanClass.SUBSTANDARD: "Normal income no longer suffices to repay it.",
        LoanClass.DOUBTFUL: "A larger loss is certain even with the collateral.",
        LoanClass.LOSS: "Little or nothing will come back.",
    },
)
described(
    PostingKind,
    "What a repayment was for.",
    {
        PostingKind.INSTALMENT: "A scheduled instalment.",
        PostingKind.PREPAYMENT: "Paid before it was due.",
        PostingKind.RECOVERY: "Recovered after default.",
    },
)
described(
    CreditEventKind,
    "What happened to a client's credit.",
    {
        CreditEventKind.LATE_PAYMENT: "A payment came late.",
        CreditEventKind.DEFAULT: "The client defaulted.",
        CreditEventKind.RESTRUCTURED: "Terms were changed because of difficulties.",
        CreditEventKind.CHARGE_OFF: "What was owed was written off.",
        CreditEventKind.PAID_IN_FULL: "What was owed was paid.",
        CreditEventKind.BUREAU_ENTRY: "A credit bureau reported something.",
        CreditEventKind.MISUSE: "Money was used for another purpose than agreed.",
        CreditEventKind.RELATED_PARTY_ABUSE: "Money went to related parties against the bank's interest.",
        CreditEventKind.COVENANT_DEFAULT: "A covenant of the contract was broken.",
        CreditEventKind.PREPAYMENT_REQUEST: "The client asked to repay before it is due.",
        CreditEventKind.REFINANCING_REQUEST: "The client asked to refinance, here or elsewhere.",
        CreditEventKind.LINE_CANCELLED: "The client gave up a line of credit.",
    },
)
described(
    ImportStatus,
    "Where an import stands.",
    {
        ImportStatus.RUNNING: "Reading, or cut off; the same command goes on with it.",
        ImportStatus.PAUSED: "Stopped between two batches; goes on when run again.",
        ImportStatus.CANCELLED: "Given up; what was taken stays.",
        ImportStatus.FAILED: "Stopped by an error; goes on when run again.",
        ImportStatus.COMPLETED: "Read to the end.",
    },
)
