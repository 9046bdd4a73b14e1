"""The fund's books on real rows: races for the last of it, what the database itself refuses, what verify finds."""

from __future__ import annotations

import asyncio
import datetime as dt

import asyncpg
import pytest
from compensation_bank import (
    ADA,
    BEA,
    CLEO,
    OFFICER,
    claimed,
    enrolled,
    fall_behind,
    found_fund,
    furnish,
    key_of,
    yuan,
)
from conftest import Ask
from division_bank import writing
from patience import PATIENCE_S
from small_bank import BEIJING, JIANGSU, SHANGHAI, SmallBank
from sqlalchemy import select, text

from domain.access import Caller, Role
from domain.money import Money
from domain.refusals import RefusalCode
from domain.scorecards.kinds import ScorePeriod
from tenants import tables as t
from tenants.actions import compensation, scorecards
from tenants.actions.once import Command, Done, Outcome, Refused, once
from tenants.compensation.books import RowKey, lock_fund
from tenants.compensation.verifying import verify
from tenants.database import Database, Transaction
from tenants.organisation import Directory
from tenants.roles import CLIENT, PORTAL


def code(outcome: Outcome) -> RefusalCode | None:
    return outcome.refusal.code if isinstance(outcome, Refused) else None


async def test_claims_that_race_for_the_last_of_the_fund_never_overdraw_it(
    database: Database, directory: Directory
) -> None:
    """Three claims of 8,000 yuan each, granted at once by two people, from a fund that has 20,000."""
    async with writing(database) as transaction:
        fund_id = await found_fund(transaction, city=8_000, district=12_000)
        claims = []
        for index in (0, 3, 5):
            enrolment = await enrolled(transaction, fund_id, index)
            await fall_behind(transaction, index, 10_000)
            claims.append(await claimed(transaction, enrolment))
    scope, organisation = await directory.operator(), await directory.organisation()

    async def grant(number: int) -> Outcome:
        claim = claims[number % 3]
        asked = Command("approveClaim", f"k{number}", f"{number}")
        return await once(
            database, scope, organisation, asked, lambda tx: compensation.approve(tx, ADA, claim, 1)
        )

    outcomes = await asyncio.gather(*(grant(number) for number in range(6)))
    told = sorted(str(code(outcome)) for outcome in outcomes)
    # Of each claim, one of the two comes too late; the third claim finds too little left, twice.
    assert told == ["CONFLICT", "CONFLICT", "FUND_EXHAUSTED", "FUND_EXHAUSTED", "None", "None"]
    assert [await grant(number) for number in range(6)] == list(outcomes), "a key answers as the first time"
    async with writing(database) as transaction:
        left = await transaction.rows(
            select(t.compensation_account.c.available_minor).order_by(t.compensation_account.c.funder)
        )
        assert [row["available_minor"] for row in left] == [1_600_00, 2_400_00]
        assert await verify(transaction) == []


async def test_a_branch_does_not_wait_for_headquarters_and_claims_no_loan_twice(
    database: Database, directory: Directory
) -> None:
    async with writing(database) as transaction:
        fund_id = await found_fund(transaction, city=8_000, district=12_000)
        enrolment = await enrolled(transaction, fund_id, 0)
        await fall_behind(transaction, 0, 10_000)
    officer = Caller(OFFICER, Role.CREDIT_OFFICER, office="310000")
    scope, organisation = await directory.scope(officer), await directory.organisation()

    async def claim(number: int) -> Outcome:
        asked = Command("claimCompensation", f"k{number}", f"{number}")
        return await once(
            database, scope, organisation, asked, lambda tx: compensation.claim(tx, OFFICER, enrolment, None)
        )

    async with writing(database) as transaction:
        # Headquarters is at the fund, and about to decide on this very loan.
        assert await lock_fund(transaction, fund_id)
        outcomes = await asyncio.wait_for(asyncio.gather(claim(1), claim(2)), PATIENCE_S)
    assert sorted(str(code(outcome)) for outcome in outcomes) == ["BEYOND_COVERAGE", "None"]


