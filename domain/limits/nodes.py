"""What the limit engine is about: nodes, what they hold, commitments on them, shares of caps.

Every amount is in minor units of the currency of the node, commitment or cap that it belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import Any
from uuid import UUID

NodeKey = tuple[int, UUID]
"""A node: the unit whose row it is (`branch_id`), and its id. Sorted, keys stand in the order of locking."""

CapKey = tuple[int, str]
"""A cap's share in the tenant: the cap, and its subject ('' for the whole bank, else a group or company)."""


class NodeKind(StrEnum):
    """What a node limits. The first three are units' own: their top nodes."""

    BANK = "BANK"
    REGION = "REGION"
    BRANCH = "BRANCH"
    GROUP = "GROUP"
    CLIENT = "CLIENT"
    FACILITY = "FACILITY"
    SUBLIMIT = "SUBLIMIT"


TOP_KINDS = frozenset({NodeKind.BANK, NodeKind.REGION, NodeKind.BRANCH})


class Sharing(StrEnum):
    """How a node stands in its parent: it draws on the parent's room, or has its whole amount taken out of it."""

    SHARED = "SHARED"
    RING_FENCED = "RING_FENCED"


class Reinstatement(StrEnum):
    """What becomes of a node's room when something drawn is repaid: it opens again, is used up, or is cut off."""

    REVOLVING = "REVOLVING"
    NON_REVOLVING = "NON_REVOLVING"
    REDUCING = "REDUCING"


class NodeStatus(StrEnum):
    """Where a node is in its life."""

    DRAFT = "DRAFT"
    APPROVED = "APPROVED"
    ACTIVE = "ACTIVE"
    FROZEN = "FROZEN"
    EXPIRED = "EXPIRED"
    CLOSED = "CLOSED"


class Bucket(StrEnum):
    """What a posting adds to: soft holds, approved and not drawn, drawn and owed."""

    EARMARKED = "EARMARKED"
    RESERVED = "RESERVED"
    UTILISED = "UTILISED"


class CommitmentStatus(StrEnum):
    """Where a commitment is in its life; from RELEASED on nothing follows."""

    EARMARKED = "EARMARKED"
    RESERVED = "RESERVED"
    UTILISED = "UTILISED"
    REPAID = "REPAID"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    REVERSED = "REVERSED"
    WRITTEN_OFF = "WRITTEN_OFF"


class Operation(StrEnum):
    """What a movement records."""

    EARMARK = "EARMARK"
    EXTEND = "EXTEND"
    EXPIRE = "EXPIRE"
    RESERVE = "RESERVE"
    UTILISE = "UTILISE"
    REPAY = "REPAY"
    RELEASE = "RELEASE"
    CANCEL = "CANCEL"
    WRITE_OFF = "WRITE_OFF"
    REVERSE = "REVERSE"
    ADJUST = "ADJUST"
    ADD = "ADD"
    TRANSFER = "TRANSFER"
    ALLOCATE = "ALLOCATE"
    RECLAIM = "RECLAIM"
    FREEZE = "FREEZE"
    UNFREEZE = "UNFREEZE"
    CLOSE = "CLOSE"
    OPEN = "OPEN"
    APPROVE = "APPROVE"
    ACTIVATE = "ACTIVATE"
    MOVE = "MOVE"
    SYNDICATE = "SYNDICATE"
    REVALUE = "REVALUE"
    OVERRIDE = "OVERRIDE"
    PROPOSE = "PROPOSE"


class Counts(StrEnum):
    """What a cap counts of a commitment: what is drawn, or all that it holds."""

    LOANS = "LOANS"
    EXPOSURE = "EXPOSURE"


@dataclass(frozen=True, slots=True)
class Balance:
    """What is held, by bucket; also a difference of two balances, which may be negative."""

    earmarked: int = 0
    reserved: int = 0
    utilised: int = 0

    @property
    def total(self) -> int:
        """All three together."""
        return self.earmarked + self.reserved + self.utilised

    def __add__(self, other: Balance) -> Balance:
        return Balance(
            self.earmarked + other.earmarked,
            self.reserved + other.reserved,
            self.utilised + other.utilised,
        )

    def __sub__(self, other: Balance) -> Balance:
        return self + -other

    def __neg__(self) -> Balance:
        return Balance(-self.earmarked, -self.reserved, -self.utilised)

    def __bool__(self) -> bool:
        return bool(self.earmarked or self.reserved or self.utilised)

    @property
    def possible(self) -> bool:
        """Whether no bucket holds less than nothing."""
        return self.earmarked >= 0 and self.reserved >= 0 and self.utilised >= 0

    def by_bucket(self) -> dict[Bucket, int]:
        """The buckets that are not empty."""
        each = {
            Bucket.EARMARKED: self.earmarked,
            Bucket.RESERVED: self.reserved,
            Bucket.UTILISED: self.utilised,
        }
        return {bucket: amount for bucket, amount in each.items() if amount}


