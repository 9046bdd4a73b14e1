"""What is kept of every client for rules to speak of, and the yardsticks beside it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY

from domain.lending import LoanClass
from tenants.tables.columns import SCHEMA, at, code, metadata, minor

business_day = Table(
    "business_day",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default="true"),
    Column("day", Date, nullable=False),
    CheckConstraint("singleton", name="one_row"),
    CheckConstraint("day between '1900-01-01' and '2999-12-31'", name="day_of_a_bank"),
)
"""The day that the bank's books are read on; no row: the clock's, in UTC. It never goes back."""

KEPT: dict[str, tuple[tuple[str, Any], ...]] = {
    "client": (
        ("currency", Text),
        ("registered_capital_minor", BigInteger),
        ("employees", Integer),
        ("size_class", Text),
        ("industry_scheme", Text),
        ("industry_code", Text),
        ("region_code", Text),
        ("status", Text),
        ("watch_list", Text),
        ("national_key_project", Boolean),
        ("established_on", Date),
        ("relationship_since", Date),
        ("assigned_grade", Text),
    ),
    "rating": (("probability_of_default", Numeric(9, 6)),),
    "financial_statement": (
        ("statement_currency", Text),
        ("statement_period_end", Date),
        ("statement_count", Integer),
        ("revenue_minor", BigInteger),
        ("total_assets_minor", BigInteger),
        ("revenue_growth", Numeric),
        ("revenue_cagr3y", Numeric),
        ("revenue_variation", Numeric),
        ("gross_margin", Numeric),
        ("ebit_margin", Numeric),
        ("net_margin", Numeric),
        ("profit_before_tax_margin", Numeric),
        ("liabilities_to_assets", Numeric),
        ("equity_ratio", Numeric),
        ("current_ratio", Numeric),
        ("debt_to_ebitda", Numeric),
        ("ebitda_positive", Boolean),
        ("interest_cover", Numeric),
        ("interest_cover_previous", Numeric),
        ("z_score", Numeric),
        ("operating_cash_flow_sign", SmallInteger),
        ("investing_cash_flow_sign", SmallInteger),
        ("financing_cash_flow_sign", SmallInteger),
    ),
    "facility": (
        ("facility_currency", Text),
        ("has_facility", Boolean),
        ("facility_count", Integer),
        ("exposure_minor", BigInteger),
        ("facility_limit_minor", BigInteger),
        ("utilisation", Numeric),
        ("loan_class", Text),
        ("next_maturity_on", Date),
    ),
    "posting": (
        ("first_due_on", Date),
        ("oldest_unpaid_due_on", Date),
        # The staircase of past lateness: the days on which late payments came, and how late they were, without
        # those that a later payment was at least as late as.
        ("late_paid_on", ARRAY(Date)),
        ("late_days", ARRAY(Integer)),
    ),
    "credit_event": (
        ("has_credit_event", Boolean),
        ("default_count", Integer),
        ("last_default_on", Date),
        ("last_misuse_on", Date),
        ("last_related_party_abuse_on", Date),
        ("last_covenant_default_on", Date),
        ("last_line_cancelled_on", Date),
        ("last_refinancing_asked_on", Date),
    ),
    "client_month": (
        ("month_currency", Text),
        ("latest_month", Date),
        ("balance3m_minor", BigInteger),
        ("balance12m_minor", BigInteger),
        ("balance_change", Numeric),
        ("outflow_change", Numeric),
        ("utilisation_change", Numeric),
        ("rate_over_peers_bps", Numeric(9, 2)),
        ("contribution12m_minor", BigInteger),
    ),
    "interaction": (("last_contact_on", Date), ("nps", SmallInteger)),
    "complaint": (("has_complaint", Boolean), ("oldest_open_complaint_on", Date)),
}
"""The families of kept facts by the one table that each comes from, with their columns.

