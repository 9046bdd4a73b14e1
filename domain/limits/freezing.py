"""Freezing and unfreezing: nothing new on a node or below it. A unit's node takes those of units below along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from domain.limits import guards
from domain.limits.movements import Booked
from domain.limits.nodes import LimitNode, NodeStatus, Operation
from domain.limits.posting import changed, in_lock_order
from domain.limits.terms import closed, status_refused, told
from domain.refusals import Refusal, RefusalCode, invalid


def freeze(node: LimitNode, below: Sequence[LimitNode], day: date, reason: str) -> Booked | Refusal:
    """Nothing new is booked on the node or below it until it is unfrozen; what is held stays, and may be repaid.

    `below`: the units' own nodes below a unit's own node, in other tenants; those that are active are frozen, too.
    """
    if not reason.strip():
        return invalid("say why", "reason")
    refusal = guards.first(
        closed(node),
        _frozen(node.status is NodeStatus.FROZEN, "the limit is frozen already"),
        status_refused(node, NodeStatus.ACTIVE),
    )
    if refusal:
        return refusal
    also = [other for other in below if other.status is NodeStatus.ACTIVE]
    return _turned(Operation.FREEZE, node, also, NodeStatus.FROZEN, node.key[1], day, reason)


def unfreeze(
    node: LimitNode, below: Sequence[LimitNode], above: Sequence[LimitNode], day: date
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
    )
    if refusal:
        return refusal
    also = [o for o in below if o.status is NodeStatus.FROZEN and o.frozen_by == node.key[1]]
    return _turned(Operation.UNFREEZE, node, also, NodeStatus.ACTIVE, None, day, None)


def _turned(
    operation: Operation,
    node: LimitNode,
    also: Sequence[LimitNode],
    status: NodeStatus,
    frozen_by: UUID | None,
    day: date,
    reason: str | None,
) -> Booked:
    changes = [
        changed(node, replace(node, status=status), day),
        *(changed(other, replace(other, status=status, frozen_by=frozen_by), day) for other in also),
    ]
    movements = tuple(told(operation, change, day, reason=reason) for change in changes)
    return Booked(movements, in_lock_order(changes))


def _frozen(is_so: bool, message: str) -> Refusal | None:
    return Refusal(RefusalCode.LIMIT_FROZEN, message, ("nodeId",)) if is_so else None
