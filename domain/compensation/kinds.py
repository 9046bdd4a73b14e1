"""The closed lists of the risk compensation fund: its standing, its terms, claims, movements and accounts."""

from __future__ import annotations

from enum import StrEnum


class FundStanding(StrEnum):
    """Whether a fund takes new loans and claims; all that a branch learns of its balance."""

    ACTIVE = "ACTIVE"
    STOPPED = "STOPPED"


class TermsStatus(StrEnum):
    """Where a version of a fund's terms is in its life; at most one of a fund is active."""

    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"


class BreakerBase(StrEnum):
    """What paid claims are held against by the circuit breaker."""

    COVERED_PRINCIPAL = "COVERED_PRINCIPAL"
    CONTRIBUTIONS = "CONTRIBUTIONS"


class EnrolmentStatus(StrEnum):
    """Whether a loan is covered."""

    ENROLLED = "ENROLLED"
    WITHDRAWN = "WITHDRAWN"


class ClaimStatus(StrEnum):
    """Where a claim is between the branch that makes it and the fund that pays it."""

    CLAIMED = "CLAIMED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    PAID = "PAID"


class FundOperation(StrEnum):
    """What moved in a fund."""

    CONTRIBUTE = "CONTRIBUTE"
    RESERVE = "RESERVE"
    PAY = "PAY"
    RECOVER = "RECOVER"


class FundBucket(StrEnum):
    """The parts of a funder's account; available = contributed + recovered - paid - reserved."""

    CONTRIBUTED = "CONTRIBUTED"
    RESERVED = "RESERVED"
    PAID = "PAID"
    RECOVERED = "RECOVERED"
