"""Rule sets: dimensions, the versions of their rules, a stamp of what is in force, what clients were over time.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from tenants.ddl import Access, reference_table, tenant_table
from tenants.roles import CLIENT, HEADQUARTERS, PORTAL

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

REFERENCE = ("dimension", "rule_set", "rule_set_simulation", "rules_change")

# A type of ranges, for an exclusion constraint over text without an extension.
CODES = 'create type app.codes as range (subtype = text, collation = "C")'
ONE_AT_A_TIME = """
alter table bank.rule_set add constraint ex_rule_set_one_at_a_time exclude using gist (
    app.codes(dimension_code, dimension_code, '[]') with &&,
    int4range(coalesce(unit_id, 0), coalesce(unit_id, 0), '[]') with &&,
    daterange(effective_from, effective_until) with &&
) where (effective_from is not null)
"""

# The counter's row is locked until the end of a transaction that raises it: activations follow one another.
# The counter of one that was undone is given again, its mark never: no server takes its rules for another's.
# A variable, since Citus lets no volatile function into an update.
NEVER_GIVEN = "never_given uuid := gen_random_uuid();"
RAISE = "update bank.rules_change set counter = counter + 1, mark = never_given;"
CHANGES = (
    f"""
    create function app.rules_have_changed() returns trigger language plpgsql as $$
    declare
        {NEVER_GIVEN}
    begin
        {RAISE}
        return null;
    end $$
    """,
    """
    create trigger rules_have_changed after insert or update on bank.rule_set
    for each row when (new.effective_from is not null) execute function app.rules_have_changed()
    """,
    """
    create trigger rules_have_gone after delete on bank.rule_set
    for each row when (old.effective_from is not null) execute function app.rules_have_changed()
    """,
    # An override holds for what lies below its unit: whoever moves there has other rules.
    f"""
    create function app.places_have_changed() returns trigger language plpgsql as $$
    declare
        {NEVER_GIVEN}
    begin
        if exists (select from bank.rule_set where unit_id is not null and effective_from is not null) then
            {RAISE}
        end if;
        return null;
    end $$
    """,
    """
    create trigger places_have_changed after insert or delete or update of parent_id on bank.unit
    for each statement execute function app.places_have_changed()
    """,
)

# Which clients' facts this transaction has changed, as `branch:client` each, for whoever records their segments
# at its end: nothing is written, nobody waits, and an undone change is not in it.
STAMP = """
create function app.rules_stamp() returns text stable parallel safe language sql
return (select rules_change.mark from bank.rules_change)::text || ':' || to_char(app.today(), 'YYYY-MM-DD')
"""
MOST_DUE_BYTES = 8_000_000
DUE = (
    f"""
    create function app.segments_are_due() returns trigger language plpgsql as $$
    declare
        due text := coalesce(current_setting('app.segments_due', true), '');
        more text;
    begin
        select string_agg(touched.branch_id || ':' || touched.client_id, ' ') into more from touched;
        -- Beyond this, a load of the whole bank: whoever loads records all of it afterwards.
        if more is not null and length(due) < {MOST_DUE_BYTES} then
            perform set_config('app.segments_due', ltrim(due || ' ' || more), true);
        end if;
        return null;
    end $$
    """,
    """
    create trigger segments_are_due_after_insert after insert on bank.client_fact
    referencing new table as touched for each statement execute function app.segments_are_due()
    """,
    """
    create trigger segments_are_due_after_update after update on bank.client_fact
    referencing new table as touched for each statement execute function app.segments_are_due()
    """,
    """
    create function app.segments_due() returns table (branch_id int, client_id uuid)
    stable parallel restricted language sql
    begin atomic
        select distinct pg_catalog.split_part(due, ':', 1)::int, pg_catalog.split_part(due, ':', 2)::uuid
        from pg_catalog.string_to_table(
            nullif(pg_catalog.current_setting('app.segments_due', true), ''), ' '
        ) due;
    end
    """,
)


def upgrade() -> None:
    op.execute(CODES)
    _reference_tables()
    _history()
    for statement in (*CHANGES, STAMP, *DUE):
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop function app.segments_due()")
    for event in ("insert", "update"):
        op.execute(f"drop trigger segments_are_due_after_{event} on bank.client_fact")
    op.execute("drop function app.segments_are_due()")
    op.execute("drop function app.rules_stamp()")
    op.execute("drop trigger places_have_changed on bank.unit")
    op.drop_table("segment_history", schema="bank")
    for table in reversed(REFERENCE):
        op.drop_table(table, schema="bank")
    op.execute("drop function app.places_have_changed()")
    op.execute("drop function app.rules_have_changed()")
    op.execute("drop type app.codes")


def _reference_tables() -> None:
    reference_table(
        "dimension",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("overridable", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("code ~ '^[a-z][A-Za-z0-9]{0,49}$'", name=op.f("ck_dimension_code_is_a_name")),
        sa.PrimaryKeyConstraint("code", name="pk_dimension"),
    )
    reference_table(
        "rule_set",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("dimension_code", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), server_default="DRAFT", nullable=False),
        sa.Column("body", postgresql.JSONB(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=True),
        sa.Column("effective_until", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("edited_by", sa.Text(), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("simulated_by", sa.Text(), nullable=True),
        sa.Column("simulated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("activated_by", sa.Text(), nullable=True),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("archived_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "status in ('DRAFT', 'SIMULATED', 'ACTIVE', 'ARCHIVED')", name=op.f("ck_rule_set_status_known")
        ),
        sa.CheckConstraint("effective_until >= effective_from", name=op.f("ck_rule_set_effect_in_order")),
        sa.CheckConstraint(
            "effective_until is null or effective_from is not null", name=op.f("ck_rule_set_effect_has_begun")
        ),
        sa.CheckConstraint(
            "(activated_at is null) = (effective_from is null) "
            "and (activated_at is null) = (activated_by is null)",
            name=op.f("ck_rule_set_activated_with_a_day"),
        ),
        sa.CheckConstraint(
            "status <> 'ACTIVE' or effective_from is not null", name=op.f("ck_rule_set_active_has_a_day")
        ),
        sa.CheckConstraint(
            "effective_from is null or status in ('ACTIVE', 'ARCHIVED')",
            name=op.f("ck_rule_set_draft_has_no_effect"),
        ),
        sa.CheckConstraint(
            "status <> 'SIMULATED' or simulated_at is not null", name=op.f("ck_rule_set_simulated_at_a_time")
        ),
        sa.CheckConstraint(
            "activated_by <> created_by and activated_by <> edited_by", name=op.f("ck_rule_set_four_eyes")
        ),
        sa.CheckConstraint(
            "activated_by is null or archived_by not in (activated_by, created_by, edited_by)",
            name=op.f("ck_rule_set_ended_by_another"),
        ),
        sa.ForeignKeyConstraint(
            ["dimension_code"], ["bank.dimension.code"], name="fk_rule_set_dimension_code"
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["bank.unit.id"], name="fk_rule_set_unit_id"),
        sa.PrimaryKeyConstraint("id", name="pk_rule_set"),
        sa.UniqueConstraint(
            "dimension_code",
            "unit_id",
            "number",
            name="uq_rule_set_number",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.execute(ONE_AT_A_TIME)
    reference_table(
        "rule_set_simulation",
        sa.Column("rule_set_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("found", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rule_set_id"], ["bank.rule_set.id"], name="fk_rule_set_simulation_rule_set_id"
        ),
        sa.PrimaryKeyConstraint("rule_set_id", name="pk_rule_set_simulation"),
    )
    # Counted over all branches: not for one of them. Editing takes it away.
    op.execute(f"revoke select on bank.rule_set_simulation from {PORTAL}")
    op.execute(f"grant delete on bank.rule_set_simulation to {HEADQUARTERS}")
    reference_table(
        "rules_change",
        sa.Column("singleton", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("counter", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("settled", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("mark", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.CheckConstraint("singleton", name=op.f("ck_rules_change_only_one_row")),
        sa.CheckConstraint("settled <= counter", name=op.f("ck_rules_change_settled_what_was")),
        sa.PrimaryKeyConstraint("singleton", name="pk_rules_change"),
    )
    op.execute("insert into bank.rules_change default values")
    # How the bank judges its clients is not for them to read.
    for table in REFERENCE:
        op.execute(f"revoke select on bank.{table} from {CLIENT}")


def _history() -> None:
    tenant_table(
        "segment_history",
        sa.Column("branch_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("dimension_code", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("rule_set_id", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "valid_until",
            sa.DateTime(timezone=True),
            server_default=sa.text("'infinity'"),
            nullable=False,
        ),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "cause in ('CHANGE', 'ACTIVATION', 'SNAPSHOT')", name=op.f("ck_segment_history_cause_known")
        ),
        sa.CheckConstraint("valid_until >= valid_from", name=op.f("ck_segment_history_time_in_order")),
        sa.ForeignKeyConstraint(
            ["branch_id", "client_id"],
            ["bank.client.branch_id", "bank.client.id"],
            name="fk_segment_history_branch_id_client_id",
        ),
        sa.ForeignKeyConstraint(["branch_id"], ["bank.unit.id"], name="fk_segment_history_branch_id"),
        sa.PrimaryKeyConstraint("branch_id", "id", name="pk_segment_history"),
        access=Access(portal=("insert", "update"), client_rows=None),
    )
    op.create_index(
        "uq_segment_history_open",
        "segment_history",
        ["branch_id", "client_id", "dimension_code"],
        unique=True,
        schema="bank",
        postgresql_where=sa.text("valid_until = 'infinity'"),
    )
    op.create_index(
        "ix_segment_history_branch_id_client_id",
        "segment_history",
        ["branch_id", "client_id", "dimension_code", "valid_from", "id"],
        unique=False,
        schema="bank",
    )
