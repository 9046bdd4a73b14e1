"""Regional divisions: models, what they make of each region, and which division of a region is in force.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from tenants.ddl import reference_table
from tenants.roles import CLIENT, HEADQUARTERS, OWNER, PORTAL

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = (
    "division_model",
    "division_policy",
    "division_policy_product",
    "division",
    "division_part",
    "division_cluster",
    "division_move",
    "division_move_exposure",
    "industry_indicator",
)
# What a model makes of a region is made anew as a whole: parts, clusters and moves that are no more go.
MADE_ANEW = (
    "division_policy",
    "division_policy_product",
    "division",
    "division_part",
    "division_cluster",
    "division_move",
    "division_move_exposure",
)
IN_FORCE = ("economic_division_id", "industry_division_id", "credit_division_id")

DIFFERENCE = """
create view bank.division_difference with (security_invoker = true) as
select
    one.model_id as from_model_id,
    other.model_id as to_model_id,
    one.year,
    one.region_code,
    one.class_code as from_class,
    other.class_code as to_class,
    one.index_value as from_index,
    other.index_value as to_index
from bank.division as one
join bank.division_model as one_model on one_model.id = one.model_id
join bank.division as other on other.region_code = one.region_code and other.year = one.year
join bank.division_model as other_model on other_model.id = other.model_id and other_model.kind = one_model.kind
where one.model_id <> other.model_id and one.class_code is distinct from other.class_code
"""

CLUSTER_DIFFERENCE = """
create view bank.cluster_difference with (security_invoker = true) as
select
    one.model_id as from_model_id,
    other.model_id as to_model_id,
    one.year,
    one.region_code,
    found.industry_scheme,
    found.industry_code,
    found.from_class,
    found.to_class,
    found.from_quotient,
    found.to_quotient