NOTHING = Balance()


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitNode:
    """One limit. `balance` is of the node and all below it in its tenant; the rest of what it commits:

    - `idle_fenced`: what ring-fenced nodes below it hold and do not use (`formulas.contribution`);
    - `dealt`: what headquarters has dealt to ring-fenced nodes in other tenants;
    - `consumed`: what has been repaid to a NON_REVOLVING node and so is used up, in this node alone.

    `frozen_as` is the role whose freeze it is. `raised_alone` is by how much one person has raised it since
    a second one looked at it; `proposed` is a change that waits for a second person, until `proposed_until`.

    `parent_rate` is how many minor units of the parent's currency one minor unit of this node's is worth. Validity
    includes both days. `created_by` and `approved_by` are subjects: four eyes.
    """

    key: NodeKey
    kind: NodeKind
    name: str
    parent: NodeKey | None
    currency: str
    sanctioned: int
    valid_from: date
    valid_until: date
    addition: int = 0
    addition_from: date | None = None
    addition_until: date | None = None
    collateral_cap: int | None = None
    regulatory_cap: int | None = None
    tolerance: Decimal = Decimal(0)
    reinstatement: Reinstatement = Reinstatement.REVOLVING
    sharing: Sharing = Sharing.SHARED
    parent_rate: Decimal = Decimal(1)
    status: NodeStatus = NodeStatus.ACTIVE
    frozen_by: UUID | None = None
    frozen_as: str | None = None
    over_limit: bool = False
    balance: Balance = NOTHING
    idle_fenced: int = 0
    dealt: int = 0
    consumed: int = 0
    created_by: str = ""
    approved_by: str | None = None
    raised_alone: int = 0
    proposed: Mapping[str, Any] | None = None
    proposed_by: str | None = None
    proposed_until: date | None = None
    version: int = 1

    @property
    def is_top(self) -> bool:
        """Whether it is a unit's own node, under which the rest of its tenant stands."""
        return self.kind in TOP_KINDS

    @property
    def fenced(self) -> bool:
        """Whether its amount is taken out of its parent."""
        return self.sharing is Sharing.RING_FENCED


@dataclass(frozen=True, slots=True, kw_only=True)
class CapShare:
    """The tenant's share of a concentration cap for one subject, and what of it is used; in the draw's currency.

    `held` is what the commitment that is being booked counts here now.
    """

    cap_id: int
    name: str
    subject: str
    share: int
    used: int
    counts: Counts = Counts.EXPOSURE
    over_limit: bool = False
    held: int = 0

    @property
    def key(self) -> CapKey:
        """Its place in the order of locking."""
        return (self.cap_id, self.subject)

    def after(self, delta: int) -> CapShare:
        """The share once the commitment counts so much more in it."""
        return replace(self, used=self.used + delta, held=self.held + delta)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """What the bank has promised one client on one leaf: what it holds now, and the most it ever held (`granted`).

    `moved_on` is the value date of its last movement: none may be dated before it.
    """

    key: NodeKey
    node: NodeKey
    client_id: UUID
    product: str | None
    currency: str
    status: CommitmentStatus
    balance: Balance
    granted: int
    expires_at: datetime | None
    opened_on: date
    moved_on: date
    overridden_by: str | None = None
    version: int = 1


TERMS = (
    "name",
    "parent",
    "sanctioned",
    "addition",
    "addition_from",
    "addition_until",
    "collateral_cap",
    "regulatory_cap",
    "tolerance",
    "reinstatement",
    "sharing",
    "parent_rate",
    "valid_from",
    "valid_until",
    "status",
    "frozen_by",
    "frozen_as",
    "approved_by",
    "raised_alone",
    "proposed",
    "proposed_by",
    "proposed_until",
)
"""What is decided of a node; the rest of it follows from bookings."""

terms_of = attrgetter(*TERMS)
"""The terms of a node, in this order."""
