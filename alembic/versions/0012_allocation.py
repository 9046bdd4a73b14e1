"""Allocation runs: how a period's credit is shared out.

Frozen as it was when written: what changes later is another migration.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from tenants.ddl import Access, reference_table, tenant_table
from tenants.roles import CLIENT, HEADQUARTERS, OWNER, PORTAL

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KINDS = (
    "('BUDGET', 'FLOOR', 'CAP', 'CONCENTRATION', 'MINIMUM_SHARE', 'REGION_MINIMUM', 'REGION_MAXIMUM', "
    "'BRANCH_MINIMUM', 'BRANCH_MAXIMUM')"
)
TABLES = ("allocation_run", "allocation_constraint", "allocation_branch", "allocation_proposal")
MADE_ANEW = TABLES[1:]
"""What a simulation says, and the next one says anew."""

# Headquarters writes what a branch reads of itself.
READ_ONLY = Access(portal=(), headquarters=("insert", "update"), client_rows=None)

# Cell by cell: one that only one of the two runs has got nothing in the other.
DIFFERENCE = """
create view bank.allocation_difference with (security_invoker = true) as
select
    one.id as from_run_id,
    other.id as to_run_id,
    found.unit_id,
    found.segment_value,
    one.currency,
    found.from_minor,
    found.to_minor,
    found.to_minor - found.from_minor as change_minor
