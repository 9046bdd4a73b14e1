"""The row that is to be changed: locked, if it is there and as the caller has seen it."""

from __future__ import annotations

from typing import Any

import asyncpg
from sqlalchemy import Select

from domain.refusals import Refusal, changed_since
from tenants.actions.once import Key, Refused
from tenants.transaction import Transaction


async def locked_as_seen(
    transaction: Transaction, row: Select[Any], key: Key, expected_version: int, missing: Refusal
) -> asyncpg.Record | Refused:
    """The row; its key is what is shown where somebody else was faster."""
    seen = await transaction.row(row.with_for_update())
    if seen is None:
        return Refused(missing)
    if seen["version"] != expected_version:
        return Refused(changed_since(seen["version"]), key)
    return seen
