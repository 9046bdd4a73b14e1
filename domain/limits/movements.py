"""What an operation is asked, where, and what it answers: movements, and what they change.

Every amount is in minor units of the currency of the node, commitment or cap that it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from domain.limits.nodes import (
    TERMS,
    Balance,
    CapKey,
    CapShare,
    Commitment,
    LimitNode,
    NodeKey,
    Operation,
    terms_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Who wants how much of what. `commitment_id` is for the new commitment; it ends by itself at `expires_at`.

    `last_day`: by policy no earmark lasts longer (None: nothing is said).
    """

    client_id: UUID
    product: str | None
    amount: int
    currency: str
    commitment_id: UUID
    expires_at: datetime | None = None
    last_day: date | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is booked and when: the path from the leaf to its tenant's top node, the caps it falls under.

    `day` is the bank's day (validity, additions, the value date); `now` is the moment at which earmarks expire.
    """

    path: tuple[LimitNode, ...]
    caps: tuple[CapShare, ...]
    day: date
    now: datetime

    @property
    def leaf(self) -> LimitNode:
        """The node that is drawn on."""
        return self.path[0]

    def after(self, booked: Booked) -> Place:
        """The same place once that has been booked."""
        nodes = {change.after.key: change.after for change in booked.changes}
        caps = {change.key: change.delta for change in booked.caps}
        return replace(
            self,
            path=tuple(nodes.get(node.key, node) for node in self.path),
            caps=tuple(cap.after(caps.get(cap.key, 0)) for cap in self.caps),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One line of the ledger, without the ids and the actor that the ledger itself knows.

    `before` and `after` are what changed beyond the buckets (status, expiry, parameters), in plain JSON values.
    """

    operation: Operation
    node: NodeKey
    amount: int | None
    currency: str
    value_date: date
    commitment: NodeKey | None = None
    reason: str | None = None
    reverses: UUID | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class NodeChange:
    """A node before and after. Its postings are the difference of the balances.

    A version counts changes of the terms: a booking leaves it as it is.
    """

    before: LimitNode
    after: LimitNode

    @property
    def key(self) -> NodeKey:
        """Whose change it is."""
        return self.after.key

    @property
    def delta(self) -> Balance:
        """What is posted, by bucket."""
        return self.after.balance - self.before.balance

    @property
    def terms(self) -> dict[str, tuple[Any, Any]]:
        """The parameters that are changed: before and after, by name."""
        before, after = terms_of(self.before), terms_of(self.after)
        if before == after:
            return {}
        each = zip(TERMS, before, after, strict=True)
        return {name: (old, new) for name, old, new in each if old != new}

    @property
    def idle_delta(self) -> int:
        """By how much what is held behind fences and not used has changed."""
        return self.after.idle_fenced - self.before.idle_fenced


@dataclass(frozen=True, slots=True)
class CapChange:
    """What a movement adds to one cap: one posting per commitment and cap."""

    cap_id: int
    subject: str
    delta: int

    @property
    def key(self) -> CapKey:
        """Whose change it is."""
        return (self.cap_id, self.subject)


@dataclass(frozen=True, slots=True)
class Booked:
    """What an operation does: `movements` (the first is the answer), changed nodes and caps, the commitment after.

    Bucket postings belong to the first movement. The others tell of nodes that were changed along with the first
    (a transfer's receiver, top nodes frozen from above), each in the ledger of its own tenant. `opened` is a node
    that is new; a commitment without one before is new.
    """

    movements: tuple[Movement, ...]
    changes: tuple[NodeChange, ...] = ()
    caps: tuple[CapChange, ...] = ()
    commitment: Commitment | None = None
    commitment_before: Commitment | None = None
    opened: LimitNode | None = None

    @property
    def movement(self) -> Movement:
        """The movement that the operation is known by."""
        return self.movements[0]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A movement as it stands in the ledger, for whoever wants it reversed; `delta`: what its commitment gained."""

    id: UUID
    movement: Movement
    delta: Balance
    is_reversed: bool = False