from bank.division as one
join bank.division_model as one_model on one_model.id = one.model_id and one_model.kind = 'INDUSTRY'
join bank.division as other on other.region_code = one.region_code and other.year = one.year
join bank.division_model as other_model on other_model.id = other.model_id and other_model.kind = 'INDUSTRY'
cross join lateral (
    select
        industry_scheme,
        industry_code,
        max(class_code) filter (where division_id = one.id) as from_class,
        max(class_code) filter (where division_id = other.id) as to_class,
        max(location_quotient) filter (where division_id = one.id) as from_quotient,
        max(location_quotient) filter (where division_id = other.id) as to_quotient
    from bank.division_cluster
    where division_id in (one.id, other.id)
    group by industry_scheme, industry_code
) as found
where one.model_id <> other.model_id and found.from_class is distinct from found.to_class
"""


def upgrade() -> None:
    _models()
    _divisions()
    _moves()
    _official_figures()
    for name in TABLES:
        # How the bank divides regions is no business of its clients.
        op.execute(f"revoke select on bank.{name} from {CLIENT}")
    for name in ("division_move", "division_move_exposure"):
        # Counted over all branches, region by region: not for one of them.
        op.execute(f"revoke select on bank.{name} from {PORTAL}")
    for name in MADE_ANEW:
        op.execute(f"grant delete on bank.{name} to {HEADQUARTERS}")
    for view, definition in (
        ("division_difference", DIFFERENCE),
        ("cluster_difference", CLUSTER_DIFFERENCE),
    ):
        op.execute(definition)
        op.execute(f"alter view bank.{view} owner to {OWNER}")
        op.execute(f"grant select on bank.{view} to {PORTAL}, {HEADQUARTERS}")
    for column in IN_FORCE:
        op.add_column("region", sa.Column(column, sa.Integer(), nullable=True), schema="bank")
        op.create_foreign_key(
            f"fk_region_{column}",
            "region",
            "division",
            [column],
            ["id"],
            source_schema="bank",
            referent_schema="bank",
        )


def downgrade() -> None:
    for column in IN_FORCE:
        op.drop_column("region", column, schema="bank")
    op.execute("drop view bank.cluster_difference")
    op.execute("drop view bank.division_difference")
    for table in reversed(TABLES):
        op.drop_table(table, schema="bank")


def _models() -> None:
    reference_table(
        "division_model",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), server_default="DRAFT", nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("edited_by", sa.Text(), nullable=False),
        sa.Column("simulated_by", sa.Text(), nullable=True),
        sa.Column("activated_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("simulated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind in ('ECONOMIC', 'INDUSTRY', 'CREDIT_CLIMATE')", name=op.f("ck_division_model_kind_known")
        ),
        sa.CheckConstraint(
            "status in ('DRAFT', 'SIMULATED', 'ACTIVE', 'ARCHIVED')",
            name=op.f("ck_division_model_status_known"),
        ),
        sa.CheckConstraint(
            "activated_by <> created_by and activated_by <> edited_by",
            name=op.f("ck_division_model_four_eyes"),
        ),
        sa.CheckConstraint(
            "status <> 'ACTIVE' or activated_at is not null", name=op.f("ck_division_model_active_since")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_division_model"),
        sa.UniqueConstraint("kind", "number", name="uq_division_model_kind_number"),
    )
    op.create_index(
        "uq_division_model_active",
        "division_model",
        ["kind"],
        unique=True,
        schema="bank",
        postgresql_where=sa.text("status = 'ACTIVE'"),
    )
    reference_table(
        "division_policy",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("pricing_adjustment_bps", sa.Integer(), nullable=False),
        sa.Column("collateral_demand", sa.Text(), nullable=False),
        sa.Column("quota_weight", sa.Numeric(precision=9, scale=6), nullable=False),
        sa.Column("review_depth", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "collateral_demand in ('UNSECURED', 'STANDARD', 'ADDITIONAL')",
            name=op.f("ck_division_policy_collateral_demand_known"),
        ),
        sa.CheckConstraint(
            "review_depth in ('SIMPLIFIED', 'STANDARD', 'STRICT')",
            name=op.f("ck_division_policy_review_depth_known"),
        ),
        sa.CheckConstraint("quota_weight >= 0", name=op.f("ck_division_policy_quota_weight_not_negative")),
        sa.ForeignKeyConstraint(["model_id"], ["bank.division_model.id"], name="fk_division_policy_model_id"),
        sa.PrimaryKeyConstraint("model_id", "class_code", name="pk_division_policy"),
    )
    reference_table(
        "division_policy_product",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "product in ('TERM_LOAN', 'WORKING_CAPITAL', 'REVOLVING_CREDIT', 'PROJECT_LOAN', "
            "'SUPPLY_CHAIN_FINANCE', 'ACQUISITION_LOAN', 'MORTGAGE', 'MICRO_CREDIT', 'IP_PLEDGED_LOAN', "
            "'GREEN_LOAN', 'GUARANTEED_LOAN')",
            name=op.f("ck_division_policy_product_product_known"),
        ),
        sa.ForeignKeyConstraint(
            ["model_id", "class_code"],
            ["bank.division_policy.model_id", "bank.division_policy.class_code"],
            name="fk_division_policy_product_model_id_class_code",
        ),
        sa.PrimaryKeyConstraint("model_id", "class_code", "position", name="pk_division_policy_product"),
        sa.UniqueConstraint(
            "model_id", "class_code", "product", name="uq_division_policy_product_model_id_class_code_product"
        ),
    )


def _divisions() -> None:
    reference_table(
        "division",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("year", sa.SmallInteger(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=True),
        sa.Column("index_value", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("missing", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["bank.division_model.id"], name="fk_division_model_id"),
        sa.ForeignKeyConstraint(["region_code"], ["bank.region.code"], name="fk_division_region_code"),
        sa.PrimaryKeyConstraint("id", name="pk_division"),
        sa.UniqueConstraint("region_code", "model_id", "year", name="uq_division_region_code_model_id_year"),
    )
    op.create_index(
        "ix_division_model_id_year",
        "division",
        ["model_id", "year", "class_code", "region_code"],
        schema="bank",
    )
    reference_table(
        "division_part",
        sa.Column("division_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("indicator", sa.Text(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("scaled", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column("weight", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column("contribution", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column("class_code", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["division_id"], ["bank.division.id"], name="fk_division_part_division_id"),
        sa.PrimaryKeyConstraint("division_id", "position", name="pk_division_part"),
    )
    reference_table(
        "division_cluster",
        sa.Column("division_id", sa.Integer(), nullable=False),
        sa.Column("industry_scheme", sa.Text(), nullable=False),
        sa.Column("industry_code", sa.Text(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("location_quotient", sa.Numeric(precision=30, scale=6), nullable=False),
        sa.Column("clients", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "source in ('PORTFOLIO', 'OFFICIAL')", name=op.f("ck_division_cluster_source_known")
        ),
        sa.ForeignKeyConstraint(
            ["division_id"], ["bank.division.id"], name="fk_division_cluster_division_id"
        ),
        sa.ForeignKeyConstraint(
            ["model_id"], ["bank.division_model.id"], name="fk_division_cluster_model_id"
        ),
        sa.ForeignKeyConstraint(
            ["region_code"], ["bank.region.code"], name="fk_division_cluster_region_code"
        ),
        sa.PrimaryKeyConstraint(
            "division_id", "industry_scheme", "industry_code", name="pk_division_cluster"
        ),
    )
    op.create_index(
        "ix_division_cluster_industry",
        "division_cluster",
        ["industry_scheme", "industry_code"],
        schema="bank",
    )


def _moves() -> None:
    reference_table(
        "division_move",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("from_model_id", sa.Integer(), nullable=True),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("industry_scheme", sa.Text(), nullable=True),
        sa.Column("industry_code", sa.Text(), nullable=True),
        sa.Column("from_class", sa.Text(), nullable=True),
        sa.Column("to_class", sa.Text(), nullable=True),
        sa.Column("clients", sa.Integer(), nullable=False),
        sa.CheckConstraint("from_class is distinct from to_class", name=op.f("ck_division_move_moves")),
        sa.ForeignKeyConstraint(["model_id"], ["bank.division_model.id"], name="fk_division_move_model_id"),
        sa.ForeignKeyConstraint(
            ["from_model_id"], ["bank.division_model.id"], name="fk_division_move_from_model_id"
        ),
        sa.ForeignKeyConstraint(["region_code"], ["bank.region.code"], name="fk_division_move_region_code"),
        sa.PrimaryKeyConstraint("id", name="pk_division_move"),
    )
    op.create_index(
        "uq_division_move_place",
        "division_move",
        ["model_id", "region_code", "industry_scheme", "industry_code"],
        unique=True,
        schema="bank",
        postgresql_nulls_not_distinct=True,
    )
    reference_table(
        "division_move_exposure",
        sa.Column("move_id", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("exposure_minor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["move_id"], ["bank.division_move.id"], name="fk_division_move_exposure_move_id"
        ),
        sa.ForeignKeyConstraint(
            ["currency"], ["bank.currency.code"], name="fk_division_move_exposure_currency"
        ),
        sa.ForeignKeyConstraint(
            ["model_id"], ["bank.division_model.id"], name="fk_division_move_exposure_model_id"
        ),
        sa.PrimaryKeyConstraint("move_id", "currency", name="pk_division_move_exposure"),
    )
    op.create_index(
        "ix_division_move_exposure_model_id",
        "division_move_exposure",
        ["model_id", "currency"],
        schema="bank",
    )


def _official_figures() -> None:
    reference_table(
        "industry_indicator",
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("year", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("industry_scheme", sa.Text(), nullable=False),
        sa.Column("industry_code", sa.Text(), nullable=False),
        sa.Column("indicator", sa.Text(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.CheckConstraint("year between 1900 and 2200", name=op.f("ck_industry_indicator_year_plausible")),
        sa.CheckConstraint("value >= 0", name=op.f("ck_industry_indicator_value_not_negative")),
        sa.ForeignKeyConstraint(
            ["region_code"], ["bank.region.code"], name="fk_industry_indicator_region_code"
        ),
        sa.PrimaryKeyConstraint(
            "region_code",
            "year",
            "industry_scheme",
            "industry_code",
            "indicator",
            name="pk_industry_indicator",
        ),
    )
