"""A small model of the limit engine, written from its description alone: balances are never kept, always reckoned.

It knows nodes, commitments and what each holds. Every sum is the recursive formula; what is available is found by
trying; what must not be is found by doing it to a copy and looking. Slow, and too simple to be wrong in the same
way as the product. Rates are fractions, amounts minor units of a node's own currency.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

HELD_STATUSES = ("ACTIVE", "FROZEN", "EXPIRED")
"""In which a fence keeps its amount out of the limit above."""
ENDED = ("RELEASED", "EXPIRED", "CANCELLED", "REVERSED", "WRITTEN_OFF")
NO_ROOM = "NO_ROOM"
"""EXCEEDS_AVAILABLE, OVER_LIMIT or DOES_NOT_REVOLVE: which of them is a matter of words."""


@dataclass(slots=True)
class Node:
    """A limit."""

    name: str
    tenant: int
    parent: str | None
    sanctioned: int
    kind: str = "SUBLIMIT"
    fenced: bool = False
    currency: str = "CNY"
    rate: Fraction = Fraction(1)
    reinstatement: str = "REVOLVING"
    tolerance: Fraction = Fraction(0)
    collateral_cap: int | None = None
    regulatory_cap: int | None = None
    status: str = "ACTIVE"
    addition: int = 0
    addition_from: dt.date | None = None
    addition_until: dt.date | None = None
    valid_from: dt.date = dt.date(2020, 1, 1)
    valid_until: dt.date = dt.date(2035, 12, 31)
    consumed: int = 0
    client: int | None = None
    product: str | None = None
    frozen_by: str | None = None
    frozen_rank: int = 0
    """Whose freeze it is: the region's (1), headquarters' (2)."""
    raised: int = 0
    """By how much one person has raised it since a second one looked at it."""
    pending: tuple[dict[str, Any], dt.date] | None = None
    """What one has proposed, and until when a second one may approve it."""

    @property
    def most(self) -> int:
        """What may be drawn on it on the day on which that is most."""
        caps = [cap for cap in (self.collateral_cap, self.regulatory_cap) if cap is not None]
        return int(min([self.sanctioned + self.addition, *caps]) * (1 + self.tolerance) // 1)

    def granted(self, day: dt.date) -> int:
        """S + A on the days of A, within the caps, whatever the status."""
        added = 0
        if self.addition_from and self.addition_until and self.addition_from <= day <= self.addition_until:
            added = self.addition
        caps = [cap for cap in (self.collateral_cap, self.regulatory_cap) if cap is not None]
        return min([self.sanctioned + added, *caps])

    def is_in_force(self, day: dt.date) -> bool:
        """Whether anything may be booked on it."""
        return self.status == "ACTIVE" and self.valid_from <= day <= self.valid_until


@dataclass(slots=True)
class Held:
    """What is earmarked, reserved and utilised."""

    earmarked: int = 0
    reserved: int = 0
    utilised: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.earmarked + self.reserved + self.utilised

    @property
    def parts(self) -> tuple[int, int, int]:
        """E, R, U."""
        return self.earmarked, self.reserved, self.utilised

    def plus(self, other: Held, sign: int = 1) -> Held:
        """The sum, or the difference."""
        mine, theirs = self.parts, other.parts
        return Held(*(one + sign * two for one, two in zip(mine, theirs, strict=True)))


@dataclass(slots=True)
class Commitment:
    """What one client holds on a node."""

    node: str
    client: int
    status: str
    held: Held = field(default_factory=Held)
    expires_on: dt.date | None = None
    overridden: int = 0
    """How much of it was promised beyond the limits."""
    opened_on: dt.date | None = None


@dataclass(slots=True)
class Movement:
    """What was done to a commitment, and how to undo it."""

    commitment: str
    operation: str
    delta: Held
    status_before: str
    expires_before: dt.date | None
    terms_before: dict[str, tuple[int, int]]
    """S and what was consumed of each node that a repayment changed."""
    terms_after: dict[str, tuple[int, int]]
    is_reversed: bool = False


def half_even(amount: Fraction) -> int:
    """The nearest whole number; of two the even one."""
    return round(amount)


class Model:
    """Nodes, commitments and movements by name."""

    def __init__(self, day: dt.date) -> None:
        self.day = day
        self.nodes: dict[str, Node] = {}
        self.commitments: dict[str, Commitment] = {}
        self.movements: dict[str, Movement] = {}

    # The formulas

    def path(self, name: str) -> list[Node]:
        """From the node to its tenant's top."""
        found = [self.nodes[name]]
        while (above := found[-1].parent) is not None and self.nodes[above].tenant == found[-1].tenant:
            found.append(self.nodes[above])
        return found

    def children(self, name: str) -> list[Node]:
        """The nodes right below, in the same tenant."""
        here = self.nodes[name]
        return [node for node in self.nodes.values() if node.parent == name and node.tenant == here.tenant]

    def own(self, name: str) -> Held:
        """What is booked at this very node."""
        total = Held()
        for one in self.commitments.values():
            if one.node == name:
                total = total.plus(one.held)
        return total

    def balance(self, name: str) -> Held:
        """What the node and all below it hold."""
        total = self.own(name)
        for child in self.children(name):
            total = total.plus(self.adds(child)[0])
        return total

    def adds(self, child: Node) -> tuple[Held, int]:
        """What a node adds to the one above: what it holds, and what else it keeps from others, in that one's
        currency. Rounded so that the parts sum to the rounded whole."""
        inside = self.balance(child.name)
        whole = self.committed(child.name)
        if child.fenced and child.status in HELD_STATUSES:
            whole = max(child.sanctioned, whole)
        utilised = half_even(inside.utilised * child.rate)
        promised = half_even((inside.utilised + inside.reserved) * child.rate)
        held = half_even(inside.total * child.rate)
        return Held(held - promised, promised - utilised, utilised), half_even(whole * child.rate) - held

    def idle(self, name: str) -> int:
        """What fences below keep and do not use."""
        return sum(self.adds(child)[1] for child in self.children(name))

    def dealt(self, name: str) -> int:
        """What units below have been given: their S and A while it stands."""
        here = self.nodes[name]
        below = [node for node in self.nodes.values() if node.parent == name and node.tenant != here.tenant]
        return sum(node.sanctioned + node.addition for node in below if node.status in HELD_STATUSES)

    def committed(self, name: str) -> int:
        """Own + Σ ring-fenced children max(S, Committed) + Σ shared children Committed, and what units have."""
        return self.balance(name).total + self.idle(name) + self.dealt(name)

    def effective(self, node: Node) -> int:
        """What it grants today."""
        return node.granted(self.day) if node.is_in_force(self.day) else 0

    def headroom(self, name: str, *, tolerant: bool = False) -> int:
        """Eff − Committed, less what a line that does not revolve has used up."""
        node = self.nodes[name]
        grants = Fraction(self.effective(node))
        if tolerant:
            grants *= 1 + node.tolerance
        return int(grants // 1) - self.committed(name) - node.consumed

    def is_beyond(self, name: str) -> bool:
        """Whether more is committed than S, A and tolerance allow: it has to be flagged."""
        node = self.nodes[name]
        most = Fraction(node.granted(self.day)) * (1 + node.tolerance)
        return self.committed(name) + node.consumed > most

    def overridden(self, name: str) -> int:
        """What the overrides in force on the node and below it amount to."""
        below = [one for one in self.commitments.values() if self.nodes[name] in self.path(one.node)]
        return sum(min(one.overridden, one.held.total) for one in below)

    def out_of_force(self, name: str) -> str | None:
        """Why nothing may be booked at the node: the first of its path that is not in force."""
        return next((code for node in self.path(name) if (code := self.idle_because(node))), None)

    def idle_because(self, node: Node) -> str | None:
        """Why nothing may be booked on the node itself."""
        if node.status in ("CLOSED", "FROZEN"):
            return f"LIMIT_{node.status}"
        if node.status == "EXPIRED" or (node.status == "ACTIVE" and self.day > node.valid_until):
            return "LIMIT_EXPIRED"
        return None if node.is_in_force(self.day) else "LIMIT_NOT_ACTIVE"

    def sizes(self, leaf: str) -> dict[str, int]:
        """What is committed at each node of the path."""
        return {node.name: self.committed(node.name) for node in self.path(leaf)}

    def has_room(self, before: dict[str, int], leaf: str, *, tolerant: bool = False) -> bool:
        """Whether what was done since those sizes fits: up to the nearest fence, above it where it is swollen."""
        behind_a_fence = False
        for node in self.path(leaf):
            swells = self.committed(node.name) > before[node.name]
            if (swells or not behind_a_fence) and self.headroom(node.name, tolerant=tolerant) < 0:
                return False
            behind_a_fence = behind_a_fence or node.fenced
        return True

    def fits(self, leaf: str, amount: int) -> bool:
        """Whether a promise of this much may be booked."""
        if self.out_of_force(leaf):
            return False
        before = self.sizes(leaf)
        self.commitments["?"] = Commitment(leaf, 0, "RESERVED", Held(reserved=amount))
        try:
            return self.has_room(before, leaf)
        finally:
            del self.commitments["?"]

    def available(self, leaf: str) -> int:
        """The most that fits, found by halving."""
        if not self.fits(leaf, 1):
            return 0
        low, high = 1, 1 + max(self.effective(self.nodes[leaf]), 1)
        while low + 1 < high:
            middle = (low + high) // 2
            low, high = (middle, high) if self.fits(leaf, middle) else (low, middle)
        return low

    def leaf_of(self, client: int, tenant: int, product: str, top: str) -> str:
        """The nearest limit: of client and product, of the client, the branch's own."""
        found = []
        for order, node in enumerate(self.nodes.values()):
            if node.tenant != tenant or node.client != client or node.status not in HELD_STATUSES:
                continue
            near = 2 if node.kind == "CLIENT" else 1
            if near == 1 and (node.product != product or node.kind not in ("FACILITY", "SUBLIMIT")):
                continue
            valid = node.valid_from <= self.day <= node.valid_until
            found.append((near, not valid, node.product is None, order, node.name))
        return min(found)[-1] if found else top
