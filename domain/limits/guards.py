"""What stands between a wish and a booking: one-line guards, each with its named refusal, asked in this order.

1. INVALID_INPUT: the amount is none.
2. CURRENCY_DIFFERS.
3. VALUE_DATE_PASSED: the bank's day lies before what has been booked.
4. COMMITMENT_ENDED, or not at the stage that this needs.
5. EXCEEDS_HELD.
6. LIMIT_CLOSED, LIMIT_FROZEN, LIMIT_EXPIRED, LIMIT_NOT_ACTIVE: the first node upwards that is not in force.
7. OVER_LIMIT, DOES_NOT_REVOLVE, EXCEEDS_AVAILABLE: the nodes have no room, by what binds.
8. CAP_EXCEEDED: a cap has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime

from domain.limits.formulas import cap_room, ceiling, granted, room, taken
from domain.limits.movements import NodeChange, Place
from domain.limits.nodes import CapShare, Commitment, CommitmentStatus, LimitNode, NodeStatus
from domain.money import LARGEST_MINOR, Money
from domain.refusals import Possible, Refusal, RefusalCode, invalid

# A repaid commitment has not ended: what revolves may be drawn on it again.
LIVE = frozenset(
    {
        CommitmentStatus.EARMARKED,
        CommitmentStatus.RESERVED,
        CommitmentStatus.UTILISED,
        CommitmentStatus.REPAID,
    }
)


def first(*refusals: Refusal | None) -> Refusal | None:
    """The first refusal, in the order in which they are asked."""
    return next((refusal for refusal in refusals if refusal), None)


def amount_refused(minor: int, *path: str) -> Refusal | None:
    """An amount is positive, and the ledger can hold it."""
    if minor <= 0:
        return invalid("an amount must be more than zero", *(path or ("amount",)))
    if minor > LARGEST_MINOR:
        return invalid("the amount is larger than the ledger can hold", *(path or ("amount",)))
    return None


def currency_refused(currency: str, expected: str, what: str = "limit") -> Refusal | None:
    """What is booked is in the currency of what it is booked on."""
    if currency == expected:
        return None
    return Refusal(
        RefusalCode.CURRENCY_DIFFERS,
        f"the {what} is in {expected}: give the amount in {expected}",
        ("amount",),
    )


def backdated(commitment: Commitment | None, day: date) -> Refusal | None:
    """No movement is dated before the last one of its commitment."""
    if commitment is None or day >= commitment.moved_on:
        return None
    return Refusal(
        RefusalCode.VALUE_DATE_PASSED,
        f"the value date {day} lies before the commitment's last movement on {commitment.moved_on}",
    )


def ended(
    commitment: Commitment, place: Place, allowed: frozenset[CommitmentStatus] = LIVE
) -> Refusal | None:
    """The commitment is at one of the stages, and an earmark's time has not passed."""
    if commitment.status not in allowed:
        return Refusal(
            RefusalCode.COMMITMENT_ENDED,
            f"the commitment is {commitment.status}; this needs one of {', '.join(sorted(allowed))}",
            ("commitmentId",),
        )
    if is_due(commitment, place):
        return Refusal(
            RefusalCode.COMMITMENT_ENDED,
            f"the earmark expired at {commitment.expires_at}: ask for a new one",
            ("commitmentId",),
        )
    return None


def is_due(commitment: Commitment, place: Place) -> bool:
    """Whether it is an earmark whose time has passed."""
    expires_at = commitment.expires_at
    earmarked = commitment.status is CommitmentStatus.EARMARKED
    return earmarked and expires_at is not None and expires_at <= place.now


def too_long(expires_at: datetime, last_day: date | None) -> Refusal | None:
    """An earmark ends on the last day that policy lets it, at the latest."""
    if last_day is None or expires_at.astimezone(UTC).date() <= last_day:
        return None
    return invalid(
        f"an earmark holds until {last_day} at most: ask for a moment on that day or before", "expiresAt"
    )


def more_than_held(minor: int, held: int, commitment: Commitment, what: str) -> Refusal | None:
    """Nothing is taken from a commitment that it does not hold."""
    if minor <= held:
        return None
    return Refusal(
        RefusalCode.EXCEEDS_HELD,
        f"the commitment has less than that {what}",
        ("amount",),
        Possible(held, commitment.currency, "commitment", None),
    )


