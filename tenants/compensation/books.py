"""A fund's books, read under locks in one order: fund, accounts by funder, enrolment, claim.

A branch locks its enrolment and never the fund; headquarters locks from the fund down. So nobody waits in a circle,
and claims that race for the last of the fund are granted one after the other. No lock is stronger than FOR NO KEY
UPDATE: a branch's new row, whose foreign keys look at the fund, does not wait for headquarters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import func, select, text

from domain.compensation.fund import Account, Books, Cover
from domain.compensation.kinds import (
    BreakerBase,
    ClaimStatus,
    EnrolmentStatus,
    FundBucket,
    FundStanding,
)
from domain.compensation.rules import Claim, Enrolment, Loan
from tenants.database import Transaction
from tenants.tables import (
    compensation_account,
    compensation_claim,
    compensation_enrolment,
    compensation_fund,
    compensation_funder,
    compensation_movement,
    compensation_posting,
    compensation_terms,
)

RowKey = tuple[int, UUID]

# Of the bank's day; what is due on it is not overdue yet.
_LOAN = """
select facility.currency, facility.outstanding_minor, facility.limit_minor, facility.product,
    facility.term_months, app.today() as day,
    coalesce(unpaid.principal_minor, 0)::bigint as overdue_principal_minor,
    coalesce(app.today() - unpaid.due_on, 0) as days_past_due
from bank.facility
left join lateral (
    select min(due_on) as due_on, sum(principal_minor) as principal_minor
    from bank.posting
    where posting.branch_id = facility.branch_id and posting.client_id = facility.client_id
        and posting.facility_id = facility.id
        and posting.paid_on is null and posting.due_on < app.today()
) as unpaid on true
where facility.branch_id = :branch_id and facility.id = :facility_id
"""


@dataclass(frozen=True, slots=True)
class Fund:
    """A fund as headquarters sees it, locked."""

    id: int
    currency: str
    standing: FundStanding
    version: int
    cover: Cover | None
    books: Books


async def lock_fund(transaction: Transaction, fund_id: int) -> Fund | None:
    """The fund and its accounts, locked; None where there is none."""
    f, a, e = compensation_fund, compensation_account, compensation_enrolment
    fund = await transaction.row(select(f).where(f.c.id == fund_id).with_for_update(key_share=True))
    if fund is None:
        return None
    accounts = await transaction.rows(
        select(a).where(a.c.fund_id == fund_id).order_by(a.c.funder).with_for_update(key_share=True)
    )
    covered = await transaction.value(
        select(func.coalesce(func.sum(e.c.principal_minor), 0)).where(
            e.c.fund_id == fund_id, e.c.status == EnrolmentStatus.ENROLLED
        )
    )
    terms_id = fund["active_terms_id"]
    return Fund(
        fund_id,
        fund["currency"],
        FundStanding(fund["standing"]),
        fund["version"],
        await cover_of(transaction, terms_id) if terms_id is not None else None,
        Books(fund["currency"], {row["funder"]: account_of(row) for row in accounts}, int(covered)),
    )


def account_of(row: asyncpg.Record) -> Account:
    """An account as the rules see it."""
    return Account(row["contributed_minor"], row["reserved_minor"], row["paid_minor"], row["recovered_minor"])


async def cover_of(transaction: Transaction, terms_id: int) -> Cover:
    """What a version of a fund's terms promises."""
    t, f = compensation_terms, compensation_funder
    terms = await transaction.row(select(t).where(t.c.id == terms_id))
    assert terms is not None
    funders = await transaction.rows(select(f).where(f.c.terms_id == terms_id).order_by(f.c.position))
    return Cover(
        terms["coverage"],
        terms["claim_from_days"],
        {row["funder"]: row["weight"] for row in funders},
        BreakerBase(terms["breaker_base"]),
        terms["breaker_limit"],
        terms["valid_from"],
        terms["valid_until"],
    )


async def cover_for(transaction: Transaction, fund: Fund, terms_id: int) -> Cover:
    """By what a claim is judged: the promise under which its loan was enrolled, and the breaker in force now."""
    promised = await cover_of(transaction, terms_id)
    if fund.cover is None:
        return promised
    return replace(promised, breaker_base=fund.cover.breaker_base, breaker_limit=fund.cover.breaker_limit)


async def loan_of(transaction: Transaction, branch_id: int, facility_id: UUID) -> asyncpg.Record | None:
    """What is known of a facility on the bank's day."""
    return await transaction.row(text(_LOAN).bindparams(branch_id=branch_id, facility_id=facility_id))


def as_loan(row: Mapping[str, Any]) -> Loan:
    """The facility as the rules see it."""
    return Loan(
        row["currency"], row["outstanding_minor"], row["overdue_principal_minor"], row["days_past_due"]
    )


async def lock_enrolment(transaction: Transaction, key: RowKey) -> asyncpg.Record | None:
    """A covered loan, locked; None where none is in sight."""
    e = compensation_enrolment
    return await transaction.row(
        select(e).where(e.c.branch_id == key[0], e.c.id == key[1]).with_for_update(key_share=True)
    )


def as_enrolment(row: Mapping[str, Any]) -> Enrolment:
    """The covered loan as the rules see it."""
    return Enrolment(
        EnrolmentStatus(row["status"]), row["principal_minor"], row["covered_minor"], row["claimed_minor"]
    )


async def lock_claim(transaction: Transaction, key: RowKey) -> asyncpg.Record | None:
    """A claim, locked; None where none is in sight."""
    c = compensation_claim
    return await transaction.row(
        select(c).where(c.c.branch_id == key[0], c.c.id == key[1]).with_for_update(key_share=True)
    )


async def as_claim(transaction: Transaction, row: Mapping[str, Any]) -> Claim:
    """The claim as the rules see it, with what its movements have posted to each funder."""
    posted = await _posted(transaction, (row["branch_id"], row["id"]))
    status = ClaimStatus(row["status"])
    share = FundBucket.PAID if status is ClaimStatus.PAID else FundBucket.RESERVED
    return Claim(
        status,
        row["amount_minor"],
        row["claimed_by"],
        row["decided_by"],
        {funder: amount for (funder, bucket), amount in posted.items() if bucket is share},
        {funder: amount for (funder, bucket), amount in posted.items() if bucket is FundBucket.RECOVERED},
    )


async def _posted(transaction: Transaction, claim: RowKey) -> dict[tuple[str, FundBucket], int]:
    m, p = compensation_movement.c, compensation_posting.c
    rows = await transaction.rows(
        select(p.funder, p.bucket, func.sum(p.delta_minor).label("amount"))
        .join(compensation_movement, (m.branch_id == p.branch_id) & (m.id == p.movement_id))
        .where(m.branch_id == claim[0], m.claim_id == claim[1])
        .group_by(p.funder, p.bucket)
    )
    return {(row["funder"], FundBucket(row["bucket"])): int(row["amount"]) for row in rows}
