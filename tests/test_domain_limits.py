"""What is available, what is booked, and why not: the limits of one branch, in sentences."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
from limit_book import (
    BRANCH,
    DAY,
    FENCE,
    FENCED,
    INNER,
    NOW,
    PUDONG,
    SHARED,
    TOMORROW,
    Book,
    available,
    branch,
    broken_invariants,
    code_of,
    drawn,
    node,
    reserved,
    with_terms,
    yuan,
)

from domain.limits import booking
from domain.limits.formulas import contribution, converted, headroom, resolve
from domain.limits.movements import Booked
from domain.limits.nodes import (
    Balance,
    CapShare,
    CommitmentStatus,
    NodeKey,
    NodeStatus,
    Operation,
    Reinstatement,
)
from domain.limits.reversing import reverse
from domain.money import Money
from domain.refusals import Possible, Refusal, RefusalCode

# --- what is available --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "book", "leaf", "expected"),
    [
        ("a shared line has its own amount at most", branch(), SHARED, (600, "Lingang Ports")),
        ("… and what fences leave of the branch", branch(s=800), SHARED, (500, "Pudong")),
        (
            "a fenced line has its amount, whatever others draw",
            branch(s=300),
            FENCE,
            (300, "Zhangjiang Chips"),
        ),
        ("a sublimit stops at the fence above it", branch(inner=400), INNER, (300, "Zhangjiang Chips")),
        ("among equals the nearest to the leaf binds", branch(inner=300), INNER, (300, "letters of credit")),
        (
            "a regulatory cap binds before the sanctioned amount",
            with_terms(branch(), SHARED, regulatory_cap=250),
            SHARED,
            (250, "Lingang Ports"),
        ),
        (
            "so does what the collateral bears",
            with_terms(branch(), SHARED, collateral_cap=0),
            SHARED,
            (0, "Lingang Ports"),
        ),
        (
            "an addition counts on its days",
            with_terms(branch(), SHARED, addition=50, addition_from=DAY, addition_until=DAY),
            SHARED,
            (650, "Lingang Ports"),
        ),
        (
            "… and on no others",
            with_terms(
                branch(), SHARED, addition=50, addition_from=dt.date(2026, 4, 1), addition_until=LAST_DAY
            )
            if (LAST_DAY := dt.date(2026, 5, 1))
            else None,
            SHARED,
            (600, "Lingang Ports"),
        ),
        (
            "an addition on a fence must be there in the branch",
            with_terms(branch(s=320), FENCE, addition=50, addition_from=DAY, addition_until=DAY),
            FENCE,
            (320, "Pudong"),
        ),
        (
            "what is dealt to other tenants is not there",
            with_terms(branch(), BRANCH, dealt=600),
            SHARED,
            (100, "Pudong"),
        ),
        (
            "the tolerance is for drawing down, not for promises",
            with_terms(branch(), SHARED, tolerance=Decimal("0.05")),
            SHARED,
            (600, "Lingang Ports"),
        ),
        (
            "nothing under a frozen node",
            with_terms(branch(), BRANCH, status=NodeStatus.FROZEN),
            INNER,
            (0, "Pudong"),
        ),
        (
            "nothing the day after the last one",
            with_terms(branch(), SHARED, valid_until=dt.date(2026, 3, 1)),
            SHARED,
            (0, "Lingang Ports"),
        ),
        (
            "all on the last day",
            with_terms(branch(), SHARED, valid_until=DAY),
            SHARED,
            (600, "Lingang Ports"),
        ),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_what_is_available(what: str, book: Book, leaf: NodeKey, expected: tuple[int, str]) -> None:
    assert available(book, leaf) == expected, what


def test_a_trace_tells_every_level_and_cap_and_which_one_binds() -> None:
    book = branch(s=800)
    reserved(book, SHARED, 100)
    share = CapShare(cap_id=1, name="shipping", subject="", share=450, used=0)
    place = replace(book.place(SHARED), caps=(share,))
    quota = resolve(place.path, place.caps, 400, place.day)
    assert (quota.available, quota.currency, quota.allowed, quota.binding) == (400, "CNY", True, "Pudong")
    assert [(x.name, x.effective, x.committed, x.headroom, x.binds) for x in quota.trace] == [
        ("Lingang Ports", 600, 100, 500, False),
        ("Pudong", 800, 400, 400, True),
        ("shipping", 450, 0, 450, False),
    ]
    assert not resolve(place.path, place.caps, 401, place.day).allowed
    assert not resolve(place.path, place.caps, 0, place.day).allowed


def test_earmarks_whose_time_has_passed_are_left_out_of_what_is_taken() -> None:
    book = branch(s=800)
    book.booked(booking.earmark(book.place(SHARED), book.ask(500)))
    assert available(book, SHARED) == (0, "Pudong")
    assert available(book, SHARED, expired={SHARED: 500, BRANCH: 500}) == (500, "Pudong")


def test_a_draw_within_a_fence_changes_nothing_above_it_and_one_beyond_it_does() -> None:
    book = branch(tolerance=Decimal("0.1"))
    on = reserved(book, INNER, 200)
    assert (book.nodes[BRANCH].balance.total, book.nodes[BRANCH].idle_fenced) == (200, 100)
    assert available(book, SHARED)[0] == 600
    with_terms(book, INNER, sanctioned=400)
    on = book.booked(booking.utilise(book.at(on), on, yuan(330), beyond_reservation=True))
    assert (book.nodes[BRANCH].balance.total, book.nodes[BRANCH].idle_fenced) == (330, 0)
    assert headroom(book.nodes[BRANCH], DAY) == 670
    assert not book.nodes[FENCE].over_limit
    # The tolerance is used up; and none of it was ever for a promise.
    assert available(book, INNER) == (0, "Zhangjiang Chips")


def test_what_a_node_adds_above_is_converted_so_that_parts_sum_to_the_rounded_whole() -> None:
    dollars = node(
        PUDONG,
        8,
        101,
        BRANCH,
        currency="USD",
        parent_rate=Decimal("7.155"),
        sharing=FENCED,
        balance=Balance(33, 33, 34),
    )
    share, idle = contribution(dollars)
    assert share.utilised == converted(34, dollars.parent_rate) == 243
    assert share.total == converted(100, dollars.parent_rate) == 716  # 715.5, half to even
    assert share.total + idle == converted(101, dollars.parent_rate) == 723


@pytest.mark.parametrize(
    ("minor", "rate", "expected"),
    [
        (5, "0.1", 0),
        (15, "0.1", 2),
        (25, "0.1", 2),
        (-5, "0.1", 0),
        (-15, "0.1", -2),
        (10**18, "0.123456789", 123456789 * 10**9),
    ],
)
def test_amounts_are_rounded_half_to_even(minor: int, rate: str, expected: int) -> None:
    assert converted(minor, Decimal(rate)) == expected


# --- the life of a commitment -----------------------------------------------------------------------------


def test_a_commitment_is_earmarked_reserved_drawn_repaid() -> None:
    book = branch()
    on = book.booked(booking.earmark(book.place(SHARED), book.ask(100)))
    assert (on.status, on.balance, on.expires_at) == (
        CommitmentStatus.EARMARKED,
        Balance(earmarked=100),
        TOMORROW,
    )
    on = book.booked(booking.extend(book.at(on), on, NOW + dt.timedelta(days=9)))
    assert on.expires_at == NOW + dt.timedelta(days=9)
    # Neither at first nor extended does it hold for longer than policy lets it; the last day counts.
    longest = DAY + dt.timedelta(days=20)
    late = NOW + dt.timedelta(days=21)
    for answer in (
        booking.earmark(book.place(SHARED), book.ask(1, expires_at=late, last_day=longest)),
        booking.extend(book.at(on), on, late, longest),
    ):
        assert isinstance(answer, Refusal)
        assert (answer.code, answer.path) == ("INVALID_INPUT", ("expiresAt",))
        assert "until 2026-03-22 at most" in answer.message
    assert isinstance(booking.extend(book.at(on), on, late - dt.timedelta(days=1), longest), Booked)
    on = book.booked(booking.reserve_on(book.at(on), on, yuan(80)))
    # What was not approved is free again.
    assert (on.status, on.balance, on.expires_at) == (CommitmentStatus.RESERVED, Balance(reserved=80), None)
    assert available(book, SHARED) == (520, "Lingang Ports")
    on = book.booked(booking.utilise(book.at(on), on, yuan(30)))
    assert (on.status, on.balance) == (CommitmentStatus.UTILISED, Balance(reserved=50, utilised=30))
    on = book.booked(booking.release(book.at(on), on))
    assert (on.status, on.balance) == (CommitmentStatus.UTILISED, Balance(utilised=30))
    on = book.booked(booking.repay(book.at(on), on, yuan(30)))
    assert (on.status, on.balance.total, on.granted) == (CommitmentStatus.REPAID, 0, 100)
    assert [recorded.movement.operation for recorded in book.recorded.values()] == [
        Operation.EARMARK,
        Operation.EXTEND,
        Operation.RESERVE,
        Operation.UTILISE,
        Operation.RELEASE,
        Operation.REPAY,
    ]
    assert available(book, SHARED) == (600, "Lingang Ports")
    assert broken_invariants(book) == []


@pytest.mark.parametrize(
    ("asked", "partial", "expected"),
    [
        (600, False, 600),
        (601, False, RefusalCode.EXCEEDS_AVAILABLE),
        (601, True, 600),
        (10**9, True, 600),
        (5, True, 5),
    ],
)
def test_a_partial_reservation_is_as_much_as_there_is(
    asked: int, partial: bool, expected: int | RefusalCode
) -> None:
    book = branch()
    answer = booking.reserve(book.place(SHARED), book.ask(asked), partial=partial)
    if isinstance(answer, Refusal):
        assert answer.code is expected
        assert answer.possible == Possible(600, "CNY", "Lingang Ports", SHARED)
        assert answer.message == "the limit 'Lingang Ports' leaves 6.00 CNY"
    else:
        assert answer.movement.amount == expected == book.booked(answer).balance.reserved


@pytest.mark.parametrize(
    ("cut_to", "amount", "partial", "expected"),
    [
        (600, None, False, 500),
        (600, yuan(600), False, 600),
        (600, yuan(601), False, RefusalCode.EXCEEDS_AVAILABLE),
        # After a cut an earmark is no promise.
        (200, None, False, RefusalCode.EXCEEDS_AVAILABLE),
        (200, None, True, 200),
        (0, None, True, RefusalCode.EXCEEDS_AVAILABLE),
    ],
)
def test_a_reservation_takes_the_place_of_its_earmark(
    cut_to: int, amount: Money | None, partial: bool, expected: int | RefusalCode
) -> None:
    book = branch()
    on = book.booked(booking.earmark(book.place(SHARED), book.ask(500)))
    with_terms(book, SHARED, sanctioned=cut_to, over_limit=cut_to < 500)
    answer = booking.reserve_on(book.at(on), on, amount, partial=partial)
    if isinstance(answer, Refusal):
        assert answer.code is expected
    else:
        assert book.booked(answer).balance == Balance(reserved=answer.movement.amount or 0)
        assert answer.movement.amount == expected
        assert broken_invariants(book) == []


@pytest.mark.parametrize(
    ("how", "amount", "beyond", "expected"),
    [
        ("the reservation", 300, False, 300),
        ("no more than the reservation", 301, False, RefusalCode.EXCEEDS_HELD),
        ("the excess where policy lets it", 500, True, 500),
        ("to limit × (1 + t)", 630, True, 630),
        ("and no further", 631, True, RefusalCode.EXCEEDS_AVAILABLE),
    ],
)
def test_drawing_takes_the_reservation_first(
    how: str, amount: int, beyond: bool, expected: int | RefusalCode
) -> None:
    book = with_terms(branch(), SHARED, tolerance=Decimal("0.05"))
    on = reserved(book, SHARED, 300)
    answer = booking.utilise(book.at(on), on, yuan(amount), beyond_reservation=beyond)
    if isinstance(answer, Refusal):
        assert answer.code is expected, how
        assert answer.possible is not None
        assert answer.possible.available_minor == (630 if beyond else 300)
    else:
        assert book.booked(answer).balance == Balance(reserved=max(300 - amount, 0), utilised=amount), how
        assert broken_invariants(book) == []


def test_what_was_promised_may_be_drawn_after_a_cut_and_not_from_a_frozen_limit() -> None:
    book = branch()
    on = reserved(book, SHARED, 300)
    with_terms(book, SHARED, sanctioned=100, over_limit=True)
    assert isinstance(booking.utilise(book.at(on), on, yuan(300)), Booked)
    with_terms(book, SHARED, status=NodeStatus.FROZEN)
    assert code_of(booking.utilise(book.at(on), on, yuan(300))) is RefusalCode.LIMIT_FROZEN


@pytest.mark.parametrize(
    ("kind", "sanctioned", "consumed", "left"),
    [
        (Reinstatement.REVOLVING, 300, 0, 250),
        (Reinstatement.NON_REVOLVING, 300, 100, 150),
        (Reinstatement.REDUCING, 200, 0, 150),
    ],
)
def test_a_repayment_reinstates_only_what_revolves(
    kind: Reinstatement, sanctioned: int, consumed: int, left: int
) -> None:
    book = branch(reinstatement=kind)
    on = drawn(book, FENCE, 150)
    on = book.booked(booking.repay(book.at(on), on, yuan(100)))
    fence = book.nodes[FENCE]
    assert (fence.sanctioned, fence.consumed) == (sanctioned, consumed)
    assert available(book, FENCE) == (left, "Zhangjiang Chips")
    # The branch has again what a reducing limit gives back, and keeps the whole fence of any other.
    assert headroom(book.nodes[BRANCH], DAY) == 1000 - sanctioned
    assert broken_invariants(book) == []
    recorded = book.last()
    assert code_of(booking.reserve(book.place(FENCE), book.ask(left + 1))) is (
        RefusalCode.DOES_NOT_REVOLVE if consumed else RefusalCode.EXCEEDS_AVAILABLE
    )
    book.booked(reverse(book.at(on), on, recorded, "paid by somebody else"))
    assert (book.nodes[FENCE].sanctioned, book.nodes[FENCE].consumed) == (300, 0)
    assert available(book, FENCE) == (150, "Zhangjiang Chips")


def test_a_repaid_commitment_is_drawn_again_only_where_the_limit_revolves() -> None:
    for kind, expected in (
        (Reinstatement.REVOLVING, None),
        (Reinstatement.NON_REVOLVING, RefusalCode.DOES_NOT_REVOLVE),
        (Reinstatement.REDUCING, RefusalCode.DOES_NOT_REVOLVE),
    ):
        book = branch(reinstatement=kind)
        on = drawn(book, FENCE, 50)
        on = book.booked(booking.repay(book.at(on), on, yuan(50)))
        assert code_of(booking.reserve_on(book.at(on), on, yuan(10))) is expected
        answer = booking.utilise(book.at(on), on, yuan(10), beyond_reservation=True)
        assert code_of(answer) is expected


def test_a_repayment_is_reversed_to_where_the_tolerance_had_led() -> None:
    book = with_terms(branch(), SHARED, tolerance=Decimal("0.05"))
    on = reserved(book, SHARED, 600)
    on = book.booked(booking.utilise(book.at(on), on, yuan(630), beyond_reservation=True))
    # It is not over its limit, and leaves nothing.
    assert code_of(booking.reserve(book.place(SHARED), book.ask(1))) is RefusalCode.EXCEEDS_AVAILABLE
    on = book.booked(booking.repay(book.at(on), on, yuan(20)))
    on = book.booked(reverse(book.at(on), on, book.last(), "a mistake"))
    assert on.balance.utilised == 630
    assert broken_invariants(book) == []


def test_a_reversed_promise_was_never_granted() -> None:
    book = branch()
    on = reserved(book, SHARED, 50)
    on = book.booked(booking.reserve_on(book.at(on), on, yuan(30)))
    assert (on.balance.reserved, on.granted) == (80, 80)
    on = book.booked(reverse(book.at(on), on, book.last(), "a mistake"))
    assert (on.balance.reserved, on.granted) == (50, 50)


def test_a_loss_is_written_off_and_ends_what_holds_nothing_else() -> None:
    book = branch()
    on = drawn(book, SHARED, 50)
    on = book.booked(booking.write_off(book.at(on), on, yuan(20)))
    assert (on.status, on.balance.utilised) == (CommitmentStatus.UTILISED, 30)
    on = book.booked(booking.write_off(book.at(on), on, yuan(30)))
    assert on.status is CommitmentStatus.WRITTEN_OFF


def test_an_earmark_ends_by_itself_on_any_day_and_in_any_state_of_its_limit() -> None:
    book = branch()
    on = book.booked(booking.earmark(book.place(SHARED), book.ask(100)))
    assert code_of(booking.expire(book.at(on), on)) is RefusalCode.COMMITMENT_ENDED
    book.now = TOMORROW
    book.day = DAY - dt.timedelta(days=1)  # Somebody has turned the bank's day back.
    with_terms(book, SHARED, status=NodeStatus.FROZEN)
    on = book.booked(booking.expire(book.at(on), on))
    assert (on.status, on.balance.total, on.moved_on) == (CommitmentStatus.EXPIRED, 0, DAY)
    assert book.nodes[BRANCH].balance.total == 0


def test_an_earmark_given_back_whole_is_cancelled_and_in_part_goes_on() -> None:
    book = branch()
    on = book.booked(booking.earmark(book.place(SHARED), book.ask(100)))
    on = book.booked(booking.release(book.at(on), on, yuan(40)))
    assert (on.status, on.balance, on.expires_at) == (CommitmentStatus.EARMARKED, Balance(60), TOMORROW)
    on = book.booked(booking.release(book.at(on), on))
    assert on.status is CommitmentStatus.CANCELLED
    assert book.last().movement.operation is Operation.CANCEL
