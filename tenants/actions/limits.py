"""Booking on limits: holding, promising, drawing down, giving back, taking back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from domain.access import Role
from domain.limits import booking, reversing, syndication
from domain.limits.authority import Authority
from domain.limits.caps import Draw
from domain.limits.movements import Ask, Booked, Movement, Place, Recorded
from domain.limits.nodes import Balance, Commitment, LimitNode, NodeKey, Operation
from domain.money import Money
from domain.refusals import Refusal, RefusalCode, not_found
from domain.splitting import by_weight
from tenants.actions.once import Command, Contended, Done, Outcome, Refused
from tenants.limits.caps import DoneInPart, RefusedByCap
from tenants.limits.expiring import find_due, sweep
from tenants.limits.reading import (
    ClientKey,
    Counted,
    Path,
    along,
    lock_caps,
    lock_caps_of_all,
    lock_commitment,
    lock_nodes,
    path_of_commitment,
    path_of_draw,
)
from tenants.limits.rows import key_of
from tenants.limits.writing import Author, bounds_of, write
from tenants.transaction import Transaction

Decide = Callable[[Place, Ask], Booked | Refusal]
DecideOn = Callable[[Place, Commitment, Path], Booked | Refusal]


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, on which day, under which key: what every movement keeps."""

    actor: str
    role: Role
    day: dt.date
    command: Command

    @property
    def author(self) -> Author:
        """As the ledger names it."""
        return Author(self.actor, self.command.key, self.command.payload_sha256)


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
    return await _open(transaction, asked, client, ask, booking.earmark, node, tenor_months)


async def extend(
    transaction: Transaction, asked: Asked, commitment: NodeKey, expires_at: dt.datetime
) -> Outcome:
    """Let an earmark last longer."""

    def decide(place: Place, one: Commitment, path: Path) -> Booked | Refusal:
        last_day = one.opened_on + dt.timedelta(days=path.longest_earmark_days)
        return booking.extend(place, one, expires_at, last_day)

    return await _move(transaction, asked, commitment, decide)


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
    return await _open(transaction, asked, client, ask, decide, node, tenor_months, partial=partial)


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

    return await _move(transaction, asked, commitment, decide, more)


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

    return await _move(transaction, asked, commitment, decide, more)


async def repay(transaction: Transaction, asked: Asked, commitment: NodeKey, amount: Money) -> Outcome:
    """Take back what is owed."""
    return await _move(
        transaction, asked, commitment, lambda place, one, _: booking.repay(place, one, amount)
    )


async def release(
    transaction: Transaction, asked: Asked, commitment: NodeKey, amount: Money | None
) -> Outcome:
    """Free what is earmarked or reserved and not drawn; all of it where no amount is said."""
    return await _move(
        transaction, asked, commitment, lambda place, one, _: booking.release(place, one, amount)
    )


