"""A bank's limits in memory: nodes, commitments and a ledger, to which what `domain.limits` decides is applied."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

from domain.limits import booking, ledger, parameters
from domain.limits.formulas import STANDING, converted, granted, resolve, with_tolerance
from domain.limits.movements import Ask, Booked, CapChange, Place, Recorded
from domain.limits.nodes import NOTHING, CapKey, CapShare, Commitment, LimitNode, NodeKey, NodeKind, Sharing
from domain.money import Money
from domain.refusals import Refusal, RefusalCode

DAY = dt.date(2026, 3, 2)
NOW = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
FIRST, LAST = dt.date(2026, 1, 1), dt.date(2026, 12, 31)
HEADQUARTERS, SHANGHAI, PUDONG, HUANGPU = 1, 2, 11, 12
FENCED = Sharing.RING_FENCED


def key(branch: int, number: int) -> NodeKey:
    """A short name for a node's key."""
    return (branch, UUID(int=number))


def node(branch: int, number: int, sanctioned: int, parent: NodeKey | None = None, **terms: Any) -> LimitNode:
    """A node in force this year; by default shared, revolving, in yuan."""
    given: dict[str, Any] = {
        "kind": NodeKind.CLIENT,
        "name": f"node {number}",
        "currency": "CNY",
        "valid_from": FIRST,
        "valid_until": LAST,
        "created_by": "writer",
        "approved_by": "approver",
        **terms,
    }
    return LimitNode(key=key(branch, number), parent=parent, sanctioned=sanctioned, **given)


def top(
    branch: int, number: int, sanctioned: int, parent: NodeKey | None, kind: NodeKind, **terms: Any
) -> LimitNode:
    """A unit's own node."""
    return node(branch, number, sanctioned, parent, kind=kind, sharing=FENCED, **terms)


def yuan(minor: int) -> Money:
    """An amount in fen."""
    return Money(minor, "CNY")


