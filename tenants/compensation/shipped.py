"""The fund that ships, for a bank that has none: its terms in force, its accounts empty, and so stopped."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import insert, select, text

from domain.compensation.terms import read
from tenants.compensation.terms import ONE_AT_A_TIME, put_in_force, write_terms
from tenants.database import Transaction
from tenants.segments.shipped import ACTIVATED_BY
from tenants.tables import compensation_fund
from tenants.tables.rules import SHIPPED_BY

SHIPPED = Path(__file__).resolve().parent / "shipped" / "terms.json"
CODE = "RISK"
NAME = "Risk compensation fund"
CURRENCY = "CNY"


async def ensure_default_fund(transaction: Transaction) -> None:
    """Give a bank without any fund the shipped one; it takes loans once its funders have contributed."""
    await transaction.rows(text(ONE_AT_A_TIME))
    f = compensation_fund
    if await transaction.value(select(f.c.id).limit(1)) is not None:
        return
    made: int = await transaction.value(
        insert(f).values(code=CODE, name=NAME, currency=CURRENCY, created_by=SHIPPED_BY).returning(f.c.id)
    )
    terms = read(SHIPPED.read_text(encoding="utf-8"))
    terms_id = await write_terms(transaction, SHIPPED_BY, made, terms)
    await put_in_force(transaction, ACTIVATED_BY, made, terms_id)