from bank.allocation_run as one
join bank.allocation_run as other on other.currency = one.currency and other.id <> one.id
cross join lateral (
    select
        unit_id,
        segment_value,
        coalesce(sum(granted_minor) filter (where run_id = one.id), 0)::bigint as from_minor,
        coalesce(sum(granted_minor) filter (where run_id = other.id), 0)::bigint as to_minor
    from bank.allocation_proposal
    where run_id in (one.id, other.id)
    group by unit_id, segment_value
) as found
where one.feasible and other.feasible and found.from_minor <> found.to_minor
"""


def upgrade() -> None:
    _runs()
    _simulated()
    _told()
    for name in TABLES:
        # What is reckoned for all branches is no business of any of them, nor of clients.
        op.execute(f"revoke select on bank.{name} from {CLIENT}, {PORTAL}")
    for name in MADE_ANEW:
        op.execute(f"grant delete on bank.{name} to {HEADQUARTERS}")
    op.execute(DIFFERENCE)
    op.execute(f"alter view bank.allocation_difference owner to {OWNER}")
    op.execute(f"grant select on bank.allocation_difference to {HEADQUARTERS}")


def downgrade() -> None:
    op.execute("drop view bank.allocation_difference")
    for table in ("quota_change", "allocation_cell", *reversed(TABLES)):
        op.drop_table(table, schema="bank")


def _runs() -> None:
    reference_table(
        "allocation_run",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("period_from", sa.Date(), nullable=False),
        sa.Column("period_until", sa.Date(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("budget_minor", sa.BigInteger(), nullable=False),
        sa.Column("segment_dimension", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), server_default="DRAFT", nullable=False),
        sa.Column("feasible", sa.Boolean(), nullable=True),
        sa.Column("distributable_minor", sa.BigInteger(), nullable=True),
        sa.Column("committed_minor", sa.BigInteger(), nullable=True),
        sa.Column("asked_minor", sa.BigInteger(), nullable=True),
        sa.Column("granted_minor", sa.BigInteger(), nullable=True),
        sa.Column("expected_return_minor", sa.BigInteger(), nullable=True),
        sa.Column("penalty_minor", sa.BigInteger(), nullable=True),
        sa.Column("budget_price", sa.Numeric(18, 9), nullable=True),
        sa.Column("explanation", sa.Text(), nullable=True),
        sa.Column("figures_day", sa.Date(), nullable=True),
        sa.Column("solving_ms", sa.Integer(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("edited_by", sa.Text(), nullable=False),
        sa.Column("simulated_by", sa.Text(), nullable=True),
        sa.Column("adopted_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("simulated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("adopted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status <> 'ADOPTED' or (adopted_at is not null and feasible)",
            name=op.f("ck_allocation_run_adopted_since"),
        ),
        sa.CheckConstraint("budget_minor > 0", name=op.f("ck_allocation_run_budget_positive")),
        sa.CheckConstraint(
            "adopted_by <> created_by and adopted_by <> edited_by", name=op.f("ck_allocation_run_four_eyes")
        ),
        sa.CheckConstraint("period_from <= period_until", name=op.f("ck_allocation_run_period_in_order")),
        sa.CheckConstraint(
            "status in ('DRAFT', 'SIMULATED', 'ADOPTED', 'SUPERSEDED', 'ARCHIVED')",
            name=op.f("ck_allocation_run_status_known"),
        ),
        sa.ForeignKeyConstraint(["currency"], ["bank.currency.code"], name="fk_allocation_run_currency"),
        sa.PrimaryKeyConstraint("id", name="pk_allocation_run"),
    )
    op.create_index(
        "uq_allocation_run_adopted",
        "allocation_run",
        ["status"],
        unique=True,
        schema="bank",
        postgresql_where=sa.text("status = 'ADOPTED'"),
    )


def _simulated() -> None:
    reference_table(
        "allocation_constraint",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("lower_minor", sa.BigInteger(), nullable=True),
        sa.Column("upper_minor", sa.BigInteger(), nullable=True),
        sa.Column("used_minor", sa.BigInteger(), nullable=True),
        sa.Column("binding", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("price", sa.Numeric(18, 9), nullable=True),
        sa.Column("conflicts", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("explanation", sa.Text(), nullable=True),
        sa.CheckConstraint(
            f"kind in {KINDS}",
            name=op.f("ck_allocation_constraint_kind_known"),
        ),
        sa.ForeignKeyConstraint(
            ["currency"], ["bank.currency.code"], name="fk_allocation_constraint_currency"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["bank.allocation_run.id"], name="fk_allocation_constraint_run_id"
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["bank.unit.id"], name="fk_allocation_constraint_unit_id"),
        sa.PrimaryKeyConstraint("run_id", "position", name="pk_allocation_constraint"),
    )
    reference_table(
        "allocation_branch",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("region_tier", sa.Text(), nullable=True),
        sa.Column("weight", sa.Numeric(9, 6), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("committed_minor", sa.BigInteger(), nullable=False),
        sa.Column("asked_minor", sa.BigInteger(), nullable=False),
        sa.Column("cap_minor", sa.BigInteger(), nullable=False),
        sa.Column("target_minor", sa.BigInteger(), nullable=True),
        sa.Column("granted_minor", sa.BigInteger(), nullable=True),
        sa.Column("proportional_minor", sa.BigInteger(), nullable=True),
        sa.Column("equal_awards_minor", sa.BigInteger(), nullable=True),
        sa.Column("equal_losses_minor", sa.BigInteger(), nullable=True),
        sa.Column("talmud_minor", sa.BigInteger(), nullable=True),
        sa.Column("expected_return_minor", sa.BigInteger(), nullable=True),
        sa.Column("explanation", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["currency"], ["bank.currency.code"], name="fk_allocation_branch_currency"),
        sa.ForeignKeyConstraint(["run_id"], ["bank.allocation_run.id"], name="fk_allocation_branch_run_id"),
        sa.ForeignKeyConstraint(["unit_id"], ["bank.unit.id"], name="fk_allocation_branch_unit_id"),
        sa.PrimaryKeyConstraint("run_id", "unit_id", name="pk_allocation_branch"),
        sa.CheckConstraint(
            "region_tier in ('CORE', 'KEY', 'UNDERDEVELOPED')",
            name=op.f("ck_allocation_branch_region_tier_known"),
        ),
    )
    reference_table(
        "allocation_proposal",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("segment_value", sa.Text(), nullable=False),
        sa.Column("expected_return", sa.Numeric(9, 6), nullable=False),
        sa.Column("return_source", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("committed_minor", sa.BigInteger(), nullable=False),
        sa.Column("asked_minor", sa.BigInteger(), nullable=False),
        sa.Column("cap_minor", sa.BigInteger(), nullable=False),
        sa.Column("granted_minor", sa.BigInteger(), nullable=True),
        sa.Column("proportional_minor", sa.BigInteger(), nullable=True),
        sa.Column("equal_awards_minor", sa.BigInteger(), nullable=True),
        sa.Column("equal_losses_minor", sa.BigInteger(), nullable=True),
        sa.Column("talmud_minor", sa.BigInteger(), nullable=True),
        sa.Column("held_back_by", sa.Text(), nullable=True),
        sa.Column("explanation", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "committed_minor between 0 and cap_minor", name=op.f("ck_allocation_proposal_cap_above_committed")
        ),
        sa.CheckConstraint(
            f"held_back_by in {KINDS}",
            name=op.f("ck_allocation_proposal_held_back_by_known"),
        ),
        sa.CheckConstraint(
            "return_source in ('CELL', 'SEGMENT', 'BRANCH', 'BANK', 'NONE')",
            name=op.f("ck_allocation_proposal_return_source_known"),
        ),
        sa.CheckConstraint(
            "granted_minor between committed_minor and cap_minor",
            name=op.f("ck_allocation_proposal_within_bounds"),
        ),
        sa.ForeignKeyConstraint(["currency"], ["bank.currency.code"], name="fk_allocation_proposal_currency"),
        sa.ForeignKeyConstraint(["run_id"], ["bank.allocation_run.id"], name="fk_allocation_proposal_run_id"),
        sa.ForeignKeyConstraint(["unit_id"], ["bank.unit.id"], name="fk_allocation_proposal_unit_id"),
        sa.PrimaryKeyConstraint("run_id", "unit_id", "segment_value", name="pk_allocation_proposal"),
    )


def _told() -> None:
    tenant_table(
        "allocation_cell",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("run_name", sa.Text(), nullable=False),
        sa.Column("period_from", sa.Date(), nullable=False),
        sa.Column("period_until", sa.Date(), nullable=False),
        sa.Column("segment_dimension", sa.Text(), nullable=False),
        sa.Column("segment_value", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("committed_minor", sa.BigInteger(), nullable=False),
        sa.Column("asked_minor", sa.BigInteger(), nullable=False),
        sa.Column("granted_minor", sa.BigInteger(), nullable=False),
        sa.Column("sublimit_minor", sa.BigInteger(), nullable=False),
        sa.Column("held_back_by", sa.Text(), nullable=True),
        sa.Column("explanation", sa.Text(), nullable=True),
        sa.Column("node_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.Text(), server_default="ADOPTED", nullable=False),
        sa.Column("adopted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            f"held_back_by in {KINDS}",
            name=op.f("ck_allocation_cell_held_back_by_known"),
        ),
        sa.CheckConstraint(
            "status in ('ADOPTED', 'SUPERSEDED')", name=op.f("ck_allocation_cell_status_known")
        ),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name="fk_allocation_cell_branch_id"),
        sa.ForeignKeyConstraint(["currency"], ["bank.currency.code"], name="fk_allocation_cell_currency"),
        sa.ForeignKeyConstraint(["run_id"], ["bank.allocation_run.id"], name="fk_allocation_cell_run_id"),
        sa.PrimaryKeyConstraint("branch_id", "id", name="pk_allocation_cell"),
        sa.UniqueConstraint(
            "branch_id", "run_id", "segment_value", name="uq_allocation_cell_branch_id_run_id_segment_value"
        ),
        access=READ_ONLY,
    )
    tenant_table(
        "quota_change",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("granted_minor", sa.BigInteger(), nullable=False),
        sa.Column("utilised_minor", sa.BigInteger(), nullable=True),
        sa.Column("utilisation", sa.Numeric(9, 6), nullable=True),
        sa.Column("months", sa.SmallInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="PROPOSED", nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("carried_out_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("carried_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "amount_minor >= 0 and (amount_minor > 0 or kind = 'WARNING')",
            name=op.f("ck_quota_change_amount_of_a_change"),
        ),
        sa.CheckConstraint(
            "(status = 'CARRIED_OUT') = (carried_out_at is not null)",
            name=op.f("ck_quota_change_carried_out_since"),
        ),
        sa.CheckConstraint("carried_out_by <> proposed_by", name=op.f("ck_quota_change_four_eyes")),
        sa.CheckConstraint(
            "kind in ('RECLAIM', 'TOP_UP', 'WARNING')", name=op.f("ck_quota_change_kind_known")
        ),
        sa.CheckConstraint(
            "status in ('PROPOSED', 'CARRIED_OUT', 'WITHDRAWN', 'NOTED')",
            name=op.f("ck_quota_change_status_known"),
        ),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name="fk_quota_change_branch_id"),
        sa.ForeignKeyConstraint(["currency"], ["bank.currency.code"], name="fk_quota_change_currency"),
        sa.ForeignKeyConstraint(["run_id"], ["bank.allocation_run.id"], name="fk_quota_change_run_id"),
        sa.PrimaryKeyConstraint("branch_id", "id", name="pk_quota_change"),
        access=READ_ONLY,
    )
    op.create_index(
        "uq_quota_change_proposed",
        "quota_change",
        ["branch_id", "node_id", "kind"],
        unique=True,
        schema="bank",
        postgresql_where=sa.text("status = 'PROPOSED'"),
    )
