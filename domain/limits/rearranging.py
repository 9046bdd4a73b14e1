"""Changes that concern several nodes: transfers between siblings, moves of a subtree, new exchange rates."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from domain.limits import guards, raising
from domain.limits.formulas import contribution, headroom
from domain.limits.movements import Booked, NodeChange, Place
from domain.limits.nodes import LimitNode, NodeStatus, Operation
from domain.limits.posting import carry, changed, dealing, in_lock_order, net, updated
from domain.limits.terms import closed, misplaced, outlasting, rate_refused, told
from domain.refusals import Possible, Refusal, RefusalCode, invalid


def transfer(
    source: Place, target: Place, amount: int, currency: str, above: LimitNode | None = None
) -> Booked | Refusal:
    """Move a part of a node's S to a sibling: what they have together stays the same.

    Only what the giver does not need: neither what is committed there nor an addition, which is dated. `above`: the
    parent of two top nodes.
    """
    giver, receiver = source.leaf, target.leaf
    refusal = guards.first(
        guards.amount_refused(amount),
        _not_siblings(giver, receiver),
        guards.currency_refused(currency, giver.currency),
        guards.currency_refused(receiver.currency, giver.currency),
        guards.not_standing((giver,), source.day, "fromNodeId"),
        guards.not_standing((receiver,), target.day, "toNodeId"),
        _more_than_spare(giver, amount, source),
        guards.amount_refused(receiver.sanctioned + receiver.addition + amount),
    )
    if refusal:
        return refusal
    poorer = raising.alone(giver, replace(giver, sanctioned=giver.sanctioned - amount))
    giving = carry(source.path, poorer, source.day)
    giving += dealing(giver, giving[0].after, above, source.day)
    above = updated((above,), giving)[0] if above else None
    richer = raising.alone(receiver, replace(receiver, sanctioned=receiver.sanctioned + amount))
    taking = carry(updated(target.path, giving), richer, target.day)
    taking += dealing(receiver, richer, above, target.day)
    changes = net((*giving, *taking), source.day)
    refusal = guards.first(
        guards.strained(_others(changes, giver, receiver), source.day, RefusalCode.BEYOND_PARENT)
    )
    if refusal:
        return refusal
    by_key = {change.key: change for change in changes}
    movements = tuple(
        told(Operation.TRANSFER, by_key[node.key], source.day, amount=amount) for node in (giver, receiver)
    )
    return Booked(movements, changes)


def move(place: Place, new_above: tuple[LimitNode, ...], *, rate: Decimal | None = None) -> Booked | Refusal:
    """Put a node, with all below it, under another of its tenant; `new_above` is the path from that one upwards.

    Every ancestor's sums follow by postings; an ancestor of both places is as before. `rate` is needed where the
    new parent is in another currency than the old one.
    """
    node, parent = place.leaf, new_above[0]
    refusal = guards.first(
        _not_movable(node, new_above),
        closed(node),
        misplaced(node, parent),
        guards.not_standing(new_above, place.day, "newParentId"),
        outlasting(node, parent),
    )
    if refusal:
        return refusal
    new_rate = rate or _rate_under(node, place.path[1], parent)
    if new_rate is None:
        return Refusal(
            RefusalCode.CURRENCY_DIFFERS,
            f"{parent.name!r} is in {parent.currency}: say how much of that one {node.currency} is worth",
            ("rate",),
        )
    refusal = rate_refused(new_rate, node, parent)
    if refusal:
        return refusal
    after = replace(node, parent=parent.key, parent_rate=new_rate)
    if leaves(place, new_above):
        after = raising.alone(node, after)
    if node.status is NodeStatus.APPROVED:
        # A second person said that it is right where it stood.
        after = replace(after, status=NodeStatus.DRAFT, approved_by=None)
    leaving = _with_child(place.path[1:], node, -1, place)
    joining = _with_child(updated(new_above, leaving), after, 1, place)
    own = changed(node, after, place.day)
    changes = net((*leaving, *joining, own), place.day)
    refusal = guards.first(
        guards.strained(_others(changes, node), place.day, RefusalCode.BEYOND_PARENT),
        guards.too_large(changes),
    )
    return refusal or Booked((told(Operation.MOVE, own, place.day),), changes)


def leaves(place: Place, new_above: tuple[LimitNode, ...]) -> bool:
    """Whether a limit would be over it no longer: its own terms are then all that binds, and are decided anew."""
    return not {node.key for node in place.path[1:]} <= {node.key for node in new_above}


def revalue(
    place: Place, rate: Decimal, parent: LimitNode, above: LimitNode | None = None
) -> Booked | Refusal:
    """A new rate to the parent's currency: the difference is posted above; no movement is written anew.

    It may leave the nodes above OVER_LIMIT: the world has changed, and nothing can be refused. `above`: the parent
    of a top node, in another tenant.
    """
    node = place.leaf
    refusal = guards.first(closed(node), rate_refused(rate, node, parent))
    if refusal:
        return refusal
    if rate == node.parent_rate:
        return invalid("this is the rate already", "rate")
    changes = carry(place.path, replace(node, parent_rate=rate), place.day)
    movement = told(Operation.REVALUE, changes[0], place.day)
    changes += dealing(node, changes[0].after, above, place.day)
    return guards.too_large(changes) or Booked((movement,), in_lock_order(changes))


def _others(changes: tuple[NodeChange, ...], *nodes: LimitNode) -> list[NodeChange]:
    """The changes of other nodes than these, the nearest to the top last."""
    keys = {node.key for node in nodes}
    return [change for change in changes if change.key not in keys]


def _with_child(
    path: tuple[LimitNode, ...], child: LimitNode, sign: int, place: Place
) -> tuple[NodeChange, ...]:
    """The path's changes when the child joins (1) or leaves (-1) its first node."""
    balance, idle = contribution(child)
    parent = path[0]
    after = replace(
        parent,
        balance=parent.balance + balance if sign > 0 else parent.balance - balance,
        idle_fenced=parent.idle_fenced + sign * idle,
    )
    return carry(path, after, place.day)


