"""Raising a limit in force: one person within what is delegated, two beyond it; what one has raised adds up."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from limit_book import BRANCH, DAY, FENCE, INNER, LAST, SHARED, Book, branch, code_of, with_terms, yuan

from domain.limits import parameters, raising, rearranging
from domain.limits.authority import Authority
from domain.limits.movements import Booked
from domain.limits.nodes import NodeStatus
from domain.refusals import Possible, Refusal

AUTHORITY = Authority("HEAD", yuan(100))
UNTIL = DAY + dt.timedelta(days=30)


def adjusted(book: Book, of: Any = SHARED, **terms: Any) -> Booked:
    booked = parameters.adjust(book.place(of), with_terms_of(book, of, **terms), book.above(of))
    assert isinstance(booked, Booked)
    return booked


def with_terms_of(book: Book, of: Any, **terms: Any) -> Any:
    before = book.nodes[of]
    after = with_terms(book, of, **terms).nodes[of]
    book.nodes[of] = before
    return after


@pytest.mark.parametrize(
    ("what", "terms", "raised_to", "by_one"),
    [
        ("within authority", {}, {"sanctioned": 700}, True),
        ("beyond authority", {}, {"sanctioned": 701}, False),
        ("a cut, and be it to nothing", {}, {"sanctioned": 0}, True),
        ("another name", {"raised_alone": 999}, {"name": "Lingang"}, True),
        ("a cap that is lifted", {"regulatory_cap": 400}, {"regulatory_cap": None}, False),
        ("a cap above the amount", {"regulatory_cap": 900}, {"regulatory_cap": None}, True),
        ("a tolerance", {}, {"tolerance": Decimal("0.2")}, False),
        ("a shorter time", {}, {"valid_until": DAY}, True),
        ("a longer time is the whole limit anew", {"valid_until": DAY}, {"valid_until": LAST}, False),
        ("of a small limit, too", {"valid_until": DAY, "sanctioned": 99}, {"valid_until": LAST}, True),
        ("what has been raised alone before counts", {"raised_alone": 60}, {"sanctioned": 641}, False),
        ("and what is cut is raised alone again", {"raised_alone": 60}, {"sanctioned": 640}, True),
        ("what is not in force is approved anyway", {"status": NodeStatus.DRAFT}, {"sanctioned": 999}, True),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_who_may_raise(what: str, terms: dict[str, Any], raised_to: dict[str, Any], by_one: bool) -> None:
    booked = adjusted(with_terms(branch(), SHARED, **terms), **raised_to)
    assert (raising.refused(booked, AUTHORITY) is None) is by_one, what


def test_raises_by_one_person_add_up_until_a_second_has_looked_and_no_longer() -> None:
    book = branch()
    for to in (660, 640, 700):
        booked = adjusted(book, sanctioned=to)
        assert raising.refused(booked, AUTHORITY) is None
        book.book(booked)
    # 600 were approved, then cut to no less: what one person alone stands for is 100.
    assert book.nodes[SHARED].raised_alone == 100
    more = adjusted(book, sanctioned=701)
    refusal = raising.refused(more, AUTHORITY)
    assert refusal is not None
    assert refusal.possible == Possible(0, "CNY", "delegated authority", SHARED)
    assert raising.refused(more, Authority("HEAD", None)) is not None
    proposed = raising.propose(SHARED, more, "ann", UNTIL, DAY)
    book.book(proposed)
    waiting = book.nodes[SHARED]
    assert (waiting.sanctioned, waiting.proposed_by, waiting.proposed_until) == (700, "ann", UNTIL)
    assert waiting.proposed == {"operation": "ADJUST", "after": {"sanctioned": 701}}
    assert (proposed.movement.operation, proposed.movement.amount) == ("PROPOSE", 1)
    assert code_of(parameters.approve(book.place(SHARED), "ann")) == "SECOND_PERSON_NEEDED"
    answer = parameters.approve(book.place(SHARED), "bea")
    assert isinstance(answer, Booked)
    assert (answer.movement.operation, answer.movement.reason) == ("ADJUST", "proposed by ann")
    book.book(answer)
    done = book.nodes[SHARED]
    assert (done.sanctioned, done.raised_alone, done.proposed, done.proposed_by) == (701, 0, None, None)
    assert code_of(parameters.approve(book.place(SHARED), "bea")) == "STATUS_MAY_NOT_FOLLOW"


def test_an_addition_is_proposed_with_its_days_and_decided_as_if_it_were_asked_now() -> None:
    book = branch()
    wanted = parameters.add(book.place(SHARED), 101, DAY, LAST)
    assert isinstance(wanted, Booked)
    assert raising.refused(wanted, AUTHORITY) is not None
    book.book(raising.propose(SHARED, wanted, "ann", UNTIL, DAY))
    assert book.nodes[SHARED].addition == 0
    answer = parameters.approve(book.place(SHARED), "bea")
    assert isinstance(answer, Booked)
    book.book(answer)
    after = book.nodes[SHARED]
    assert (after.addition, after.addition_from, after.addition_until) == (101, DAY, LAST)
    # What was proposed lapses, and is overtaken by whatever is decided in between.
    book.book(raising.propose(SHARED, adjusted(book, sanctioned=900), "ann", DAY - dt.timedelta(1), DAY))
    assert code_of(parameters.approve(book.place(SHARED), "bea")) == "STATUS_MAY_NOT_FOLLOW"
    book.book(adjusted(book, sanctioned=10))
    assert book.nodes[SHARED].proposed is None


def test_a_transfer_raises_whoever_gets_it() -> None:
    book = branch()
    booked = rearranging.transfer(book.place(SHARED), book.place(FENCE), 101, "CNY")
    assert isinstance(booked, Booked)
    refusal = raising.refused(booked, AUTHORITY)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.possible) == (
        "BEYOND_AUTHORITY",
        Possible(100, "CNY", "delegated authority", FENCE),
    )


def test_what_was_raised_alone_for_some_days_ends_with_them() -> None:
    book = branch()
    book.book(parameters.add(book.place(SHARED), 50, DAY, DAY))
    assert book.nodes[SHARED].raised_alone == 50
    book.day = DAY + dt.timedelta(days=1)
    aged = parameters.age(book.place(SHARED))
    assert aged is not None
    assert (aged.changes[0].after.addition, aged.changes[0].after.raised_alone) == (0, 0)


def test_what_leaves_a_limit_is_decided_anew_and_what_goes_below_one_more_is_not() -> None:
    book = with_terms(branch(s=2000), INNER, raised_alone=3)
    assert rearranging.leaves(book.place(INNER), book.path(BRANCH))
    out = rearranging.move(book.place(INNER), book.path(BRANCH))
    assert isinstance(out, Booked)
    refusal = raising.refused(out, AUTHORITY)
    assert code_of(refusal) == "BEYOND_AUTHORITY"
    book.book(out)
    assert book.nodes[INNER].raised_alone == raising.most(book.nodes[INNER]) == 200
    assert not rearranging.leaves(book.place(INNER), book.path(SHARED))
    book.book(rearranging.move(book.place(INNER), book.path(SHARED)))
    assert book.nodes[INNER].raised_alone == 200


def test_what_is_raised_from_nothing_is_added_to_what_was_raised_before() -> None:
    """A reducing limit may have come to nothing by repayments while what was raised alone stands."""
    book = with_terms(branch(), SHARED, sanctioned=0, raised_alone=5)
    booked = adjusted(book, sanctioned=3)
    book.book(booked)
    assert book.nodes[SHARED].raised_alone == 8


def test_an_addition_that_is_to_last_longer_is_decided_anew() -> None:
    approved = {"addition": 200, "addition_from": DAY, "addition_until": DAY}
    book = with_terms(branch(), SHARED, **approved)
    for amount, until, raised_by in ((200, DAY, 0), (200, LAST, 200), (101, LAST, 101), (150, DAY, 0)):
        booked = parameters.add(book.place(SHARED), amount, DAY, until)
        assert isinstance(booked, Booked)
        assert booked.changes[0].after.raised_alone == raised_by, (amount, until)
        assert (raising.refused(booked, AUTHORITY) is None) is (raised_by <= 100)
