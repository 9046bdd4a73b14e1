"""A commitment's movements as they are written: its first one, and each that follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.limits.movements import Ask, Booked, Movement, NodeChange, Place
from domain.limits.nodes import NOTHING, Balance, Commitment, CommitmentStatus, Operation
from domain.limits.posting import Settle, cap_changes, post


def opened(
    place: Place,
    ask: Ask,
    operation: Operation,
    balance: Balance,
    *,
    overridden_by: str | None = None,
    after: dict[str, Any] | None = None,
) -> Booked:
    """A new commitment on the leaf, with its first movement; `after`: what that tells beside the amount."""
    leaf = place.leaf
    commitment = Commitment(
        key=(leaf.key[0], ask.commitment_id),
        node=leaf.key,
        client_id=ask.client_id,
        product=ask.product,
        currency=leaf.currency,
        status=_status(balance),
        balance=balance,
        granted=balance.total,
        expires_at=ask.expires_at if balance.earmarked else None,
        opened_on=place.day,
        moved_on=place.day,
        overridden_by=overridden_by,
    )
    movement = Movement(
        operation=operation,
        node=leaf.key,
        commitment=commitment.key,
        amount=ask.amount,
        currency=leaf.currency,
        value_date=place.day,
        reason=ask.reason,
        after=after,
    )
    caps = cap_changes(place.caps, NOTHING, balance)
    return Booked((movement,), post(place, balance), caps, commitment)


def moved(
    place: Place,
    commitment: Commitment,
    operation: Operation,
    balance: Balance,
    *,
    amount: int | None = None,
    emptied: CommitmentStatus = CommitmentStatus.RELEASED,
    expires_at: datetime | None = None,
    settle: Settle | None = None,
    reverses: UUID | None = None,
    reason: str | None = None,
) -> Booked:
    """A movement of a commitment that holds `balance` from now on; `emptied` is its status if that is nothing."""
    after = replace(
        commitment,
        balance=balance,
        status=_status(balance) if balance else emptied,
        granted=max(commitment.granted, balance.total),
        expires_at=(expires_at or commitment.expires_at) if balance.earmarked else None,
        moved_on=place.day,
    )
    changes = post(place, balance - commitment.balance, settle) if balance != commitment.balance else ()
    movement = Movement(
        operation=operation,
        node=commitment.node,
        commitment=commitment.key,
        amount=commitment.balance.total - balance.total if amount is None else amount,
        currency=commitment.currency,
        value_date=place.day,
        reason=reason,
        reverses=reverses,
        before=_told(commitment, changes, before=True),
        after=_told(after, changes, before=False),
    )
    caps = cap_changes(place.caps, commitment.balance, balance)
    return Booked((movement,), changes, caps, after, commitment)


def _told(commitment: Commitment, changes: tuple[NodeChange, ...], *, before: bool) -> dict[str, Any]:
    """What a reversal has to know: the commitment's state, and what was used up or cut off on which node."""
    expires_at = commitment.expires_at
    told: dict[str, Any] = {
        "status": commitment.status.value,
        "granted": commitment.granted,
        "expiresAt": expires_at.isoformat() if expires_at else None,
    }
    nodes = {
        str(change.key[1]): {"sanctioned": node.sanctioned, "consumed": node.consumed}
        for change in changes
        if (change.before.sanctioned, change.before.consumed)
        != (change.after.sanctioned, change.after.consumed)
        for node in [change.before if before else change.after]
    }
    return {**told, "nodes": nodes} if nodes else told


def _status(balance: Balance) -> CommitmentStatus:
    if balance.utilised:
        return CommitmentStatus.UTILISED
    return CommitmentStatus.RESERVED if balance.reserved else CommitmentStatus.EARMARKED