async def test_a_claim_lives_through_its_stages_and_its_fund_stops_and_goes_on(database: Database) -> None:
    async with writing(database) as transaction:
        fund_id = await found_fund(
            transaction, city=4_000, district=6_000, breaker={"base": "CONTRIBUTIONS", "limit": "0.5"}
        )
        enrolment = await enrolled(transaction, fund_id, 0)
        assert code(await compensation.claim(transaction, OFFICER, enrolment, None)) == "NOT_YET_CLAIMABLE"
        await fall_behind(transaction, 0, 5_000)
        claim = key_of(await compensation.claim(transaction, OFFICER, enrolment, yuan(3_000)))
        beyond = await compensation.claim(transaction, OFFICER, enrolment, yuan(1_001))
        assert isinstance(beyond, Refused)
        assert beyond.refusal.message == "the fund bears no more of it: 1000.00 CNY would be possible"
        assert code(await compensation.withdraw(transaction, enrolment, 2)) == "STATUS_MAY_NOT_FOLLOW"
        rejected = key_of(await compensation.claim(transaction, OFFICER, enrolment, None))
        assert isinstance(await compensation.reject(transaction, ADA, rejected, 1, "Not now."), Done)
        assert code(await compensation.approve(transaction, OFFICER, claim, 1)) == "SECOND_PERSON_NEEDED"
        assert isinstance(await compensation.approve(transaction, ADA, claim, 1), Done)
        assert code(await compensation.pay(transaction, ADA, claim, 2)) == "SECOND_PERSON_NEEDED"
        assert isinstance(await compensation.pay(transaction, BEA, claim, 2), Done)
        # Half of what was contributed may be borne: 5,000, of which 2,000 are left.
        await fall_behind(transaction, 0, 5_000, days=100)
        second = key_of(await compensation.claim(transaction, OFFICER, enrolment, yuan(2_500)))
        tripped = await compensation.approve(transaction, ADA, second, 1)
        assert isinstance(tripped, Refused)
        assert (
            tripped.refusal.code,
            tripped.refusal.possible and tripped.refusal.possible.available_minor,
        ) == (
            "BREAKER_TRIPPED",
            2_000_00,
        )
        assert isinstance(await compensation.reject(transaction, ADA, second, 1, "Too much."), Done)
        third = await granted(transaction, enrolment, 2_000)
        assert await standing(transaction) == "STOPPED"
        assert code(await compensation.claim(transaction, OFFICER, enrolment, None)) == "FUND_STOPPED"
        other = await compensation.enrol(transaction, OFFICER, (BEIJING, third[1]), fund_id)
        assert code(other) == "NOT_FOUND"
        assert code(await compensation.recover(transaction, CLEO, claim, 3, yuan(3_001))) == (
            "BEYOND_WHAT_WAS_PAID"
        )
        # One fen goes to the district, the next to the city, and in the end each has back what it paid.
        for number, part in enumerate([1, 1, 2_999_98]):
            back = await compensation.recover(transaction, CLEO, claim, 3 + number, Money(part, "CNY"))
            assert isinstance(back, Done)
        assert await standing(transaction) == "ACTIVE"
        accounts = await transaction.rows(
            select(t.compensation_account).order_by(t.compensation_account.c.funder)
        )
        assert [(row["paid_minor"], row["recovered_minor"]) for row in accounts] == [
            (1_200_00, 1_200_00),
            (1_800_00, 1_800_00),
        ]
        assert await verify(transaction) == []


async def granted(transaction: Transaction, enrolment: RowKey, amount: int) -> RowKey:
    claim: RowKey = key_of(await compensation.claim(transaction, OFFICER, enrolment, yuan(amount)))
    assert isinstance(await compensation.approve(transaction, ADA, claim, 1), Done)
    return claim


async def standing(transaction: Transaction) -> str:
    found: str = await transaction.value(select(t.compensation_fund.c.standing))
    return found


REFUSED = [
    ("update bank.compensation_account set paid_minor = contributed_minor + 1", "never_overdrawn"),
    (
        "update bank.compensation_account set recovered_minor = paid_minor + 1",
        "recovered_at_most_what_was_paid",
    ),
    ("update bank.compensation_enrolment set claimed_minor = covered_minor + 1", "claimed_within_coverage"),
    (
        "update bank.compensation_claim set recovered_minor = amount_minor + 1",
        "recovered_at_most_what_was_paid",
    ),
    ("update bank.compensation_claim set decided_by = claimed_by where status = 'APPROVED'", "four_eyes"),
    ("update bank.compensation_terms set activated_by = created_by where status = 'ACTIVE'", "four_eyes"),
    ("update bank.compensation_posting set delta_minor = 1", "only grows"),
    ("delete from bank.compensation_movement", "only grows"),
    ("truncate bank.compensation_posting", "only grows"),
    (
        "insert into bank.compensation_enrolment select (jsonb_populate_record(one, "
        "jsonb_build_object('id', gen_random_uuid(), 'claimed_minor', 0))).* from bank.compensation_enrolment one",
        "uq_compensation_enrolment_facility",
    ),
    ("update bank.scorecard_model set activated_by = created_by", "four_eyes"),
    ("update bank.branch_scorecard set score = 100.000001", "score_in_range"),
]
OF_NO_BRANCH = [
    "select * from bank.compensation_account",
    "update bank.compensation_claim set status = 'PAID'",
    f"insert into bank.compensation_movement (branch_id) values ({SHANGHAI})",
    "update bank.compensation_enrolment set covered_minor = principal_minor",
    "update bank.branch_scorecard set score = 100",
]


