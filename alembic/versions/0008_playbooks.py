"""Playbooks, and the tasks that they imply.

Frozen as it was when written: what changes later is another migration.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tenants.ddl import Access, reference_table, tenant_table
from tenants.roles import CLIENT, HEADQUARTERS, OWNER, PORTAL

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LEVELS = "('REGIONAL_MANAGER', 'BRANCH_MANAGER', 'RELATIONSHIP_MANAGER', 'CREDIT_OFFICER')"
KINDS = "('REVIEW', 'VISIT', 'CALL', 'MEETING', 'SURVEY', 'OFFER', 'MONITORING', 'COACHING', 'REMINDER')"
REFERENCE = ("playbook", "playbook_product", "playbook_item")

# Ids of version 7 (time first), made where thousands of rows are.
TASK_ID = """
create function app.task_id() returns uuid volatile parallel safe language sql
return encode(set_bit(set_bit(overlay(
    uuid_send(gen_random_uuid())
    placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6
), 52, 1), 53, 1), 'hex')::uuid
"""

VIEWS = {
    # A task with what depends on the day.
    "client_task": """
        select t.branch_id, t.id, t.client_id, t.playbook_id, t.item_code, t.title, t.kind, t.owner_level,
            t.assignee_id, t.due_on, t.status, t.status = 'OPEN' and t.due_on < app.today() as overdue,
            t.done_at, t.done_by, t.outcome, t.cancelled_because, t.version, t.created_at
        from bank.task t
    """,
    # The playbook of a client: that of its type of relationship as last recorded.
    "client_playbook": """
        select h.branch_id, h.client_id, p.id as playbook_id, p.dimension_code, p.value, p.number, p.name,
            p.strategy, p.owner_level, p.review_every_months, p.contact_every_days, p.contact_plan,
            p.pricing_latitude_bps, p.required_security, p.security_note, h.valid_from as since
        from bank.segment_history h
        join bank.playbook p on p.dimension_code = h.dimension_code and p.value = h.value
        where p.status = 'ACTIVE' and h.valid_until = 'infinity' and h.dimension_code = 'relationshipType'
    """,
}


def upgrade() -> None:
    op.execute(TASK_ID)
    _playbooks()
    _tasks()
    for name, body in VIEWS.items():
        op.execute(f"create view bank.{name} with (security_invoker = true) as {body}")
        op.execute(f"alter view bank.{name} owner to {OWNER}")
        op.execute(f"grant select on bank.{name} to {PORTAL}, {HEADQUARTERS}")


def downgrade() -> None:
    for name in reversed(VIEWS):
        op.execute(f"drop view bank.{name}")
    for table in ("task", *reversed(REFERENCE)):
        op.drop_table(table, schema="bank")
    op.execute("drop function app.task_id()")


def _playbooks() -> None:
    reference_table(
        "playbook",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("dimension_code", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), server_default="DRAFT", nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("owner_level", sa.Text(), nullable=False),
        sa.Column("review_every_months", sa.Integer(), nullable=False),
        sa.Column("contact_every_days", sa.Integer(), nullable=False),
        sa.Column("contact_plan", sa.Text(), nullable=False),
        sa.Column("pricing_latitude_bps", sa.Integer(), nullable=False),
        sa.Column("required_security", sa.Text(), nullable=False),
        sa.Column("security_note", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("edited_by", sa.Text(), nullable=False),
        sa.Column("activated_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status in ('DRAFT', 'ACTIVE', 'ARCHIVED')", name=op.f("ck_playbook_status_known")
        ),
        sa.CheckConstraint(f"owner_level in {LEVELS}", name=op.f("ck_playbook_owner_level_known")),
        sa.CheckConstraint(
            "required_security in ('NEGOTIATED', 'NONE', 'STANDARD', 'ADDITIONAL')",
            name=op.f("ck_playbook_required_security_known"),
        ),
        sa.CheckConstraint(
            "review_every_months >= 1 and contact_every_days >= 1",
            name=op.f("ck_playbook_intervals_positive"),
        ),
        sa.CheckConstraint(
            "activated_by <> created_by and activated_by <> edited_by", name=op.f("ck_playbook_four_eyes")
        ),
        sa.ForeignKeyConstraint(
            ["dimension_code"], ["bank.dimension.code"], name="fk_playbook_dimension_code"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_playbook"),
        sa.UniqueConstraint(
            "dimension_code", "value", "number", name="uq_playbook_dimension_code_value_number"
        ),
    )
    op.create_index(
        "uq_playbook_active",
        "playbook",
        ["dimension_code", "value"],
        unique=True,
        schema="bank",
        postgresql_where=sa.text("status = 'ACTIVE'"),
    )
    products = (
        "'TERM_LOAN', 'WORKING_CAPITAL', 'REVOLVING_CREDIT', 'PROJECT_LOAN', 'SUPPLY_CHAIN_FINANCE', "
        "'ACQUISITION_LOAN', 'MORTGAGE', 'MICRO_CREDIT', 'IP_PLEDGED_LOAN', 'GREEN_LOAN', 'GUARANTEED_LOAN'"
    )
    reference_table(
        "playbook_product",
        sa.Column("playbook_id", sa.Integer(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.CheckConstraint(f"product in ({products})", name=op.f("ck_playbook_product_product_known")),
        sa.ForeignKeyConstraint(
            ["playbook_id"], ["bank.playbook.id"], name="fk_playbook_product_playbook_id"
        ),
        sa.PrimaryKeyConstraint("playbook_id", "product", name="pk_playbook_product"),
    )
    reference_table(
        "playbook_item",
        sa.Column("playbook_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("owner_level", sa.Text(), nullable=False),
        sa.Column("first_due_days", sa.Integer(), nullable=False),
        sa.Column("every_months", sa.Integer(), nullable=True),
        sa.CheckConstraint(f"kind in {KINDS}", name=op.f("ck_playbook_item_kind_known")),
        sa.CheckConstraint(f"owner_level in {LEVELS}", name=op.f("ck_playbook_item_owner_level_known")),
        sa.CheckConstraint("first_due_days >= 0", name=op.f("ck_playbook_item_first_due_not_past")),
        sa.CheckConstraint("every_months >= 1", name=op.f("ck_playbook_item_every_positive")),
        sa.ForeignKeyConstraint(["playbook_id"], ["bank.playbook.id"], name="fk_playbook_item_playbook_id"),
        sa.PrimaryKeyConstraint("playbook_id", "code", name="pk_playbook_item"),
    )
    # A draft's parts are replaced whole.
    op.execute(f"grant delete on bank.playbook_product, bank.playbook_item to {HEADQUARTERS}")
    # How the bank manages its clients is not for them to read.
    for name in REFERENCE:
        op.execute(f"revoke select on bank.{name} from {CLIENT}")


def _tasks() -> None:
    tenant_table(
        "task",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("playbook_id", sa.Integer(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("owner_level", sa.Text(), nullable=False),
        sa.Column("assignee_id", sa.Uuid(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), server_default="OPEN", nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("cancelled_because", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(f"kind in {KINDS}", name=op.f("ck_task_kind_known")),
        sa.CheckConstraint(f"owner_level in {LEVELS}", name=op.f("ck_task_owner_level_known")),
        sa.CheckConstraint("status in ('OPEN', 'DONE', 'CANCELLED')", name=op.f("ck_task_status_known")),
        sa.CheckConstraint(
            "cancelled_because in ('RELATIONSHIP_CHANGED', 'PLAYBOOK_CHANGED', 'EARLIER_REOPENED')",
            name=op.f("ck_task_cancelled_because_known"),
        ),
        sa.CheckConstraint(
            "(status = 'DONE') = (done_at is not null) and (status = 'DONE') = (done_by is not null)",
            name=op.f("ck_task_done_is_told"),
        ),
        sa.CheckConstraint(
            "(status = 'CANCELLED') = (cancelled_because is not null)",
            name=op.f("ck_task_cancelled_has_a_cause"),
        ),
        sa.ForeignKeyConstraint(
            ["branch_id", "client_id"],
            ["bank.client.branch_id", "bank.client.id"],
            name="fk_task_branch_id_client_id",
        ),
        sa.ForeignKeyConstraint(
            ["branch_id", "assignee_id"],
            ["bank.staff.branch_id", "bank.staff.id"],
            name="fk_task_branch_id_assignee_id",
        ),
        sa.ForeignKeyConstraint(
            ["playbook_id", "item_code"],
            ["bank.playbook_item.playbook_id", "bank.playbook_item.code"],
            name="fk_task_playbook_id_item_code",
        ),
        sa.PrimaryKeyConstraint("branch_id", "id", name="pk_task"),
        sa.UniqueConstraint(
            "branch_id", "client_id", "playbook_id", "item_code", "due_on", name="uq_task_item_due_on"
        ),
        access=Access(portal=("insert", "update"), headquarters=("insert", "update"), client_rows=None),
    )
    op.create_index(
        "uq_task_open",
        "task",
        ["branch_id", "client_id", "playbook_id", "item_code"],
        unique=True,
        schema="bank",
        postgresql_where=sa.text("status = 'OPEN'"),
    )
    for name, columns in (
        ("ix_task_branch_id_due_on", ["branch_id", "due_on", "id"]),
        ("ix_task_branch_id_assignee_id", ["branch_id", "assignee_id", "due_on", "id"]),
    ):
        op.create_index(name, "task", columns, unique=False, schema="bank")