def not_standing(path: Iterable[LimitNode], day: date, *field: str) -> Refusal | None:
    """Every node from the leaf upwards is in force on this day."""
    return next((refusal for node in path if (refusal := _not_in_force(node, day, field))), None)


def _not_in_force(node: LimitNode, day: date, field: tuple[str, ...]) -> Refusal | None:
    code = RefusalCode
    match node.status:
        case NodeStatus.CLOSED:
            return Refusal(code.LIMIT_CLOSED, f"the limit {node.name!r} is closed", field)
        case NodeStatus.FROZEN:
            return Refusal(
                code.LIMIT_FROZEN, f"the limit {node.name!r} is frozen: it has to be unfrozen first", field
            )
        case NodeStatus.DRAFT | NodeStatus.APPROVED:
            return Refusal(
                code.LIMIT_NOT_ACTIVE, f"the limit {node.name!r} is {node.status}: activate it first", field
            )
    if node.status is NodeStatus.EXPIRED or day > node.valid_until:
        return Refusal(
            code.LIMIT_EXPIRED,
            f"the limit {node.name!r} was valid until {node.valid_until}: prolong it",
            field,
        )
    if day < node.valid_from:
        return Refusal(
            code.LIMIT_NOT_ACTIVE, f"the limit {node.name!r} is valid from {node.valid_from} on", field
        )
    return None


def no_room(place: Place, amount: int, *, tolerated: bool = False, beside: int = 0) -> Refusal | None:
    """The amount is available: on the nodes first, then under the caps; `beside`: what is possible in any case."""
    left, node = room(place.path, place.day, tolerated=tolerated)
    if amount > left:
        available = max(left, 0)
        code, message = _why(Money(available, place.leaf.currency), amount, node, place.day)
        possible = Possible(available + beside, place.leaf.currency, node.name, node.key)
        return Refusal(code, message, ("amount",), possible)
    full = (cap for cap in place.caps if amount > cap_room(cap))
    return cap_refused(min(full, key=cap_room, default=None), place.leaf.currency, beside)


def strained(
    changes: Iterable[NodeChange],
    day: date,
    code: RefusalCode = RefusalCode.EXCEEDS_AVAILABLE,
    *,
    tolerated: bool = False,
) -> Refusal | None:
    """No node goes over its ceiling by these changes, or further over than it is."""
    for change in changes:
        over = taken(change.after) - ceiling(change.after, day, tolerated=tolerated)
        was_over = taken(change.before) - ceiling(change.before, day, tolerated=tolerated)
        if over > max(was_over, 0):
            node = change.before
            left = Possible(max(-was_over, 0), node.currency, node.name, node.key)
            most = Money(left.available_minor, node.currency).amount
            return Refusal(code, f"the limit {node.name!r} leaves {most} {node.currency}", ("amount",), left)
    return None


def too_large(changes: Iterable[NodeChange]) -> Refusal | None:
    """The ledger can hold what the nodes hold afterwards."""
    if all(taken(change.after) <= LARGEST_MINOR for change in changes):
        return None
    return invalid("the limit would hold more than the ledger can")


def cap_refused(cap: CapShare | None, currency: str, beside: int = 0) -> Refusal | None:
    """No cap leaves too little."""
    if cap is None:
        return None
    left = max(cap_room(cap), 0)
    most = Money(left, currency)
    return Refusal(
        RefusalCode.CAP_EXCEEDED,
        f"the concentration cap {cap.name!r} leaves {most.amount} {currency}",
        ("amount",),
        Possible(left + beside, currency, cap.name),
    )


def _why(left: Money, amount: int, node: LimitNode, day: date) -> tuple[RefusalCode, str]:
    most = left.amount
    if taken(node) > granted(node, day) and node.over_limit:
        said = f"the limit {node.name!r} has more committed than granted: nothing new until that has passed"
        return RefusalCode.OVER_LIMIT, said
    if node.consumed and amount <= left.minor + node.consumed:
        said = f"the limit {node.name!r} leaves {most} {left.currency}: it does not revolve"
        return RefusalCode.DOES_NOT_REVOLVE, said
    said = f"the limit {node.name!r} leaves {most} {left.currency}"
    return RefusalCode.EXCEEDS_AVAILABLE, said
