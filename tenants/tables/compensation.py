"""The risk compensation fund: its terms as versions, its funders' accounts, what branches enrol and claim.

Funds, terms and funders are the same for every branch. Accounts are headquarters' alone. Enrolments, claims and
the movements that came of a claim are rows of the branch whose loan it is; contributions of headquarters' unit.
Movements and postings only ever grow; an account is the sum of its postings.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from domain.compensation.kinds import (
    BreakerBase,
    ClaimStatus,
    EnrolmentStatus,
    FundBucket,
    FundOperation,
    FundStanding,
    TermsStatus,
)
from tenants.tables.columns import (
    SCHEMA,
    at,
    code,
    in_currency,
    metadata,
    minor,
    of_client,
    tenant_foreign_key,
    tenant_key,
    version,
)


def _fund() -> Column[int]:
    return Column("fund_id", Integer, ForeignKey(f"{SCHEMA}.compensation_fund.id"), nullable=False)


def _facility_of_same_client() -> ForeignKeyConstraint:
    target = f"{SCHEMA}.facility"
    return ForeignKeyConstraint(
        ["branch_id", "client_id", "facility_id"],
        [f"{target}.branch_id", f"{target}.client_id", f"{target}.id"],
    )


compensation_fund = Table(
    "compensation_fund",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    in_currency(),
    # Empty until the first contribution, and so stopped.
    *code("standing", FundStanding, default=FundStanding.STOPPED),
    # Each table refers to the other, so this key is made after both.
    Column(
        "active_terms_id",
        Integer,
        ForeignKey(
            f"{SCHEMA}.compensation_terms.id", name="fk_compensation_fund_active_terms_id", use_alter=True
        ),
    ),
    Column("created_by", Text, nullable=False),
    version(),
    at("created_at"),
)

compensation_terms = Table(
    "compensation_terms",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    _fund(),
    Column("number", Integer, nullable=False),
    *code("status", TermsStatus, default=TermsStatus.DRAFT),
    # The share of overdue principal that the fund bears.
    Column("coverage", Numeric(9, 6), nullable=False),
    Column("claim_from_days", Integer, nullable=False),
    # A saved condition over a client's facts and its loan's.
    Column("eligibility", JSONB, nullable=False),
    *code("breaker_base", BreakerBase),
    Column("breaker_limit", Numeric(9, 6), nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_until", Date),
    Column("created_by", Text, nullable=False),
    Column("activated_by", Text),
    version(),
    at("created_at"),
    at("activated_at", nullable=True),
    at("archived_at", nullable=True),
    UniqueConstraint("fund_id", "number"),
    CheckConstraint("coverage > 0 and coverage <= 1", name="coverage_is_a_share"),
    CheckConstraint("claim_from_days >= 1", name="claims_need_arrears"),
    CheckConstraint("breaker_limit > 0 and breaker_limit <= 1", name="breaker_is_a_share"),
    CheckConstraint("valid_until >= valid_from", name="valid_for_a_while"),
    # Whoever wrote it is not the one to put it into force.
    CheckConstraint("activated_by <> created_by", name="four_eyes"),
    CheckConstraint(
        "status <> 'ACTIVE' or (activated_by is not null and activated_at is not null)", name="active_since"
    ),
    Index("uq_compensation_terms_active", "fund_id", unique=True, postgresql_where=text("status = 'ACTIVE'")),
)

compensation_funder = Table(
    "compensation_funder",
    metadata,
    Column("terms_id", Integer, ForeignKey(f"{SCHEMA}.compensation_terms.id"), primary_key=True),
    Column("funder", Text, primary_key=True),
    Column("position", SmallInteger, nullable=False),
    Column("weight", Integer, nullable=False),
    CheckConstraint("weight > 0", name="weight_positive"),
)
"""Who bears what the fund pays, in which proportion."""

compensation_account = Table(
    "compensation_account",
    metadata,
    Column("fund_id", Integer, ForeignKey(f"{SCHEMA}.compensation_fund.id"), primary_key=True),
    Column("funder", Text, primary_key=True),
    in_currency(),
    minor("contributed", nullable=False, default="0"),
    minor("reserved", nullable=False, default="0"),
    minor("paid", nullable=False, default="0"),
    minor("recovered", nullable=False, default="0"),
    Column(
        "available_minor",
        BigInteger,
        Computed("contributed_minor + recovered_minor - paid_minor - reserved_minor", persisted=True),
        nullable=False,
    ),
    version(),
    CheckConstraint(
        "contributed_minor >= 0 and reserved_minor >= 0 and paid_minor >= 0 and recovered_minor >= 0",
        name="buckets_not_negative",
    ),
    CheckConstraint(
        "contributed_minor + recovered_minor - paid_minor - reserved_minor >= 0", name="never_overdrawn"
    ),
    CheckConstraint("recovered_minor <= paid_minor", name="recovered_at_most_what_was_paid"),
)
"""What a funder has in a fund: headquarters' alone."""