What depends on the day is not kept but what it is reckoned from: the view `bank.client_facts` does that.
"""


def _of_client() -> list[Any]:
    """One row per client of the branch; it goes with the client."""
    return [
        Column("branch_id", Integer, ForeignKey(f"{SCHEMA}.unit.id"), primary_key=True, autoincrement=False),
        Column("client_id", Uuid, primary_key=True),
        ForeignKeyConstraint(
            ["branch_id", "client_id"],
            [f"{SCHEMA}.client.branch_id", f"{SCHEMA}.client.id"],
            ondelete="CASCADE",
        ),
    ]


def _kept() -> list[Column[Any]]:
    return [Column(name, kind) for family in KEPT.values() for name, kind in family]


client_fact = Table(
    "client_fact",
    metadata,
    *_of_client(),
    *_kept(),
    at("changed_at"),
    at("valid_from"),
)
"""The facts as they are; triggers keep them in the transaction that changes what they come from."""

client_fact_version = Table(
    "client_fact_version",
    metadata,
    *_of_client(),
    *_kept(),
    at("changed_at"),
    Column("valid_from", DateTime(timezone=True), primary_key=True),
    Column("valid_until", DateTime(timezone=True), nullable=False),
    CheckConstraint("valid_from < valid_until", name="valid_for_a_while"),
)
"""What the facts were before they changed, as at the end of each day; the bank's day, not the clock's."""

region_class = Table(
    "region_class",
    metadata,
    Column("region_code", Text, ForeignKey(f"{SCHEMA}.region.code"), primary_key=True),
    *code("economic_tier", ("CORE", "KEY", "UNDERDEVELOPED"), nullable=True),
    Column("economic_index", Numeric),
    *code("credit_climate", ("A", "B", "C"), nullable=True),
    at("updated_at"),
)
"""What the active divisions say of a region."""

region_cluster = Table(
    "region_cluster",
    metadata,
    Column("region_code", Text, ForeignKey(f"{SCHEMA}.region.code"), primary_key=True),
    Column("industry_scheme", Text, primary_key=True),
    Column("industry_code", Text, primary_key=True),
    Column("location_quotient", Numeric, nullable=False),
)
"""The industries that are clusters in a region, by the active division."""

client_group = Table(
    "client_group",
    metadata,
    *_of_client(),
    Column("group_no", BigInteger, nullable=False),
    Column("members", Integer, nullable=False),
    minor("exposure"),
    Column("currency", Text, ForeignKey(f"{SCHEMA}.currency.code")),
    *code("worst_loan_class", LoanClass, nullable=True),
    Column("worst_days_past_due", Integer),
    at("derived_at"),
    CheckConstraint("members >= 1", name="somebody_is_in_it"),
    # A group's companies are clients of whichever branches; headquarters counts all of them.
    Index("ix_client_group_group_no", "group_no", "branch_id", "client_id"),
)
"""The group of connected clients that a client belongs to."""

standing = Table(
    "standing",
    metadata,
    Column("measure", Text, primary_key=True),
    Column("currency", Text, ForeignKey(f"{SCHEMA}.currency.code"), primary_key=True),
    Column("day", Date, nullable=False),
    Column("thresholds", ARRAY(BigInteger), nullable=False),
    Column("shares", ARRAY(Numeric), nullable=False),
    CheckConstraint("measure in ('CONTRIBUTION', 'EXPOSURE')", name="measure_known"),
)
"""The distribution of an amount over the bank's clients: who has at least `thresholds[i]` is, with those who have
more, within `shares[i]` of it. Thresholds ascend; shares are whole per cents."""

branch_standing = Table(
    "branch_standing",
    metadata,
    Column("branch_id", Integer, ForeignKey(f"{SCHEMA}.unit.id"), primary_key=True, autoincrement=False),
    Column("currency", Text, ForeignKey(f"{SCHEMA}.currency.code"), primary_key=True),
    Column("day", Date, nullable=False),
    Column("contribution_minor", BigInteger, nullable=False),
)
"""The sum of a branch's positive contributions."""
