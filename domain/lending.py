"""The closed lists of lending: products, states, postings and events."""

from __future__ import annotations

from enum import StrEnum


class Product(StrEnum):
    """What kind of credit a facility is."""

    TERM_LOAN = "TERM_LOAN"
    WORKING_CAPITAL = "WORKING_CAPITAL"
    REVOLVING_CREDIT = "REVOLVING_CREDIT"
    PROJECT_LOAN = "PROJECT_LOAN"
    SUPPLY_CHAIN_FINANCE = "SUPPLY_CHAIN_FINANCE"
    ACQUISITION_LOAN = "ACQUISITION_LOAN"
    MORTGAGE = "MORTGAGE"
    MICRO_CREDIT = "MICRO_CREDIT"
    IP_PLEDGED_LOAN = "IP_PLEDGED_LOAN"
    GREEN_LOAN = "GREEN_LOAN"
    GUARANTEED_LOAN = "GUARANTEED_LOAN"


class FacilityStatus(StrEnum):
    """Where a facility is in its life."""

    APPROVED = "APPROVED"
    ACTIVE = "ACTIVE"
    REPAID = "REPAID"
    CHARGED_OFF = "CHARGED_OFF"
    CANCELLED = "CANCELLED"


class LoanClass(StrEnum):
    """The supervisor's five categories of a loan, from the best to the worst."""

    NORMAL = "NORMAL"
    SPECIAL_MENTION = "SPECIAL_MENTION"
    SUBSTANDARD = "SUBSTANDARD"
    DOUBTFUL = "DOUBTFUL"
    LOSS = "LOSS"


class PostingKind(StrEnum):
    """What a repayment was for."""

    INSTALMENT = "INSTALMENT"
    PREPAYMENT = "PREPAYMENT"
    RECOVERY = "RECOVERY"


class CreditEventKind(StrEnum):
    """What happened to a client's credit."""

    LATE_PAYMENT = "LATE_PAYMENT"
    DEFAULT = "DEFAULT"
    RESTRUCTURED = "RESTRUCTURED"
    CHARGE_OFF = "CHARGE_OFF"
    PAID_IN_FULL = "PAID_IN_FULL"
    BUREAU_ENTRY = "BUREAU_ENTRY"
    MISUSE = "MISUSE"
    RELATED_PARTY_ABUSE = "RELATED_PARTY_ABUSE"
    COVENANT_DEFAULT = "COVENANT_DEFAULT"
    PREPAYMENT_REQUEST = "PREPAYMENT_REQUEST"
    REFINANCING_REQUEST = "REFINANCING_REQUEST"
    LINE_CANCELLED = "LINE_CANCELLED"