class Book:
    """What `tenants.limits` is in the database: rows under conditional updates, and a ledger that only grows."""

    def __init__(self, *nodes: LimitNode) -> None:
        self.nodes: dict[NodeKey, LimitNode] = {each.key: each for each in nodes}
        self.commitments: dict[NodeKey, Commitment] = {}
        self.lines: list[ledger.Posting] = []
        self.recorded: dict[UUID, Recorded] = {}
        self.shares: dict[CapKey, CapShare] = {}
        self.cap_lines: list[tuple[UUID, NodeKey, CapChange]] = []
        self.day, self.now = DAY, NOW
        self._ids = 1000
        for each in list(self.nodes.values()):
            self._fit(each)

    def _fit(self, each: LimitNode) -> None:
        """The fences and dealt amounts of nodes that a test starts with."""
        fences = [each for each in self.children(each.key) if each.fenced and not each.is_top]
        idle = sum(converted(fence.sanctioned, fence.parent_rate) for fence in fences)
        given = sum(each.sanctioned for each in self.children(each.key) if each.is_top)
        self.nodes[each.key] = replace(self.nodes[each.key], idle_fenced=idle, dealt=given)

    def children(self, parent: NodeKey) -> list[LimitNode]:
        """The nodes directly below one."""
        return [each for each in self.nodes.values() if each.parent == parent]

    def new_id(self) -> UUID:
        """An id that nothing has."""
        self._ids += 1
        return UUID(int=self._ids)

    def path(self, leaf: NodeKey) -> tuple[LimitNode, ...]:
        """From a node up to its tenant's top."""
        found = [self.nodes[leaf]]
        while (parent := found[-1].parent) is not None and parent[0] == leaf[0]:
            found.append(self.nodes[parent])
        return tuple(found)

    def above(self, top_node: NodeKey) -> LimitNode | None:
        """The node above a top node, in another tenant."""
        found = self.nodes[top_node]
        return self.nodes[found.parent] if found.is_top and found.parent else None

    def place(self, leaf: NodeKey, commitment: Commitment | None = None) -> Place:
        """Where something is booked, with what the commitment holds under each cap."""
        held: dict[CapKey, int] = defaultdict(int)
        for _, of, change in self.cap_lines:
            if commitment is not None and of == commitment.key:
                held[change.key] += change.delta
        caps = tuple(replace(cap, held=held[cap.key]) for cap in self.shares.values())
        return Place(self.path(leaf), caps, self.day, self.now)

    def at(self, commitment: Commitment) -> Place:
        """Where a commitment is booked."""
        return self.place(commitment.node, commitment)

    def ask(self, amount: int, currency: str = "CNY", **given: Any) -> Ask:
        """Somebody wants an amount; an earmark of it lasts a day."""
        terms: dict[str, Any] = {
            "client_id": UUID(int=7),
            "product": "TERM_LOAN",
            "expires_at": self.now + dt.timedelta(days=1),
            **given,
        }
        return Ask(amount=amount, currency=currency, commitment_id=self.new_id(), **terms)

    def book(self, answer: Booked | Refusal | None) -> Commitment | Refusal | None:
        """Write what was booked; every row must still be as the decision saw it. Returns the commitment."""
        if not isinstance(answer, Booked):
            return answer
        movement_id = self.new_id()
        for change in answer.changes:
            assert self.nodes[change.key] == change.before, "a decision on rows that have changed since"
            self.nodes[change.key] = change.after
        assert [change.key for change in answer.changes] == sorted({c.key for c in answer.changes}) or (
            len(answer.changes) == len({c.key for c in answer.changes})
        )
        if answer.opened:
            assert answer.opened.key not in self.nodes
            self.nodes[answer.opened.key] = answer.opened
        self.lines += ledger.postings(answer)
        commitment, before = answer.commitment, answer.commitment_before
        for cap in answer.caps:
            assert commitment is not None
            self.shares[cap.key] = self.shares[cap.key].after(cap.delta)
            self.shares[cap.key] = replace(self.shares[cap.key], held=0)
            self.cap_lines.append((movement_id, commitment.key, cap))
        delta = NOTHING
        if commitment is not None:
            assert self.commitments.get(commitment.key) == before
            delta = commitment.balance - (before.balance if before else NOTHING)
            self.commitments[commitment.key] = commitment
        if reversed_id := answer.movement.reverses:
            self.recorded[reversed_id] = replace(self.recorded[reversed_id], is_reversed=True)
        self.recorded[movement_id] = Recorded(movement_id, answer.movement, delta)
        return commitment

    def booked(self, answer: Booked | Refusal | None) -> Commitment:
        """Write what must have been booked."""
        commitment = self.book(answer)
        assert isinstance(commitment, Commitment), answer
        return commitment

    def last(self) -> Recorded:
        """The last movement."""
        return list(self.recorded.values())[-1]

    def standing_commitments(self) -> Iterable[Commitment]:
        """Those that hold something."""
        return [each for each in self.commitments.values() if each.balance]


BANK, REGION, OTHER = key(HEADQUARTERS, 1), key(SHANGHAI, 2), key(HUANGPU, 4)
BRANCH, SHARED, FENCE, INNER = (key(PUDONG, n) for n in (3, 5, 6, 7))
NEW = key(PUDONG, 20)
A_DAY = dt.timedelta(days=1)
TOMORROW = NOW + dt.timedelta(days=1)


def branch(s: int = 1000, shared: int = 600, fence: int = 300, inner: int = 200, **of_the_fence: Any) -> Book:
    """A branch with a shared line, and a ring-fenced one that has a sublimit."""
    return Book(
        top(HEADQUARTERS, 1, 9000, None, NodeKind.BANK),
        top(SHANGHAI, 2, 5000, BANK, NodeKind.REGION),
        top(PUDONG, 3, s, REGION, NodeKind.BRANCH, name="Pudong"),
        node(PUDONG, 5, shared, BRANCH, name="Lingang Ports"),
        node(PUDONG, 6, fence, BRANCH, sharing=FENCED, name="Zhangjiang Chips", **of_the_fence),
        node(PUDONG, 7, inner, FENCE, kind=NodeKind.SUBLIMIT, name="letters of credit"),
    )


def two_branches() -> Book:
    """The same, and a branch beside it."""
    book = branch()
    book.nodes[OTHER] = top(HUANGPU, 4, 800, REGION, NodeKind.BRANCH, name="Huangpu")
    return with_terms(book, REGION, dealt=1800)


def with_terms(book: Book, of: NodeKey, **terms: Any) -> Book:
    """The book with some of a node's terms as a test needs them."""
    book.nodes[of] = replace(book.nodes[of], **terms)
    return book


