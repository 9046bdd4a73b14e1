"""The thirteen invariants of limits, after every step of whatever a bank may do to its limits."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from limit_book import (
    FENCED,
    HEADQUARTERS,
    HUANGPU,
    PUDONG,
    SHANGHAI,
    Book,
    broken_invariants,
    key,
    node,
    top,
)

from domain.access import Role
from domain.limits import booking, freezing, ledger, parameters, rearranging
from domain.limits.authority import Authority
from domain.limits.formulas import converted, most_converted, resolve
from domain.limits.movements import Booked
from domain.limits.nodes import (
    CapShare,
    Commitment,
    CommitmentStatus,
    Counts,
    LimitNode,
    NodeKey,
    NodeKind,
    NodeStatus,
    Operation,
    Reinstatement,
    Sharing,
)
from domain.limits.reversing import reverse
from domain.limits.syndication import syndicate
from domain.money import Money
from domain.refusals import Refusal, RefusalCode
from domain.splitting import by_weight

BANK, REGION = key(HEADQUARTERS, 1), key(SHANGHAI, 2)
BRANCHES = (key(PUDONG, 3), key(HUANGPU, 4))


def bank() -> Book:
    """A bank, its region, two branches: shared and fenced lines, in two currencies, of every way to reinstate."""
    pudong, huangpu = BRANCHES
    book = Book(
        top(HEADQUARTERS, 1, 5000, None, NodeKind.BANK),
        top(SHANGHAI, 2, 3000, BANK, NodeKind.REGION),
        top(PUDONG, 3, 1000, REGION, NodeKind.BRANCH),
        top(HUANGPU, 4, 800, REGION, NodeKind.BRANCH, tolerance=Decimal("0.05")),
        node(PUDONG, 5, 600, pudong),
        node(PUDONG, 6, 300, pudong, sharing=FENCED, tolerance=Decimal("0.1")),
        node(
            PUDONG, 7, 200, key(PUDONG, 6), kind=NodeKind.SUBLIMIT, reinstatement=Reinstatement.NON_REVOLVING
        ),
        node(
            PUDONG,
            8,
            150,
            key(PUDONG, 6),
            kind=NodeKind.SUBLIMIT,
            sharing=FENCED,
            reinstatement=Reinstatement.REDUCING,
        ),
        node(PUDONG, 9, 40, pudong, currency="USD", sharing=FENCED, parent_rate=Decimal("2.345")),
        node(HUANGPU, 10, 500, huangpu, regulatory_cap=450),
        node(HUANGPU, 11, 3000, huangpu, currency="JPY", parent_rate=Decimal("0.0475")),
    )
    for counts in Counts:
        cap = CapShare(
            cap_id=len(book.shares), name=f"cap on {counts}", subject="", share=900, used=0, counts=counts
        )
        book.shares[cap.key] = cap
    return book


AMOUNTS = st.one_of(st.integers(1, 60), st.integers(1, 400), st.sampled_from([1, 100, 1000, 3000]))
ABOVE = Role.HEADQUARTERS_ADMINISTRATOR
WHICH = st.integers(0, 10_000)


class Limits(RuleBasedStateMachine):
    """Anybody does anything, on any node, in any order; a refusal changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.book = bank()

    # --- what is drawn on --------------------------------------------------------------------------------

    def leaf(self, which: int) -> NodeKey:
        keys = sorted(self.book.nodes)
        return keys[which % len(keys)]

    def commitment(self, which: int, bucket: str | None = None) -> Commitment:
        """One that holds something (in this bucket), more often than one that has ended."""
        live = list(self.book.standing_commitments())
        fit = [each for each in live if bucket and getattr(each.balance, bucket)]
        every = fit * 6 + live + list(self.book.commitments.values())
        return every[which % len(every)]

    def done(self, answer: Booked | Refusal | None) -> None:
        before = dict(self.book.nodes)
        if isinstance(self.book.book(answer), Refusal):
            assert before == self.book.nodes

    @rule(which=WHICH, amount=AMOUNTS)
    def earmark(self, which: int, amount: int) -> None:
        place = self.book.place(self.leaf(which))
        available = resolve(place.path, place.caps, amount, place.day).available
        answer = booking.earmark(place, self.book.ask(amount, place.leaf.currency))
        # What is said to be available, and nothing more, can be had.
        assert isinstance(answer, Booked) == (amount <= available)
        if isinstance(answer, Refusal) and answer.possible and answer.code is not RefusalCode.CAP_EXCEEDED:
            assert answer.possible.available_minor < amount
        self.done(answer)

    @rule(which=WHICH, amount=AMOUNTS, partial=st.booleans())
    def reserve(self, which: int, amount: int, partial: bool) -> None:
        place = self.book.place(self.leaf(which))
        self.done(booking.reserve(place, self.book.ask(amount, place.leaf.currency), partial=partial))

    @precondition(lambda self: self.book.commitments)
    @rule(which=WHICH, amount=st.none() | AMOUNTS, partial=st.booleans())
    def reserve_on(self, which: int, amount: int | None, partial: bool) -> None:
        on = self.commitment(which)
        money = None if amount is None else Money(amount, on.currency)
        self.done(booking.reserve_on(self.book.at(on), on, money, partial=partial))

    @precondition(lambda self: self.book.commitments)
    @rule(which=WHICH, amount=AMOUNTS, beyond=st.booleans())
    def utilise(self, which: int, amount: int, beyond: bool) -> None:
        on = self.commitment(which, "reserved")
        money = Money(amount if beyond else min(amount, on.balance.reserved or amount), on.currency)
        self.done(booking.utilise(self.book.at(on), on, money, beyond_reservation=beyond))

    @precondition(lambda self: self.book.commitments)
    @rule(which=WHICH, amount=AMOUNTS, lost=st.booleans())
    def repay(self, which: int, amount: int, lost: bool) -> None:
        on = self.commitment(which, "utilised")
        less = booking.write_off if lost else booking.repay
        money = Money(min(amount, on.balance.utilised or amount), on.currency)
        self.done(less(self.book.at(on), on, money))

    @precondition(lambda self: self.book.commitments)
    @rule(which=WHICH, amount=st.none() | AMOUNTS)
    def release(self, which: int, amount: int | None) -> None:
        on = self.commitment(which)
        money = None if amount is None else Money(amount, on.currency)
        answer = booking.release(self.book.at(on), on, money)
        assert not isinstance(answer, Booked) or answer.commitment is not None
        if isinstance(answer, Booked) and answer.commitment:
            assert answer.commitment.balance.utilised == on.balance.utilised
        self.done(answer)

    @precondition(lambda self: self.book.recorded)
    @rule(which=WHICH)
    def reverse(self, which: int) -> None:
        every = list(self.book.recorded.values())
        recorded = every[-1 - which % min(len(every), 4)]
        on = self.book.commitments.get(recorded.movement.commitment or key(0, 0))
        place = self.book.at(on) if on else self.book.place(recorded.movement.node)
        self.done(reverse(place, on, recorded, "a mistake"))

    @rule(which=WHICH, amount=AMOUNTS)
    def override(self, which: int, amount: int) -> None:
        place = self.book.place(self.leaf(which))
        ask = self.book.ask(amount, place.leaf.currency, reason="the client of the year")
        authority = Authority("HEAD", Money(500, place.leaf.currency))
        self.done(booking.override(place, ask, "head", authority))

    @rule(amount=AMOUNTS, weights=st.lists(st.integers(1, 9), min_size=2, max_size=4))
    def syndicate(self, amount: int, weights: list[int]) -> None:
        """All partners or none: tried on a copy of the book's rows."""
        shares = by_weight(amount, weights)
        kept = dict(self.book.nodes), dict(self.book.commitments), list(self.book.lines)
        kept_caps = dict(self.book.shares), list(self.book.cap_lines), dict(self.book.recorded)
        for i, share in enumerate(shares):
            place = self.book.place(BRANCHES[i % 2])
            if isinstance(self.book.book(syndicate(place, self.book.ask(share))), Refusal):
                self.book.nodes, self.book.commitments, self.book.lines = kept
                self.book.shares, self.book.cap_lines, self.book.recorded = kept_caps
                return

    # --- what is decided ---------------------------------------------------------------------------------

    @rule(which=WHICH, sanctioned=st.integers(0, 1500), days=st.integers(-40, 40), fence=st.booleans())
    def adjust(self, which: int, sanctioned: int, days: int, fence: bool) -> None:
        place = self.book.place(self.leaf(which))
        leaf = place.leaf
        below = [child for child in self.book.children(leaf.key) if child.status is not NodeStatus.CLOSED]
        within = (
            (min(child.valid_from for child in below), max(child.valid_until for child in below))
            if below
            else None
        )
        terms: dict[str, Any] = {"sanctioned": sanctioned}
        if days > 20:
            terms["valid_until"] = leaf.valid_until - dt.timedelta(days=days)
        if not leaf.is_top:
            terms["sharing"] = FENCED if fence else Sharing.SHARED
        after = replace(leaf, **terms)
        self.done(parameters.adjust(place, after, self.book.above(leaf.key), within=within))

    @rule(which=WHICH, amount=AMOUNTS, days=st.integers(0, 60))
    def add(self, which: int, amount: int, days: int) -> None:
        place = self.book.place(self.leaf(which))
        last = place.day + dt.timedelta(days=days)
        self.done(parameters.add(place, amount, place.day, last, self.book.above(place.leaf.key)))

    @rule(giving=WHICH, taking=WHICH, amount=AMOUNTS)
    def transfer(self, giving: int, taking: int, amount: int) -> None:
        giver = self.book.nodes[self.leaf(giving)]
        others = [each for each in self.book.children(giver.parent or key(0, 0)) if each is not giver]
        receiver = others[taking % len(others)] if others else self.book.nodes[self.leaf(taking)]
        before = giver.sanctioned + receiver.sanctioned
        places = self.book.place(giver.key), self.book.place(receiver.key)
        self.done(rearranging.transfer(*places, amount, giver.currency, self.book.above(giver.key)))
        after = self.book.nodes[giver.key].sanctioned + self.book.nodes[receiver.key].sanctioned
        assert after == before or giver.key == receiver.key

    @rule(which=WHICH, thaw=st.booleans())
    def freeze(self, which: int, thaw: bool) -> None:
        if which % 3:  # Seldom: where much is frozen little happens.
            return
        target = self.book.nodes[self.leaf(which // 3)]
        below = self.tops_below(target) if target.is_top else []
        if target.status is NodeStatus.FROZEN or thaw:
            self.done(freezing.unfreeze(target, below, self.every_above(target), self.book.day, ABOVE))
        else:
            self.done(freezing.freeze(target, below, self.book.day, "watch", ABOVE))

    def tops_below(self, target: LimitNode) -> list[LimitNode]:
        found = [child for child in self.book.children(target.key) if child.is_top]
        return found + [each for child in found for each in self.tops_below(child)]

    def every_above(self, target: LimitNode) -> list[LimitNode]:
        found = []
        while target.parent:
            target = self.book.nodes[target.parent]
            found.append(target)
        return found

    @rule(which=WHICH)
    def close(self, which: int) -> None:
        if which % 3:
            return
        place = self.book.place(self.leaf(which // 3))
        children = self.book.children(place.leaf.key)
        below = sum(child.status is not NodeStatus.CLOSED for child in children)
        if place.leaf.is_top and place.leaf.key not in BRANCHES:
            return
        self.done(parameters.close(place, self.book.above(place.leaf.key), open_below=below))

    @rule(which=WHICH, sanctioned=st.integers(0, 400), fenced=st.booleans())
    def open(self, which: int, sanctioned: int, fenced: bool) -> None:
        """Opened, approved, activated, one after the other; where the parent has no room it stays approved."""
        parent = self.book.nodes[self.leaf(which)]
        sharing = FENCED if fenced else Sharing.SHARED
        fresh = node(parent.key[0], 0, sanctioned, parent.key, sharing=sharing, currency=parent.currency)
        fresh = replace(fresh, key=(parent.key[0], self.book.new_id()), valid_until=parent.valid_until)
        if len(self.book.nodes) > 14 or isinstance(
            self.book.book(parameters.open_node(fresh, parent, self.book.day)), Refusal
        ):
            return
        self.done(parameters.approve(self.book.place(fresh.key), "approver"))
        self.done(parameters.activate(self.book.place(fresh.key), None))

    @rule(which=WHICH, where=WHICH)
    def move(self, which: int, where: int) -> None:
        place = self.book.place(self.leaf(which))
        target = self.leaf(where)
        if place.leaf.is_top:
            return
        # To a node of another tenant it is refused, too.
        rate = Decimal("1.5") if self.book.nodes[target].currency != place.leaf.currency else None
        self.done(rearranging.move(place, self.book.path(target), rate=rate))

    @rule(which=WHICH, rate=st.decimals("0.01", "3", places=4))
    def revalue(self, which: int, rate: Decimal) -> None:
        place = self.book.place(self.leaf(which))
        if place.leaf.parent is None:
            return
        parent = self.book.nodes[place.leaf.parent]
        self.done(rearranging.revalue(place, rate, parent, self.book.above(place.leaf.key)))

    @rule(hours=st.sampled_from([1, 12, 24, 24 * 20]))
    def time_passes(self, hours: int) -> None:
        """Whatever books next in a branch sweeps its earmarks; the nightly job ages its nodes."""
        self.book.now += dt.timedelta(hours=hours)
        self.book.day = self.book.now.date()
        for commitment in list(self.book.commitments.values()):
            if commitment.expires_at and commitment.expires_at <= self.book.now:
                expired = self.book.booked(booking.expire(self.book.at(commitment), commitment))
                assert expired.status is CommitmentStatus.EXPIRED
        for each in sorted(self.book.nodes):
            self.book.book(parameters.age(self.book.place(each), self.book.above(each)))

    @invariant()
    def the_books_are_right(self) -> None:
        assert broken_invariants(self.book) == []


class TestLimits(Limits.TestCase):  # type: ignore[valid-type,misc]
    settings = settings(
        max_examples=30,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )


# --- laws of single steps ---------------------------------------------------------------------------------------


def steps_of(book: Book, leaf: NodeKey, amount: int) -> list[Any]:
    """The steps of a commitment's life, each tried on the present state of the book."""
    currency = book.nodes[leaf].currency
    money, half = Money(amount, currency), Money(max(amount // 2, 1), currency)

    def on() -> Commitment:
        return list(book.commitments.values())[-1]

    return [
        lambda: booking.earmark(book.place(leaf), book.ask(amount, currency)),
        lambda: booking.reserve_on(book.at(on()), on(), money),
        lambda: booking.utilise(book.at(on()), on(), half),
        lambda: booking.repay(book.at(on()), on(), half),
        lambda: booking.release(book.at(on()), on(), None),
    ]


@pytest.mark.parametrize("leaf", [key(PUDONG, n) for n in (3, 5, 6, 7, 8, 9)] + [key(HUANGPU, 11)])
@pytest.mark.parametrize("steps", range(1, 6))
@pytest.mark.parametrize("amount", [1, 7, 33])
def test_a_reversal_restores_exactly(leaf: NodeKey, steps: int, amount: int) -> None:
    book = bank()
    life = steps_of(book, leaf, amount)
    before = None
    for step in life[:steps]:
        before = dict(book.nodes), dict(book.shares), dict(book.commitments)
        answer = step()
        if isinstance(answer, Refusal):
            assert answer.code is RefusalCode.INVALID_INPUT or steps == 5, answer
            return
        book.booked(answer)
    assert before is not None
    recorded = book.last()
    on = list(book.commitments.values())[-1]
    restored = book.booked(reverse(book.at(on), on, recorded, "a mistake"))
    nodes, shares, commitments = before
    assert {k: replace(n, version=0) for k, n in book.nodes.items()} == {
        k: replace(n, version=0) for k, n in nodes.items()
    }
    assert book.shares == shares
    if on.key in commitments:
        was = commitments[on.key]
        assert restored == was
    else:
        assert (restored.status, restored.balance.total) == (CommitmentStatus.REVERSED, 0)
    # … and once only, and not itself.
    again = reverse(book.at(restored), restored, book.recorded[recorded.id], "again")
    assert isinstance(again, Refusal)
    assert again.code is RefusalCode.ALREADY_REVERSED
    itself = reverse(book.at(restored), restored, book.last(), "again")
    assert isinstance(itself, Refusal)
    assert itself.code is RefusalCode.NOT_REVERSIBLE
    assert broken_invariants(book) == []


@given(st.lists(st.integers(1, 120), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_however_many_ask_no_more_is_granted_than_there_is(asked: list[int]) -> None:
    book = bank()
    granted = 0
    for amount in asked:
        answer = booking.reserve(book.place(key(PUDONG, 6)), book.ask(amount))
        granted += amount if isinstance(book.book(answer), Commitment) else 0
    assert granted == book.nodes[key(PUDONG, 6)].balance.total
    # Its child's fence of 150 is not its own to draw on.
    assert granted <= 150
    assert broken_invariants(book) == []


@given(st.integers(0, 10**15), st.decimals("0.000000001", "20000", places=9))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_the_most_that_fits_after_conversion_fits_and_one_more_does_not(limit: int, rate: Decimal) -> None:
    most = most_converted(limit, rate)
    assert converted(most, rate) <= limit < converted(most + 1, rate)


def test_a_balance_that_no_posting_explains_is_named() -> None:
    book = bank()
    book.booked(booking.reserve(book.place(key(PUDONG, 5)), book.ask(50)))
    wrong = book.nodes[key(PUDONG, 5)]
    book.nodes[wrong.key] = replace(
        wrong, balance=replace(wrong.balance, reserved=49), idle_fenced=3, dealt=2
    )
    found = ledger.verify(book.nodes, book.lines, book.standing_commitments())
    assert [(each.node, each.what, each.kept, each.reckoned) for each in found if each.node == wrong.key] == [
        (wrong.key, "reserved by postings", 49, 50),
        (wrong.key, "reserved by commitments", 49, 50),
        (wrong.key, "idle_fenced", 3, 0),
        (wrong.key, "dealt", 2, 0),
    ]
    assert {each.node for each in found} == {wrong.key, BRANCHES[0]}


def test_operations_of_the_ledger_are_all_known_to_reversal() -> None:
    """A new operation has to be thought of: is it taken back, or done anew?"""
    from domain.limits.reversing import REVERSIBLE

    anew = {
        Operation.EXTEND,
        Operation.EXPIRE,
        Operation.REVERSE,
        Operation.ADJUST,
        Operation.ADD,
        Operation.TRANSFER,
        Operation.ALLOCATE,
        Operation.RECLAIM,
        Operation.FREEZE,
        Operation.UNFREEZE,
        Operation.CLOSE,
        Operation.OPEN,
        Operation.APPROVE,
        Operation.ACTIVATE,
        Operation.MOVE,
        Operation.REVALUE,
        Operation.PROPOSE,
    }
    assert anew | REVERSIBLE == set(Operation)
