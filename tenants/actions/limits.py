"""Booking on limits: holding, promising, drawing down, giving back, taking back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from domain.limits import booking, reversing, syndication
from domain.limits.caps import Draw
from domain.limits.movements import Ask, Booked, Movement, Place, Recorded
from domain.limits.nodes import Balance, Commitment, NodeKey, Operation
from domain.money import Money
from domain.refusals import Refusal, RefusalCode, not_found
from domain.splitting import by_weight
from tenants.actions.asked import Asked, authority_of
from tenants.actions.commitments import (
    found_under_lock,
    locked_together,
    moved,
    open_new,
    opened,
    refused_by,
    standing,
    want_of,
    written,
)
from tenants.actions.once import Done, Outcome, Refused
from tenants.limits.reading import (
    ClientKey,
    Counted,
    Path,
    lock_caps,
    path_of_draw,
)
from tenants.limits.rows import key_of
from tenants.limits.writing import write
from tenants.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Partner:
    """A client of one of the branches that share a deal, and its weight in it."""

    client: ClientKey
    weight: Decimal


async def earmark(
    transaction: Transaction,
    asked: Asked,
    client: ClientKey,
    product: str,
    amount: Money,
    *,
    node: NodeKey | None = None,
    expires_at: dt.datetime | None = None,
    tenor_months: int | None = None,
) -> Outcome:
    """Hold an amount softly; where nobody says until when, for as long as policy lets it."""
    ask = _ask(client, product, amount, expires_at=expires_at)
    return await open_new(transaction, asked, client, ask, booking.earmark, node, tenor_months)


async def extend(
    transaction: Transaction, asked: Asked, commitment: NodeKey, expires_at: dt.datetime
) -> Outcome:
    """Let an earmark last longer."""

    def decide(place: Place, one: Commitment, path: Path) -> Booked | Refusal:
        last_day = one.opened_on + dt.timedelta(days=path.longest_earmark_days)
        return booking.extend(place, one, expires_at, last_day)

    return await moved(transaction, asked, commitment, decide)


async def reserve(
    transaction: Transaction,
    asked: Asked,
    client: ClientKey,
    product: str,
    amount: Money,
    *,
    node: NodeKey | None = None,
    tenor_months: int | None = None,
    partial: bool = False,
) -> Outcome:
    """Promise an amount without an earmark before; `partial`: as much of it as there is."""

    def decide(place: Place, ask: Ask) -> Booked | Refusal:
        return booking.reserve(place, ask, partial=partial)

    ask = _ask(client, product, amount)
    return await open_new(transaction, asked, client, ask, decide, node, tenor_months, partial=partial)


async def reserve_earmarked(
    transaction: Transaction,
    asked: Asked,
    commitment: NodeKey,
    amount: Money | None,
    *,
    partial: bool = False,
) -> Outcome:
    """Promise what is earmarked, or another amount in its place."""

    def decide(place: Place, one: Commitment, _: Path) -> Booked | Refusal:
        return booking.reserve_on(place, one, amount, partial=partial)

    def more(balance: Balance) -> tuple[int, int]:
        wanted = balance.earmarked if amount is None else amount.minor
        return max(wanted - balance.earmarked, 0), wanted

    return await moved(transaction, asked, commitment, decide, more)


async def utilise(
    transaction: Transaction,
    asked: Asked,
    commitment: NodeKey,
    amount: Money,
    *,
    beyond_reservation: bool = False,
) -> Outcome:
    """Draw down: what is reserved first, and more where it is asked for and policy lets it."""

    def decide(place: Place, one: Commitment, path: Path) -> Booked | Refusal:
        beyond = beyond_reservation and path.draws_beyond_reservation
        return booking.utilise(place, one, amount, beyond_reservation=beyond)

    def more(balance: Balance) -> tuple[int, int]:
        return max(amount.minor - balance.reserved, 0), amount.minor

    return await moved(transaction, asked, commitment, decide, more)


async def repay(transaction: Transaction, asked: Asked, commitment: NodeKey, amount: Money) -> Outcome:
    """Take back what is owed."""
    return await moved(
        transaction, asked, commitment, lambda place, one, _: booking.repay(place, one, amount)
    )


async def release(
    transaction: Transaction, asked: Asked, commitment: NodeKey, amount: Money | None
) -> Outcome:
    """Free what is earmarked or reserved and not drawn; all of it where no amount is said."""
    return await moved(
        transaction, asked, commitment, lambda place, one, _: booking.release(place, one, amount)
    )


async def write_off(transaction: Transaction, asked: Asked, commitment: NodeKey, amount: Money) -> Outcome:
    """Give up what is owed."""
    return await moved(
        transaction, asked, commitment, lambda place, one, _: booking.write_off(place, one, amount)
    )


async def reverse(transaction: Transaction, asked: Asked, movement: NodeKey, reason: str) -> Outcome:
    """Take a movement back by its opposite."""
    rows = await transaction.fetch(_COMMITMENT_OF, movement)
    if not rows:
        return Refused(not_found("movement", "movementId"))
    if rows[0]["commitment_id"] is None:
        message = "a change of a limit is not reversed: change it anew"
        return Refused(Refusal(RefusalCode.NOT_REVERSIBLE, message, ("movementId",)))
    found = await found_under_lock(transaction, asked, key_of(movement[0], rows[0]["commitment_id"]))
    if isinstance(found, Refused):
        return found
    recorded = _recorded((await transaction.fetch(_RECORDED, movement))[0])
    booked = reversing.reverse(found.place, found.commitment, recorded, reason)
    return await written(transaction, asked, booked)


async def syndicate(
    transaction: Transaction, asked: Asked, product: str, amount: Money, partners: Sequence[Partner]
) -> Outcome:
    """Promise one amount over several branches, each its share on its own limits: all of them, or none."""
    weights = [partner.weight for partner in partners]
    if refusal := syndication.weights_refused(amount.minor, weights):
        return Refused(refusal)
    paths: list[Path] = []
    for partner in partners:
        path = await path_of_draw(transaction, partner.client, product, None, asked.day)
        if isinstance(path, Refusal):
            return Refused(path)
        paths.append(path)
    draws = [Counted(partner.client[1], product, amount.currency) for partner in partners]
    nodes = await locked_together(transaction, asked, paths, draws)
    shares = by_weight(amount.minor, weights)
    each = sorted(zip(partners, paths, shares, strict=True), key=lambda one: one[1].keys[-1])
    decided: list[Booked] = []
    wants: list[Draw] = []
    used: dict[tuple[int, int, str], int] = {}
    for partner, path, share in each:
        ask = _ask(partner.client, product, Money(share, amount.currency))
        counted = Counted(ask.client_id, product, amount.currency)
        caps = await lock_caps(transaction, partner.client[0], counted, asked.day)
        caps = tuple(cap.after(used.get((partner.client[0], *cap.key), 0)) for cap in caps)
        place = Place(standing(path, nodes), caps, asked.day, path.moment)
        booked = syndication.syndicate(place, ask)
        wants.append(want_of(partner.client[0], counted, asked, share, share))
        if isinstance(booked, Refusal):
            return refused_by(booked, *wants)
        nodes.update((change.key, change.after) for change in booked.changes)
        for cap in booked.caps:
            key = (partner.client[0], *cap.key)
            used[key] = used.get(key, 0) + cap.delta
        decided.append(booked)
    return Done(await _written_together(transaction, asked, decided))


async def override(
    transaction: Transaction,
    asked: Asked,
    client: ClientKey,
    product: str,
    amount: Money,
    reason: str,
    *,
    node: NodeKey | None = None,
) -> Outcome:
    """Promise an amount though the limits leave no room for it, within what the role may decide alone."""
    path = await path_of_draw(transaction, client, product, node, asked.day)
    if isinstance(path, Refusal):
        return Refused(path)
    # What is in force is read when the branch's nodes are locked: of two overrides the second sees the first.
    nodes = await locked_together(transaction, asked, [path], [Counted(client[1], product, amount.currency)])
    authority = await authority_of(transaction, asked, client[0])

    def decide(place: Place, ask: Ask) -> Booked | Refusal:
        return booking.override(place, ask, asked.actor, authority)

    return await opened(transaction, asked, path, nodes, _ask(client, product, amount, reason=reason), decide)


_COMMITMENT_OF = "select m.commitment_id from bank.limit_movement m where m.branch_id = $1 and m.id = $2"
_RECORDED = """
select m.*, exists (
        select from bank.limit_movement r where r.branch_id = m.branch_id and r.reverses_id = m.id
    ) as is_reversed,
    coalesce(sum(p.delta_minor) filter (where p.bucket = 'EARMARKED'), 0)::bigint as earmarked,
    coalesce(sum(p.delta_minor) filter (where p.bucket = 'RESERVED'), 0)::bigint as reserved,
    coalesce(sum(p.delta_minor) filter (where p.bucket = 'UTILISED'), 0)::bigint as utilised
