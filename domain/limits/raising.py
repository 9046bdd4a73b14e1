"""Raising what a limit allows: by one person within delegated authority; beyond it, proposed to a second one.

What counts is the most that may be drawn on the limit, `most`: a cap that is lifted raises as well as an amount. A
limit that is to last longer, or leaves one that was over it, is decided anew as a whole. What one person has raised
adds up (`raised_alone`) until a second has looked at the limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from domain.limits.authority import Authority
from domain.limits.formulas import STANDING, with_tolerance
from domain.limits.movements import Booked, NodeChange
from domain.limits.nodes import LimitNode, NodeKey, Operation, Reinstatement, Sharing
from domain.limits.posting import changed
from domain.limits.terms import plain, told
from domain.money import Money
from domain.refusals import Possible, Refusal, RefusalCode

_READ: dict[str, Any] = {
    "name": str,
    "sanctioned": int,
    "addition": int,
    "addition_from": date.fromisoformat,
    "addition_until": date.fromisoformat,
    "collateral_cap": int,
    "regulatory_cap": int,
    "tolerance": Decimal,
    "reinstatement": Reinstatement,
    "sharing": Sharing,
    "valid_from": date.fromisoformat,
    "valid_until": date.fromisoformat,
}
"""What may be proposed, and how it is read again."""


def most(node: LimitNode) -> int:
    """What may be drawn on it on the day on which that is most: min(S + A, caps) × (1 + t)."""
    caps = [cap for cap in (node.collateral_cap, node.regulatory_cap) if cap is not None]
    return with_tolerance(min([node.sanctioned + node.addition, *caps]), node.tolerance)


def raised(before: LimitNode, after: LimitNode) -> int:
    """By how much a change of a limit in force raises it: by all of it, or of an addition, that is decided anew."""
    if before.status not in STANDING or after.status not in STANDING:
        return 0
    if _is_anew(before, after):
        return most(after)
    return most(after) - most(replace(before, addition=0) if _adds_longer(before, after) else before)


def alone(before: LimitNode, after: LimitNode) -> LimitNode:
    """The changed limit with what nobody else has looked at; what had been proposed is overtaken."""
    more = raised(before, after)
    standing = more if _is_anew(before, after) else max(before.raised_alone + more, 0)
    return replace(_settled(after), raised_alone=standing)


def together(after: LimitNode) -> LimitNode:
    """The limit once a second person has looked at it."""
    return replace(_settled(after), raised_alone=0)


def refused(booked: Booked, authority: Authority) -> Refusal | None:
    """Nobody raises a limit alone beyond what is delegated: what was raised alone before counts."""
    beyond = (change for change in booked.changes if _is_beyond(change, authority))
    change = next(beyond, None)
    if change is None:
        return None
    node, allowed = change.before, authority.most or Money(0, change.before.currency)
    left = Money(max(allowed.minor - node.raised_alone, 0), allowed.currency)
    return Refusal(
        RefusalCode.BEYOND_AUTHORITY,
        f"this office may raise the limit {node.name!r} by {left.amount} {left.currency} alone: "
        "adjust it, and let a second person approve that",
        ("amount",),
        Possible(left.minor, left.currency, "delegated authority", node.key),
    )


def propose(key: NodeKey, booked: Booked, actor: str, until: date, day: date) -> Booked:
    """Instead of doing it: the same change proposed, until a day which counts. The terms stay as they are."""
    change = next(change for change in booked.changes if change.key == key)
    proposed = {
        "operation": booked.movement.operation.value,
        "after": {name: plain(after) for name, (_, after) in change.terms.items() if name in _READ},
    }
    waiting = replace(change.before, proposed=proposed, proposed_by=actor, proposed_until=until)
    kept = changed(change.before, waiting, day)
    more = raised(change.before, change.after)
    return Booked((told(Operation.PROPOSE, kept, day, amount=more),), (kept,))


def proposal_of(node: LimitNode) -> tuple[Operation, LimitNode]:
    """What was proposed of a limit, and the limit as it would be."""
    proposed: Mapping[str, Any] = node.proposed or {}
    terms: dict[str, Any] = {
        name: None if kept is None else _READ[name](kept) for name, kept in proposed["after"].items()
    }
    return Operation(proposed["operation"]), replace(node, **terms)


def eased(before: LimitNode, after: LimitNode) -> LimitNode:
    """The limit once time has taken something off it: what was raised alone ends first."""
    return replace(after, raised_alone=alone(before, after).raised_alone)


def _is_anew(before: LimitNode, after: LimitNode) -> bool:
    """Whether it is to last longer, or to stand elsewhere, where other limits are over it."""
    longer = after.valid_until > before.valid_until or after.valid_from < before.valid_from
    return longer or after.parent != before.parent


def _adds_longer(before: LimitNode, after: LimitNode) -> bool:
    """Whether what is granted on top is to last longer than what was."""
    if before.addition_from is None or after.addition_from is None:
        return False
    if before.addition_until is None or after.addition_until is None:
        return False
    return after.addition_until > before.addition_until or after.addition_from < before.addition_from


def _settled(node: LimitNode) -> LimitNode:
    return replace(node, proposed=None, proposed_by=None, proposed_until=None)


def _is_beyond(change: NodeChange, authority: Authority) -> bool:
    if raised(change.before, change.after) <= 0 or change.after.raised_alone == 0:
        return False
    delegated = authority.most
    if delegated is None or delegated.currency != change.after.currency:
        return True
    return change.after.raised_alone > delegated.minor
