"""Taking a movement back by its opposite: nothing is deleted, and what it changed is as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from domain.limits import guards
from domain.limits.booking import caps_refused
from domain.limits.commitments import moved
from domain.limits.movements import Booked, Place, Recorded
from domain.limits.nodes import Commitment, CommitmentStatus, LimitNode, Operation
from domain.refusals import Refusal, RefusalCode, invalid

REVERSIBLE = frozenset(
    {
        Operation.EARMARK,
        Operation.RESERVE,
        Operation.UTILISE,
        Operation.REPAY,
        Operation.RELEASE,
        Operation.CANCEL,
        Operation.WRITE_OFF,
        Operation.SYNDICATE,
        Operation.OVERRIDE,
    }
)


def reverse(place: Place, commitment: Commitment | None, recorded: Recorded, reason: str) -> Booked | Refusal:
    """Take a movement of a commitment back.

    A reversal is not reversed, nor an extension, an expiry or a change of a limit: those are done anew. What later
    movements have built on cannot be taken away (reverse those first); what holds more again must be available.
    """
    if not reason.strip():
        return invalid("say why", "reason")
    refusal = _not_reversible(commitment, recorded)
    if refusal or commitment is None:
        return refusal or _never(recorded.movement.operation)
    balance = commitment.balance - recorded.delta
    refusal = guards.backdated(commitment, place.day)
    if refusal:
        return refusal
    if not balance.possible:
        return Refusal(
            RefusalCode.NOT_REVERSIBLE,
            "later movements of the commitment rest on this one: reverse those first",
            ("movementId",),
        )
    booked = moved(
        place,
        commitment,
        Operation.REVERSE,
        balance,
        amount=recorded.movement.amount,
        emptied=CommitmentStatus(_before(recorded, "status") or CommitmentStatus.REVERSED),
        expires_at=_expiry(recorded),
        settle=lambda _, after: _restored(after, recorded),
        reverses=recorded.id,
        reason=reason,
    )
    holds_more = recorded.delta.total < 0
    refusal = guards.first(
        guards.not_standing(place.path, place.day) if holds_more else None,
        guards.strained(booked.changes, place.day, tolerated=True),
        guards.too_large(booked.changes),
        caps_refused(place, commitment.balance, balance),
    )
    return refusal or _with_granted(booked, recorded)


def _not_reversible(commitment: Commitment | None, recorded: Recorded) -> Refusal | None:
    operation = recorded.movement.operation
    if commitment is None or operation not in REVERSIBLE:
        return _never(operation)
    if recorded.is_reversed:
        return Refusal(
            RefusalCode.ALREADY_REVERSED, "this movement has been reversed already", ("movementId",)
        )
    return None


def _never(operation: Operation) -> Refusal:
    said = "a reversal is not reversed" if operation is Operation.REVERSE else f"{operation} is not reversed"
    return Refusal(RefusalCode.NOT_REVERSIBLE, f"{said}: book anew what is wanted", ("movementId",))


def _before(recorded: Recorded, name: str) -> Any:
    return (recorded.movement.before or {}).get(name)


def _expiry(recorded: Recorded) -> datetime | None:
    written = _before(recorded, "expiresAt")
    return datetime.fromisoformat(written) if written else None


def _restored(node: LimitNode, recorded: Recorded) -> LimitNode:
    """The node with what the movement used up or cut off given back."""
    after = ((recorded.movement.after or {}).get("nodes") or {}).get(str(node.key[1]))
    if after is None:
        return node
    before = _before(recorded, "nodes")[str(node.key[1])]
    return replace(
        node,
        sanctioned=node.sanctioned + before["sanctioned"] - after["sanctioned"],
        consumed=node.consumed + before["consumed"] - after["consumed"],
    )


def _with_granted(booked: Booked, recorded: Recorded) -> Booked:
    """With the most that the commitment ever held as it was, where it was this movement that raised it."""
    commitment, raised = booked.commitment, (recorded.movement.after or {}).get("granted")
    if commitment is None or raised is None or commitment.granted != raised:
        return booked
    granted = max(_before(recorded, "granted"), commitment.balance.total)
    return replace(booked, commitment=replace(commitment, granted=granted))