compensation_enrolment = Table(
    "compensation_enrolment",
    metadata,
    *tenant_key(),
    *of_client(),
    Column("facility_id", Uuid, nullable=False),
    _fund(),
    Column("terms_id", Integer, ForeignKey(f"{SCHEMA}.compensation_terms.id"), nullable=False),
    in_currency(),
    # What was owed when the loan was enrolled, and the part of it that the fund bears at most.
    minor("principal", nullable=False),
    minor("covered", nullable=False),
    # Claims that were not rejected, less what was recovered of them.
    minor("claimed", nullable=False, default="0"),
    *code("status", EnrolmentStatus, default=EnrolmentStatus.ENROLLED),
    Column("enrolled_on", Date, nullable=False),
    Column("enrolled_by", Text, nullable=False),
    version(),
    at("created_at"),
    _facility_of_same_client(),
    CheckConstraint("principal_minor > 0", name="principal_positive"),
    CheckConstraint("covered_minor between 0 and principal_minor", name="covered_is_a_part"),
    CheckConstraint("claimed_minor between 0 and covered_minor", name="claimed_within_coverage"),
    CheckConstraint("status = 'ENROLLED' or claimed_minor = 0", name="withdrawn_without_claims"),
    Index(
        "uq_compensation_enrolment_facility",
        "branch_id",
        "facility_id",
        unique=True,
        postgresql_where=text("status = 'ENROLLED'"),
    ),
)

compensation_claim = Table(
    "compensation_claim",
    metadata,
    *tenant_key(),
    *of_client(),
    Column("facility_id", Uuid, nullable=False),
    Column("enrolment_id", Uuid, nullable=False),
    _fund(),
    in_currency(),
    *code("status", ClaimStatus, default=ClaimStatus.CLAIMED),
    minor("overdue_principal", nullable=False),
    Column("days_past_due", Integer, nullable=False),
    minor("amount", nullable=False),
    minor("recovered", nullable=False, default="0"),
    Column("claimed_on", Date, nullable=False),
    Column("claimed_by", Text, nullable=False),
    Column("decided_by", Text),
    at("decided_at", nullable=True),
    Column("paid_by", Text),
    at("paid_at", nullable=True),
    # Why it was rejected.
    Column("reason", Text),
    version(),
    at("created_at"),
    tenant_foreign_key(["enrolment_id"], "compensation_enrolment"),
    _facility_of_same_client(),
    CheckConstraint("amount_minor > 0 and amount_minor <= overdue_principal_minor", name="amount_is_a_part"),
    CheckConstraint("recovered_minor between 0 and amount_minor", name="recovered_at_most_what_was_paid"),
    CheckConstraint("status = 'PAID' or recovered_minor = 0", name="recovered_after_payment"),
    # Whoever claims does not grant; whoever grants does not pay.
    CheckConstraint("decided_by <> claimed_by and paid_by <> decided_by", name="four_eyes"),
    CheckConstraint(
        "(status = 'CLAIMED') = (decided_by is null) and (status = 'PAID') = (paid_by is not null)",
        name="told_by_whom",
    ),
    Index("ix_compensation_claim_enrolment", "branch_id", "enrolment_id"),
)

compensation_movement = Table(
    "compensation_movement",
    metadata,
    *tenant_key(),
    _fund(),
    # Null for a contribution.
    Column("claim_id", Uuid),
    *code("operation", FundOperation),
    in_currency(),
    minor("amount", nullable=False),
    Column("value_date", Date, nullable=False),
    Column("actor", Text, nullable=False),
    at("recorded_at"),
    tenant_foreign_key(["claim_id"], "compensation_claim"),
    CheckConstraint("amount_minor > 0", name="amount_positive"),
    CheckConstraint("(operation = 'CONTRIBUTE') = (claim_id is null)", name="of_a_claim"),
    Index("ix_compensation_movement_claim", "branch_id", "claim_id"),
)

compensation_posting = Table(
    "compensation_posting",
    metadata,
    Column("branch_id", Integer, autoincrement=False, nullable=False),
    Column("movement_id", Uuid, nullable=False),
    Column("funder", Text, nullable=False),
    *code("bucket", FundBucket),
    _fund(),
    in_currency(),
    minor("delta", nullable=False),
    tenant_foreign_key(["movement_id"], "compensation_movement"),
    ForeignKeyConstraint(
        ["fund_id", "funder"],
        [f"{SCHEMA}.compensation_account.fund_id", f"{SCHEMA}.compensation_account.funder"],
    ),
    PrimaryKeyConstraint("branch_id", "movement_id", "funder", "bucket"),
    CheckConstraint("delta_minor <> 0", name="delta_moves"),
)
