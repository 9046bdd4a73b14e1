"""How a client behaves month by month, when it was spoken to, what it complained of, and how it is rated."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    Index,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from domain.clients import InteractionKind
from tenants.tables.columns import (
    at,
    code,
    in_currency,
    metadata,
    minor,
    of_client,
    tenant_foreign_key,
    tenant_key,
)

MONTHLY_AMOUNTS = (
    "average_balance",
    "inflow",
    "outflow",
    "limit",
    "utilised",
    "net_interest",
    "fees",
    "cost",
    "expected_loss",
    "capital_held",
)
"""Balances, turnover, lines, then the parts of the contribution; each may be missing. Net interest is after the
transfer price, capital held is economic capital."""

client_month = Table(
    "client_month",
    metadata,
    *tenant_key(),
    *of_client(),
    # The month's first day.
    Column("month", Date, nullable=False),
    in_currency(),
    *(minor(amount) for amount in MONTHLY_AMOUNTS),
    Column("rate_over_peers_bps", Numeric(9, 2)),
    Column("source", Text, nullable=False),
    at("recorded_at"),
    tenant_foreign_key(["client_id"], "client"),
    UniqueConstraint("branch_id", "client_id", "month", name="uq_client_month"),
    CheckConstraint("extract(day from month) = 1", name="first_day"),
)

interaction = Table(
    "interaction",
    metadata,
    *tenant_key(),
    *of_client(),
    *code("kind", InteractionKind),
    Column("occurred_on", Date, nullable=False),
    Column("subject", Text, nullable=False),
    # How likely the client would recommend the bank.
    Column("nps", SmallInteger),
    Column("staff_id", Uuid),
    Column("reference", Text, nullable=False),
    at("created_at"),
    tenant_foreign_key(["client_id"], "client"),
    tenant_foreign_key(["staff_id"], "staff"),
    UniqueConstraint("branch_id", "reference"),
    CheckConstraint("nps between 0 and 10", name="nps_plausible"),
    Index("ix_interaction_branch_id_client_id", "branch_id", "client_id", "occurred_on", "id"),
)

complaint = Table(
    "complaint",
    metadata,
    *tenant_key(),
    *of_client(),
    Column("received_on", Date, nullable=False),
    Column("resolved_on", Date),
    Column("subject", Text, nullable=False),
    Column("reference", Text, nullable=False),
    at("created_at"),
    tenant_foreign_key(["client_id"], "client"),
    UniqueConstraint("branch_id", "reference"),
    CheckConstraint("resolved_on >= received_on", name="resolved_after_received"),
    Index("ix_complaint_branch_id_client_id", "branch_id", "client_id", "received_on", "id"),
)

rating = Table(
    "rating",
    metadata,
    *tenant_key(),
    *of_client(),
    Column("rated_on", Date, nullable=False),
    Column("model", Text, nullable=False),
    Column("probability_of_default", Numeric(9, 6), nullable=False),
    Column("source", Text, nullable=False),
    at("recorded_at"),
    tenant_foreign_key(["client_id"], "client"),
    UniqueConstraint("branch_id", "client_id", "rated_on", "model", name="uq_rating"),
    CheckConstraint("probability_of_default between 0 and 1", name="probability"),
)
