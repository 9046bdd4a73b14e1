"""Limits give to their siblings, move with all below them, are worth something else: no sum is ever off."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from limit_book import (
    BANK,
    BRANCH,
    DAY,
    FENCE,
    INNER,
    OTHER,
    PUDONG,
    REGION,
    SHANGHAI,
    SHARED,
    available,
    branch,
    broken_invariants,
    code_of,
    drawn,
    node,
    reserved,
    two_branches,
    with_terms,
    yuan,
)

from domain.limits import booking, parameters, rearranging
from domain.limits.formulas import headroom
from domain.limits.movements import Booked
from domain.limits.nodes import NodeKey, NodeStatus, Operation
from domain.limits.reversing import reverse
from domain.refusals import Possible, Refusal


@pytest.mark.parametrize(
    ("what", "giver", "receiver", "amount", "currency", "expected"),
    [
        ("between branches of a region", BRANCH, OTHER, 100, "CNY", None),
        ("all that is not fenced off below", BRANCH, OTHER, 700, "CNY", None),
        ("more than that", BRANCH, OTHER, 701, "CNY", "EXCEEDS_AVAILABLE"),
        ("between lines of a branch", SHARED, FENCE, 300, "CNY", None),
        ("to one that stands elsewhere", SHARED, INNER, 1, "CNY", "NOT_SIBLINGS"),
        ("to the one above", FENCE, BRANCH, 1, "CNY", "NOT_SIBLINGS"),
        ("from the top", BANK, REGION, 1, "CNY", "NOT_SIBLINGS"),
        ("to itself", SHARED, SHARED, 1, "CNY", "INVALID_INPUT"),
        ("nothing", SHARED, FENCE, 0, "CNY", "INVALID_INPUT"),
        ("40 digits", SHARED, FENCE, 10**39, "CNY", "INVALID_INPUT"),
        ("in another currency", SHARED, FENCE, 1, "USD", "CURRENCY_DIFFERS"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_siblings_give_to_each_other(
    what: str, giver: NodeKey, receiver: NodeKey, amount: int, currency: str, expected: str | None
) -> None:
    book = two_branches()
    places = book.place(giver), book.place(receiver)
    together = places[0].leaf.sanctioned + places[1].leaf.sanctioned
    answer = rearranging.transfer(*places, amount, currency, book.above(giver))
    assert code_of(answer) == expected, what
    if isinstance(answer, Booked):
        book.book(answer)
        assert book.nodes[giver].sanctioned == places[0].leaf.sanctioned - amount
        assert book.nodes[giver].sanctioned + book.nodes[receiver].sanctioned == together
        assert [movement.node for movement in answer.movements] == [giver, receiver]
        assert broken_invariants(book) == []


def test_an_addition_is_not_given_away() -> None:
    book = branch()
    book.book(parameters.add(book.place(SHARED), 50, DAY, DAY))
    reserved(book, SHARED, 600)
    answer = rearranging.transfer(book.place(SHARED), book.place(FENCE), 1, "CNY")
    assert isinstance(answer, Refusal)
    assert answer.possible == Possible(0, "CNY", "Lingang Ports", SHARED)


def test_a_units_own_limit_gives_nothing_to_a_clients() -> None:
    book = branch()
    clients = node(SHANGHAI, 21, 100, REGION)
    book.nodes[clients.key] = clients
    for giver, receiver in ((BRANCH, clients.key), (clients.key, BRANCH)):
        places = book.place(giver), book.place(receiver)
        answer = rearranging.transfer(*places, 1, "CNY", book.nodes[REGION])
        assert code_of(answer) == "NOT_SIBLINGS"


def test_what_a_fence_is_given_must_be_there_above_it() -> None:
    book = branch(s=400)
    places = book.place(SHARED), book.place(FENCE)
    assert code_of(rearranging.transfer(*places, 101, "CNY")) == "BEYOND_PARENT"
    book.book(rearranging.transfer(*places, 100, "CNY"))
    assert headroom(book.nodes[BRANCH], DAY) == 0


def test_a_move_takes_everything_along_and_leaves_every_sum_right() -> None:
    book = branch(s=2000)
    on = drawn(book, INNER, 120)
    reserved(book, SHARED, 30)
    book.book(rearranging.move(book.place(INNER), book.path(SHARED)))
    assert [book.nodes[k].balance.total for k in (BRANCH, SHARED, FENCE, INNER)] == [150, 150, 0, 120]
    assert book.nodes[BRANCH].idle_fenced == 300
    assert [movement.operation for movement in [book.last().movement]] == [Operation.MOVE]
    # What was booked before the move is repaid after it, on the new path; and reversed there.
    on = book.booked(booking.repay(book.at(on), on, yuan(20)))
    book.booked(reverse(book.at(on), on, book.last(), "a mistake"))
    assert book.nodes[SHARED].balance.total == 150
    assert broken_invariants(book) == []


@pytest.mark.parametrize(
    ("what", "of", "to", "prepared", "expected"),
    [
        ("below itself", FENCE, INNER, {}, "WOULD_CREATE_CYCLE"),
        ("to where it is", SHARED, BRANCH, {}, "INVALID_INPUT"),
        ("a branch's own", BRANCH, REGION, {}, "KIND_NOT_ALLOWED_THERE"),
        ("to another tenant", SHARED, OTHER, {}, "KIND_NOT_ALLOWED_THERE"),
        ("under what ends before it", SHARED, FENCE, {"valid_until": DAY}, "OUTLASTS_PARENT"),
        ("under what is frozen", SHARED, FENCE, {"status": NodeStatus.FROZEN}, "LIMIT_FROZEN"),
        ("under another currency, without a rate", SHARED, FENCE, {"currency": "USD"}, "CURRENCY_DIFFERS"),
        ("a little under a fence", SHARED, FENCE, {}, None),
        ("more than the fence has", SHARED, FENCE, {"sanctioned": 199}, "BEYOND_PARENT"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_where_a_limit_may_move(
    what: str, of: NodeKey, to: NodeKey, prepared: dict[str, Any], expected: str | None
) -> None:
    book = two_branches()
    reserved(book, SHARED, 200)
    with_terms(book, to, **prepared)
    assert code_of(rearranging.move(book.place(of), book.path(to))) == expected, what


def test_a_new_rate_is_posted_above_and_may_raise_a_breach_and_no_movement_is_written_anew() -> None:
    book = branch(s=400)
    dollars = node(PUDONG, 8, 30, BRANCH, currency="USD", parent_rate=Decimal(7))
    book.nodes[dollars.key] = replace(dollars, sanctioned=14)
    on = book.booked(booking.reserve(book.place(dollars.key), book.ask(14, "USD")))
    assert (book.nodes[BRANCH].balance.reserved, headroom(book.nodes[BRANCH], DAY)) == (98, 2)
    lines = list(book.lines)

    def revalued(rate: str) -> Booked | Refusal:
        return rearranging.revalue(book.place(dollars.key), Decimal(rate), book.nodes[BRANCH])

    book.book(revalued("7.5"))
    assert (book.nodes[BRANCH].balance.reserved, book.nodes[BRANCH].over_limit) == (105, True)
    assert book.lines[: len(lines)] == lines
    assert [(line.node, line.delta) for line in book.lines[len(lines) :]] == [(BRANCH, 7)]
    assert broken_invariants(book) == []
    for rate, expected in (("0", "INVALID_INPUT"), ("-1", "INVALID_INPUT"), ("7.5", "INVALID_INPUT")):
        assert code_of(revalued(rate)) == expected
    book.booked(booking.release(book.at(on), on))
    assert (book.nodes[BRANCH].balance.total, book.nodes[BRANCH].over_limit) == (0, False)


def test_a_new_rate_of_a_branch_changes_what_it_has_been_dealt_and_none_may_burst_the_ledger() -> None:
    book = branch()
    with_terms(book, BRANCH, currency="HKD")
    parent, above = book.nodes[REGION], book.above(BRANCH)
    book.book(rearranging.revalue(book.place(BRANCH), Decimal("6.1"), parent, above))
    assert (book.nodes[REGION].dealt, book.nodes[REGION].over_limit) == (6100, True)
    assert broken_invariants(book) == []
    answer = rearranging.revalue(book.place(BRANCH), Decimal(10) ** 18, parent, book.above(BRANCH))
    assert code_of(answer) == "INVALID_INPUT"


@pytest.mark.parametrize(
    ("rate", "most"), [("7", 14), ("7.155", 14), ("100", 1), ("101", 0), ("0.01", 10050)]
)
def test_how_much_of_another_currency_the_room_above_is_worth(rate: str, most: int) -> None:
    """Rounded half to even: a draw fits if what it comes to above fits."""
    book = branch(s=400)
    dollars = node(PUDONG, 8, 10**6, BRANCH, currency="USD", parent_rate=Decimal(rate))
    book.nodes[dollars.key] = dollars

    def ask(amount: int) -> Booked | Refusal:
        return booking.reserve(book.place(dollars.key), book.ask(amount, "USD"))

    assert available(book, dollars.key)[0] == most
    assert code_of(ask(most + 1)) == "EXCEEDS_AVAILABLE"
    if most:
        assert isinstance(ask(most), Booked)
