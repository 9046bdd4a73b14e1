"""The risk compensation fund's rules: tables that read like policy, and laws of its splits and its books."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.compensation import rules
from domain.compensation.eligibility import unmet
from domain.compensation.fund import Account, Books, Cover, grantable, standing_of
from domain.compensation.kinds import BreakerBase, ClaimStatus, EnrolmentStatus, FundBucket, FundStanding
from domain.compensation.ledger import Posted, differences, replay
from domain.compensation.rules import Claim, Enrolment, Loan, flow_back
from domain.compensation.terms import Terms, read, written
from domain.json_forms import Unreadable
from domain.money import Money
from domain.refusals import Refusal
from domain.splitting import by_name

DAY = dt.date(2024, 12, 31)
SHIPPED = Path(__file__).parents[1] / "tenants" / "compensation" / "shipped" / "terms.json"
COVER = Cover(
    Decimal("0.8"),
    90,
    {"CITY": 4, "DISTRICT": 6},
    BreakerBase.COVERED_PRINCIPAL,
    Decimal("0.05"),
    dt.date(2024, 1, 1),
    None,
)
LOAN = Loan("CNY", outstanding=1_000_00, overdue_principal=0, days_past_due=0)
LATE = replace(LOAN, overdue_principal=100_00, days_past_due=90)
ENROLLED = Enrolment(EnrolmentStatus.ENROLLED, principal=1_000_00, covered=800_00, claimed=0)
CLAIM = Claim(ClaimStatus.CLAIMED, 80_00, claimed_by="ollie")
ACTIVE, STOPPED = FundStanding.ACTIVE, FundStanding.STOPPED
NO_FUND: Any = None

amounts = st.integers(0, 10**12)
weights = st.dictionaries(st.sampled_from("ABCDE"), st.integers(1, 1000), min_size=1)


def books(city: int = 1_000_00, district: int = 1_500_00, covered: int = 100_000_00, paid: int = 0) -> Books:
    accounts = {
        "CITY": Account(contributed=city + paid, paid=paid),
        "DISTRICT": Account(contributed=district),
    }
    return Books("CNY", accounts, covered)


def code(found: object) -> str | None:
    return found.code if isinstance(found, Refusal) else None


@given(st.integers(1, 10**6), weights, st.lists(st.integers(1, 10**6), max_size=6))
def test_recoveries_never_give_a_funder_more_than_it_paid_and_end_exactly_there(
    amount: int, by: dict[str, int], parts: list[int]
) -> None:
    paid = by_name(amount, by)
    back = dict.fromkeys(paid, 0)
    for part in [*parts, amount]:
        left = amount - sum(back.values())
        for name, share in flow_back(min(part, left), paid, back).items():
            back[name] += share
        assert all(0 <= back[name] <= paid[name] for name in paid)
    assert back == paid


@pytest.mark.parametrize(
    ("cover", "standing", "loan", "reasons", "expected"),
    [
        (COVER, ACTIVE, LOAN, (), 800_00),
        (NO_FUND, ACTIVE, LOAN, (), "FUND_STOPPED"),
        (replace(COVER, valid_from=dt.date(2025, 1, 1)), ACTIVE, LOAN, (), "FUND_STOPPED"),
        (replace(COVER, valid_until=dt.date(2024, 12, 30)), ACTIVE, LOAN, (), "FUND_STOPPED"),
        (replace(COVER, valid_until=DAY), ACTIVE, LOAN, (), 800_00),
        (COVER, STOPPED, LOAN, (), "FUND_STOPPED"),
        (COVER, ACTIVE, replace(LOAN, currency="USD"), (), "NOT_ELIGIBLE"),
        (COVER, ACTIVE, replace(LOAN, outstanding=0), (), "NOT_ELIGIBLE"),
        # Whoever is late already is no risk any more but a loss.
        (COVER, ACTIVE, replace(LOAN, days_past_due=1), (), "NOT_ELIGIBLE"),
        (COVER, ACTIVE, LOAN, ("too large",), "NOT_ELIGIBLE"),
        (COVER, ACTIVE, replace(LOAN, outstanding=1), (), "NOT_ELIGIBLE"),
        (COVER, ACTIVE, replace(LOAN, outstanding=99), (), 79),
    ],
)
def test_a_loan_is_enrolled_for_its_covered_part(
    cover: Any, standing: FundStanding, loan: Loan, reasons: Any, expected: Any
) -> None:
    found = rules.enrol(cover, standing, "CNY", loan, reasons, DAY)
    assert (code(found) or found) == expected


@pytest.mark.parametrize(
    ("standing", "enrolment", "loan", "asked", "expected"),
    [
        (ACTIVE, ENROLLED, LATE, None, 80_00),
        (ACTIVE, ENROLLED, LATE, 80_00, 80_00),
        (ACTIVE, ENROLLED, LATE, 80_01, "BEYOND_COVERAGE"),
        (ACTIVE, ENROLLED, LATE, 0, "INVALID_INPUT"),
        (STOPPED, ENROLLED, LATE, None, "FUND_STOPPED"),
        (ACTIVE, replace(ENROLLED, status=EnrolmentStatus.WITHDRAWN), LATE, None, "NOT_ELIGIBLE"),
        (ACTIVE, ENROLLED, replace(LATE, days_past_due=89), None, "NOT_YET_CLAIMABLE"),
        # Interest alone is late: the fund bears principal.
        (ACTIVE, ENROLLED, replace(LATE, overdue_principal=0), None, "NOT_YET_CLAIMABLE"),
        (ACTIVE, replace(ENROLLED, claimed=80_00), LATE, None, "BEYOND_COVERAGE"),
        (ACTIVE, replace(ENROLLED, claimed=79_99), LATE, None, 1),
        # No more than was promised when the loan was enrolled, whatever is overdue.
        (ACTIVE, replace(ENROLLED, covered=50_00), LATE, None, 50_00),
    ],
)
def test_a_branch_claims_the_covered_part_of_overdue_principal(
    standing: FundStanding, enrolment: Enrolment, loan: Loan, asked: int | None, expected: Any
) -> None:
    found = rules.claim(COVER, standing, "CNY", enrolment, loan, asked)
    assert (code(found) or found) == expected


@pytest.mark.parametrize(
    ("claim", "of", "actor", "expected"),
    [
        (CLAIM, books(), "hana", None),
        (replace(CLAIM, status=ClaimStatus.PAID), books(), "hana", "STATUS_MAY_NOT_FOLLOW"),
        (CLAIM, books(), "ollie", "SECOND_PERSON_NEEDED"),
        # 5 % of 1,600.00 is 80.00, to the last fen.
        (CLAIM, books(covered=1_600_00), "hana", None),
        (CLAIM, books(covered=1_599_99), "hana", "BREAKER_TRIPPED"),
        (CLAIM, books(covered=1_600_00, paid=1), "hana", "BREAKER_TRIPPED"),
        (CLAIM, books(city=32_00, district=48_00), "hana", None),
        (CLAIM, books(city=31_99), "hana", "FUND_EXHAUSTED"),
        (CLAIM, books(district=47_99), "hana", "FUND_EXHAUSTED"),
    ],
)
def test_headquarters_grants_within_breaker_and_what_each_funder_has(
    claim: Claim, of: Books, actor: str, expected: str | None
) -> None:
    found = rules.approve(COVER, of, claim, actor)
    assert code(found) == expected
    if expected is None:
        assert found == {("CITY", FundBucket.RESERVED): 32_00, ("DISTRICT", FundBucket.RESERVED): 48_00}


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10**6), weights)
def test_what_is_said_to_be_possible_is(city: int, district: int, covered: int, by: dict[str, int]) -> None:
    accounts = dict.fromkeys(by, Account(contributed=city)) | {min(by): Account(contributed=district)}
    of = Books("CNY", accounts, covered)
    cover = replace(COVER, weights=by)
    possible = grantable(cover, of)
    if possible > 0:
        assert not isinstance(rules.approve(cover, of, replace(CLAIM, amount=possible), "hana"), Refusal)


def test_a_refusal_says_how_much_would_be_possible() -> None:
    refused = rules.approve(COVER, books(city=10_00), CLAIM, "hana")
    assert isinstance(refused, Refusal)
    assert refused.possible is not None
    assert (refused.possible.available_minor, refused.possible.binding) == (25_00, "CITY")
    assert "25.00 CNY would be possible" in refused.message


def test_what_was_set_aside_is_paid_by_a_third_person_and_flows_back_to_whoever_paid() -> None:
    granted = replace(
        CLAIM, status=ClaimStatus.APPROVED, decided_by="hana", shares={"CITY": 32_00, "DISTRICT": 48_00}
    )
    assert code(rules.pay(CLAIM, "henry")) == "STATUS_MAY_NOT_FOLLOW"
    assert code(rules.pay(granted, "hana")) == "SECOND_PERSON_NEEDED"
    assert rules.pay(granted, "henry") == {
        ("CITY", FundBucket.RESERVED): -32_00,
        ("DISTRICT", FundBucket.RESERVED): -48_00,
        ("CITY", FundBucket.PAID): 32_00,
        ("DISTRICT", FundBucket.PAID): 48_00,
    }
    assert code(rules.recover(granted, 1, "CNY")) == "STATUS_MAY_NOT_FOLLOW"
    paid = replace(granted, status=ClaimStatus.PAID, recovered={"CITY": 8_00, "DISTRICT": 12_00})
    assert code(rules.recover(paid, 0, "CNY")) == "INVALID_INPUT"
    assert code(rules.recover(paid, 60_01, "CNY")) == "BEYOND_WHAT_WAS_PAID"
    back = {("CITY", FundBucket.RECOVERED): 24_00, ("DISTRICT", FundBucket.RECOVERED): 36_00}
    assert rules.recover(paid, 60_00, "CNY") == back
    assert code(rules.reject(paid, "hana")) == "STATUS_MAY_NOT_FOLLOW"
    assert code(rules.reject(CLAIM, "ollie")) == "SECOND_PERSON_NEEDED"
    assert rules.reject(CLAIM, "hana") is None


def test_a_loan_leaves_the_fund_while_nothing_is_claimed_of_it() -> None:
    assert rules.withdraw(ENROLLED) is None
    assert code(rules.withdraw(replace(ENROLLED, claimed=1))) == "STATUS_MAY_NOT_FOLLOW"
    gone = replace(ENROLLED, status=EnrolmentStatus.WITHDRAWN)
    assert code(rules.withdraw(gone)) == "STATUS_MAY_NOT_FOLLOW"


@pytest.mark.parametrize(
    ("cover", "of", "expected"),
    [
        (COVER, books(), ACTIVE),
        (COVER, books(covered=0), ACTIVE),
        (NO_FUND, books(), STOPPED),
        (COVER, books(city=0), STOPPED),
        (COVER, books(covered=100_00, paid=5_00), STOPPED),
        (COVER, books(covered=100_00, paid=4_99), ACTIVE),
        (replace(COVER, breaker_base=BreakerBase.CONTRIBUTIONS), books(80_00, 20_00, 1, 5_00), ACTIVE),
        (replace(COVER, breaker_base=BreakerBase.CONTRIBUTIONS), books(75_00, 20_00, 1, 5_00), STOPPED),
    ],
)
def test_a_fund_stops_when_the_breaker_trips_or_a_funder_has_nothing_left(
    cover: Any, of: Books, expected: FundStanding
) -> None:
    assert standing_of(cover, of) is expected


posted = st.builds(
    Posted, st.tuples(st.integers(1, 2), st.sampled_from("AB")), st.sampled_from(FundBucket), st.integers()
)


@given(st.lists(posted))
def test_the_books_are_the_fold_of_their_postings_and_a_difference_is_named(postings: list[Posted]) -> None:
    accounts = replay(postings)
    assert list(differences(accounts, postings)) == []
    assert sum(a.available for a in accounts.values()) == sum(
        p.delta * (1 if p.bucket in (FundBucket.CONTRIBUTED, FundBucket.RECOVERED) else -1) for p in postings
    )
    spoilt = accounts | {(1, "A"): replace(accounts.get((1, "A"), Account()), paid=10**30)}
    assert [one.what for one in differences(spoilt, postings)] == ["fund 1, A: paid"]


def shipped(**changes: Any) -> str:
    return json.dumps(json.loads(SHIPPED.read_text(encoding="utf-8")) | changes)


def test_the_shipped_terms_read_back_as_written() -> None:
    terms = read(shipped())
    assert (terms.coverage, terms.weights) == (Decimal("0.8"), {"CITY": 4, "DISTRICT": 6})
    assert read(json.dumps(written(terms))) == terms


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"coverage": "0"}, "coverage"),
        ({"coverage": "1.2"}, "coverage"),
        ({"funders": []}, "funders"),
        ({"funders": [{"funder": "CITY", "weight": 0}]}, "funders[0].weight"),
        ({"funders": [{"funder": "CITY", "weight": 1}] * 2}, "funders[1].funder"),
        ({"validUntil": "2023-12-31"}, "validUntil"),
        ({"eligibility": {"version": 1, "condition": {"field": "x"}}}, "eligibility.condition"),
        (
            {
                "eligibility": {
                    "version": 1,
                    "condition": {"field": "siceClass", "operator": "eq", "value": "A"},
                }
            },
            "eligibility",
        ),
        (
            {"eligibility": {"version": 1, "condition": {"field": "product", "operator": "eq", "value": 1}}},
            "eligibility",
        ),
        (
            {"eligibility": {"version": 1, "condition": {"some": "facilities", "where": {"allOf": []}}}},
            "eligibility",
        ),
        ({"surplus": 1}, "surplus"),
    ],
)
def test_mistakes_in_terms_are_named_by_their_place(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(Unreadable) as told:
        read(shipped(**changes))
    assert told.value.path == path


def test_eligibility_is_a_condition_and_says_what_is_not_met() -> None:
    terms: Terms = read(shipped())
    loan = {"product": "GREEN_LOAN", "loanPrincipal": Money(1_000_00, "CNY")}
    assert unmet(terms.condition, loan | {"sizeClass": "MICRO"}) == ()
    assert unmet(terms.condition, loan | {"sizeClass": "LARGE"}) == (
        "sizeClass is one of SMALL, MICRO is asked for, sizeClass is LARGE",
    )
    elsewhere = {"product": "MORTGAGE", "sizeClass": "SMALL", "regionTier": "CORE"}
    told = unmet(terms.condition, loan | elsewhere)
    assert len(told) == 2
    assert told[0].endswith("regionTier is CORE")
    assert unmet(terms.condition, {})[0].endswith("sizeClass is unknown")
