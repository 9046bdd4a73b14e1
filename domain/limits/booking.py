"""The life of a commitment: earmarked, reserved, utilised, repaid, released.

Each step is a pure function of the place where it is booked. It answers what is to be written, or why not; in which
order it is asked says `domain.limits.guards`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from domain.limits import guards
from domain.limits.authority import Authority
from domain.limits.commitments import moved, opened
from domain.limits.formulas import cap_room, resolve
from domain.limits.movements import Ask, Booked, Place
from domain.limits.nodes import (
    NOTHING,
    Balance,
    Commitment,
    CommitmentStatus,
    LimitNode,
    Operation,
    Reinstatement,
)
from domain.limits.posting import cap_changes, post, reinstating
from domain.money import LARGEST_MINOR, Money
from domain.refusals import Refusal, RefusalCode, invalid

DRAWN_ON = frozenset({CommitmentStatus.RESERVED, CommitmentStatus.UTILISED, CommitmentStatus.REPAID})
EARMARKED = frozenset({CommitmentStatus.EARMARKED})


def earmark(place: Place, ask: Ask) -> Booked | Refusal:
    """Hold an amount softly, until `ask.expires_at`: at the application."""
    if ask.expires_at is None or ask.expires_at <= place.now:
        return invalid("an earmark must expire, and later than now", "expiresAt")
    refusal = guards.too_long(ask.expires_at, ask.last_day) or _refused(place, ask)
    if refusal:
        return refusal
    return opened(place, ask, Operation.EARMARK, Balance(earmarked=ask.amount))


def extend(
    place: Place, commitment: Commitment, expires_at: datetime, last_day: date | None = None
) -> Booked | Refusal:
    """Let an earmark last longer, until `last_day` at most; it holds what it held."""
    refusal = guards.first(
        guards.backdated(commitment, place.day),
        guards.ended(commitment, place, EARMARKED),
        guards.not_standing(place.path, place.day),
    )
    if refusal:
        return refusal
    if commitment.expires_at is None or expires_at <= commitment.expires_at:
        return invalid(f"an earmark is extended beyond {commitment.expires_at}", "expiresAt")
    if refusal := guards.too_long(expires_at, last_day):
        return refusal
    return moved(place, commitment, Operation.EXTEND, commitment.balance, expires_at=expires_at)


def expire(place: Place, commitment: Commitment) -> Booked | Refusal:
    """Give back what an earmark holds whose time has passed; on any day and whatever its nodes' state."""
    if not guards.is_due(commitment, place):
        return Refusal(
            RefusalCode.COMMITMENT_ENDED, "it is no earmark whose time has passed", ("commitmentId",)
        )
    place = replace(place, day=max(place.day, commitment.moved_on))
    return moved(place, commitment, Operation.EXPIRE, NOTHING, emptied=CommitmentStatus.EXPIRED)


def reserve(
    place: Place, ask: Ask, *, partial: bool = False, operation: Operation = Operation.RESERVE
) -> Booked | Refusal:
    """Promise an amount without an earmark before; `partial`: as much of it as is available, if anything is."""
    if partial and ask.amount > 0:
        ask = replace(ask, amount=_part(place, ask.amount))
    refusal = _refused(place, ask)
    if refusal:
        return refusal
    return opened(place, ask, operation, Balance(reserved=ask.amount))


def reserve_on(
    place: Place, commitment: Commitment, amount: Money | None, *, partial: bool = False
) -> Booked | Refusal:
    """Promise an amount on a commitment that is there already.

    A reservation takes the place of its earmark, all of it (`amount` None: as much as is earmarked): what is not
    reserved is free again, and what is reserved beyond it must be available. On another commitment it is added to
    what is reserved; once it is repaid, only where its limit revolves.
    """
    balance, leaf = commitment.balance, place.leaf
    if amount is None and not balance.earmarked:
        return invalid("say how much: nothing is earmarked here", "amount")
    wanted = amount or Money(balance.earmarked, commitment.currency)
    refusal = guards.first(
        guards.amount_refused(wanted.minor),
        guards.currency_refused(wanted.currency, commitment.currency, "commitment"),
        guards.backdated(commitment, place.day),
        guards.ended(commitment, place),
        _used_up(commitment, leaf),
        guards.not_standing(place.path, place.day),
    )
    if refusal:
        return refusal
    freed = _without_earmark(place, commitment)
    minor = _part(freed, wanted.minor) if partial else wanted.minor
    refusal = guards.no_room(freed, minor)
    if refusal:
        return refusal
    after = Balance(reserved=balance.reserved + minor, utilised=balance.utilised)
    return moved(place, commitment, Operation.RESERVE, after, amount=minor)