async def write_off(transaction: Transaction, asked: Asked, commitment: NodeKey, amount: Money) -> Outcome:
    """Give up what is owed."""
    return await _move(
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
    found = await _found(transaction, asked, key_of(movement[0], rows[0]["commitment_id"]))
    if isinstance(found, Refused):
        return found
    recorded = _recorded((await transaction.fetch(_RECORDED, movement))[0])
    booked = reversing.reverse(found.place, found.commitment, recorded, reason)
    return await _written(transaction, asked, booked)


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
    nodes = await _locked(transaction, asked, paths, draws)
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
        place = Place(_standing(path, nodes), caps, asked.day, path.moment)
        booked = syndication.syndicate(place, ask)
        wants.append(_want(partner.client[0], counted, asked, share, share))
        if isinstance(booked, Refusal):
            return _refused(booked, *wants)
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
    nodes = await _locked(transaction, asked, [path], [Counted(client[1], product, amount.currency)])
    authority = await authority_of(transaction, asked, client[0])

    def decide(place: Place, ask: Ask) -> Booked | Refusal:
        return booking.override(place, ask, asked.actor, authority)

    return await _opened(
        transaction, asked, path, nodes, _ask(client, product, amount, reason=reason), decide
    )


async def authority_of(transaction: Transaction, asked: Asked, branch_id: int) -> Authority:
    """How much the role may decide alone, and what its overrides in force in a branch amount to on each limit."""
    rows = await transaction.fetch(_AUTHORITY, (asked.role.value, branch_id))
    if not rows:
        return Authority(asked.role.value, None)
    decided = {key_of(branch_id, row["node_id"]): row["decided"] for row in rows if row["node_id"]}
    return Authority(asked.role.value, Money(rows[0]["amount_minor"], rows[0]["currency"]), decided)


@dataclass(frozen=True, slots=True)
class _Found:
    """A commitment under lock, where it is booked."""

    place: Place
    commitment: Commitment
    path: Path


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
_AUTHORITY = """
select a.amount_minor, a.currency, o.node_id, o.amount_minor as decided
from bank.delegated_authority a left join app.overridden($2, a.role, a.currency) o on true
where a.role = $1
"""


async def _open(
    transaction: Transaction,
    asked: Asked,
    client: ClientKey,
    ask: Ask,
    decide: Decide,
    node: NodeKey | None,
    tenor_months: int | None,
    *,
    partial: bool = False,
) -> Outcome:
    """A new commitment. Decided first and locked when written where that is enough: the branch's own node is what
    all its bookings wait for."""
    path = await path_of_draw(transaction, client, ask.product, node, asked.day)
    if isinstance(path, Refusal):
        return Refused(path)
    if decide is booking.earmark:
        ends = ask.expires_at or path.moment + dt.timedelta(days=path.earmark_days)
        last_day = asked.day + dt.timedelta(days=path.longest_earmark_days)
        ask = replace(ask, expires_at=ends, last_day=last_day)
    counted = Counted(ask.client_id, ask.product, ask.currency, tenor_months)
    if transaction.may_lock_late and not path.is_due:
        booked = decide(Place(path.nodes, (), asked.day, path.moment), ask)
        if isinstance(booked, Refusal):
            return Refused(booked)
        if bounds := bounds_of(booked, asked.day):
            key = await write(
                transaction,
                booked,
                asked.author,
                tenor_months=tenor_months,
                bounds=bounds,
                caps_to_find=(counted, asked.day),
            )
            return Done(key)
    nodes = await _locked(transaction, asked, [path], [counted])
    return await _opened(transaction, asked, path, nodes, ask, decide, tenor_months, partial=partial)


async def _opened(
    transaction: Transaction,
    asked: Asked,
    path: Path,
    nodes: dict[NodeKey, LimitNode],
    ask: Ask,
    decide: Decide,
    tenor_months: int | None = None,
    *,
    partial: bool = False,
) -> Outcome:
    """A new commitment that is decided under locks."""
    branch_id = path.keys[0][0]
    counted = Counted(ask.client_id, ask.product, ask.currency, tenor_months)
    caps = await lock_caps(transaction, branch_id, counted, asked.day)
    place = Place(_standing(path, nodes), caps, asked.day, path.moment)
    booked = decide(place, ask)
    want = _want(branch_id, counted, asked, ask.amount, ask.amount, partial=partial)
    if isinstance(booked, Refusal):
        return _refused(booked, want)
    key = await write(transaction, booked, asked.author, tenor_months=tenor_months)
    return DoneInPart(key, wants=(want,)) if _is_cut_by_a_cap(place, ask, decide, booked) else Done(key)


async def _move(
    transaction: Transaction,
    asked: Asked,
    commitment: NodeKey,
    decide: DecideOn,
    more: Callable[[Balance], tuple[int, int]] | None = None,
) -> Outcome:
    """The next movement of a commitment; `more`: by how much exposure and loans would rise, if they may."""
    found = await _found(transaction, asked, commitment)
    if isinstance(found, Refused):
        return found
    booked = decide(found.place, found.commitment, found.path)
    if isinstance(booked, Refusal) and more is not None and found.path.counted is not None:
        exposure, loans = more(found.commitment.balance)
        return _refused(booked, _want(commitment[0], found.path.counted, asked, exposure, loans))
    return await _written(transaction, asked, booked)


async def _found(transaction: Transaction, asked: Asked, commitment: NodeKey) -> _Found | Refused:
    path = await path_of_commitment(transaction, commitment)
    if path is None or path.counted is None:
        return Refused(not_found("commitment", "commitmentId"))
    # Its own earmark may be due, and is swept as well: whoever asks for something of it is told so.
    nodes = await _locked(transaction, asked, [path], [path.counted])
    caps = await lock_caps(transaction, commitment[0], path.counted, asked.day)
    locked = await lock_commitment(transaction, commitment)
    if locked is None or locked[0].node != path.keys[0]:
        raise Contended
    return _Found(Place(_standing(path, nodes), caps, asked.day, path.moment), locked[0], path)


async def _locked(
    transaction: Transaction, asked: Asked, paths: Sequence[Path], counted: Sequence[Counted]
) -> dict[NodeKey, LimitNode]:
    """The nodes of the paths, locked together; what earmarks hold there whose time has passed is swept.

    Where several draws fall under caps, `counted` and what is swept, their shares are locked together as well:
    taken one draw after the other they would be out of order.
    """
    behind = sorted({path.keys[0][0] for path in paths if path.is_due})
    moment = paths[0].moment
    due = await find_due(transaction, behind, moment) if behind else []
    keys = [key for path in paths for key in path.keys]
    nodes = await lock_nodes(transaction, [*keys, *(key for one in due for key in one.path)])
    draws = [(path.keys[0][0], one) for path, one in zip(paths, counted, strict=True)]
    draws += [one.draw for one in due]
    if len(draws) > 1:
        await lock_caps_of_all(transaction, draws, asked.day)
    await sweep(transaction, due, nodes, asked.day, moment)
    return nodes


def _standing(path: Path, nodes: dict[NodeKey, LimitNode]) -> tuple[LimitNode, ...]:
    """The path's nodes as they were found under lock. Raises Contended where one has been moved meanwhile."""
    found = along(path, nodes)
    if found is None:
        raise Contended
    return found


def _want(
    branch_id: int, counted: Counted, asked: Asked, exposure: int, loans: int, *, partial: bool = False
) -> Draw:
    """What is to be dealt to the branch where its shares of caps have no room for it."""
    return Draw(
        branch_id=branch_id,
        client_id=counted.client_id,
        product=counted.product,
        currency=counted.currency,
        exposure=exposure,
        loans=loans,
        day=asked.day,
        tenor_months=counted.tenor_months,
        commitment_id=counted.commitment_id,
        partial=partial,
    )


def _refused(refusal: Refusal, *wants: Draw) -> Refused:
    if refusal.code is RefusalCode.CAP_EXCEEDED:
        return RefusedByCap(refusal, wants=wants)
    return Refused(refusal)


def _is_cut_by_a_cap(place: Place, ask: Ask, decide: Decide, booked: Booked) -> bool:
    """Whether less was promised than without caps."""
    if not place.caps or booked.movement.amount == ask.amount:
        return False
    without = decide(replace(place, caps=()), ask)
    return isinstance(without, Booked) and without.movement.amount != booked.movement.amount


async def _written(transaction: Transaction, asked: Asked, booked: Booked | Refusal) -> Outcome:
    if isinstance(booked, Refusal):
        return Refused(booked)
    return Done(await write(transaction, booked, asked.author))


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
