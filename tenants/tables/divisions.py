"""Regions divided: the models, what each made of every region, and what follows for whoever is there.

Reference tables, the same for every branch. Which division of a region is in force stands in `region` itself.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from domain.divisions.models import (
    ClusterSource,
    CollateralDemand,
    DivisionKind,
    DivisionStatus,
    ReviewDepth,
)
from domain.lending import Product
from tenants.tables.columns import SCHEMA, at, code, metadata, minor, version
from tenants.tables.views import views

division_model = Table(
    "division_model",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    *code("kind", DivisionKind),
    Column("number", Integer, nullable=False),
    Column("name", Text, nullable=False),
    # What `domain.divisions.json_form` reads: how it divides, and the policy of each class.
    Column("parameters", JSONB, nullable=False),
    *code("status", DivisionStatus, default=DivisionStatus.DRAFT),
    Column("created_by", Text, nullable=False),
    Column("edited_by", Text, nullable=False),
    Column("simulated_by", Text),
    Column("activated_by", Text),
    version(),
    at("created_at"),
    at("edited_at"),
    at("simulated_at", nullable=True),
    at("activated_at", nullable=True),
    at("archived_at", nullable=True),
    UniqueConstraint("kind", "number"),
    # Whoever wrote it is not the one to put it into force.
    CheckConstraint("activated_by <> created_by and activated_by <> edited_by", name="four_eyes"),
    CheckConstraint("status <> 'ACTIVE' or activated_at is not null", name="active_since"),
    Index("uq_division_model_active", "kind", unique=True, postgresql_where=text("status = 'ACTIVE'")),
)

division_policy = Table(
    "division_policy",
    metadata,
    Column("model_id", Integer, ForeignKey(f"{SCHEMA}.division_model.id"), primary_key=True),
    Column("class_code", Text, primary_key=True),
    # Added to the price of credit; below zero where it is lowered.
    Column("pricing_adjustment_bps", Integer, nullable=False),
    *code("collateral_demand", CollateralDemand),
    Column("quota_weight", Numeric(9, 6), nullable=False),
    *code("review_depth", ReviewDepth),
    Column("note", Text),
    CheckConstraint("quota_weight >= 0", name="quota_weight_not_negative"),
)

division_policy_product = Table(
    "division_policy_product",
    metadata,
    Column("model_id", Integer, primary_key=True),
    Column("class_code", Text, primary_key=True),
    Column("position", SmallInteger, primary_key=True),
    *code("product", Product),
    ForeignKeyConstraint(
        ["model_id", "class_code"],
        [f"{SCHEMA}.division_policy.model_id", f"{SCHEMA}.division_policy.class_code"],
    ),
    UniqueConstraint("model_id", "class_code", "product"),
)

division = Table(
    "division",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("model_id", Integer, ForeignKey(f"{SCHEMA}.division_model.id"), nullable=False),
    Column("region_code", Text, ForeignKey(f"{SCHEMA}.region.code"), nullable=False),
    # Of the indicators; of a portfolio the year in which it was looked at.
    Column("year", SmallInteger, nullable=False),
    # Null where too little is known.
    Column("class_code", Text),
    Column("index_value", Numeric(9, 6)),
    Column("reason", Text, nullable=False),
    Column("missing", ARRAY(Text), nullable=False, server_default="{}"),
    at("computed_at"),
    UniqueConstraint("region_code", "model_id", "year"),
    Index("ix_division_model_id_year", "model_id", "year", "class_code", "region_code"),
)

division_part = Table(
    "division_part",
    metadata,
    Column("division_id", Integer, ForeignKey(f"{SCHEMA}.division.id"), primary_key=True),
    Column("position", SmallInteger, primary_key=True),
    Column("indicator", Text, nullable=False),
    # Null where it is missing; then its weight is nothing, and the others bear it.
    Column("value", Numeric),
    Column("unit", Text),
    Column("scaled", Numeric(9, 6)),
    Column("weight", Numeric(9, 6)),
    Column("contribution", Numeric(9, 6)),
    # What this one figure alone would speak for.
    Column("class_code", Text),
)

division_cluster = Table(
    "division_cluster",
    metadata,
    Column("division_id", Integer, ForeignKey(f"{SCHEMA}.division.id"), primary_key=True),
    Column("industry_scheme", Text, primary_key=True),
    Column("industry_code", Text, primary_key=True),
    Column("model_id", Integer, ForeignKey(f"{SCHEMA}.division_model.id"), nullable=False),
    Column("region_code", Text, ForeignKey(f"{SCHEMA}.region.code"), nullable=False),
    Column("class_code", Text, nullable=False),
    Column("location_quotient", Numeric(30, 6), nullable=False),
    Column("clients", Integer, nullable=False),
    *code("source", ClusterSource),
    Index("ix_division_cluster_industry", "industry_scheme", "industry_code"),
)

division_move = Table(
    "division_move",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("model_id", Integer, ForeignKey(f"{SCHEMA}.division_model.id"), nullable=False),
    # The model that was in force when the other was simulated; null where there was none.
    Column("from_model_id", Integer, ForeignKey(f"{SCHEMA}.division_model.id")),
    Column("region_code", Text, ForeignKey(f"{SCHEMA}.region.code"), nullable=False),
    Column("industry_scheme", Text),
    Column("industry_code", Text),
    Column("from_class", Text),
    Column("to_class", Text),
    Column("clients", Integer, nullable=False),
    CheckConstraint("from_class is distinct from to_class", name="moves"),
    Index(
        "uq_division_move_place",
        "model_id",
        "region_code",
        "industry_scheme",
        "industry_code",
        unique=True,
        postgresql_nulls_not_distinct=True,
    ),
)

division_move_exposure = Table(
    "division_move_exposure",
    metadata,
    Column("move_id", Integer, ForeignKey(f"{SCHEMA}.division_move.id"), primary_key=True),
    Column("currency", Text, ForeignKey(f"{SCHEMA}.currency.code"), primary_key=True),
    Column("model_id", Integer, ForeignKey(f"{SCHEMA}.division_model.id"), nullable=False),
    minor("exposure", nullable=False),
    Index("ix_division_move_exposure_model_id", "model_id", "currency"),
)

industry_indicator = Table(
    "industry_indicator",
    metadata,
    Column("region_code", Text, ForeignKey(f"{SCHEMA}.region.code"), primary_key=True),
    Column("year", SmallInteger, primary_key=True, autoincrement=False),
    Column("industry_scheme", Text, primary_key=True),
    Column("industry_code", Text, primary_key=True),
    Column("indicator", Text, primary_key=True),
    Column("value", Numeric, nullable=False),
    Column("unit", Text, nullable=False),
    Column("source", Text, nullable=False),
    CheckConstraint("year between 1900 and 2200", name="year_plausible"),
    CheckConstraint("value >= 0", name="value_not_negative"),
)

division_difference = Table(
    "division_difference",
    views,
    Column("from_model_id", Integer, primary_key=True),
    Column("to_model_id", Integer, primary_key=True),
    Column("year", SmallInteger, primary_key=True),
    Column("region_code", Text, primary_key=True),
    Column("from_class", Text),
    Column("to_class", Text),
    Column("from_index", Numeric(9, 6)),
    Column("to_index", Numeric(9, 6)),
)
"""Where two models of one kind put a region into different classes, in a year that both have looked at."""

cluster_difference = Table(
    "cluster_difference",
    views,
    Column("from_model_id", Integer, primary_key=True),
    Column("to_model_id", Integer, primary_key=True),
    Column("year", SmallInteger, primary_key=True),
    Column("region_code", Text, primary_key=True),
    Column("industry_scheme", Text, primary_key=True),
    Column("industry_code", Text, primary_key=True),
    Column("from_class", Text),
    Column("to_class", Text),
    Column("from_quotient", Numeric(30, 6)),
    Column("to_quotient", Numeric(30, 6)),
)
"""What is a cluster to one of two industry models and not, or another one, to the other."""

IN_FORCE: dict[DivisionKind, str] = {
    DivisionKind.ECONOMIC: "economic_division_id",
    DivisionKind.INDUSTRY: "industry_division_id",
    DivisionKind.CREDIT_CLIMATE: "credit_division_id",
}
"""The column of `region` that names its division in force, of each kind."""