def _not_siblings(giver: LimitNode, receiver: LimitNode) -> Refusal | None:
    if giver.key == receiver.key:
        return invalid("a limit cannot give to itself", "toNodeId")
    if giver.parent is not None and giver.parent == receiver.parent and giver.is_top == receiver.is_top:
        return None
    return Refusal(
        RefusalCode.NOT_SIBLINGS,
        "only limits under the same one give to each other: units' to units', others to others",
        ("toNodeId",),
    )


def _more_than_spare(giver: LimitNode, amount: int, place: Place) -> Refusal | None:
    spare = max(headroom(replace(giver, addition=0), place.day), 0)
    if amount <= spare:
        return None
    return Refusal(
        RefusalCode.EXCEEDS_AVAILABLE,
        f"the limit {giver.name!r} has less than that to spare",
        ("amount",),
        Possible(spare, giver.currency, giver.name, giver.key),
    )


def _not_movable(node: LimitNode, new_above: tuple[LimitNode, ...]) -> Refusal | None:
    if node.is_top:
        return Refusal(RefusalCode.KIND_NOT_ALLOWED_THERE, "a unit's limit moves with its unit", ("nodeId",))
    if node.key in {other.key for other in new_above}:
        return Refusal(RefusalCode.WOULD_CREATE_CYCLE, "a limit cannot stand below itself", ("newParentId",))
    if node.parent == new_above[0].key:
        return invalid("it stands there already", "newParentId")
    return None


def _rate_under(node: LimitNode, old: LimitNode, new: LimitNode) -> Decimal | None:
    if node.currency == new.currency:
        return Decimal(1)
    return node.parent_rate if old.currency == new.currency else None