def utilise(
    place: Place, commitment: Commitment, amount: Money, *, beyond_reservation: bool = False
) -> Booked | Refusal:
    """Draw down: the reservation first; the excess, if policy lets it, from what is available to limit × (1 + t).

    What was reserved has been promised: it may be drawn though a cut has left no room, yet not on a limit that is
    frozen or has expired, and not beyond a cap on loans.
    """
    balance = commitment.balance
    reserved = min(amount.minor, balance.reserved)
    refusal = guards.first(
        guards.amount_refused(amount.minor),
        guards.currency_refused(amount.currency, commitment.currency, "commitment"),
        guards.backdated(commitment, place.day),
        guards.ended(commitment, place, DRAWN_ON),
        None
        if beyond_reservation
        else guards.more_than_held(amount.minor, balance.reserved, commitment, "reserved"),
        _used_up(commitment, place.leaf) if amount.minor > reserved else None,
        guards.not_standing(place.path, place.day),
    )
    if refusal:
        return refusal
    excess = amount.minor - reserved
    after = Balance(balance.earmarked, balance.reserved - reserved, balance.utilised + amount.minor)
    if excess:
        refusal = guards.no_room(place, excess, tolerated=True, beside=reserved)
    refusal = refusal or caps_refused(place, balance, after)
    if refusal:
        return refusal
    return moved(place, commitment, Operation.UTILISE, after, amount=amount.minor)


def repay(place: Place, commitment: Commitment, amount: Money) -> Booked | Refusal:
    """Take back what is owed, in whatever state the limits are; it reinstates only what revolves."""
    return _owed_less(place, commitment, amount, Operation.REPAY, CommitmentStatus.REPAID)


def write_off(place: Place, commitment: Commitment, amount: Money) -> Booked | Refusal:
    """Give up what is owed; for the limits it is as a repayment: whoever is to draw no more is frozen."""
    return _owed_less(place, commitment, amount, Operation.WRITE_OFF, CommitmentStatus.WRITTEN_OFF)


def release(place: Place, commitment: Commitment, amount: Money | None = None) -> Booked | Refusal:
    """Free what is earmarked or reserved and not drawn (`amount` None: all of it), never what is owed.

    An earmark that is given back whole is cancelled.
    """
    balance = commitment.balance
    free = balance.earmarked + balance.reserved
    wanted = amount or Money(max(free, 1), commitment.currency)
    refusal = guards.first(
        guards.amount_refused(wanted.minor),
        guards.currency_refused(wanted.currency, commitment.currency, "commitment"),
        guards.backdated(commitment, place.day),
        guards.ended(commitment, place),
        guards.more_than_held(wanted.minor, free, commitment, "earmarked or reserved"),
    )
    if refusal:
        return refusal
    reserved = min(wanted.minor, balance.reserved)
    after = Balance(
        balance.earmarked - wanted.minor + reserved, balance.reserved - reserved, balance.utilised
    )
    if commitment.status is CommitmentStatus.EARMARKED and not after:
        emptied = CommitmentStatus.CANCELLED
        return moved(place, commitment, Operation.CANCEL, after, amount=wanted.minor, emptied=emptied)
    return moved(
        place,
        commitment,
        Operation.RELEASE,
        after,
        amount=wanted.minor,
        emptied=CommitmentStatus.RELEASED,
    )


