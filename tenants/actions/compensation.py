"""Loans enrolled in a risk compensation fund, claimed for by their branch, granted and paid by headquarters."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import func, insert, select, update
from uuid_utils.compat import uuid7

from domain.compensation import rules
from domain.compensation.eligibility import unmet
from domain.compensation.kinds import ClaimStatus, EnrolmentStatus, FundOperation, FundStanding
from domain.conditions import read as read_condition
from domain.money import Money
from domain.refusals import Refusal, changed_since, invalid, not_found
from tenants.actions.once import Done, Outcome, Refused
from tenants.compensation.books import (
    Fund,
    RowKey,
    as_claim,
    as_enrolment,
    as_loan,
    cover_for,
    cover_of,
    loan_of,
    lock_claim,
    lock_enrolment,
    lock_fund,
)
from tenants.compensation.facts import facts_of
from tenants.compensation.posting import Movement, post
from tenants.database import Transaction
from tenants.tables import (
    compensation_claim,
    compensation_enrolment,
    compensation_fund,
    compensation_terms,
    facility,
)


async def enrol(transaction: Transaction, subject: str, facility_key: RowKey, fund_id: int) -> Outcome:
    """Let a fund cover a loan of the branch by the terms in force."""
    fund = await _fund(transaction, fund_id)
    if fund is None:
        return Refused(not_found("compensation fund", "fundId"))
    branch_id, facility_id = facility_key
    client_id = await transaction.value(
        select(facility.c.client_id).where(facility.c.branch_id == branch_id, facility.c.id == facility_id)
    )
    loan = await loan_of(transaction, branch_id, facility_id)
    if client_id is None or loan is None:
        return Refused(not_found("facility", "facilityId"))
    terms_id = fund["active_terms_id"]
    cover = None if terms_id is None else await cover_of(transaction, terms_id)
    reasons: tuple[str, ...] = ()
    if fund["eligibility"] is not None:
        facts = await facts_of(transaction, branch_id, client_id, loan)
        reasons = unmet(read_condition(orjson.loads(fund["eligibility"])), facts)
    covered = rules.enrol(
        cover, FundStanding(fund["standing"]), fund["currency"], as_loan(loan), reasons, loan["day"]
    )
    if isinstance(covered, Refusal):
        return Refused(covered)
    made = uuid7()
    await transaction.rows(
        insert(compensation_enrolment).values(
            branch_id=branch_id,
            id=made,
            client_id=client_id,
            facility_id=facility_id,
            fund_id=fund_id,
            terms_id=terms_id,
            currency=fund["currency"],
            principal_minor=loan["outstanding_minor"],
            covered_minor=covered,
            enrolled_on=loan["day"],
            enrolled_by=subject,
        )
    )
    return Done((branch_id, made))


async def withdraw(transaction: Transaction, key: RowKey, expected_version: int) -> Outcome:
    """Take a loan from the fund; only while nothing is claimed of it."""
    seen = await lock_enrolment(transaction, key)
    if seen is None:
        return Refused(not_found("covered loan", "enrolmentId"))
    if seen["version"] != expected_version:
        return Refused(changed_since(seen["version"]), key)
    if refusal := rules.withdraw(as_enrolment(seen)):
        return Refused(refusal, key)
    await _change(transaction, key, status=EnrolmentStatus.WITHDRAWN)
    return Done(key)


async def claim(transaction: Transaction, subject: str, key: RowKey, asked: Money | None) -> Outcome:
    """Claim what a fund bears of a loan's overdue principal: as much as asked for, else all that may be."""
    seen = await lock_enrolment(transaction, key)
    if seen is None:
        return Refused(not_found("covered loan", "enrolmentId"))
    if asked is not None and asked.currency != seen["currency"]:
        return Refused(invalid(f"the loan is in {seen['currency']}", "amount", "currency"))
    fund = await _fund(transaction, seen["fund_id"])
    loan = await loan_of(transaction, key[0], seen["facility_id"])
    assert fund is not None
    assert loan is not None
    amount = rules.claim(
        await cover_of(transaction, seen["terms_id"]),
        FundStanding(fund["standing"]),
        seen["currency"],
        as_enrolment(seen),
        as_loan(loan),
        None if asked is None else asked.minor,
    )
    if isinstance(amount, Refusal):
        return Refused(amount, None)
    made = uuid7()
    await transaction.rows(
        insert(compensation_claim).values(
            branch_id=key[0],
            id=made,
            client_id=seen["client_id"],
            facility_id=seen["facility_id"],
            enrolment_id=key[1],
            fund_id=seen["fund_id"],
            currency=seen["currency"],
            overdue_principal_minor=loan["overdue_principal_minor"],
            days_past_due=loan["days_past_due"],
            amount_minor=amount,
            claimed_on=loan["day"],
            claimed_by=subject,
        )
    )
    await _change(transaction, key, claimed_minor=compensation_enrolment.c.claimed_minor + amount)
    return Done((key[0], made))


