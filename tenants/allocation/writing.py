"""What a simulation has found, written in place of what an earlier one did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import delete

from tenants.database import Transaction
from tenants.tables import allocation_branch, allocation_constraint, allocation_proposal
from tenants.tables.allocation import BY_RULE

if TYPE_CHECKING:
    from tenants.allocation.reckoning import Reckoned, Row

_TYPES = {
    "position": "int",
    "unit_id": "int",
    "weight": "numeric",
    "expected_return": "numeric",
    "price": "numeric",
    "binding": "bool",
    "conflicts": "bool",
}
_AMOUNTS = ("committed_minor", "asked_minor", "cap_minor")
_RULES = tuple(f"{rule}_minor" for rule in BY_RULE)
_CONSTRAINT = (
    *("position", "kind", "name", "unit_id", "lower_minor", "upper_minor", "used_minor"),
    *("binding", "price", "conflicts", "explanation"),
)
_BRANCH = (
    *("unit_id", "region_tier", "weight", *_AMOUNTS, "target_minor", "granted_minor", *_RULES),
    *("expected_return_minor", "explanation"),
)
_CELL = (
    *("unit_id", "segment_value", "expected_return", "return_source", *_AMOUNTS, "granted_minor", *_RULES),
    *("held_back_by", "explanation"),
)


async def write(transaction: Transaction, run_id: int, currency: str, found: Reckoned) -> None:
    """The constraints, branches and cells of a run: one statement a table."""
    await forget(transaction, run_id)
    for table, columns, rows in (
        ("allocation_constraint", _CONSTRAINT, found.constraints),
        ("allocation_branch", _BRANCH, found.branches),
        ("allocation_proposal", _CELL, found.cells),
    ):
        await _insert(transaction, table, columns, rows, run_id, currency)


async def forget(transaction: Transaction, run_id: int) -> None:
    """What an earlier simulation has found is no more."""
    for table in (allocation_proposal, allocation_branch, allocation_constraint):
        await transaction.rows(delete(table).where(table.c.run_id == run_id))


async def _insert(
    transaction: Transaction, table: str, columns: Sequence[str], rows: list[Row], run_id: int, currency: str
) -> None:
    if not rows:
        return
    arrays = ", ".join(f"${n}::{_type(name)}[]" for n, name in enumerate(columns, start=3))
    names = ", ".join(columns)
    given = f"select $1, $2, given.* from unnest({arrays}) as given"
    await transaction.fetch(
        f"insert into bank.{table} (run_id, currency, {names}) {given}",
        (run_id, currency, *zip(*rows, strict=True)),
    )


def _type(column: str) -> str:
    return "bigint" if column.endswith("_minor") else _TYPES.get(column, "text")
