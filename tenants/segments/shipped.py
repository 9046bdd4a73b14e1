"""The dimensions and rule sets that come with the project: in force from the beginning where there are none yet."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from tenants.tables import dimension, rule_set
from tenants.tables.rules import SHIPPED_BY
from tenants.transaction import Transaction

SHIPPED = Path(__file__).resolve().parent / "shipped"
ACTIVATED_BY = f"{SHIPPED_BY} (shipped)"
SINCE = dt.date(1990, 1, 1)
"""Before any day that a bank's books are read on."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """A dimension and its first rule set, as JSON values."""

    code: str
    name: str
    description: str
    overridable: bool
    rule_set: dict[str, Any]


def shipped_rule_sets() -> list[Shipped]:
    """What ships, by dimension."""
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in SHIPPED.glob("*.json")]
    found = [
        Shipped(
            made["ruleSet"]["dimension"],
            made["name"],
            made["description"],
            made["overridable"],
            made["ruleSet"],
        )
        for made in documents
    ]
    return sorted(found, key=lambda one: one.code)


async def ensure_defaults(transaction: Transaction) -> int:
    """Put the shipped rule sets in force where their dimension has none, not even a draft; how many were put.

    The transaction is headquarters', or an administrator's.
    """
    there = await transaction.rows(select(rule_set.c.dimension_code).distinct())
    known = {row["dimension_code"] for row in there}
    missing = [one for one in shipped_rule_sets() if one.code not in known]
    for one in missing:
        about = {"name": one.name, "description": one.description, "overridable": one.overridable}
        await transaction.rows(
            insert(dimension).values(code=one.code, **about).on_conflict_do_nothing(index_elements=["code"])
        )
        # Whoever loads them at the same moment loads the same.
        await transaction.rows(insert(rule_set).values(**_row(one)).on_conflict_do_nothing())
    return len(missing)


def _row(one: Shipped) -> dict[str, Any]:
    return {
        "dimension_code": one.code,
        "number": 1,
        "status": "ACTIVE",
        "body": one.rule_set,
        "effective_from": SINCE,
        "created_by": SHIPPED_BY,
        "edited_by": SHIPPED_BY,
        "activated_by": ACTIVATED_BY,
        "activated_at": func.now(),
        "note": "shipped",
    }
