"""What the functions over the limits make: quotas of clients and of units. No table keeps them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from domain.refusals import RefusalCode
from tenants.tables.columns import code

client_quota = Table(
    "client_quota",
    MetaData(),
    Column("branch_id", Integer, primary_key=True, autoincrement=False),
    Column("client_id", Uuid, primary_key=True),
    Column("available_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("allowed", Boolean),
    Column("binding", Text, nullable=False),
    # The limit that binds; missing where a cap does.
    Column("node_branch_id", Integer),
    Column("node_id", Uuid),
    # A list of objects, named as in the graph.
    Column("trace", JSONB, nullable=False),
    # Not on earlier days: which shares a branch had then is not kept.
    Column("counts_caps", Boolean, nullable=False),
    Column("as_of", Date, nullable=False),
    *code("refusal", RefusalCode, nullable=True),
)
"""What the function `app.quota` makes for a client: one row, or none where there is no limit to draw on."""

unit_quota = Table(
    "unit_quota",
    MetaData(),
    Column("unit_id", Integer, primary_key=True, autoincrement=False),
    Column("as_of", Date, nullable=False),
    Column("currency", Text, nullable=False),
    Column("granted_minor", BigInteger, nullable=False),
    Column("committed_minor", BigInteger, nullable=False),
    Column("earmarked_minor", BigInteger, nullable=False),
    Column("reserved_minor", BigInteger, nullable=False),
    Column("utilised_minor", BigInteger, nullable=False),
    Column("available_minor", BigInteger, nullable=False),
)
"""What the function `app.unit_quota` makes for a unit."""

PARTS = ("by_product", "by_segment")
"""Beside it, from functions of their own: lists of objects, named as in the graph."""

unit_quota_parts = Table(
    "unit_quota_parts",
    MetaData(),
    *(Column(one.name, one.type, primary_key=one.primary_key, nullable=one.nullable) for one in unit_quota.c),
    *(Column(name, JSONB, nullable=False) for name in PARTS),
)
"""Both together."""
