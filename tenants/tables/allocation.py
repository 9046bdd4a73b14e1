"""Allocation runs: what headquarters reckons for the whole bank, and what each branch is told of it.

Of a run that is only simulated no branch sees anything: its rows have no branch_id and are headquarters' own. What
is adopted is written once more, row by row the branch's own.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from domain.allocation.runs import (
    CellStatus,
    ChangeKind,
    ChangeStatus,
    ConstraintKind,
    ReturnSource,
    RunStatus,
)
from domain.divisions.models import Tier
from tenants.tables.columns import SCHEMA, at, code, in_currency, metadata, minor, tenant_key, version
from tenants.tables.views import views

BY_RULE = ("proportional", "equal_awards", "equal_losses", "talmud")
"""The scarcity rules beside the optimum."""


def _shares(*more: str) -> list[Any]:
    """What was committed, asked and possible, what the optimum grants, and what each rule would."""
    names = ("committed", "asked", "cap", *more, "granted", *BY_RULE)
    return [minor(name, nullable=name in ("granted", *BY_RULE, *more)) for name in names]


allocation_run = Table(
    "allocation_run",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("period_from", Date, nullable=False),
    Column("period_until", Date, nullable=False),
    in_currency(),
    minor("budget", nullable=False),
    # Cells are branches by the values of this dimension.
    Column("segment_dimension", Text, nullable=False),
    # What `domain.allocation.json_form` reads.
    Column("parameters", JSONB, nullable=False),
    *code("status", RunStatus, default=RunStatus.DRAFT),
    # What follows is of the last simulation: null before it, amounts also where the constraints conflict.
    Column("feasible", Boolean),
    minor("distributable"),
    minor("committed"),
    minor("asked"),
    minor("granted"),
    # A year, at the expected returns; less what the balance penalty takes it is what was maximised.
    minor("expected_return"),
    minor("penalty"),
    # What one more of the budget is worth a year.
    Column("budget_price", Numeric(18, 9)),
    Column("explanation", Text),
    Column("figures_day", Date),
    Column("solving_ms", Integer),
    Column("created_by", Text, nullable=False),
    Column("edited_by", Text, nullable=False),
    Column("simulated_by", Text),
    Column("adopted_by", Text),
    version(),
    at("created_at"),
    at("edited_at"),
    at("simulated_at", nullable=True),
    at("adopted_at", nullable=True),
    at("ended_at", nullable=True),
    CheckConstraint("period_from <= period_until", name="period_in_order"),
    CheckConstraint("budget_minor > 0", name="budget_positive"),
    # Whoever wrote it is not the one to adopt it.
    CheckConstraint("adopted_by <> created_by and adopted_by <> edited_by", name="four_eyes"),
    CheckConstraint("status <> 'ADOPTED' or (adopted_at is not null and feasible)", name="adopted_since"),
    Index("uq_allocation_run_adopted", "status", unique=True, postgresql_where=text("status = 'ADOPTED'")),
)

allocation_constraint = Table(
    "allocation_constraint",
    metadata,
    Column("run_id", Integer, ForeignKey(f"{SCHEMA}.allocation_run.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    *code("kind", ConstraintKind),
    Column("name", Text, nullable=False),
    Column("unit_id", Integer, ForeignKey(f"{SCHEMA}.unit.id")),
    in_currency(),
    minor("lower"),
    minor("upper"),
    minor("used"),
    Column("binding", Boolean, nullable=False, server_default="false"),
    # What one more of it is worth a year; negative for what must be reached.
    Column("price", Numeric(18, 9)),
    # Among the fewest that nothing satisfies together.
    Column("conflicts", Boolean, nullable=False, server_default="false"),
    Column("explanation", Text),
)

allocation_branch = Table(
    "allocation_branch",
    metadata,
    Column("run_id", Integer, ForeignKey(f"{SCHEMA}.allocation_run.id"), primary_key=True),
    Column("unit_id", Integer, ForeignKey(f"{SCHEMA}.unit.id"), primary_key=True, autoincrement=False),
    *code("region_tier", Tier, nullable=True),
    # What policy and scorecard make of one that asked.
    Column("weight", Numeric(9, 6), nullable=False),
    in_currency(),
    *_shares("target"),
    minor("expected_return"),
    Column("explanation", Text),
)

allocation_proposal = Table(
    "allocation_proposal",
    metadata,
    Column("run_id", Integer, ForeignKey(f"{SCHEMA}.allocation_run.id"), primary_key=True),
    Column("unit_id", Integer, ForeignKey(f"{SCHEMA}.unit.id"), primary_key=True, autoincrement=False),
    Column("segment_value", Text, primary_key=True),
    # A year, for each unit of money granted.
    Column("expected_return", Numeric(9, 6), nullable=False),
    *code("return_source", ReturnSource),
    in_currency(),
    *_shares(),
    # What kept it from getting all that it asked; null where it got that.
    *code("held_back_by", ConstraintKind, nullable=True),
    Column("explanation", Text),
    CheckConstraint("committed_minor between 0 and cap_minor", name="cap_above_committed"),
    CheckConstraint("granted_minor between committed_minor and cap_minor", name="within_bounds"),
)

allocation_cell = Table(
    "allocation_cell",
    metadata,
    *tenant_key(),
    Column("run_id", Integer, ForeignKey(f"{SCHEMA}.allocation_run.id"), nullable=False),
    Column("run_name", Text, nullable=False),
    Column("period_from", Date, nullable=False),
    Column("period_until", Date, nullable=False),
    Column("segment_dimension", Text, nullable=False),
    Column("segment_value", Text, nullable=False),
    in_currency(),
    minor("committed", nullable=False),
    minor("asked", nullable=False),
    minor("granted", nullable=False),
    # Of that, what stands in the segment's sublimit: the rest is committed elsewhere in the branch.
    minor("sublimit", nullable=False),
    *code("held_back_by", ConstraintKind, nullable=True),
    Column("explanation", Text),
    # The limit node that the cell became.
    Column("node_id", Uuid),
    *code("status", CellStatus, default=CellStatus.ADOPTED),
    at("adopted_at"),
    UniqueConstraint("branch_id", "run_id", "segment_value"),
)

quota_change = Table(
    "quota_change",
    metadata,
    *tenant_key(),
    Column("run_id", Integer, ForeignKey(f"{SCHEMA}.allocation_run.id"), nullable=False),
    *code("kind", ChangeKind),
    Column("node_id", Uuid, nullable=False),
    in_currency(),
    minor("amount", nullable=False),
    minor("granted", nullable=False),
    minor("utilised"),
    # Of the last month looked at; null where nobody looked.
    Column("utilisation", Numeric(9, 6)),
    Column("months", SmallInteger),
    Column("reason", Text, nullable=False),
    *code("status", ChangeStatus, default=ChangeStatus.PROPOSED),
    Column("proposed_by", Text, nullable=False),
    Column("carried_out_by", Text),
    version(),
    at("proposed_at"),
    at("carried_out_at", nullable=True),
    CheckConstraint(
        "amount_minor >= 0 and (amount_minor > 0 or kind = 'WARNING')", name="amount_of_a_change"
    ),
    CheckConstraint("carried_out_by <> proposed_by", name="four_eyes"),
    CheckConstraint("(status = 'CARRIED_OUT') = (carried_out_at is not null)", name="carried_out_since"),
    Index(
        "uq_quota_change_proposed",
        "branch_id",
        "node_id",
        "kind",
        unique=True,
        postgresql_where=text("status = 'PROPOSED'"),
    ),
)

allocation_difference = Table(
    "allocation_difference",
    views,
    Column("from_run_id", Integer, primary_key=True),
    Column("to_run_id", Integer, primary_key=True),
    Column("unit_id", Integer, primary_key=True),
    Column("segment_value", Text, primary_key=True),
    Column("currency", Text, nullable=False),
    minor("from", nullable=False),
    minor("to", nullable=False),
    minor("change", nullable=False),
)
"""Where two simulated runs in one currency grant a branch's segment different amounts."""
