"""Bad input of bookings: each refused by name, in the documented order, and nothing is changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from limit_book import (
    DAY,
    FENCE,
    HUANGPU,
    INNER,
    NOW,
    PUDONG,
    SHARED,
    TOMORROW,
    Book,
    branch,
    broken_invariants,
    code_of,
    reserved,
    with_terms,
    yuan,
)

from domain.limits import booking
from domain.limits.movements import Booked
from domain.limits.nodes import CapShare, Commitment, NodeStatus
from domain.limits.reversing import reverse
from domain.money import LARGEST_MINOR, Money
from domain.refusals import Possible, Refusal, RefusalCode
from tenants.actions.once import Refused, _read, _written

# --- bad input ----------------------------------------------------------------------------------------------

Step = Callable[[Book], object]
DIGITS_40 = 10**39


def on_reserved(step: Callable[[Book, Commitment], object], amount: int = 100) -> Step:
    return lambda book: step(book, reserved(book, SHARED, amount))


def turned_back(book: Book, on: Commitment) -> object:
    book.day = DAY - dt.timedelta(days=1)
    return booking.utilise(book.at(on), on, yuan(1))


def reversed_twice(book: Book, on: Commitment) -> object:
    recorded = book.last()
    on = book.booked(reverse(book.at(on), on, recorded, "a mistake"))
    return reverse(book.at(on), on, book.recorded[recorded.id], "again")


def reversal_of_a_reversal(book: Book, on: Commitment) -> object:
    on = book.booked(reverse(book.at(on), on, book.last(), "a mistake"))
    return reverse(book.at(on), on, book.last(), "no, it was right")


def what_was_built_on(book: Book, on: Commitment) -> object:
    recorded = book.last()
    on = book.booked(booking.utilise(book.at(on), on, yuan(60)))
    return reverse(book.at(on), on, recorded, "a mistake")


def what_others_have_taken(book: Book, on: Commitment) -> object:
    on = book.booked(booking.release(book.at(on), on))
    recorded = book.last()
    reserved(book, SHARED, 600)
    return reverse(book.at(on), on, recorded, "a mistake")


def after_its_time(book: Book) -> object:
    on = book.booked(booking.earmark(book.place(SHARED), book.ask(5)))
    book.now = TOMORROW
    return booking.reserve_on(book.at(on), on, None)


def on_a_node(**terms: Any) -> Step:
    return lambda book: booking.earmark(with_terms(book, SHARED, **terms).place(SHARED), book.ask(5))


def promised(amount: int, currency: str = "CNY", **given: Any) -> Step:
    return lambda book: booking.reserve(book.place(SHARED), book.ask(amount, currency), **given)


def earmarked(amount: int = 5, **given: Any) -> Step:
    return lambda book: booking.earmark(book.place(SHARED), book.ask(amount, **given))


def released(amount: int) -> Step:
    return on_reserved(lambda book, on: booking.release(book.at(on), on, yuan(amount)))


def repaid(amount: Money) -> Step:
    return on_reserved(lambda book, on: booking.repay(book.at(on), on, amount))


def drawn_from_an_earmark(book: Book) -> object:
    on = book.booked(booking.earmark(book.place(SHARED), book.ask(5)))
    return booking.utilise(book.at(on), on, yuan(5))


def written_off(book: Book, on: Commitment) -> object:
    return booking.write_off(book.at(on), on, yuan(1))


def extended(book: Book, on: Commitment) -> object:
    return booking.extend(book.at(on), on, TOMORROW)


def reversed_without_a_word(book: Book, on: Commitment) -> object:
    return reverse(book.at(on), on, book.last(), "")


@pytest.mark.parametrize(
    ("what", "step", "expected"),
    [
        ("nothing", promised(0), "INVALID_INPUT"),
        ("nothing, in part", promised(0, partial=True), "INVALID_INPUT"),
        ("less than nothing", promised(-5), "INVALID_INPUT"),
        ("40 digits", promised(DIGITS_40), "INVALID_INPUT"),
        ("more than the ledger holds", promised(LARGEST_MINOR + 1), "INVALID_INPUT"),
        ("another currency", promised(5, "USD"), "CURRENCY_DIFFERS"),
        ("repaid in another", repaid(Money(5, "USD")), "CURRENCY_DIFFERS"),
        ("an earmark without an end", earmarked(expires_at=None), "INVALID_INPUT"),
        ("an earmark that has ended", earmarked(expires_at=NOW), "INVALID_INPUT"),
        ("a frozen limit", on_a_node(status=NodeStatus.FROZEN), "LIMIT_FROZEN"),
        ("a closed limit", on_a_node(status=NodeStatus.CLOSED), "LIMIT_CLOSED"),
        ("an expired limit", on_a_node(status=NodeStatus.EXPIRED), "LIMIT_EXPIRED"),
        ("a limit of yesterday", on_a_node(valid_until=DAY - dt.timedelta(days=1)), "LIMIT_EXPIRED"),
        ("a limit of tomorrow", on_a_node(valid_from=DAY + dt.timedelta(days=1)), "LIMIT_NOT_ACTIVE"),
        ("a draft of a limit", on_a_node(status=NodeStatus.DRAFT), "LIMIT_NOT_ACTIVE"),
        ("a limit not activated", on_a_node(status=NodeStatus.APPROVED), "LIMIT_NOT_ACTIVE"),
        ("release of more than is held", released(101), "EXCEEDS_HELD"),
        ("release of nothing", released(0), "INVALID_INPUT"),
        ("repayment of more than is owed", repaid(yuan(1)), "EXCEEDS_HELD"),
        ("write-off of what is not owed", on_reserved(written_off), "EXCEEDS_HELD"),
        ("an earmark confirmed after its time", after_its_time, "COMMITMENT_ENDED"),
        ("extension of a reservation", on_reserved(extended), "COMMITMENT_ENDED"),
        ("drawing on an earmark", drawn_from_an_earmark, "COMMITMENT_ENDED"),
        ("the clock going back", on_reserved(turned_back), "VALUE_DATE_PASSED"),
        ("a reversal of what was reversed", on_reserved(reversed_twice), "ALREADY_REVERSED"),
        ("a reversal of a reversal", on_reserved(reversal_of_a_reversal), "NOT_REVERSIBLE"),
        ("a reversal without a reason", on_reserved(reversed_without_a_word), "INVALID_INPUT"),
        ("a reversal of what was built on", on_reserved(what_was_built_on), "NOT_REVERSIBLE"),
        ("a reversal into what others have", on_reserved(what_others_have_taken), "EXCEEDS_AVAILABLE"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_bad_input_is_refused_by_name(what: str, step: Step, expected: str) -> None:
    book = branch()
    assert code_of(step(book)) == expected, what
    assert "limit" in what or broken_invariants(book) == []


def test_a_reversal_that_holds_more_again_is_refused_as_a_promise_would_be() -> None:
    book = branch()
    cap = CapShare(cap_id=1, name="shipping", subject="", share=150, used=0)
    book.shares[cap.key] = cap
    on = reserved(book, SHARED, 100)
    on = book.booked(booking.release(book.at(on), on))
    freed = book.last()
    other = reserved(book, FENCE, 60)
    assert code_of(reverse(book.at(on), on, freed, "a mistake")) == "CAP_EXCEEDED"
    book.booked(booking.release(book.at(other), other))
    with_terms(book, SHARED, status=NodeStatus.FROZEN)
    assert code_of(reverse(book.at(on), on, freed, "a mistake")) == "LIMIT_FROZEN"
    with_terms(book, SHARED, status=NodeStatus.ACTIVE)
    assert code_of(reverse(book.at(on), on, freed, "a mistake")) is None


def test_the_first_reason_in_the_documented_order_is_the_one_that_is_told() -> None:
    book = with_terms(branch(), SHARED, status=NodeStatus.FROZEN)
    asks = [book.ask(-1, "USD"), book.ask(9999, "USD"), book.ask(9999), book.ask(5)]
    told = [code_of(booking.reserve(book.place(SHARED), ask)) for ask in asks]
    assert told == [
        RefusalCode.INVALID_INPUT,
        RefusalCode.CURRENCY_DIFFERS,
        RefusalCode.LIMIT_FROZEN,
        RefusalCode.LIMIT_FROZEN,
    ]


def test_another_tenants_rows_are_in_no_path() -> None:
    """A booking changes nodes of the leaf's own tenant alone."""
    book = branch()
    answer = booking.reserve(book.place(INNER), book.ask(5))
    assert isinstance(answer, Booked)
    assert {change.key[0] for change in answer.changes} == {PUDONG}
    assert HUANGPU not in {change.key[0] for change in answer.changes}


def test_what_would_be_possible_is_kept_with_the_answer_to_a_key() -> None:
    book = branch()
    answer = booking.reserve(book.place(SHARED), book.ask(601))
    assert isinstance(answer, Refusal)
    for refusal in (
        answer,
        replace(answer, possible=None),
        replace(answer, possible=Possible(0, "CNY", "cap")),
    ):
        assert _read(_written(Refused(refusal))) == Refused(refusal)