def adjusted(book: Book, of: NodeKey, **terms: Any) -> Booked | Refusal:
    """What becomes of a wish for other terms of a node."""
    return parameters.adjust(book.place(of), replace(book.nodes[of], **terms), book.above(of))


def reserved(book: Book, leaf: NodeKey, amount: int) -> Commitment:
    """A new reservation on the leaf."""
    return book.booked(booking.reserve(book.place(leaf), book.ask(amount)))


def drawn(book: Book, leaf: NodeKey, amount: int) -> Commitment:
    """A new commitment on the leaf, drawn down."""
    on = reserved(book, leaf, amount)
    return book.booked(booking.utilise(book.at(on), on, yuan(amount)))


def available(book: Book, leaf: NodeKey, **given: Any) -> tuple[int, str]:
    """How much is available to the leaf, and what binds."""
    place = book.place(leaf)
    quota = resolve(place.path, place.caps, 1, place.day, **given)
    return quota.available, quota.binding


def code_of(answer: object) -> RefusalCode | None:
    """Why not; None where it was booked."""
    return answer.code if isinstance(answer, Refusal) else None


def committed_by_definition(book: Book, of: NodeKey) -> int:
    """Committed as domain.md writes it, from the commitments and the tree alone, nothing cached.

    own (E + R + U) + Σ ring-fenced children max(S, Committed) + Σ shared children Committed, each child's in its
    parent's currency; within the tenant.
    """
    own = sum(each.balance.total for each in book.commitments.values() if each.node == of)
    for child in book.children(of):
        if child.key[0] == of[0]:
            own += converted(held_by_definition(book, child), child.parent_rate)
    return own


def held_by_definition(book: Book, child: LimitNode) -> int:
    """max(S, Committed) of a ring-fenced node that is in force or was, Committed of any other."""
    amount = committed_by_definition(book, child.key)
    return max(child.sanctioned, amount) if child.fenced and child.status in STANDING else amount


def broken_invariants(book: Book) -> list[str]:
    """What domain.md forbids and the book shows; empty in every state that operations can reach."""
    broken = [
        str(difference) for difference in ledger.verify(book.nodes, book.lines, book.standing_commitments())
    ]
    for each in book.nodes.values():
        broken += _broken(book, each)
    for commitment in book.commitments.values():
        if not commitment.balance.possible or commitment.granted < commitment.balance.total:
            broken.append(f"commitment {commitment.key} holds what it cannot")
    used: dict[CapKey, int] = defaultdict(int)
    for _, _, change in book.cap_lines:
        used[change.key] += change.delta
    for cap in book.shares.values():
        if cap.used != used[cap.key] or not 0 <= cap.used <= cap.share:
            broken.append(f"cap {cap.name}: used {cap.used} of {cap.share}, posted {used[cap.key]}")
    pairs = [(movement, change.key) for movement, _, change in book.cap_lines]
    if len(set(pairs)) != len(pairs):
        broken.append("a commitment is counted twice in a cap by one movement")
    return broken


def _broken(book: Book, each: LimitNode) -> list[str]:
    found = []
    if not each.balance.possible or min(each.idle_fenced, each.consumed, each.dealt, each.sanctioned) < 0:
        found.append(f"{each.name}: a bucket is below nothing")
    committed = each.balance.total + each.idle_fenced
    if committed != committed_by_definition(book, each.key):
        found.append(
            f"{each.name}: committed {committed}, by definition {committed_by_definition(book, each.key)}"
        )
    most = with_tolerance(granted(each, book.day), each.tolerance)
    if committed + each.dealt + each.consumed > most and not each.over_limit:
        found.append(f"{each.name}: {committed} committed of {most}, and not flagged")
    fences = sum(
        converted(child.sanctioned, child.parent_rate)
        for child in book.children(each.key)
        if child.fenced and child.status in STANDING
    )
    if fences > most and not each.over_limit:
        found.append(f"{each.name}: ring-fenced children have {fences} of {most}")
    found += [
        f"{child.name} outlasts {each.name}"
        for child in book.children(each.key)
        if not (each.valid_from <= child.valid_from and child.valid_until <= each.valid_until)
    ]
    return found