from bank.limit_movement m
left join bank.limit_posting p on p.branch_id = m.branch_id and p.movement_id = m.id and p.node_id = m.node_id
where m.branch_id = $1 and m.id = $2
group by m.branch_id, m.id
"""


async def _written_together(transaction: Transaction, asked: Asked, decided: Sequence[Booked]) -> NodeKey:
    deal = uuid7()
    keys = [
        await write(transaction, booked, asked.author, syndication_id=deal, answers=place == 0)
        for place, booked in enumerate(decided)
    ]
    return keys[0]


def _ask(
    client: ClientKey,
    product: str,
    amount: Money,
    *,
    expires_at: dt.datetime | None = None,
    reason: str | None = None,
) -> Ask:
    return Ask(
        client_id=client[1],
        product=product,
        amount=amount.minor,
        currency=amount.currency,
        commitment_id=uuid7(),
        expires_at=expires_at,
        reason=reason,
    )


def _movement(row: Any) -> Movement:
    commitment_id = row["commitment_id"]
    return Movement(
        operation=Operation(row["operation"]),
        node=key_of(row["branch_id"], row["node_id"]),
        amount=row["amount_minor"],
        currency=row["currency"],
        value_date=row["value_date"],
        commitment=None if commitment_id is None else key_of(row["branch_id"], commitment_id),
        before=_told(row["before"]),
        after=_told(row["after"]),
    )


def _recorded(row: Any) -> Recorded:
    delta = Balance(row["earmarked"], row["reserved"], row["utilised"])
    return Recorded(UUID(int=row["id"].int), _movement(row), delta, row["is_reversed"])


def _told(kept: str | None) -> dict[str, Any] | None:
    return None if kept is None else orjson.loads(kept)
