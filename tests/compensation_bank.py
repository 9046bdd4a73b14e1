"""The small bank with a risk compensation fund, loans that it covers, claims at every stage, and scorecards."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from uuid import UUID

from small_bank import CLIENTS, client_id, facility_id
from sqlalchemy import insert, select, text
from uuid_utils.compat import uuid7

from domain.compensation.kinds import ClaimStatus
from domain.money import Money
from domain.scorecards.kinds import ScorePeriod
from tenants import tables as t
from tenants.actions import compensation, compensation_terms, scorecards
from tenants.actions.compensation_terms import Draft
from tenants.actions.once import Done, Outcome
from tenants.compensation.shipped import SHIPPED, ensure_default_fund
from tenants.database import Transaction
from tenants.scorecards.models import ensure_default_model

OFFICER, ADA, BEA, CLEO = "ollie", "ada", "bea", "cleo"
EVERYBODY = {"version": 1, "condition": {"field": "status", "operator": "eq", "value": "ACTIVE"}}
PERIODS = [(ScorePeriod.QUARTER, dt.date(2024, 9, 30)), (ScorePeriod.MONTH, dt.date(2024, 10, 31))]
COVERED = (0, 3, 5)
"""The clients, by their place in CLIENTS, whose second facility is covered: one of each of three branches."""


def terms(**changes: Any) -> str:
    """The shipped terms for any active client, with some of their values changed."""
    return json.dumps(json.loads(SHIPPED.read_text(encoding="utf-8")) | {"eligibility": EVERYBODY} | changes)


def yuan(amount: int) -> Money:
    """Whole yuan."""
    return Money(amount * 100, "CNY")


async def found_fund(transaction: Transaction, *, city: int, district: int, **changes: Any) -> int:
    """The shipped fund with terms of a test's own in force, and what its funders have paid in, in yuan; its id."""
    await ensure_default_fund(transaction)
    fund_id: int = await transaction.value(select(t.compensation_fund.c.id))
    drafted = key_of(await compensation_terms.draft(transaction, ADA, Draft("RISK", terms(**changes))))
    assert isinstance(await compensation_terms.activate(transaction, BEA, drafted[0], 1), Done)
    for funder, amount in (("CITY", city), ("DISTRICT", district)):
        await compensation_terms.contribute(transaction, CLEO, fund_id, funder, yuan(amount))
    return fund_id


async def enrolled(transaction: Transaction, fund_id: int, index: int) -> tuple[int, UUID]:
    """Let the fund cover a client's second facility; the enrolment's key."""
    key = (CLIENTS[index][0], facility_id(index, 1))
    made: tuple[int, UUID] = key_of(await compensation.enrol(transaction, OFFICER, key, fund_id))
    return made


async def fall_behind(transaction: Transaction, index: int, amount: int, *, days: int = 120) -> None:
    """Let an instalment of that facility be overdue for so many days, of so many yuan of principal."""
    today: dt.date = await transaction.value(text("select app.today()"))
    await transaction.rows(
        insert(t.posting).values(
            branch_id=CLIENTS[index][0],
            id=uuid7(),
            client_id=client_id(index),
            facility_id=facility_id(index, 1),
            due_on=today - dt.timedelta(days=days),
            currency="CNY",
            principal_minor=amount * 100,
        )
    )


async def claimed(
    transaction: Transaction, enrolment: tuple[int, UUID], *, until: ClaimStatus = ClaimStatus.CLAIMED
) -> tuple[int, UUID]:
    """Claim all that may be claimed of a covered loan, and go on with it; the claim's key."""
    key: tuple[int, UUID] = key_of(await compensation.claim(transaction, OFFICER, enrolment, None))
    if until in (ClaimStatus.APPROVED, ClaimStatus.PAID):
        assert isinstance(await compensation.approve(transaction, ADA, key, 1), Done)
    if until is ClaimStatus.PAID:
        assert isinstance(await compensation.pay(transaction, BEA, key, 2), Done)
    return key


def key_of(outcome: Outcome) -> Any:
    """What was made."""
    assert isinstance(outcome, Done), outcome
    return outcome.key


async def furnish(transaction: Transaction) -> None:
    """Rows of every kind: a fund, covered loans, a claim at each stage, a recovery, two periods' scorecards."""
    fund_id = await found_fund(transaction, city=100_000, district=150_000)
    stages = (ClaimStatus.PAID, ClaimStatus.CLAIMED, ClaimStatus.APPROVED)
    for index, until in zip(COVERED, stages, strict=True):
        enrolment = await enrolled(transaction, fund_id, index)
        await fall_behind(transaction, index, 10_000)
        key = await claimed(transaction, enrolment, until=until)
        if until is ClaimStatus.PAID:
            assert isinstance(await compensation.recover(transaction, ADA, key, 3, yuan(1_000)), Done)
    await ensure_default_model(transaction)
    for period, end in PERIODS:
        assert isinstance(await scorecards.score_branches(transaction, ADA, period, end), Done)
