"""Versions of a fund's terms as rows: written with their funders, put into force with an account for each."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from domain.compensation.kinds import TermsStatus
from domain.compensation.terms import Terms, written
from tenants.compensation.posting import settle_standing
from tenants.database import Transaction
from tenants.tables import (
    compensation_account,
    compensation_fund,
    compensation_funder,
    compensation_terms,
)

# One at a time: two that begin the same fund would both find none.
ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended('branchgraph compensation funds', 0))"


async def write_terms(transaction: Transaction, subject: str, fund_id: int, terms: Terms) -> int:
    """A new version of a fund's terms, a draft; its id."""
    t = compensation_terms
    latest = await transaction.value(select(func.max(t.c.number)).where(t.c.fund_id == fund_id))
    said = written(terms)
    made: int = await transaction.value(
        insert(t)
        .values(
            fund_id=fund_id,
            number=(latest or 0) + 1,
            coverage=terms.coverage,
            claim_from_days=terms.claim_from_days,
            eligibility=said["eligibility"],
            breaker_base=terms.breaker.base,
            breaker_limit=terms.breaker.limit,
            valid_from=terms.valid_from,
            valid_until=terms.valid_until,
            created_by=subject,
        )
        .returning(t.c.id)
    )
    await transaction.rows(
        insert(compensation_funder).values(
            [
                {"terms_id": made, "funder": one.funder, "position": position, "weight": one.weight}
                for position, one in enumerate(terms.funders, 1)
            ]
        )
    )
    return made


async def put_in_force(transaction: Transaction, subject: str, fund_id: int, terms_id: int) -> None:
    """Let these terms be those of the fund, every funder of them with an account."""
    t, f = compensation_terms, compensation_fund
    gone = {"status": TermsStatus.ARCHIVED, "archived_at": func.now(), "version": t.c.version + 1}
    await transaction.rows(
        update(t).where(t.c.fund_id == fund_id, t.c.status == TermsStatus.ACTIVE).values(**gone)
    )
    come: dict[str, Any] = {"status": TermsStatus.ACTIVE, "activated_by": subject}
    come |= {"activated_at": func.now(), "version": t.c.version + 1}
    await transaction.rows(update(t).where(t.c.id == terms_id).values(**come))
    named = {"active_terms_id": terms_id, "version": f.c.version + 1}
    await transaction.rows(update(f).where(f.c.id == fund_id).values(**named))
    funders = (
        select(f.c.id, compensation_funder.c.funder, f.c.currency)
        .join(compensation_funder, compensation_funder.c.terms_id == terms_id)
        .where(f.c.id == fund_id)
    )
    opened = upsert(compensation_account).from_select(["fund_id", "funder", "currency"], funders)
    await transaction.rows(opened.on_conflict_do_nothing())
    await settle_standing(transaction, fund_id)
