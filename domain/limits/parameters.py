"""A node's own life: opened, approved by a second person, activated, adjusted, aged, closed.

`place` is the path from the node to its tenant's top. `above` is the node above a top node, in another tenant: what
is dealt to the top node stands there. What is held is never touched: a cut below it flags the node OVER_LIMIT.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from domain.limits import guards, raising
from domain.limits.movements import Booked, Movement, Place
from domain.limits.nodes import NOTHING, TERMS, LimitNode, NodeStatus, Operation
from domain.limits.posting import carry, changed, dealing, in_lock_order
from domain.limits.terms import (
    closed,
    misplaced,
    outlasted,
    outlasting,
    past,
    plain,
    rate_refused,
    status_refused,
    told,
    values_refused,
)
from domain.refusals import Refusal, RefusalCode, invalid

# What an adjustment may change; the rest has an operation of its own, or is decided when the node is opened.
ADJUSTABLE = frozenset(
    {
        "name",
        "sanctioned",
        "collateral_cap",
        "regulatory_cap",
        "tolerance",
        "reinstatement",
        "sharing",
        "valid_from",
        "valid_until",
    }
)


def open_node(node: LimitNode, parent: LimitNode | None, day: date) -> Booked | Refusal:
    """A new node, as a draft: it limits nothing and takes nothing until it has been approved and activated."""
    refusal = guards.first(
        values_refused(node),
        misplaced(node, parent),
        None if parent is None else closed(parent, "parentId"),
        None if parent is None else outlasting(node, parent),
        None if parent is None else rate_refused(node.parent_rate, node, parent),
    )
    if refusal:
        return refusal
    fresh = replace(
        node,
        status=NodeStatus.DRAFT,
        frozen_by=None,
        approved_by=None,
        over_limit=False,
        balance=NOTHING,
        idle_fenced=0,
        dealt=0,
        consumed=0,
    )
    movement = Movement(
        operation=Operation.OPEN,
        node=fresh.key,
        amount=fresh.sanctioned,
        currency=fresh.currency,
        value_date=day,
        after={name: plain(getattr(fresh, name)) for name in TERMS},
    )
    return Booked((movement,), opened=fresh)


def approve(
    place: Place,
    actor: str,
    above: LimitNode | None = None,
    *,
    within: tuple[date, date] | None = None,
) -> Booked | Refusal:
    """A draft is approved, or a proposed change carried out, by somebody else than who wrote or proposed it."""
    node, day = place.leaf, place.day
    if node.proposed is not None and node.status is not NodeStatus.CLOSED:
        return _carried_out(place, actor, above, within)
    refusal = guards.first(closed(node), status_refused(node, NodeStatus.DRAFT))
    if refusal:
        return refusal
    if actor == node.created_by:
        return Refusal(
            RefusalCode.SECOND_PERSON_NEEDED,
            "whoever wrote a limit may not approve it: ask somebody else",
            ("nodeId",),
        )
    change = changed(node, replace(node, status=NodeStatus.APPROVED, approved_by=actor), day)
    return Booked((told(Operation.APPROVE, change, day),), (change,))


def activate(place: Place, above: LimitNode | None) -> Booked | Refusal:
    """An approved node comes into force; a ring-fenced one takes its amount out of its parent, if that has it."""
    node = place.leaf
    over = place.path[1:] if len(place.path) > 1 else (above,) if above else ()
    refusal = guards.first(
        closed(node),
        status_refused(node, NodeStatus.APPROVED),
        past(node, place.day),
        guards.not_standing(over, place.day, "nodeId"),
    )
    if refusal:
        return refusal
    return termed(place, replace(node, status=NodeStatus.ACTIVE), Operation.ACTIVATE, above)


def adjust(
    place: Place,
    after: LimitNode,
    above: LimitNode | None = None,
    *,
    within: tuple[date, date] | None = None,
    operation: Operation = Operation.ADJUST,
    proposed_by: str | None = None,
    reason: str | None = None,
) -> Booked | Refusal:
    """Change what was decided of a node (`ADJUSTABLE`); `within`: first and last day that the nodes below it need.

    More behind a fence must be there in the parent. Less than what is committed makes the node OVER_LIMIT: nothing
    new, nothing deleted. A prolonged node that had expired is in force again; one that was approved and not yet put
    into force is a draft again. ALLOCATE and RECLAIM are adjustments by an adopted period's plan. `proposed_by`: a
    second person does what that one has proposed.
    """
    node = place.leaf
    parent = place.path[1] if len(place.path) > 1 else above
    unknown = {name for name in TERMS if getattr(node, name) != getattr(after, name)} - ADJUSTABLE
    assert not unknown, f"not adjustable: {sorted(unknown)}"
    refusal = guards.first(
        closed(node),
        values_refused(after),
        misplaced(after, parent),
        None if parent is None else outlasting(after, parent),
        None if within is None else outlasted(after, within),
    )
    if refusal:
        return refusal
    if node.status is NodeStatus.EXPIRED and after.valid_until >= place.day:
        after = replace(after, status=NodeStatus.ACTIVE)
    if node.status is NodeStatus.APPROVED:
        # What a second person said is right were other terms.
        after = replace(after, status=NodeStatus.DRAFT, approved_by=None)
    after = raising.together(after) if proposed_by else raising.alone(node, after)
    reason = f"proposed by {proposed_by}" if proposed_by else reason
    return termed(place, after, operation, above, amount=after.sanctioned - node.sanctioned, reason=reason)


def add(
    place: Place,
    amount: int,
    first_day: date,
    last_day: date,
    above: LimitNode | None = None,
    *,
    proposed_by: str | None = None,
) -> Booked | Refusal:
    """Grant an amount on top for some days, both counted; it takes the place of an earlier addition.

    A ring-fenced node's fence does not grow by it: what is drawn beyond S must be available above. A top node's
    parent, in another tenant, has to have it.
    """
    node = place.leaf
    refusal = guards.first(
        guards.amount_refused(amount),
        guards.amount_refused(node.sanctioned + max(amount, 1)),
        guards.not_standing((node,), place.day, "nodeId"),
    )
    if refusal:
        return refusal
    if not place.day <= last_day or not node.valid_from <= first_day <= last_day <= node.valid_until:
        return invalid(
            f"an addition lasts for days within the limit's own validity ({node.valid_from} to {node.valid_until})",
            "until",
        )
    after = replace(node, addition=amount, addition_from=first_day, addition_until=last_day)
    after = raising.together(after) if proposed_by else raising.alone(node, after)
    reason = f"proposed by {proposed_by}" if proposed_by else None
    return termed(place, after, Operation.ADD, above, amount=amount, reason=reason)


def age(place: Place, above: LimitNode | None = None) -> Booked | None:
    """What time has done to a node by this day: its addition is over, its validity has ended. None: nothing.

    A fence that has expired stands until the node is closed: what is behind it may still be owed.
    """
    node, day = place.leaf, place.day
    after = node
    if node.addition_until is not None and node.addition_until < day:
        after = replace(after, addition=0, addition_from=None, addition_until=None)
    if node.status is NodeStatus.ACTIVE and node.valid_until < day:
        after = replace(after, status=NodeStatus.EXPIRED)
    if after is node:
        return None
    return _booked(place, raising.eased(node, after), Operation.EXPIRE, above, amount=None, reason=None)


def close(place: Place, above: LimitNode | None, *, open_below: int) -> Booked | Refusal:
    """End a node that holds nothing (E = R = U = 0), with no open one below; its fence goes back to the parent."""
    node = place.leaf
    refusal = closed(node)
    if refusal:
        return refusal
    if node.balance or node.dealt or open_below:
        still = "limits below it are open" if open_below or node.dealt else "something is still held there"
        return Refusal(
            RefusalCode.STILL_COMMITTED, f"{still}: a limit is closed when it is empty", ("nodeId",)
        )
    return termed(place, replace(node, status=NodeStatus.CLOSED, frozen_as=None), Operation.CLOSE, above)


def termed(
    place: Place,
    after: LimitNode,
    operation: Operation,
    above: LimitNode | None,
    *,
    amount: int | None = None,
    reason: str | None = None,
) -> Booked | Refusal:
    """The leaf's new terms, carried up its path; refused where a parent would give more than it has."""
    booked = _booked(place, after, operation, above, amount=amount, reason=reason)
    others = [change for change in booked.changes if change.key != place.leaf.key]
    refusal = guards.first(
        guards.strained(others, place.day, RefusalCode.BEYOND_PARENT),
        guards.too_large(booked.changes),
    )
    return refusal or booked


