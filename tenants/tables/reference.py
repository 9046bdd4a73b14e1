"""Reference tables: the same for every tenant, readable by all, written by headquarters."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
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
    text,
)

from domain.organisation import UnitKind
from tenants.tables.columns import SCHEMA, at, code, metadata, version


def _division_in_force(name: str) -> Column[Any]:
    """Which division of a region is in force; each table refers to the other, so this key is made after both."""
    key = ForeignKey(f"{SCHEMA}.division.id", name=f"fk_region_{name}", use_alter=True)
    return Column(name, Integer, key)


currency = Table(
    "currency",
    metadata,
    Column("code", Text, primary_key=True),
    Column("exponent", SmallInteger, nullable=False),
    CheckConstraint("code ~ '^[A-Z]{3}$'", name="code_iso_4217"),
)

region = Table(
    "region",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("local_name", Text),
    Column("country", Text, nullable=False),
    Column("macro_region", Text),
    Column("city_cluster", Text),
    _division_in_force("economic_division_id"),
    _division_in_force("industry_division_id"),
    _division_in_force("credit_division_id"),
)

region_indicator = Table(
    "region_indicator",
    metadata,
    Column("region_code", Text, ForeignKey(f"{SCHEMA}.region.code"), primary_key=True),
    Column("year", SmallInteger, primary_key=True, autoincrement=False),
    Column("indicator", Text, primary_key=True),
    Column("value", Numeric, nullable=False),
    Column("unit", Text, nullable=False),
    Column("source", Text, nullable=False),
    CheckConstraint("year between 1900 and 2200", name="year_plausible"),
)

unit = Table(
    "unit",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    *code("kind", UnitKind),
    Column("parent_id", Integer, ForeignKey(f"{SCHEMA}.unit.id")),
    Column("region_code", Text, ForeignKey(f"{SCHEMA}.region.code")),
    Column("opened_on", Date),
    version(),
    at("created_at"),
    CheckConstraint("(kind = 'HEADQUARTERS') = (parent_id is null)", name="headquarters_is_the_root"),
    Index("ix_unit_parent_id_code", "parent_id", "code"),
    Index(
        "uq_unit_headquarters", text("(kind)"), unique=True, postgresql_where=text("kind = 'HEADQUARTERS'")
    ),
)
