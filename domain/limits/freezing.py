"""Freezing and unfreezing: nothing new on a node or below it. A unit's node takes those of units below along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from domain.access import Role
from domain.limits import guards
from domain.limits.movements import Booked
from domain.limits.nodes import LimitNode, NodeStatus, Operation
from domain.limits.posting import changed, in_lock_order
from domain.limits.terms import closed, status_refused, told
from domain.refusals import Refusal, RefusalCode, invalid

OFFICES = (Role.BRANCH_MANAGER, Role.REGIONAL_MANAGER, Role.HEADQUARTERS_ADMINISTRATOR)
"""Who freezes limits, from below: a freeze is lifted by whoever set it, or from above."""


def freeze(
    node: LimitNode, below: Sequence[LimitNode], day: date, reason: str, role: Role
) -> Booked | Refusal:
    """Nothing new is booked on the node or below it until it is unfrozen; what is held stays, and may be repaid.

    `below`: the units' own nodes below a unit's own node, in other tenants; those that are active are frozen, too.
    A freeze by an office below (`role` says whose this is) becomes one by this office.
    """
    if not reason.strip():
        return invalid("say why", "reason")
    is_frozen = node.status is NodeStatus.FROZEN
    outranks = is_frozen and node.frozen_by is None and _rank(role.value) > _rank(node.frozen_as)
    refusal = guards.first(
        closed(node),
        _frozen(is_frozen and not outranks, "the limit is frozen already"),
        None if outranks else status_refused(node, NodeStatus.ACTIVE),
    )
    if refusal:
        return refusal
    also = [other for other in below if other.status is NodeStatus.ACTIVE]
    return _turned(Operation.FREEZE, node, also, NodeStatus.FROZEN, node.key[1], day, reason, role.value)


def unfreeze(
    node: LimitNode, below: Sequence[LimitNode], above: Sequence[LimitNode], day: date, role: Role
) -> Booked | Refusal:
    """Undo exactly one freezing: the node, and of `below` what was frozen by it.

    What was frozen from above, or stands below something frozen (`above`: all nodes above, in any tenant), waits
    for that to be unfrozen.
    """
    waits = node.frozen_by is not None or any(other.status is NodeStatus.FROZEN for other in above)
    refusal = guards.first(
        closed(node),
        status_refused(node, NodeStatus.FROZEN),
        _frozen(waits, "a limit above it is frozen: unfreeze that one first"),
        set_above((node,), role),
    )
    if refusal:
        return refusal
    also = [o for o in below if o.status is NodeStatus.FROZEN and o.frozen_by == node.key[1]]
    return _turned(Operation.UNFREEZE, node, also, NodeStatus.ACTIVE, None, day, None, None)


def set_above(nodes: Sequence[LimitNode], role: Role) -> Refusal | None:
    """None of these was frozen by an office above this one: neither lifted, closed nor moved away from under it."""
    node = next((one for one in nodes if _rank(one.frozen_as) > _rank(role.value)), None)
    if node is None:
        return None
    office = "headquarters" if node.frozen_as == Role.HEADQUARTERS_ADMINISTRATOR else "the region"
    message = f"the limit {node.name!r} was frozen by {office}: only {office} ends that; ask there"
    return Refusal(RefusalCode.BEYOND_AUTHORITY, message, ("nodeId",))


def _turned(
    operation: Operation,
    node: LimitNode,
    also: Sequence[LimitNode],
    status: NodeStatus,
    frozen_by: UUID | None,
    day: date,
    reason: str | None,
    frozen_as: str | None,
) -> Booked:
    turned = [replace(other, status=status, frozen_by=frozen_by, frozen_as=frozen_as) for other in also]
    changes = [
        changed(node, replace(node, status=status, frozen_as=frozen_as), day),
        *(changed(other, after, day) for other, after in zip(also, turned, strict=True)),
    ]
    movements = tuple(told(operation, change, day, reason=reason) for change in changes)
    return Booked(movements, in_lock_order(changes))


def _rank(role: str | None) -> int:
    return next((rank for rank, one in enumerate(OFFICES) if one == role), -1)


def _frozen(is_so: bool, message: str) -> Refusal | None:
    return Refusal(RefusalCode.LIMIT_FROZEN, message, ("nodeId",)) if is_so else None
