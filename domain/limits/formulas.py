"""What a node may lend, what it has committed, what it adds to the one above it, what is available to a leaf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from domain.limits.nodes import (
    NOTHING,
    Balance,
    CapShare,
    Counts,
    LimitNode,
    NodeKey,
    NodeKind,
    NodeStatus,
)

# A fence stands from activation until the node is closed: what is frozen or has expired may still be owed.
STANDING = frozenset({NodeStatus.ACTIVE, NodeStatus.FROZEN, NodeStatus.EXPIRED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One step on the way from the leaf upwards, then the caps (`node` and `kind` None); in its own currency."""

    name: str
    node: NodeKey | None
    kind: NodeKind | None
    currency: str
    effective: int
    committed: int
    headroom: int
    binds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What is available to a leaf, in its currency and never below nothing; what binds; how it comes about."""

    available: int
    currency: str
    binding: str
    binding_node: NodeKey | None
    allowed: bool
    trace: tuple[Level, ...]


def is_active(node: LimitNode, day: date) -> bool:
    """Whether anything may be drawn on it on this day; the last day of its validity counts."""
    return node.status is NodeStatus.ACTIVE and node.valid_from <= day <= node.valid_until


def granted(node: LimitNode, day: date) -> int:
    """min(S + A, collateral cap, regulatory cap) on this day, whatever the node's status."""
    most = node.sanctioned
    if node.addition_from is not None and node.addition_until is not None:
        most += node.addition if node.addition_from <= day <= node.addition_until else 0
    if node.collateral_cap is not None:
        most = min(most, node.collateral_cap)
    return most if node.regulatory_cap is None else min(most, node.regulatory_cap)


def effective(node: LimitNode, day: date) -> int:
    """Eff = active × min(S + A, collateral cap, regulatory cap)."""
    return granted(node, day) if is_active(node, day) else 0


def ceiling(node: LimitNode, day: date, *, tolerated: bool = False) -> int:
    """How far it may be committed: Eff; for what is drawn down, Eff × (1 + t), rounded down."""
    most = effective(node, day)
    return with_tolerance(most, node.tolerance) if tolerated else most


def with_tolerance(minor: int, tolerance: Decimal) -> int:
    """× (1 + t), rounded down, in exact arithmetic."""
    if not tolerance:
        return minor
    part, whole = tolerance.as_integer_ratio()
    return minor + minor * part // whole


def committed(node: LimitNode) -> int:
    """Committed = E + R + U of the node and all below it, and what fences below it hold and do not use."""
    return node.balance.total + node.idle_fenced


def taken(node: LimitNode) -> int:
    """All that stands against the ceiling: Committed, what is dealt to other tenants, what is used up."""
    return committed(node) + node.dealt + node.consumed


def headroom(node: LimitNode, day: date) -> int:
    """What is left: Eff − Committed − dealt − consumed. Below nothing where a cut has gone too far."""
    return effective(node, day) - taken(node)


def is_over_limit(node: LimitNode, day: date) -> bool:
    """Whether more is taken than the node was granted, tolerance included; frozen or expired alone is not over."""
    return taken(node) > with_tolerance(granted(node, day), node.tolerance)


def held(node: LimitNode) -> int:
    """What the node takes out of its parent, in its own currency: Committed; behind a fence max(S, Committed)."""
    if node.fenced and node.status in STANDING:
        return max(node.sanctioned, committed(node))
    return committed(node)


def contribution(node: LimitNode) -> tuple[Balance, int]:
    """What the node adds to its parent's balance and to its parent's `idle_fenced`, in the parent's currency.

    Rounded half to even cumulatively (U, U + R, U + R + E, all that is held), so that no part falls below nothing
    and the parts sum to the rounded whole: what stays within a fence changes nothing above it, not by a cent.
    A top node adds nothing: what its parent dealt it is counted there as `dealt`.
    """
    if node.parent is None or node.parent[0] != node.key[0]:
        return NOTHING, 0
    balance, rate = node.balance, node.parent_rate
    if rate == 1:
        return balance, held(node) - balance.total
    utilised = converted(balance.utilised, rate)
    reserved = converted(balance.utilised + balance.reserved, rate)
    total = converted(balance.total, rate)
    share = Balance(earmarked=total - reserved, reserved=reserved - utilised, utilised=utilised)
    return share, converted(held(node), rate) - total


def dealt(node: LimitNode) -> int:
    """What a top node counts for in its parent's `dealt`, in that currency: S + A while its fence stands."""
    if not node.is_top or node.parent is None or node.status not in STANDING:
        return 0
    return converted(node.sanctioned + node.addition, node.parent_rate)


