"""A node's terms: what may be written into them, and how a change of them is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from domain.limits.movements import Movement, NodeChange
from domain.limits.nodes import TOP_KINDS, LimitNode, NodeKind, NodeStatus, Operation, Reinstatement
from domain.money import LARGEST_MINOR
from domain.refusals import Refusal, RefusalCode, invalid


def told(
    operation: Operation,
    change: NodeChange,
    day: date,
    *,
    amount: int | None = None,
    reason: str | None = None,
) -> Movement:
    """The movement that records a node's change of terms."""
    return Movement(
        operation=operation,
        node=change.key,
        amount=amount,
        currency=change.after.currency,
        value_date=day,
        reason=reason,
        before={name: plain(before) for name, (before, _) in change.terms.items()},
        after={name: plain(after) for name, (_, after) in change.terms.items()},
    )


def plain(value: Any) -> Any:
    """A parameter as JSON keeps it."""
    if value is None or isinstance(value, int | str | Mapping):
        return value
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    return value.isoformat() if isinstance(value, date) else str(value)


def values_refused(node: LimitNode) -> Refusal | None:
    """Every parameter is in its range."""
    if not node.name.strip():
        return invalid("a limit has a name", "name")
    if not 0 <= node.sanctioned <= LARGEST_MINOR - node.addition:
        return invalid(
            "the sanctioned amount is nothing or more, and no more than the ledger can hold", "sanctioned"
        )
    for name, cap in (("collateralCap", node.collateral_cap), ("regulatoryCap", node.regulatory_cap)):
        if cap is not None and not 0 <= cap <= LARGEST_MINOR:
            return invalid("a cap is nothing or more, and no more than the ledger can hold", name)
    if not Decimal(0) <= node.tolerance <= Decimal(1):
        return invalid("a tolerance is a fraction between 0 and 1", "tolerance")
    if node.parent_rate <= 0:
        return invalid("a rate is more than zero", "rate")
    if node.valid_until < node.valid_from:
        return invalid("the last day lies before the first", "validUntil")
    return None


def rate_refused(rate: Decimal, node: LimitNode, parent: LimitNode) -> Refusal | None:
    """Only what is in another currency than its parent has a rate."""
    if rate <= 0:
        return invalid("a rate is more than zero", "rate")
    if node.currency == parent.currency and rate != 1:
        return invalid("the limit and the one above it are in the same currency: their rate is 1", "rate")
    return None


def outlasting(node: LimitNode, parent: LimitNode) -> Refusal | None:
    """A node's validity lies within its parent's."""
    if parent.valid_from <= node.valid_from and node.valid_until <= parent.valid_until:
        return None
    return Refusal(
        RefusalCode.OUTLASTS_PARENT,
        f"the limit above it, {parent.name!r}, is valid from {parent.valid_from} to {parent.valid_until}",
        ("validUntil",),
    )


def outlasted(node: LimitNode, within: tuple[date, date]) -> Refusal | None:
    """No open node below has a longer validity."""
    first, last = within
    if node.valid_from <= first and last <= node.valid_until:
        return None
    return Refusal(
        RefusalCode.OUTLASTS_PARENT,
        f"limits below it are valid from {first} to {last}: shorten those first",
        ("validUntil",),
    )


def parent_missing(kind: NodeKind) -> Refusal | None:
    """Only the bank's own limit has none above it."""
    if kind is NodeKind.BANK:
        return None
    which = (
        "that of the unit above"
        if kind in TOP_KINDS
        else "the branch's own limit, or another one that stands under it"
    )
    return invalid(f"say by `parentId` which limit it stands under: {which}", "parentId")


def misplaced(node: LimitNode, parent: LimitNode | None) -> Refusal | None:
    """Units' own nodes stand under units' own nodes, ring-fenced; the others within their tenant."""
    code = RefusalCode.KIND_NOT_ALLOWED_THERE
    if node.is_top:
        if not node.fenced or node.reinstatement is Reinstatement.REDUCING:
            return invalid("the limit of a unit is ring-fenced, and not reducing", "sharing")
        if (parent is None) != (node.kind is NodeKind.BANK):
            return Refusal(code, "the bank's own limit, and no other, stands on top", ("parentId",))
        if parent is not None and not parent.is_top:
            return Refusal(code, "the limit of a unit stands under that of a unit", ("parentId",))
        return None
    if parent is None or parent.key[0] != node.key[0]:
        return Refusal(code, "a limit stands under one of its own unit", ("parentId",))
    return None


def status_refused(node: LimitNode, needed: NodeStatus) -> Refusal | None:
    """It is at the stage before."""
    if node.status is needed:
        return None
    return Refusal(
        RefusalCode.STATUS_MAY_NOT_FOLLOW, f"the limit is {node.status}; this needs {needed}", ("nodeId",)
    )


def closed(node: LimitNode, field: str = "nodeId") -> Refusal | None:
    """What is closed stays as it is."""
    if node.status is not NodeStatus.CLOSED:
        return None
    return Refusal(RefusalCode.LIMIT_CLOSED, f"the limit {node.name!r} is closed", (field,))


def past(node: LimitNode, day: date) -> Refusal | None:
    """Its validity has not ended."""
    if day <= node.valid_until:
        return None
    return Refusal(
        RefusalCode.LIMIT_EXPIRED,
        f"the limit was valid until {node.valid_until}: adjust it first",
        ("nodeId",),
    )
