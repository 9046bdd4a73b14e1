"""The job queue's own tables, and what is kept of every month's end.

The queue's are PgQueuer's, as it makes them (`0014_jobs_and_snapshots/queue.sql`), in a schema of their own that
only headquarters' login may use. Frozen as it was when written.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

from tenants.ddl import Access, reference_table, tenant_table
from tenants.roles import CLIENT, HEADQUARTERS, OWNER, PORTAL

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ROOM = Path(__file__).parent / "0014_jobs_and_snapshots"

QUEUE = ("pgqueuer", "pgqueuer_log", "pgqueuer_schedules", "pgqueuer_statistics")
SEQUENCES = ("pgqueuer_id_seq", "pgqueuer_schedules_id_seq", "pgqueuer_statistics_id_seq")
PRODUCTS = (
    "'TERM_LOAN', 'WORKING_CAPITAL', 'REVOLVING_CREDIT', 'PROJECT_LOAN', 'SUPPLY_CHAIN_FINANCE', "
    "'ACQUISITION_LOAN', 'MORTGAGE', 'MICRO_CREDIT', 'IP_PLEDGED_LOAN', 'GREEN_LOAN', 'GUARANTEED_LOAN'"
)
HEADQUARTERS_ONLY = ("quota_month", "allocation_snapshot")


def upgrade() -> None:
    _queue()
    _months()
    _quotas()
    _spreads()
    # Old keys are forgotten by a job.
    op.execute(f"grant delete on bank.idempotency_key to {HEADQUARTERS}")
    for name in HEADQUARTERS_ONLY:
        # Of all branches together.
        op.execute(f"revoke select on bank.{name} from {PORTAL}, {CLIENT}")
        op.execute(f"revoke update on bank.{name} from {HEADQUARTERS}")


def downgrade() -> None:
    op.execute(f"revoke delete on bank.idempotency_key from {HEADQUARTERS}")
    for name in ("allocation_snapshot", "quota_snapshot", "quota_month"):
        op.drop_table(name, schema="bank")
    for name in QUEUE:
        op.drop_table(name, schema="jobs")
    op.execute("drop function jobs.fn_pgqueuer_changed")
    op.execute("drop type jobs.pgqueuer_status")
    op.execute("drop schema jobs")


def _queue() -> None:
    op.execute(f"create schema jobs authorization {OWNER}")
    sql = (ROOM / "queue.sql").read_text(encoding="utf-8")
    for statement in re.split(r";\n\n(?=CREATE)", sql):
        op.execute(sa.text(_unbound(statement.strip().removesuffix(";"))))
    for name in QUEUE:
        op.execute(f"alter table jobs.{name} owner to {OWNER}")
        op.execute(f"grant select, insert, update, delete on jobs.{name} to {HEADQUARTERS}")
    op.execute(f"alter function jobs.fn_pgqueuer_changed() owner to {OWNER}")
    op.execute(f"alter type jobs.pgqueuer_status owner to {OWNER}")
    op.execute(f"grant usage on schema jobs to {HEADQUARTERS}")
    op.execute(f"grant usage on sequence {', '.join(f'jobs.{name}' for name in SEQUENCES)} to {HEADQUARTERS}")


def _unbound(statement: str) -> str:
    """SQLAlchemy would take `:name` for a parameter."""
    return re.sub(r"(?<!:):(?=[a-z])", r"\\:", statement)


def _month_ends(table: str) -> sa.CheckConstraint:
    return sa.CheckConstraint("extract(day from month_end + 1) = 1", name=op.f(f"ck_{table}_month_ends"))


def _months() -> None:
    """Which months are done: a month is taken once, whoever takes it."""
    reference_table(
        "quota_month",
        sa.Column("month_end", sa.Date(), nullable=False),
        sa.Column("taken_on", sa.Date(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        _month_ends("quota_month"),
        sa.CheckConstraint("taken_on > month_end", name=op.f("ck_quota_month_over")),
        sa.PrimaryKeyConstraint("month_end", name="pk_quota_month"),
    )


def _quotas() -> None:
    table = "quota_snapshot"
    amounts = ("granted", "earmarked", "reserved", "utilised", "committed")
    tenant_table(
        table,
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("month_end", sa.Date(), nullable=False),
        sa.Column("node_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=True),
        sa.Column("product", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        *(_minor(name) for name in amounts),
        sa.Column(
            "utilisation",
            sa.Numeric(18, 6),
            sa.Computed("app.fraction(utilised_minor, granted_minor)", persisted=True),
            nullable=True,
        ),
        _month_ends(table),
        sa.CheckConstraint(
            "kind in ('BANK', 'REGION', 'BRANCH', 'SUBLIMIT')", name=op.f(f"ck_{table}_kind_known")
        ),
        sa.CheckConstraint(f"product in ({PRODUCTS})", name=op.f(f"ck_{table}_product_known")),
        sa.CheckConstraint(
            "(kind = 'SUBLIMIT') = (segment is not null)", name=op.f(f"ck_{table}_sublimit_of_a_segment")
        ),
        sa.CheckConstraint(
            " and ".join(f"{name}_minor >= 0" for name in amounts),
            name=op.f(f"ck_{table}_amounts_not_negative"),
        ),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name=f"fk_{table}_branch_id"),
        sa.ForeignKeyConstraint(["currency"], ["bank.currency.code"], name=f"fk_{table}_currency"),
        sa.ForeignKeyConstraint(
            ["branch_id", "node_id"],
            ["bank.limit_node.branch_id", "bank.limit_node.id"],
            name=f"fk_{table}_branch_id_node_id",
        ),
        sa.PrimaryKeyConstraint("branch_id", "id", name=f"pk_{table}"),
        sa.UniqueConstraint(
            "branch_id", "month_end", "node_id", name=f"uq_{table}_branch_id_month_end_node_id"
        ),
        # Taken by headquarters; a branch reads its own. What was taken stays.
        access=Access(portal=(), headquarters=("insert",), client_rows=None),
    )
    op.create_index(
        f"ix_{table}_branch_id_node_id",
        table,
        ["branch_id", "node_id", "month_end", "id"],
        schema="bank",
    )


def _spreads() -> None:
    table = "allocation_snapshot"
    reference_table(
        table,
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("month_end", sa.Date(), nullable=False),
        sa.Column("spread_of", sa.Text(), nullable=False),
        sa.Column("spread_over", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("value", sa.Numeric(9, 6), nullable=True),
        sa.Column("group_count", sa.Integer(), nullable=False),
        _minor("total"),
        _month_ends(table),
        sa.CheckConstraint("spread_of in ('GRANTED', 'UTILISED')", name=op.f(f"ck_{table}_spread_of_known")),
        sa.CheckConstraint(
            "spread_over in ('BRANCH', 'SEGMENT', 'INDUSTRY')", name=op.f(f"ck_{table}_spread_over_known")
        ),
        sa.CheckConstraint("measure in ('HHI', 'THEIL', 'GINI')", name=op.f(f"ck_{table}_measure_known")),
        sa.CheckConstraint("value >= 0", name=op.f(f"ck_{table}_value_not_negative")),
        sa.CheckConstraint("(value is null) = (total_minor = 0)", name=op.f(f"ck_{table}_of_something")),
        sa.ForeignKeyConstraint(["month_end"], ["bank.quota_month.month_end"], name=f"fk_{table}_month_end"),
        sa.ForeignKeyConstraint(["currency"], ["bank.currency.code"], name=f"fk_{table}_currency"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint(
            "month_end", "spread_of", "spread_over", "measure", "currency", name=f"uq_{table}_of_a_month"
        ),
    )


def _minor(name: str) -> sa.Column[Any]:
    return sa.Column(f"{name}_minor", sa.BigInteger(), nullable=False)
