"""What eligibility speaks of: a client's facts on the bank's day, and its loan's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select

from domain.conditions import Kind
from domain.money import Money
from domain.segmentation.catalogue import CATALOGUE
from tenants.database import Transaction
from tenants.tables.views import client_facts


async def facts_of(
    transaction: Transaction, branch_id: int, client_id: UUID, loan: Mapping[str, Any]
) -> dict[str, Any]:
    """Every fact by its name; what is not known is None."""
    f = client_facts.c
    row = await transaction.row(
        select(client_facts).where(f.branch_id == branch_id, f.client_id == client_id)
    )
    assert row is not None, "every client has facts"
    known = {name: _value(fact.kind, row[fact.column], row["currency"]) for name, fact in CATALOGUE.items()}
    return known | {
        "product": loan["product"],
        "loanPrincipal": Money(loan["outstanding_minor"], loan["currency"]),
        "loanLimit": Money(loan["limit_minor"], loan["currency"]),
        "loanTermMonths": loan["term_months"],
        "loanDaysPastDue": loan["days_past_due"],
    }


def _value(kind: Kind, value: Any, currency: str) -> Any:
    return Money(value, currency) if kind is Kind.MONEY and value is not None else value
