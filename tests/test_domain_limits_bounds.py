"""What stands beside the tree: caps, delegated authority, syndicates."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from limit_book import (
    BRANCH,
    SHARED,
    Book,
    available,
    branch,
    broken_invariants,
    code_of,
    reserved,
    with_terms,
    yuan,
)

from domain.limits import booking
from domain.limits.authority import Authority
from domain.limits.movements import Booked
from domain.limits.nodes import CapShare, Counts, NodeStatus, Operation
from domain.limits.syndication import syndicate, weights_refused
from domain.money import Money
from domain.refusals import Possible, Refusal, RefusalCode

# --- caps ---------------------------------------------------------------------------------------------------


def capped(counts: Counts, share: int = 100) -> Book:
    book = branch()
    cap = CapShare(cap_id=1, name="shipping", subject="", share=share, used=0, counts=counts)
    book.shares[cap.key] = cap
    return book


@pytest.mark.parametrize("counts", list(Counts))
def test_no_more_is_promised_than_a_cap_leaves(counts: Counts) -> None:
    book = capped(counts)
    assert available(book, SHARED) == (100, "shipping")
    answer = booking.reserve(book.place(SHARED), book.ask(101))
    assert isinstance(answer, Refusal)
    assert answer.code is RefusalCode.CAP_EXCEEDED
    assert answer.possible == Possible(100, "CNY", "shipping", None)
    on = book.booked(booking.reserve(book.place(SHARED), book.ask(101), partial=True))
    assert on.balance.reserved == 100


@pytest.mark.parametrize(
    ("counts", "by_step"),
    [(Counts.LOANS, [0, 60, 35, 35]), (Counts.EXPOSURE, [80, 80, 55, 35])],
)
def test_a_cap_on_loans_counts_what_is_drawn_and_one_on_exposure_what_is_held(
    counts: Counts, by_step: list[int]
) -> None:
    book = capped(counts)
    on = reserved(book, SHARED, 80)
    used = [book.shares[1, ""].used]
    on = book.booked(booking.utilise(book.at(on), on, yuan(60)))
    used.append(book.shares[1, ""].used)
    on = book.booked(booking.repay(book.at(on), on, yuan(25)))
    used.append(book.shares[1, ""].used)
    book.booked(booking.release(book.at(on), on))
    used.append(book.shares[1, ""].used)
    assert used == by_step
    assert broken_invariants(book) == []


def test_a_promise_is_not_drawn_beyond_a_cap_on_loans() -> None:
    book = capped(Counts.LOANS)
    first, second = reserved(book, SHARED, 80), reserved(book, SHARED, 80)
    book.booked(booking.utilise(book.at(first), first, yuan(80)))
    answer = booking.utilise(book.at(second), second, yuan(21))
    assert isinstance(answer, Refusal)
    assert (answer.code, answer.possible and answer.possible.available_minor) == (
        RefusalCode.CAP_EXCEEDED,
        20,
    )
    assert isinstance(booking.utilise(book.at(second), second, yuan(20)), Booked)


def test_where_nodes_and_caps_both_refuse_the_node_is_named() -> None:
    book = capped(Counts.EXPOSURE)
    assert code_of(booking.reserve(book.place(SHARED), book.ask(601))) is RefusalCode.EXCEEDS_AVAILABLE


def test_a_commitment_gives_back_to_the_caps_that_it_was_counted_in() -> None:
    book = capped(Counts.EXPOSURE)
    on = reserved(book, SHARED, 80)
    later = CapShare(cap_id=2, name="ports", subject="", share=10, used=0)
    book.shares[later.key] = later  # It was activated later, and counts what comes from then on.
    book.booked(booking.release(book.at(on), on, yuan(50)))
    assert (book.shares[1, ""].used, book.shares[2, ""].used) == (30, 0)


def test_nothing_new_under_a_cap_that_was_lowered_below_what_is_used() -> None:
    book = capped(Counts.EXPOSURE)
    on = reserved(book, SHARED, 60)
    book.shares[1, ""] = replace(book.shares[1, ""], over_limit=True)
    assert available(book, SHARED) == (0, "shipping")
    assert code_of(booking.reserve(book.place(SHARED), book.ask(1))) is RefusalCode.CAP_EXCEEDED
    assert isinstance(booking.utilise(book.at(on), on, yuan(60)), Booked)


# --- overriding ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "terms", "ask", "authority", "expected"),
    [
        ("within authority, beyond the limit", {}, {}, yuan(800), None),
        ("beyond authority", {}, {}, yuan(699), RefusalCode.BEYOND_AUTHORITY),
        ("without authority", {}, {}, None, RefusalCode.BEYOND_AUTHORITY),
        ("authority in another currency", {}, {}, Money(10**9, "USD"), RefusalCode.BEYOND_AUTHORITY),
        ("without a reason", {}, {"reason": " "}, yuan(800), RefusalCode.INVALID_INPUT),
        (
            "not over what the regulator allows",
            {"regulatory_cap": 650},
            {},
            yuan(800),
            RefusalCode.EXCEEDS_AVAILABLE,
        ),
        ("over what the collateral bears", {"collateral_cap": 0}, {}, yuan(800), None),
        ("not on a frozen limit", {"status": NodeStatus.FROZEN}, {}, yuan(800), RefusalCode.LIMIT_FROZEN),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_an_override(
    what: str,
    terms: dict[str, Any],
    ask: dict[str, Any],
    authority: Money | None,
    expected: RefusalCode | None,
) -> None:
    book = with_terms(branch(), SHARED, **terms)
    asked = book.ask(700, **{"reason": "the client of the year", **ask})
    answer = booking.override(book.place(SHARED), asked, "head of Pudong", Authority("HEAD", authority))
    assert code_of(answer) is expected, what
    if expected is None:
        on = book.booked(answer)
        assert (on.overridden_by, on.balance.reserved) == ("head of Pudong", 700)
        assert book.nodes[SHARED].over_limit
        assert broken_invariants(book) == []
        # Nothing new until that has passed; and then the flag goes by itself.
        assert code_of(booking.reserve(book.place(SHARED), book.ask(1))) is RefusalCode.OVER_LIMIT
        book.booked(booking.release(book.at(on), on))
        assert not book.nodes[SHARED].over_limit


def test_a_cap_is_not_overridden() -> None:
    book = capped(Counts.EXPOSURE)
    ask = book.ask(101, reason="please")
    answer = booking.override(book.place(SHARED), ask, "head", Authority("HEAD", yuan(800)))
    assert code_of(answer) is RefusalCode.CAP_EXCEEDED


def test_authority_adds_up_on_the_leaf_and_on_every_limit_that_is_over() -> None:
    book = branch()
    ask = book.ask(700, reason="the client of the year")

    def decided(**on: int) -> object:
        nodes = {SHARED: on.get("leaf", 0), BRANCH: on.get("above", 0)}
        authority = Authority("HEAD", yuan(800), nodes)
        return booking.override(book.place(SHARED), ask, "head", authority)

    assert isinstance(decided(leaf=100), Booked)
    refused = decided(leaf=101)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.possible) == (
        RefusalCode.BEYOND_AUTHORITY,
        Possible(699, "CNY", "delegated authority", SHARED),
    )
    # What is decided elsewhere in the branch counts where the branch itself is taken beyond its limit.
    assert isinstance(decided(above=101), Booked)
    with_terms(book, BRANCH, sanctioned=600)
    assert code_of(decided(above=101)) is RefusalCode.BEYOND_AUTHORITY
    assert isinstance(decided(above=100), Booked)


# --- syndicates ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [[1], [], [1, 0], [1, -1], [1, "NaN"], [1, "Infinity"], [1000, 1]])
def test_weights_that_make_no_syndicate(weights: list[Any]) -> None:
    assert code_of(weights_refused(10, [Decimal(w) for w in weights])) is RefusalCode.INVALID_INPUT
    assert weights_refused(10, [Decimal(1), Decimal(2)]) is None


def test_two_partners_of_one_branch_draw_one_after_the_other() -> None:
    book = branch()
    place = book.place(SHARED)
    first = syndicate(place, book.ask(400))
    assert isinstance(first, Booked)
    assert code_of(syndicate(place.after(first), book.ask(201))) is RefusalCode.EXCEEDS_AVAILABLE
    second = syndicate(place.after(first), book.ask(200))
    assert isinstance(second, Booked)
    assert second.movement.operation is Operation.SYNDICATE
