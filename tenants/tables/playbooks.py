"""How each kind of relationship is managed, and what is to be done for whom by when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from domain.lending import Product
from domain.playbooks import (
    OWNER_LEVELS,
    CancelCause,
    PlaybookStatus,
    SecurityDemand,
    TaskKind,
    TaskStatus,
)
from tenants.tables.columns import (
    SCHEMA,
    at,
    code,
    metadata,
    of_client,
    tenant_foreign_key,
    version,
)
from tenants.tables.views import views


def _of_view(column: Column[Any]) -> Column[Any]:
    """A table's column as a view shows it: nothing but its name, its type and whether it may be null."""
    return Column(column.name, column.type, primary_key=column.primary_key, nullable=column.nullable)


def _known_codes(table: Table, names: Sequence[str] | None = None) -> list[CheckConstraint]:
    """What the table holds its codes to, its view shows as well."""
    return [
        CheckConstraint(str(check.sqltext), name=f"{name}_known")
        for check in table.constraints
        if isinstance(check, CheckConstraint)
        for name in [str(check.sqltext).partition(" in (")[0]]
        if name in (table.c if names is None else names)
    ]


playbook = Table(
    "playbook",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    # Which clients it is for: those whose segment in this dimension has this value.
    Column("dimension_code", Text, ForeignKey(f"{SCHEMA}.dimension.code"), nullable=False),
    Column("value", Text, nullable=False),
    Column("number", Integer, nullable=False),
    *code("status", PlaybookStatus, default=PlaybookStatus.DRAFT),
    Column("name", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    *code("owner_level", OWNER_LEVELS),
    Column("review_every_months", Integer, nullable=False),
    Column("contact_every_days", Integer, nullable=False),
    Column("contact_plan", Text, nullable=False),
    # Below the list price; negative where a surcharge is asked.
    Column("pricing_latitude_bps", Integer, nullable=False),
    *code("required_security", SecurityDemand),
    Column("security_note", Text),
    Column("created_by", Text, nullable=False),
    Column("edited_by", Text, nullable=False),
    Column("activated_by", Text),
    version(),
    at("created_at"),
    at("edited_at"),
    at("activated_at", nullable=True),
    at("archived_at", nullable=True),
    UniqueConstraint("dimension_code", "value", "number"),
    CheckConstraint("review_every_months >= 1 and contact_every_days >= 1", name="intervals_positive"),
    # Whoever wrote it is not the one to put it into force.
    CheckConstraint("activated_by <> created_by and activated_by <> edited_by", name="four_eyes"),
    Index(
        "uq_playbook_active",
        "dimension_code",
        "value",
        unique=True,
        postgresql_where=text("status = 'ACTIVE'"),
    ),
)

playbook_product = Table(
    "playbook_product",
    metadata,
    Column("playbook_id", Integer, ForeignKey(f"{SCHEMA}.playbook.id"), nullable=False),
    *code("product", Product),
    Column("position", Integer, nullable=False),
    PrimaryKeyConstraint("playbook_id", "product"),
)

playbook_item = Table(
    "playbook_item",
    metadata,
    Column("playbook_id", Integer, ForeignKey(f"{SCHEMA}.playbook.id"), primary_key=True),
    Column("code", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("title", Text, nullable=False),
    *code("kind", TaskKind),
    *code("owner_level", OWNER_LEVELS),
    Column("first_due_days", Integer, nullable=False),
    # Null: once.
    Column("every_months", Integer),
    CheckConstraint("first_due_days >= 0", name="first_due_not_past"),
    CheckConstraint("every_months >= 1", name="every_positive"),
)

task = Table(
    "task",
    metadata,
    # Without a key to the unit: the client has it, and half a million tasks are made at once.
    Column("branch_id", Integer, primary_key=True, autoincrement=False, nullable=False),
    Column("id", Uuid, primary_key=True, nullable=False),
    *of_client(),
    Column("playbook_id", Integer, nullable=False),
    Column("item_code", Text, nullable=False),
    Column("title", Text, nullable=False),
    *code("kind", TaskKind),
    *code("owner_level", OWNER_LEVELS),
    # Null where nobody of that level works at the client's branch.
    Column("assignee_id", Uuid),
    Column("due_on", Date, nullable=False),
    *code("status", TaskStatus, default=TaskStatus.OPEN),
    # In the bank's time, as its segments are.
    at("done_at", nullable=True),
    Column("done_by", Text),
    Column("outcome", Text),
    *code("cancelled_because", CancelCause, nullable=True),
    version(),
    at("created_at"),
    tenant_foreign_key(["client_id"], "client"),
    tenant_foreign_key(["assignee_id"], "staff"),
    ForeignKeyConstraint(
        ["playbook_id", "item_code"], [f"{SCHEMA}.playbook_item.playbook_id", f"{SCHEMA}.playbook_item.code"]
    ),
    # The same task is never made twice.
    UniqueConstraint(
        "branch_id", "client_id", "playbook_id", "item_code", "due_on", name="uq_task_item_due_on"
    ),
    CheckConstraint(
        "(status = 'DONE') = (done_at is not null) and (status = 'DONE') = (done_by is not null)",
        name="done_is_told",
    ),
    CheckConstraint("(status = 'CANCELLED') = (cancelled_because is not null)", name="cancelled_has_a_cause"),
    # Of what repeats, one at a time is open.
    Index(
        "uq_task_open",
        "branch_id",
        "client_id",
        "playbook_id",
        "item_code",
        unique=True,
        postgresql_where=text("status = 'OPEN'"),
    ),
    Index("ix_task_branch_id_due_on", "branch_id", "due_on", "id"),
    Index("ix_task_branch_id_assignee_id", "branch_id", "assignee_id", "due_on", "id"),
)

client_task = Table(
    "client_task",
    views,
    *(_of_view(column) for column in task.c),
    Column("overdue", Boolean, nullable=False),
    *_known_codes(task),
)
"""Every task, with what depends on the bank's day: a view."""

_SHOWN = (
    "dimension_code",
    "value",
    "number",
    "name",
    "strategy",
    "owner_level",
    "review_every_months",
    "contact_every_days",
    "contact_plan",
    "pricing_latitude_bps",
    "required_security",
    "security_note",
)

client_playbook = Table(
    "client_playbook",
    views,
    Column("branch_id", Integer, primary_key=True, autoincrement=False),
    Column("client_id", Uuid, primary_key=True),
    Column("playbook_id", Integer, nullable=False),
    *(_of_view(playbook.c[name]) for name in _SHOWN),
    Column("since", DateTime(timezone=True), nullable=False),
    *_known_codes(playbook, _SHOWN),
)
"""The playbook in force for each client's type of relationship, as it was last recorded: a view."""
