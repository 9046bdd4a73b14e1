"""What was lent, what came back, and what went wrong."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from domain.lending import CreditEventKind, FacilityStatus, LoanClass, PostingKind, Product
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


def _facility_of_same_client() -> ForeignKeyConstraint:
    """The facility must be this client's: else a client's portal could be handed another's posting."""
    target = f"{SCHEMA}.facility"
    return ForeignKeyConstraint(
        ["branch_id", "client_id", "facility_id"],
        [f"{target}.branch_id", f"{target}.client_id", f"{target}.id"],
    )


facility = Table(
    "facility",
    metadata,
    *tenant_key(),
    *of_client(),
    Column("reference", Text, nullable=False),
    *code("product", Product),
    Column("purpose", Text),
    in_currency(),
    minor("limit", nullable=False),
    minor("outstanding", nullable=False, default="0"),
    minor("guaranteed"),
    Column("annual_rate", Numeric(9, 6)),
    Column("term_months", Integer),
    Column("revolving", Boolean, nullable=False, server_default="false"),
    Column("approved_on", Date),
    Column("disbursed_on", Date),
    Column("matures_on", Date),
    *code("status", FacilityStatus),
    *code("loan_class", LoanClass, nullable=True),
    # Since when it goes on beyond its maturity.
    Column("renewed_on", Date),
    version(),
    at("created_at"),
    tenant_foreign_key(["client_id"], "client"),
    UniqueConstraint("branch_id", "reference"),
    UniqueConstraint("branch_id", "client_id", "id"),
    CheckConstraint("limit_minor >= 0", name="limit_not_negative"),
    CheckConstraint("outstanding_minor >= 0", name="outstanding_not_negative"),
    CheckConstraint("guaranteed_minor >= 0", name="guarantee_not_negative"),
    CheckConstraint("annual_rate > -1 and annual_rate < 10", name="rate_is_a_fraction"),
    CheckConstraint("term_months >= 0", name="term_not_negative"),
    Index("ix_facility_branch_id_limit", "branch_id", "limit_minor", "id"),
    Index("ix_facility_branch_id_matures_on", "branch_id", "matures_on", "id"),
)

posting = Table(
    "posting",
    metadata,
    *tenant_key(),
    *of_client(),
    Column("facility_id", Uuid, nullable=False),
    *code("kind", PostingKind, default=PostingKind.INSTALMENT),
    Column("due_on", Date, nullable=False),
    Column("paid_on", Date),
    in_currency(),
    minor("principal", nullable=False, default="0"),
    minor("interest", nullable=False, default="0"),
    # Null while unpaid: nobody knows yet how late it will be.
    Column(
        "days_late",
        Integer,
        Computed("case when paid_on is not null then greatest(paid_on - due_on, 0) end", persisted=True),
    ),
    at("created_at"),
    _facility_of_same_client(),
    CheckConstraint("principal_minor >= 0 and interest_minor >= 0", name="amounts_not_negative"),
    Index("ix_posting_branch_id_facility_id", "branch_id", "client_id", "facility_id", "due_on", "id"),
)

credit_event = Table(
    "credit_event",
    metadata,
    *tenant_key(),
    *of_client(),
    Column("facility_id", Uuid),
    *code("kind", CreditEventKind),
    Column("occurred_on", Date, nullable=False),
    in_currency(nullable=True),
    minor("amount"),
    Column("source", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("note", Text),
    at("created_at"),
    tenant_foreign_key(["client_id"], "client"),
    _facility_of_same_client(),
    UniqueConstraint("branch_id", "source", "reference", "kind"),
    CheckConstraint("(amount_minor is null) = (currency is null)", name="amount_has_currency"),
    Index("ix_credit_event_branch_id_client_id", "branch_id", "client_id", "occurred_on", "id"),
)
