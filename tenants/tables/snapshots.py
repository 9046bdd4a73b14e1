"""What is kept of every month's end: how much of its quota each unit used, and how evenly credit was spread."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from domain.concentration import Measure, SpreadOf, SpreadOver
from domain.lending import Product
from domain.limits.nodes import NodeKind
from tenants.tables.columns import (
    SCHEMA,
    at,
    code,
    in_currency,
    metadata,
    minor,
    tenant_foreign_key,
    tenant_key,
)

KEPT_KINDS = (NodeKind.BANK, NodeKind.REGION, NodeKind.BRANCH, NodeKind.SUBLIMIT)
"""Units' own limits, and what branches keep for segments."""

AMOUNTS = ("granted", "earmarked", "reserved", "utilised", "committed")


def _month_ends() -> CheckConstraint:
    return CheckConstraint("extract(day from month_end + 1) = 1", name="month_ends")


quota_month = Table(
    "quota_month",
    metadata,
    Column("month_end", Date, primary_key=True),
    # By the bank's day.
    Column("taken_on", Date, nullable=False),
    at("taken_at"),
    _month_ends(),
    CheckConstraint("taken_on > month_end", name="over"),
)
"""The months that have been taken. A month is taken once, in one transaction with all that is kept of it."""

quota_snapshot = Table(
    "quota_snapshot",
    metadata,
    *tenant_key(),
    Column("month_end", Date, nullable=False),
    Column("node_id", Uuid, nullable=False),
    *code("kind", KEPT_KINDS),
    Column("segment", Text),
    *code("product", Product, nullable=True),
    in_currency(),
    *(minor(name, nullable=False) for name in AMOUNTS),
    Column(
        "utilisation", Numeric(18, 6), Computed("app.fraction(utilised_minor, granted_minor)", persisted=True)
    ),
    _month_ends(),
    CheckConstraint("(kind = 'SUBLIMIT') = (segment is not null)", name="sublimit_of_a_segment"),
    CheckConstraint(" and ".join(f"{name}_minor >= 0" for name in AMOUNTS), name="amounts_not_negative"),
    tenant_foreign_key(["node_id"], "limit_node"),
    UniqueConstraint("branch_id", "month_end", "node_id"),
    Index("ix_quota_snapshot_branch_id_node_id", "branch_id", "node_id", "month_end", "id"),
)
"""Of a unit's own limit, with what the units below it hold; of a sublimit, what it holds itself."""

allocation_snapshot = Table(
    "allocation_snapshot",
    metadata,
    Column("id", Integer, Identity(always=False), primary_key=True),
    Column("month_end", Date, ForeignKey(f"{SCHEMA}.quota_month.month_end"), nullable=False),
    *code("spread_of", SpreadOf),
    *code("spread_over", SpreadOver),
    *code("measure", Measure),
    in_currency(),
    Column("value", Numeric(9, 6)),
    Column("group_count", Integer, nullable=False),
    minor("total", nullable=False),
    _month_ends(),
    CheckConstraint("value >= 0", name="value_not_negative"),
    CheckConstraint("(value is null) = (total_minor = 0)", name="of_something"),
    UniqueConstraint(
        "month_end",
        "spread_of",
        "spread_over",
        "measure",
        "currency",
        name="uq_allocation_snapshot_of_a_month",
    ),
)
"""How evenly something is spread over groups: headquarters' alone."""
