"""What comes with the project: who may decide what beyond a limit, and how a bank's first limits are sized."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from domain.money import to_minor
from tenants.tables import delegated_authority
from tenants.transaction import Transaction

SHIPPED = Path(__file__).resolve().parent / "shipped"


@dataclass(frozen=True, slots=True)
class Sizing:
    """How the first limits are sized: amounts in minor units, headroom as fractions of what is granted already."""

    currency: str
    branch_headroom: Decimal
    upper_headroom: Decimal
    least_branch_minor: int
    rounded_to_minor: int
    years: int


async def ensure_authorities(transaction: Transaction) -> int:
    """Put the shipped authorities into force where the bank has decided none; how many were."""
    if await transaction.rows(select(delegated_authority.c.role)):
        return 0
    shipped = _read("delegated_authority.json")
    for one in shipped:
        await transaction.rows(
            insert(delegated_authority)
            .values(
                role=one["role"],
                currency=one["currency"],
                amount_minor=_minor(one["amount"], one["currency"]),
            )
            # Somebody else may be at it.
            .on_conflict_do_nothing()
        )
    return len(shipped)


def shipped_sizing() -> Sizing:
    """The sizing that ships."""
    made = _read("opening.json")
    currency = made["currency"]
    return Sizing(
        currency,
        Decimal(made["branch_headroom"]),
        Decimal(made["upper_headroom"]),
        _minor(made["least_branch"], currency),
        _minor(made["rounded_to"], currency),
        made["years"],
    )


def _minor(amount: str, currency: str) -> int:
    minor = to_minor(Decimal(amount), currency)
    assert isinstance(minor, int), f"{amount} {currency} is no amount"
    return minor


def _read(name: str) -> Any:
    return json.loads((SHIPPED / name).read_text(encoding="utf-8"))