async def approve(transaction: Transaction, subject: str, key: RowKey, expected_version: int) -> Outcome:
    """Grant a claim: its amount is set aside from what every funder has."""
    seen = await _locked(transaction, key, expected_version)
    if isinstance(seen, Refused):
        return seen
    fund, enrolled, row = seen
    cover = await cover_for(transaction, fund, enrolled["terms_id"])
    postings = rules.approve(cover, fund.books, await as_claim(transaction, row), subject)
    if isinstance(postings, Refusal):
        return Refused(postings, key)
    decided = {"decided_by": subject, "decided_at": func.now()}
    await _set(transaction, key, status=ClaimStatus.APPROVED, **decided)
    await post(transaction, _moved(fund, FundOperation.RESERVE, row["amount_minor"], subject, key), postings)
    return Done(key)


async def reject(
    transaction: Transaction, subject: str, key: RowKey, expected_version: int, reason: str
) -> Outcome:
    """Turn a claim down; the loan may be claimed for again."""
    seen = await _locked(transaction, key, expected_version)
    if isinstance(seen, Refused):
        return seen
    _, enrolled, row = seen
    if refusal := rules.reject(await as_claim(transaction, row), subject):
        return Refused(refusal, key)
    decided = {"decided_by": subject, "decided_at": func.now(), "reason": reason}
    await _set(transaction, key, status=ClaimStatus.REJECTED, **decided)
    await _give_room(transaction, enrolled, row["amount_minor"])
    return Done(key)


async def pay(transaction: Transaction, subject: str, key: RowKey, expected_version: int) -> Outcome:
    """Pay a granted claim out of what was set aside for it."""
    seen = await _locked(transaction, key, expected_version)
    if isinstance(seen, Refused):
        return seen
    fund, _, row = seen
    postings = rules.pay(await as_claim(transaction, row), subject)
    if isinstance(postings, Refusal):
        return Refused(postings, key)
    await _set(transaction, key, status=ClaimStatus.PAID, paid_by=subject, paid_at=func.now())
    await post(transaction, _moved(fund, FundOperation.PAY, row["amount_minor"], subject, key), postings)
    return Done(key)


async def recover(
    transaction: Transaction, subject: str, key: RowKey, expected_version: int, amount: Money
) -> Outcome:
    """Let what came in after a claim was paid flow back to the funders."""
    seen = await _locked(transaction, key, expected_version)
    if isinstance(seen, Refused):
        return seen
    fund, enrolled, row = seen
    if amount.currency != fund.currency:
        return Refused(invalid(f"the fund is in {fund.currency}", "amount", "currency"))
    postings = rules.recover(await as_claim(transaction, row), amount.minor, fund.currency)
    if isinstance(postings, Refusal):
        return Refused(postings, key)
    await _set(transaction, key, recovered_minor=compensation_claim.c.recovered_minor + amount.minor)
    await _give_room(transaction, enrolled, amount.minor)
    await post(transaction, _moved(fund, FundOperation.RECOVER, amount.minor, subject, key), postings)
    return Done(key)


async def _fund(transaction: Transaction, fund_id: int) -> asyncpg.Record | None:
    """What a branch may know of a fund: its standing, and what the terms in force ask for."""
    f, t = compensation_fund, compensation_terms
    return await transaction.row(
        select(f.c.currency, f.c.standing, f.c.active_terms_id, t.c.eligibility)
        .join(t, t.c.id == f.c.active_terms_id, isouter=True)
        .where(f.c.id == fund_id)
    )


Seen = tuple[Fund, asyncpg.Record, asyncpg.Record]


async def _locked(transaction: Transaction, key: RowKey, expected_version: int) -> Seen | Refused:
    """The fund, the covered loan and the claim, locked in this order, or why there is nothing to decide."""
    c = compensation_claim
    named = await transaction.row(
        select(c.c.fund_id, c.c.enrolment_id).where(c.c.branch_id == key[0], c.c.id == key[1])
    )
    if named is None:
        return Refused(not_found("claim", "claimId"))
    fund = await lock_fund(transaction, named["fund_id"])
    enrolled = await lock_enrolment(transaction, (key[0], UUID(int=named["enrolment_id"].int)))
    row = await lock_claim(transaction, key)
    assert fund is not None
    assert enrolled is not None
    assert row is not None
    if row["version"] != expected_version:
        return Refused(changed_since(row["version"]), key)
    return fund, enrolled, row


def _moved(fund: Fund, operation: FundOperation, amount: int, subject: str, claim: RowKey) -> Movement:
    return Movement(fund.id, fund.currency, operation, amount, subject, claim)


async def _give_room(transaction: Transaction, enrolled: asyncpg.Record, amount: int) -> None:
    """What is no longer claimed of a loan may be claimed again."""
    key = (enrolled["branch_id"], UUID(int=enrolled["id"].int))
    await _change(transaction, key, claimed_minor=compensation_enrolment.c.claimed_minor - amount)


async def _change(transaction: Transaction, key: RowKey, **values: Any) -> None:
    e = compensation_enrolment
    same = e.c.branch_id == key[0], e.c.id == key[1]
    await transaction.rows(update(e).where(*same).values(**values, version=e.c.version + 1))


async def _set(transaction: Transaction, key: RowKey, **values: Any) -> None:
    c = compensation_claim
    same = c.c.branch_id == key[0], c.c.id == key[1]
    await transaction.rows(update(c).where(*same).values(**values, version=c.c.version + 1))
