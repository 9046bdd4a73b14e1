"""Relations that are not tables: views, and what only a statement's own WITH makes; Alembic leaves them alone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
)

from domain.conditions import Kind
from domain.segmentation.catalogue import CATALOGUE, Fact, Unit
from tenants.tables.columns import SCHEMA

views = MetaData(schema=SCHEMA)

_KINDS: dict[Kind, type[Any]] = {
    Kind.MONEY: BigInteger,
    Kind.TEXT: Text,
    Kind.DATE: Date,
    Kind.BOOLEAN: Boolean,
}
_WHOLE = frozenset({Unit.COUNT, Unit.DAYS, Unit.SIGN})


def _fact_column(fact: Fact) -> Column[Any]:
    return Column(fact.column, Integer if fact.unit in _WHOLE else _KINDS.get(fact.kind, Numeric))


client_facts = Table(
    "client_facts",
    views,
    Column("branch_id", Integer, primary_key=True, autoincrement=False),
    Column("client_id", Uuid, primary_key=True),
    Column("currency", Text, nullable=False),
    *(_fact_column(fact) for fact in CATALOGUE.values()),
    Column("changed_at", DateTime(timezone=True), nullable=False),
)
"""Every fact of the catalogue, one row per client, reckoned at the bank's day; amounts are in `currency`."""