async def test_the_database_itself_refuses_and_verify_names_what_differs(
    database: Database, administrator: asyncpg.Connection, ask: Ask
) -> None:
    async with writing(database) as transaction:
        await furnish(transaction)
    for statement, constraint in REFUSED:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=constraint):
            await administrator.execute(statement)
    for statement in OF_NO_BRANCH:
        for role in (PORTAL, CLIENT):
            await administrator.execute(
                f"begin; set local role {role}; set local app.branches = '{{{SHANGHAI}}}'"
            )
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await administrator.execute(statement)
            await administrator.execute("rollback")
    await administrator.execute(
        "update bank.compensation_account set contributed_minor = contributed_minor + 1"
    )
    await administrator.execute("update bank.compensation_enrolment set claimed_minor = claimed_minor + 1")
    async with writing(database) as transaction:
        found = await verify(transaction)
    assert [(one.what.split()[0], one.cached - one.replayed) for one in found] == (
        [("fund", 1)] * 2 + [("enrolment", 1)] * 3
    )
    # A branch sees its own, and of the fund only whether it goes on.
    query = """{ compensationFunds { nodes { standing accounts { totalCount } } }
        compensationClaims { nodes { branch { code } status } } scorecards { nodes { branch { code } } }
        compensationFund(code: "RISK") { movements { nodes { operation branch { code } } } } }"""
    seen = await ask(SmallBank.shanghai, query)
    assert seen["compensationFunds"]["nodes"] == [{"standing": "ACTIVE", "accounts": {"totalCount": 0}}]
    assert seen["compensationClaims"]["nodes"] == [{"branch": {"code": "310000"}, "status": "PAID"}]
    assert {card["branch"]["code"] for card in seen["scorecards"]["nodes"]} == {"310000", "310000-01"}
    moved = [one["operation"] for one in seen["compensationFund"]["movements"]["nodes"]]
    assert moved == ["RECOVER", "PAY", "RESERVE"]
    closed = await ask(SmallBank.huaxia, "{ compensationFunds { totalCount } scorecards { totalCount } }")
    assert closed == {"compensationFunds": {"totalCount": 0}, "scorecards": {"totalCount": 0}}


async def test_scorecards_are_computed_anew_in_place_from_what_was_known_at_the_end_of_the_period(
    database: Database,
) -> None:
    end = dt.date(2024, 9, 30)
    async with writing(database) as transaction:
        await furnish(transaction)
        before = await cards(transaction, end)
        assert set(before) == {SHANGHAI, JIANGSU, BEIJING, 7}
        # The loan fell behind in the meantime; in the books of the period nothing changes but the model's number.
        await transaction.rows(text("update bank.facility set guaranteed_minor = outstanding_minor"))
        assert isinstance(await scorecards.score_branches(transaction, BEA, ScorePeriod.QUARTER, end), Done)
        after = await cards(transaction, end)
        assert {branch: card["id"] for branch, card in after.items()} == {
            branch: card["id"] for branch, card in before.items()
        }
        assert all(after[branch]["score"] > before[branch]["score"] for branch in before)
        parts = await transaction.rows(
            text(
                "select sum(points) as points, max(card.score) as score from bank.branch_scorecard_part as part "
                "join bank.branch_scorecard as card on card.branch_id = part.branch_id and card.id = scorecard_id "
                "group by part.branch_id, scorecard_id"
            )
        )
        assert {row["points"] - row["score"] for row in parts} == {0}
        for day, expected in (
            (dt.date(2024, 9, 29), "INVALID_INPUT"),
            (dt.date(2999, 9, 30), "INVALID_INPUT"),
        ):
            told = await scorecards.score_branches(transaction, ADA, ScorePeriod.QUARTER, day)
            assert code(told) == expected


async def cards(transaction: Transaction, end: dt.date) -> dict[int, asyncpg.Record]:
    c = t.branch_scorecard
    rows = await transaction.rows(select(c).where(c.c.period_end == end))
    return {row["branch_id"]: row for row in rows}
