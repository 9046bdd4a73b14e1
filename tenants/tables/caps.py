"""Concentration caps: what they are, how much of each is dealt to which branch, and what counts in them.

A cap is the bank's; what a branch may draw under it is its share, a row of its own. The pool knows the sum of all
shares and is headquarters' alone: no draw locks it, no branch sees it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from domain.limits.nodes import Counts
from domain.limits.regulation import CapitalMeasure, CapPer, CapStatus
from tenants.tables.columns import (
    SCHEMA,
    at,
    code,
    in_currency,
    metadata,
    minor,
    tenant_foreign_key,
    tenant_key,
    version,
)
from tenants.tables.views import views

concentration_cap = Table(
    "concentration_cap",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    # The supervisor's rule that it puts in force; null for the bank's own.
    Column("preset", Text),
    Column("name", Text, nullable=False),
    *code("per", CapPer),
    *code("counts", Counts),
    # Of draws in this currency; others need a cap of their own.
    in_currency(),
    minor("ceiling"),
    Column("ceiling_fraction", Numeric(9, 6)),
    *code("ceiling_of", CapitalMeasure, nullable=True),
    # From which fraction of the same capital on it is reported.
    Column("reportable_fraction", Numeric(9, 6)),
    # How much of the ceiling is dealt at once where a share is used up.
    Column("deal_fraction", Numeric(9, 6), nullable=False, server_default="0.05"),
    Column("parent_id", Integer, ForeignKey(f"{SCHEMA}.concentration_cap.id")),
    # In whose place it comes when it is activated.
    Column("replaces_id", Integer, ForeignKey(f"{SCHEMA}.concentration_cap.id")),
    # What falls under it: one of each list, which is empty for anything; industries by how their code begins.
    Column("industry_scheme", Text),
    Column("industry_codes", ARRAY(Text), nullable=False, server_default="{}"),
    Column("region_tiers", ARRAY(Text), nullable=False, server_default="{}"),
    Column("region_codes", ARRAY(Text), nullable=False, server_default="{}"),
    Column("grades", ARRAY(Text), nullable=False, server_default="{}"),
    Column("products", ARRAY(Text), nullable=False, server_default="{}"),
    # In months, both included.
    Column("tenor_from_months", Integer),
    Column("tenor_until_months", Integer),
    *code("status", CapStatus, default=CapStatus.DRAFT),
    Column("valid_from", Date, nullable=False),
    Column("valid_until", Date),
    Column("created_by", Text, nullable=False),
    Column("activated_by", Text),
    version(),
    at("created_at"),
    at("activated_at", nullable=True),
    at("archived_at", nullable=True),
    CheckConstraint("(ceiling_minor is null) <> (ceiling_fraction is null)", name="one_ceiling"),
    CheckConstraint("(ceiling_of is null) = (ceiling_fraction is null)", name="fraction_of_something"),
    CheckConstraint("ceiling_minor >= 0", name="ceiling_not_negative"),
    CheckConstraint("ceiling_fraction > 0 and ceiling_fraction <= 1", name="fraction_of_the_whole"),
    CheckConstraint(
        "reportable_fraction is null or (reportable_fraction > 0 and ceiling_of is not null)",
        name="reportable_of_something",
    ),
    CheckConstraint("deal_fraction > 0 and deal_fraction <= 1", name="deals_a_fraction"),
    CheckConstraint("parent_id <> id", name="not_its_own_parent"),
    CheckConstraint("(industry_codes = '{}') = (industry_scheme is null)", name="industries_of_a_scheme"),
    CheckConstraint(
        "tenor_from_months >= 0 and tenor_until_months >= tenor_from_months", name="tenor_in_order"
    ),
    CheckConstraint("valid_until >= valid_from", name="validity_in_order"),
    CheckConstraint("activated_by <> created_by", name="four_eyes"),
    CheckConstraint(
        "status = 'DRAFT' or activated_by is not null or archived_at is not null", name="by_somebody"
    ),
    Index("ix_concentration_cap_active", "id", postgresql_where=text("status = 'ACTIVE'")),
)

regulatory_capital = Table(
    "regulatory_capital",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    # Since when it is the capital that ceilings are fractions of.
    Column("day", Date, nullable=False, unique=True),
    minor("net_capital", nullable=False),
    Column("tier_1_minor", BigInteger, nullable=False),
    in_currency(),
    Column("recorded_by", Text, nullable=False),
    version(),
    at("recorded_at"),
    CheckConstraint("net_capital_minor > 0 and tier_1_minor > 0", name="positive"),
)

cap_pool = Table(
    "cap_pool",
    metadata,
    Column("cap_id", Integer, ForeignKey(f"{SCHEMA}.concentration_cap.id"), primary_key=True),
    # '' for the whole bank; a company as country:number; a group by its number.
    Column("subject", Text, primary_key=True),
    in_currency(),
    minor("ceiling", nullable=False),
    # The sum of all its shares.
    minor("dealt", nullable=False, default="0"),
    # More is used than the ceiling is now: nothing new until that has passed.
    Column("over_limit", Boolean, nullable=False, server_default="false"),
    version(),
    at("created_at"),
    at("updated_at"),
    CheckConstraint("ceiling_minor >= 0 and dealt_minor >= 0", name="not_negative"),
    CheckConstraint("dealt_minor <= ceiling_minor or over_limit", name="within_its_ceiling"),
)

cap_share = Table(
    "cap_share",
    metadata,
    Column("branch_id", Integer, ForeignKey(f"{SCHEMA}.unit.id"), primary_key=True, autoincrement=False),
    Column("cap_id", Integer, ForeignKey(f"{SCHEMA}.concentration_cap.id"), primary_key=True),
    Column("subject", Text, primary_key=True),
    in_currency(),
    minor("share", nullable=False),
    minor("used", nullable=False, default="0"),
    Column("over_limit", Boolean, nullable=False, server_default="false"),
    at("dealt_at"),
    CheckConstraint("used_minor >= 0", name="used_not_negative"),
    CheckConstraint("used_minor <= share_minor", name="within_the_share"),
    # Headquarters deals from one pool to all branches.
    Index("ix_cap_share_pool", "cap_id", "subject", "branch_id"),
)

cap_posting = Table(
    "cap_posting",
    metadata,
    Column("branch_id", Integer, ForeignKey(f"{SCHEMA}.unit.id"), primary_key=True, autoincrement=False),
    Column("movement_id", Uuid, primary_key=True),
    Column("cap_id", Integer, ForeignKey(f"{SCHEMA}.concentration_cap.id"), primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("commitment_id", Uuid, nullable=False),
    minor("delta", nullable=False),
    tenant_foreign_key(["movement_id"], "limit_movement"),
    tenant_foreign_key(["commitment_id"], "limit_commitment"),
    CheckConstraint("delta_minor <> 0", name="moves_something"),
    Index("ix_cap_posting_branch_id_commitment_id", "branch_id", "commitment_id", "cap_id"),
    Index("ix_cap_posting_branch_id_cap_id", "branch_id", "cap_id", "subject"),
)

cap_deal = Table(
    "cap_deal",
    metadata,
    *tenant_key(),
    Column("cap_id", Integer, ForeignKey(f"{SCHEMA}.concentration_cap.id"), nullable=False),
    Column("subject", Text, nullable=False),
    # What was added to the share, or taken back.
    minor("delta", nullable=False),
    in_currency(),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    at("dealt_at"),
    CheckConstraint("delta_minor <> 0", name="deals_something"),
    Index("ix_cap_deal_branch_id_cap_id", "branch_id", "cap_id", "subject", "dealt_at"),
)

group_exposure = Table(
    "group_exposure",
    views,
    Column("branch_id", Integer, primary_key=True, autoincrement=False),
    Column("client_id", Uuid, primary_key=True),
    Column("cap_id", Integer, primary_key=True),
    Column("currency", Text, nullable=False),
    Column("exposure_minor", BigInteger, nullable=False),
    Column("fraction", Numeric(9, 6), nullable=False),
    Column("ceiling_minor", BigInteger, nullable=False),
    Column("headroom_minor", BigInteger, nullable=False),
    Column("reportable", Boolean),
)
"""What a client's group owes against each cap on groups that is a fraction of the bank's capital."""
