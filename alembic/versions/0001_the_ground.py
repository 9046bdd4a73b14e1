"""The ground: roles, the scope's functions, reference tables.

Frozen as it was when written: what changes later is another migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tenants.ddl import reference_table
from tenants.roles import CLIENT, CREATE_ROLES, DROP_ROLES, HEADQUARTERS, OWNER, PORTAL

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

LOGINS = f"{PORTAL}, {CLIENT}, {HEADQUARTERS}"

# STABLE, never IMMUTABLE: a cached plan would keep the first caller's branches for the second.
SCOPE_FUNCTIONS = (
    """
    create function app.branches() returns int[] stable parallel safe language sql
    return nullif(pg_catalog.current_setting('app.branches', true), '')::int[]
    """,
    """
    create function app.clients() returns uuid[] stable parallel safe language sql
    return nullif(pg_catalog.current_setting('app.clients', true), '')::uuid[]
    """,
)

# The application refuses cycles with a value; this refuses whoever goes around it.
NO_CYCLES = (
    """
    create function app.unit_has_no_cycle() returns trigger language plpgsql as $$
    declare
        above int := new.parent_id;
    begin
        while above is not null loop
            if above = new.id then
                raise exception 'unit % would stand below itself', new.code
                    using errcode = 'check_violation', constraint = 'ck_unit_no_cycle';
            end if;
            select parent_id into above from bank.unit where id = above;
        end loop;
        return new;
    end $$
    """,
    """
    create trigger unit_has_no_cycle before insert or update of parent_id on bank.unit
    for each row execute function app.unit_has_no_cycle()
    """,
)

# What others are doing right now names their rows; monitoring keeps its view of it.
ACTIVITY = "pg_catalog.pg_stat_activity"
ACTIVITY_FUNCTION = "function pg_catalog.pg_stat_get_activity(int)"


def upgrade() -> None:
    op.execute(CREATE_ROLES)
    _schemas()
    _reference_tables()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table, schema="bank")
    op.execute("drop function app.unit_has_no_cycle()")
    op.execute("drop function app.clients()")
    op.execute("drop function app.branches()")
    op.execute("drop schema bank")
    for action in (
        f"grant select on {ACTIVITY} to public",
        f"grant execute on {ACTIVITY_FUNCTION} to public",
    ):
        op.execute(_where_allowed(action))
    op.execute(f"revoke usage on schema app from {LOGINS}")
    op.execute(f"revoke select on app.alembic_version from {LOGINS}")
    op.execute(_on_this_database(f"revoke temporary on database %I from {HEADQUARTERS}"))
    op.execute(_on_this_database("grant temporary on database %I to public"))
    op.execute(DROP_ROLES)


def _schemas() -> None:
    op.execute(f"create schema bank authorization {OWNER}")
    op.execute(f"grant usage on schema bank, app to {LOGINS}")
    op.execute(f"grant select on app.alembic_version to {LOGINS}")
    op.execute("revoke create on schema public from public")
    # Headquarters' role stages imports in temporary tables; nobody else makes any.
    op.execute(_on_this_database("revoke temporary on database %I from public"))
    op.execute(_on_this_database(f"grant temporary on database %I to {HEADQUARTERS}"))
    for function in SCOPE_FUNCTIONS:
        op.execute(function)
    for action in (
        f"revoke select on {ACTIVITY} from public",
        f"revoke execute on {ACTIVITY_FUNCTION} from public",
        f"grant select on {ACTIVITY} to pg_monitor",
        f"grant execute on {ACTIVITY_FUNCTION} to pg_monitor",
    ):
        op.execute(_where_allowed(action))


def _on_this_database(statement: str) -> str:
    return f"do $$ begin execute format('{statement}', current_database()); end $$"


def _where_allowed(action: str) -> str:
    """Managed servers keep their catalogue to themselves: the start-up check warns there."""
    return f"do $$ begin {action}; exception when insufficient_privilege then null; end $$"


# ISO 4217 minor units of the currencies that the bank began with.
EXPONENTS = {
    "AED": 2,
    "AUD": 2,
    "BHD": 3,
    "BRL": 2,
    "CAD": 2,
    "CHF": 2,
    "CNY": 2,
    "EUR": 2,
    "GBP": 2,
    "HKD": 2,
    "IDR": 2,
    "INR": 2,
    "JPY": 0,
    "KRW": 0,
    "KWD": 3,
    "MOP": 2,
    "MYR": 2,
    "NZD": 2,
    "OMR": 3,
    "PHP": 2,
    "RUB": 2,
    "SAR": 2,
    "SEK": 2,
    "SGD": 2,
    "THB": 2,
    "TWD": 2,
    "USD": 2,
    "VND": 0,
    "ZAR": 2,
}

TABLES = (
    "currency",
    "region",
    "region_indicator",
    "unit",
)


def _reference_tables() -> None:
    reference_table(
        "currency",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("exponent", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("code ~ '^[A-Z]{3}$'", name=op.f("ck_currency_code_iso_4217")),
        sa.PrimaryKeyConstraint("code", name="pk_currency"),
    )
    reference_table(
        "region",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("local_name", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("macro_region", sa.Text(), nullable=True),
        sa.Column("city_cluster", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("code", name="pk_region"),
    )
    reference_table(
        "region_indicator",
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("year", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("indicator", sa.Text(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.CheckConstraint("year between 1900 and 2200", name=op.f("ck_region_indicator_year_plausible")),
        sa.ForeignKeyConstraint(
            ["region_code"], ["bank.region.code"], name="fk_region_indicator_region_code"
        ),
        sa.PrimaryKeyConstraint("region_code", "year", "indicator", name="pk_region_indicator"),
    )
    reference_table(
        "unit",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("region_code", sa.Text(), nullable=True),
        sa.Column("opened_on", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(kind = 'HEADQUARTERS') = (parent_id is null)", name=op.f("ck_unit_headquarters_is_the_root")
        ),
        sa.CheckConstraint(
            "kind in ('HEADQUARTERS', 'REGION', 'BRANCH', 'SUB_BRANCH')", name=op.f("ck_unit_kind_known")
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["bank.unit.id"], name="fk_unit_parent_id"),
        sa.ForeignKeyConstraint(["region_code"], ["bank.region.code"], name="fk_unit_region_code"),
        sa.PrimaryKeyConstraint("id", name="pk_unit"),
        sa.UniqueConstraint("code", name="uq_unit_code"),
    )
    op.create_index("ix_unit_parent_id_code", "unit", ["parent_id", "code"], unique=False, schema="bank")
    op.create_index(
        "uq_unit_headquarters",
        "unit",
        [sa.literal_column("(kind)")],
        unique=True,
        schema="bank",
        postgresql_where=sa.text("kind = 'HEADQUARTERS'"),
    )
    for statement in NO_CYCLES:
        op.execute(statement)
    op.bulk_insert(
        sa.table("currency", sa.column("code"), sa.column("exponent"), schema="bank"),
        [{"code": code, "exponent": exponent} for code, exponent in EXPONENTS.items()],
    )
