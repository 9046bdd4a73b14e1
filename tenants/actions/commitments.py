"""How a commitment is opened, found and moved: its limits locked in order, decided by the domain, written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from domain.limits import booking
from domain.limits.caps import Draw
from domain.limits.movements import Ask, Booked, Place
from domain.limits.nodes import Balance, Commitment, LimitNode, NodeKey
from domain.refusals import Refusal, RefusalCode, not_found
from tenants.actions.asked import Asked
from tenants.actions.once import Contended, Done, Outcome, Refused
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
from tenants.limits.writing import bounds_of, write
from tenants.transaction import Transaction

Decide = Callable[[Place, Ask], Booked | Refusal]
DecideOn = Callable[[Place, Commitment, Path], Booked | Refusal]


@dataclass(frozen=True, slots=True)
class Found:
    """A commitment under lock, where it is booked."""

    place: Place
    commitment: Commitment
    path: Path


async def open_new(
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
    nodes = await locked_together(transaction, asked, [path], [counted])
    return await opened(transaction, asked, path, nodes, ask, decide, tenor_months, partial=partial)


async def opened(
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
    place = Place(standing(path, nodes), caps, asked.day, path.moment)
    booked = decide(place, ask)
    want = want_of(branch_id, counted, asked, ask.amount, ask.amount, partial=partial)
    if isinstance(booked, Refusal):
        return refused_by(booked, want)
    key = await write(transaction, booked, asked.author, tenor_months=tenor_months)
    return DoneInPart(key, wants=(want,)) if _is_cut_by_a_cap(place, ask, decide, booked) else Done(key)


async def moved(
    transaction: Transaction,
    asked: Asked,
    commitment: NodeKey,
    decide: DecideOn,
    more: Callable[[Balance], tuple[int, int]] | None = None,
) -> Outcome:
    """The next movement of a commitment; `more`: by how much exposure and loans would rise, if they may."""
    found = await found_under_lock(transaction, asked, commitment)
    if isinstance(found, Refused):
        return found
    booked = decide(found.place, found.commitment, found.path)
    if isinstance(booked, Refusal) and more is not None and found.path.counted is not None:
        exposure, loans = more(found.commitment.balance)
        return refused_by(booked, want_of(commitment[0], found.path.counted, asked, exposure, loans))
    return await written(transaction, asked, booked)


async def found_under_lock(transaction: Transaction, asked: Asked, commitment: NodeKey) -> Found | Refused:
    path = await path_of_commitment(transaction, commitment)
    if path is None or path.counted is None:
        return Refused(not_found("commitment", "commitmentId"))
    # Its own earmark may be due, and is swept as well: whoever asks for something of it is told so.
    nodes = await locked_together(transaction, asked, [path], [path.counted])
    caps = await lock_caps(transaction, commitment[0], path.counted, asked.day)
    locked = await lock_commitment(transaction, commitment)
    if locked is None or locked[0].node != path.keys[0]:
        raise Contended
    return Found(Place(standing(path, nodes), caps, asked.day, path.moment), locked[0], path)


async def locked_together(
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


def standing(path: Path, nodes: dict[NodeKey, LimitNode]) -> tuple[LimitNode, ...]:
    """The path's nodes as they were found under lock. Raises Contended where one has been moved meanwhile."""
    found = along(path, nodes)
    if found is None:
        raise Contended
    return found


def want_of(
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


def refused_by(refusal: Refusal, *wants: Draw) -> Refused:
    """The refusal; where caps are why, with what would have to be dealt for another try."""
    if refusal.code is RefusalCode.CAP_EXCEEDED:
        return RefusedByCap(refusal, wants=wants)
    return Refused(refusal)


def _is_cut_by_a_cap(place: Place, ask: Ask, decide: Decide, booked: Booked) -> bool:
    """Whether less was promised than without caps."""
    if not place.caps or booked.movement.amount == ask.amount:
        return False
    without = decide(replace(place, caps=()), ask)
    return isinstance(without, Booked) and without.movement.amount != booked.movement.amount


async def written(transaction: Transaction, asked: Asked, booked: Booked | Refusal) -> Outcome:
    """What was decided, written down; or the refusal."""
    if isinstance(booked, Refusal):
        return Refused(booked)
    return Done(await write(transaction, booked, asked.author))