def converted(minor: int, rate: Decimal) -> int:
    """In another currency, rounded half to even. `rate`: its minor units per minor unit of this one."""
    if rate == 1:
        return minor
    multiplier, divisor = rate.as_integer_ratio()
    whole, rest = divmod(minor * multiplier, divisor)
    return whole + (2 * rest > divisor or (2 * rest == divisor and whole % 2 == 1))


def most_converted(limit: int, rate: Decimal) -> int:
    """The largest amount that comes to no more than the limit when converted at the rate."""
    if rate == 1:
        return limit
    multiplier, divisor = rate.as_integer_ratio()
    most, rest = divmod((2 * limit + 1) * divisor, 2 * multiplier)
    return most - (rest == 0 and limit % 2 == 1)


def resolve(
    path: Sequence[LimitNode],
    caps: Sequence[CapShare],
    amount: int,
    day: date,
    *,
    tolerated: bool = False,
    expired: Mapping[NodeKey, int] | None = None,
) -> Quota:
    """What is available to the leaf (`path` leads from it to its tenant's top), and whether `amount` is.

    The least headroom up to the nearest fence, and above the fence for what a draw adds beyond its S; and what each
    cap leaves. The nearest to the leaf binds among equals. Where any node of the path is not active nothing is
    available. `tolerated`: up to limit × (1 + t).
    `expired`: by how much Committed would fall, by node, if the earmarks whose time has passed were swept.
    """
    freed = expired or {}
    available, binding = room(path, day, tolerated=tolerated, expired=freed)
    label: tuple[str, NodeKey | None, int] = (binding.name, binding.key, -1)
    for place, cap in enumerate(caps):
        left = cap_room(cap)
        if left < available:
            available, label = left, (cap.name, None, place)
    available = max(available, 0)
    levels = [_level(node, day, freed.get(node.key, 0), node.key == label[1]) for node in path]
    levels += [_cap_level(cap, path[0].currency, place == label[2]) for place, cap in enumerate(caps)]
    return Quota(
        available=available,
        currency=path[0].currency,
        binding=label[0],
        binding_node=label[1],
        allowed=0 < amount <= available,
        trace=tuple(levels),
    )


def room(
    path: Sequence[LimitNode],
    day: date,
    *,
    tolerated: bool = False,
    expired: Mapping[NodeKey, int] | None = None,
) -> tuple[int, LimitNode]:
    """What the nodes alone leave to the leaf, below nothing where it is over its limit; and which of them binds."""
    freed = expired or {}
    idle = next((node for node in path if not is_active(node, day)), None)
    if idle is not None:
        return 0, idle
    binding = path[-1]
    left: int | None = None
    for node in reversed(path):
        free = freed.get(node.key, 0)
        own = ceiling(node, day, tolerated=tolerated) - taken(node) + free
        through = None if left is None else _passage(node, left, free)
        if through is None or own <= through:
            left, binding = own, node
        else:
            left = through
    assert left is not None
    return left, binding


def _passage(node: LimitNode, room_above: int, free: int) -> int:
    """By how much Committed of a node may rise while it adds no more to its parent than there is room."""
    now = committed(node) - free
    if not node.fenced:
        return most_converted(converted(now, node.parent_rate) + room_above, node.parent_rate) - now
    fence = converted(max(node.sanctioned, now), node.parent_rate)
    return most_converted(fence + max(room_above, 0), node.parent_rate) - now


def cap_room(cap: CapShare) -> int:
    """What a cap leaves. One on loans counts what is drawn, and yet no more is promised than could be drawn now."""
    return 0 if cap.over_limit else cap.share - cap.used


def counted(cap: CapShare, balance: Balance) -> int:
    """What a balance counts for in a cap: what is drawn, or all."""
    return balance.utilised if cap.counts is Counts.LOANS else balance.total


def _level(node: LimitNode, day: date, free: int, binds: bool) -> Level:
    return Level(
        name=node.name,
        node=node.key,
        kind=node.kind,
        currency=node.currency,
        effective=effective(node, day),
        committed=committed(node) - free,
        headroom=headroom(node, day) + free,
        binds=binds,
    )


def _cap_level(cap: CapShare, currency: str, binds: bool) -> Level:
    return Level(
        name=cap.name,
        node=None,
        kind=None,
        currency=currency,
        effective=cap.share,
        committed=cap.used,
        headroom=cap.share - cap.used,
        binds=binds,
    )