def _carried_out(
    place: Place, actor: str, above: LimitNode | None, within: tuple[date, date] | None
) -> Booked | Refusal:
    """What was proposed, done by a second person; it is decided as if it were asked now."""
    node = place.leaf
    if actor == node.proposed_by:
        return Refusal(
            RefusalCode.SECOND_PERSON_NEEDED,
            "whoever proposed a change may not approve it: ask somebody else",
            ("nodeId",),
        )
    if node.proposed_until is not None and node.proposed_until < place.day:
        return Refusal(
            RefusalCode.STATUS_MAY_NOT_FOLLOW,
            f"the proposal was good until {node.proposed_until}: propose it anew",
            ("nodeId",),
        )
    operation, after = raising.proposal_of(node)
    if operation is Operation.ADD:
        first, last = after.addition_from or place.day, after.addition_until or place.day
        return add(place, after.addition, first, last, above, proposed_by=node.proposed_by)
    return adjust(place, after, above, within=within, proposed_by=node.proposed_by)


def _booked(
    place: Place,
    after: LimitNode,
    operation: Operation,
    above: LimitNode | None,
    *,
    amount: int | None,
    reason: str | None,
) -> Booked:
    changes = carry(place.path, after, place.day)
    movement = told(operation, changes[0], place.day, amount=amount, reason=reason)
    changes += dealing(changes[0].before, changes[0].after, above, place.day)
    return Booked((movement,), in_lock_order(changes))
