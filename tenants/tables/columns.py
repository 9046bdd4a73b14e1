"""The kinds of column that tables are made of, so that a key, an amount or a code looks the same everywhere.

Under row-level security only leakproof operators may use an index: codes are text with a CHECK, never an
enum type; amounts are bigint in minor units of a currency; time is UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Text,
    Uuid,
    text,
)

SCHEMA = "bank"

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    },
)


def tenant_key() -> list[Column[Any]]:
    """The two columns that lead every tenant table: whose row it is, then which (UUIDv7, made in Python)."""
    return [
        Column(
            "branch_id",
            Integer,
            ForeignKey(f"{SCHEMA}.unit.id"),
            primary_key=True,
            autoincrement=False,
            nullable=False,
        ),
        Column("id", Uuid, primary_key=True, nullable=False),
    ]


def of_client() -> list[Column[Any]]:
    """Whose fact it is; the client portal's policy reads it, so every table of client facts has it."""
    return [Column("client_id", Uuid, nullable=False)]


def tenant_foreign_key(columns: Iterable[str], target: str) -> ForeignKeyConstraint:
    """A foreign key within one tenant: both ends state the branch, so it can tell nothing about another."""
    local = list(columns)
    return ForeignKeyConstraint(
        ["branch_id", *local],
        [
            f"{SCHEMA}.{target}.branch_id",
            *(f"{SCHEMA}.{target}.{'id' if c == local[-1] else c}" for c in local),
        ],
    )


def code(
    name: str, values: Iterable[str], *, nullable: bool = False, default: str | None = None
) -> list[Any]:
    """A text column held to a closed list by a CHECK."""
    listed = ", ".join(f"'{value}'" for value in values)
    return [
        Column(name, Text, nullable=nullable, server_default=default),
        CheckConstraint(f"{name} in ({listed})", name=f"{name}_known"),
    ]


def minor(name: str, *, nullable: bool = True, default: str | None = None) -> Column[Any]:
    """An amount in minor units (cents, fen) of the row's currency, exact."""
    return Column(f"{name}_minor", BigInteger, nullable=nullable, server_default=default)


def in_currency(*, nullable: bool = False) -> Column[Any]:
    """The ISO 4217 code that the row's amounts are in."""
    return Column("currency", Text, ForeignKey(f"{SCHEMA}.currency.code"), nullable=nullable)


def version() -> Column[Any]:
    """Counts the row's changes; a writer states the one it has seen."""
    return Column("version", Integer, nullable=False, server_default="1")


def at(name: str, *, nullable: bool = False) -> Column[Any]:
    """A moment (UTC), by default that of the transaction."""
    return Column(
        name, DateTime(timezone=True), nullable=nullable, server_default=None if nullable else text("now()")
    )