def override(place: Place, ask: Ask, actor: str, authority: Authority) -> Booked | Refusal:
    """Promise an amount though the limits leave no room for it, within what the actor may decide alone.

    Authority adds up: on the leaf, and on every node that is over its limit afterwards, the role's overrides in
    force there and below, with this one, are within it. Those nodes are over limit until that has passed. Neither a
    cap nor a node's regulatory cap is overridden, nor a limit that is not in force.
    """
    if not (ask.reason or "").strip():
        return invalid("say why", "reason")
    lifted = replace(place, path=tuple(_lifted(node, place) for node in place.path))
    refusal = guards.first(
        guards.amount_refused(ask.amount),
        guards.currency_refused(ask.currency, place.leaf.currency),
        authority.refused(ask.amount, ask.currency, (place.leaf,)),
        guards.not_standing(place.path, place.day, "nodeId"),
        guards.no_room(lifted, ask.amount),
    )
    if refusal:
        return refusal
    booked = opened(
        place,
        ask,
        Operation.OVERRIDE,
        Balance(reserved=ask.amount),
        overridden_by=actor,
        after={"overriddenAs": authority.role},
    )
    over = [change.after for change in booked.changes if change.after.over_limit]
    return authority.refused(ask.amount, ask.currency, over) or booked


def caps_refused(place: Place, before: Balance, after: Balance) -> Refusal | None:
    """Every cap has room for what a commitment counts more in it."""
    more = {change.key: change.delta for change in cap_changes(place.caps, before, after)}
    full = (cap for cap in place.caps if 0 < more.get(cap.key, 0) > cap_room(cap))
    return guards.cap_refused(min(full, key=cap_room, default=None), place.leaf.currency)


def _refused(place: Place, ask: Ask) -> Refusal | None:
    return guards.first(
        guards.amount_refused(ask.amount),
        guards.currency_refused(ask.currency, place.leaf.currency),
        guards.not_standing(place.path, place.day, "nodeId"),
        guards.no_room(place, ask.amount),
    )


def _part(place: Place, minor: int) -> int:
    """As much as is available, if anything is."""
    available = resolve(place.path, place.caps, minor, place.day).available
    return min(minor, available) if available else minor


def _without_earmark(place: Place, commitment: Commitment) -> Place:
    """The place as it would be had the commitment no earmark."""
    balance = commitment.balance
    if not balance.earmarked:
        return place
    firm = replace(balance, earmarked=0)
    return place.after(Booked((), post(place, firm - balance), cap_changes(place.caps, balance, firm)))


def _used_up(commitment: Commitment, leaf: LimitNode) -> Refusal | None:
    if commitment.status is not CommitmentStatus.REPAID or leaf.reinstatement is Reinstatement.REVOLVING:
        return None
    return Refusal(
        RefusalCode.DOES_NOT_REVOLVE,
        f"this has been repaid, and the limit {leaf.name!r} does not revolve: open a new commitment",
        ("commitmentId",),
    )


def _owed_less(
    place: Place, commitment: Commitment, amount: Money, operation: Operation, emptied: CommitmentStatus
) -> Booked | Refusal:
    balance = commitment.balance
    refusal = guards.first(
        guards.amount_refused(amount.minor),
        guards.currency_refused(amount.currency, commitment.currency, "commitment"),
        guards.backdated(commitment, place.day),
        guards.ended(commitment, place),
        guards.more_than_held(amount.minor, balance.utilised, commitment, "drawn and owed"),
    )
    if refusal:
        return refusal
    after = balance - Balance(utilised=amount.minor)
    return moved(
        place, commitment, operation, after, amount=amount.minor, emptied=emptied, settle=reinstating
    )


def _lifted(node: LimitNode, place: Place) -> LimitNode:
    """A node without a ceiling but the regulator's, and what the ledger can hold; its fence stays where it is."""
    return replace(
        node,
        addition=LARGEST_MINOR - node.sanctioned,
        addition_from=place.day,
        addition_until=place.day,
        collateral_cap=None,
    )
