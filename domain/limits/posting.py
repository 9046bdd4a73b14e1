"""How a change of one node is carried up its path: the same delta everywhere, in each node's currency."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date

from domain.limits.formulas import contribution, counted, dealt, is_over_limit
from domain.limits.movements import CapChange, NodeChange, Place
from domain.limits.nodes import Balance, CapShare, LimitNode, NodeKey, Reinstatement, terms_of

Settle = Callable[[LimitNode, LimitNode], LimitNode]
"""What becomes of a node's parameters when its balance changes: the node before and after, to the node to keep."""


def post(place: Place, delta: Balance, settle: Settle | None = None) -> tuple[NodeChange, ...]:
    """The changes of the path's nodes when the leaf's balance changes."""
    leaf = replace(place.leaf, balance=place.leaf.balance + delta)
    return carry(place.path, leaf, place.day, settle)


def carry(
    path: Sequence[LimitNode], leaf: LimitNode, day: date, settle: Settle | None = None
) -> tuple[NodeChange, ...]:
    """The changes of the path's nodes when its leaf becomes `leaf`; up to where nothing changes any more."""
    changes: list[NodeChange] = []
    after = leaf
    for i, before in enumerate(path):
        changes.append(changed(before, settle(before, after) if settle else after, day))
        if i + 1 == len(path):
            break
        balance, idle = contribution(changes[-1].after)
        balance_before, idle_before = contribution(before)
        if (balance, idle) == (balance_before, idle_before):
            break
        above = path[i + 1]
        after = replace(
            above,
            balance=above.balance + balance - balance_before,
            idle_fenced=above.idle_fenced + idle - idle_before,
        )
    return tuple(changes)


def changed(before: LimitNode, after: LimitNode, day: date) -> NodeChange:
    """The change: flagged where more is taken than granted, as the next version where terms differ."""
    over_limit = is_over_limit(after, day)
    version = before.version + (terms_of(before) != terms_of(after))
    if (over_limit, version) != (after.over_limit, after.version):
        after = replace(after, over_limit=over_limit, version=version)
    return NodeChange(before, after)


def dealing(
    before: LimitNode, after: LimitNode, above: LimitNode | None, day: date
) -> tuple[NodeChange, ...]:
    """The change of the node above a top node, in its own tenant, when the top node's amount changes."""
    difference = dealt(after) - dealt(before)
    if above is None or not difference:
        return ()
    return (changed(above, replace(above, dealt=above.dealt + difference), day),)


def reinstating(before: LimitNode, after: LimitNode) -> LimitNode:
    """What a repayment leaves of a node: it reinstates only what revolves.

    A REVOLVING node has its room again. A NON_REVOLVING one keeps its S and counts what was repaid as `consumed`:
    the room is used up, in this node, while each node above goes by its own kind. A REDUCING one has its S lowered,
    never below nothing, and where it is ring-fenced its parent has that room again.
    """
    repaid = before.balance.total - after.balance.total
    match after.reinstatement:
        case Reinstatement.NON_REVOLVING:
            return replace(after, consumed=after.consumed + repaid)
        case Reinstatement.REDUCING:
            return replace(after, sanctioned=max(after.sanctioned - repaid, 0))
    return after


def cap_changes(caps: Sequence[CapShare], before: Balance, after: Balance) -> tuple[CapChange, ...]:
    """What each cap counts more or less when a commitment's balance changes; one posting each.

    Less is taken from what the commitment holds there, and no more: a cap may be younger than the commitment.
    """
    changes: list[CapChange] = []
    for cap in caps:
        delta = counted(cap, after) - counted(cap, before)
        delta = max(delta, -cap.held)
        if delta:
            changes.append(CapChange(cap.cap_id, cap.subject, delta))
    return tuple(changes)


def net(changes: Iterable[NodeChange], day: date) -> tuple[NodeChange, ...]:
    """Successive changes as one of each node that differs in the end, in the order of locking."""
    before: dict[NodeKey, LimitNode] = {}
    after: dict[NodeKey, LimitNode] = {}
    for change in changes:
        before.setdefault(change.key, change.before)
        after[change.key] = change.after
    each = [changed(node, after[key], day) for key, node in before.items()]
    return in_lock_order([change for change in each if change.after != change.before])


def updated(path: Sequence[LimitNode], changes: Iterable[NodeChange]) -> tuple[LimitNode, ...]:
    """The path's nodes after these changes."""
    after = {change.key: change.after for change in changes}
    return tuple(after.get(node.key, node) for node in path)


def in_lock_order(changes: Sequence[NodeChange]) -> tuple[NodeChange, ...]:
    """The changes by the nodes' keys."""
    return tuple(sorted(changes, key=lambda change: change.key))
