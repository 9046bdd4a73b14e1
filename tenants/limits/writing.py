"""What a booking changes, written in one statement: balances, the commitment, the ledger, the answer to the key.

Every update is conditional on what was read. A booking that was decided under locks finds what it read: where it
does not, that is a bug, and nothing is written. One that was decided without locks is written only where it still
holds (`Bounds`); the statement locks the nodes itself, in their order, until the commit that follows at once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from uuid_utils.compat import uuid7

from domain.limits.formulas import contribution, effective, taken
from domain.limits.movements import Booked, NodeChange
from domain.limits.nodes import Commitment, LimitNode, NodeKey
from tenants.actions.once import Contended, Done
from tenants.limits.reading import Counted
from tenants.limits.rows import TERM_COLUMNS
from tenants.limits.statements import statement_of
from tenants.transaction import Transaction


class WrittenElsewhere(Exception):
    """A row changed under a lock of ours: a bug of whoever has written it. Nothing is written."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who books, and under which key."""

    actor: str
    key: str | None = None
    payload_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between what, both included, the node's commitments must lie when a change is written."""

    lowest: int
    highest: int


async def write(
    transaction: Transaction,
    booked: Booked,
    author: Author,
    *,
    tenor_months: int | None = None,
    syndication_id: UUID | None = None,
    bounds: Mapping[NodeKey, Bounds] | None = None,
    caps_to_find: tuple[Counted, dt.date] | None = None,
    whose: Mapping[str, Any] | None = None,
    answers: bool = True,
) -> NodeKey:
    """Write a booking and return the key of its first movement.

    With `bounds` and `caps_to_find`, a new commitment that was decided without locks and without caps: those that
    it falls under are found, and their shares taken, as it is written. Raises Contended where there is no room for
    it any more. `whose`: the columns that say whose a new node is. `answers`: the movement is the answer to the
    transaction's command, if there is one.
    """
    if booked.opened is not None:
        await _open(transaction, booked.opened, whose or {})
    plain = [change for change in booked.changes if not _is_termed(change)]
    ids = [uuid7() for _ in booked.movements]
    for change in sorted(booked.changes, key=lambda change: change.key):
        if _is_termed(change):
            await _change_terms(transaction, change, ids[0])
    key = (booked.movement.node[0], ids[0])
    record = transaction.record if answers else None
    sections: list[tuple[str, Sequence[Any]]] = [("nodes", _nodes(plain, bounds, ids[0]))]
    if caps_to_find is not None:
        sections.append(("shares", _asked(booked, *caps_to_find, ids[0])))
    if booked.commitment is not None and booked.commitment_before is None:
        sections.append(("promised", _promised(booked.commitment, tenor_months, syndication_id)))
    elif booked.commitment is not None and booked.commitment_before is not None:
        sections.append(("changed", _changed(booked.commitment_before, booked.commitment)))
    sections.append(("told", _told(booked, ids, author)))
    if any(change.delta for change in booked.changes):
        sections.append(("posted", _posted(booked, ids[0])))
    if booked.caps:
        sections.append(("capped", _capped(booked, ids[0])))
    if record is not None:
        sections.append(("kept", record.values(Done(key))))
    text = statement_of(tuple((name, len(section)) for name, section in sections))
    values = [value for _, section in sections for value in section]
    try:
        written = (await transaction.write(text, values, tenant=key[0]))[0]
    except asyncpg.CheckViolationError as violated:
        if bounds is None or violated.constraint_name != "ck_cap_share_within_the_share":
            raise
        # The share was used up while this was on its way: it is carried out again, with locks.
        raise Contended from violated
    if not written["is_ready"] and bounds is not None:
        raise Contended
    if not written["is_ready"] or written["commitments"] != (booked.commitment is not None):
        raise WrittenElsewhere(f"{booked.movement.operation} on {booked.movement.node}: not as it was read")
    if record is not None:
        record.written = True
    return key


def bounds_of(booked: Booked, day: dt.date) -> dict[NodeKey, Bounds] | None:
    """Within which commitments of its nodes a booking stays right, whoever books there first; None: it is to be
    decided under locks.

    Where all is in one currency, nothing is over its limit and every fence holds what is behind it, changes add up:
    their order is of no account.
    """
    bounds: dict[NodeKey, Bounds] = {}
    for change in booked.changes:
        before, after = change.before, change.after
        if _is_termed(change) or before.over_limit or after.over_limit or before.consumed != after.consumed:
            return None
        if before.parent_rate != 1 and not before.is_top:
            return None
        more = taken(after) - taken(before)
        if more < 0:
            return None
        highest = effective(before, day) if more else taken(before)
        if before.fenced and not before.is_top:
            highest = min(highest, before.sanctioned + before.consumed)
            if contribution(before)[1] < more:
                return None
        bounds[change.key] = Bounds(0, highest - more) if more else Bounds(0, 2**62)
    return bounds


def _nodes(
    changes: Sequence[NodeChange], bounds: Mapping[NodeKey, Bounds] | None, movement_id: UUID
) -> list[Any]:
    columns: list[list[Any]] = [[] for _ in range(12)]
    for change in changes:
        before, after, delta = change.before, change.after, change.delta
        bound = bounds[change.key] if bounds is not None else Bounds(taken(before), taken(before))
        row = (
            *change.key,
            before.version,
            bound.lowest,
            bound.highest,
            before.over_limit,
            delta.earmarked,
            delta.reserved,
            delta.utilised,
            change.idle_delta,
            after.consumed - before.consumed,
            after.over_limit,
        )
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    return [*columns, movement_id]


def _asked(booked: Booked, counted: Counted, day: dt.date, movement_id: UUID) -> tuple[Any, ...]:
    assert booked.commitment is not None
    return (
        booked.commitment.key[0],
        counted.client_id,
        counted.product,
        counted.currency,
        counted.tenor_months,
        day,
        booked.commitment.balance.total,
        movement_id,
        booked.commitment.key[1],
    )


def _promised(
    commitment: Commitment, tenor_months: int | None, syndication_id: UUID | None
) -> tuple[Any, ...]:
    balance = commitment.balance
    return (
        *commitment.key,
        commitment.node[1],
        commitment.client_id,
        commitment.product,
        commitment.currency,
        commitment.status.value,
        balance.earmarked,
        balance.reserved,
        balance.utilised,
        commitment.granted,
        commitment.expires_at,
        tenor_months,
        syndication_id,
        commitment.overridden_by,
        commitment.opened_on,
        commitment.moved_on,
    )


def _changed(before: Commitment, after: Commitment) -> tuple[Any, ...]:
    balance = after.balance
    return (
        *after.key,
        before.version,
        after.status.value,
        balance.earmarked,
        balance.reserved,
        balance.utilised,
        after.granted,
        after.expires_at,
        after.overridden_by,
        after.moved_on,
    )


def _told(booked: Booked, ids: Sequence[UUID], author: Author) -> list[Any]:
    columns: list[Any] = [[] for _ in range(12)]
    for movement_id, movement in zip(ids, booked.movements, strict=True):
        row = (
            movement.node[0],
            movement_id,
            movement.commitment and movement.commitment[1],
            movement.node[1],
            movement.operation.value,
            movement.amount,
            movement.currency,
            movement.value_date,
            movement.reason,
            movement.reverses,
            _json(movement.before),
            _json(movement.after),
        )
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    return [*columns, author.actor, author.key, author.payload_sha256]


def _posted(booked: Booked, movement_id: UUID) -> list[Any]:
    branch_id = booked.movement.node[0]
    nodes: list[UUID] = []
    buckets: list[str] = []
    deltas: list[int] = []
    for change in booked.changes:
        for bucket, delta in change.delta.by_bucket().items():
            if change.key[0] != branch_id:
                raise WrittenElsewhere(
                    f"a posting of tenant {branch_id} on {change.key}: never across tenants"
                )
            nodes.append(change.key[1])
            buckets.append(bucket.value)
            deltas.append(delta)
    return [branch_id, movement_id, nodes, buckets, deltas]


def _capped(booked: Booked, movement_id: UUID) -> list[Any]:
    assert booked.commitment is not None
    caps = booked.caps
    return [
        booked.movement.node[0],
        movement_id,
        booked.commitment.key[1],
        [cap.cap_id for cap in caps],
        [cap.subject for cap in caps],
        [cap.delta for cap in caps],
    ]


def _json(told: Mapping[str, Any] | None) -> str | None:
    return None if told is None else orjson.dumps(told).decode()


def _is_termed(change: NodeChange) -> bool:
    """Whether more than balances is changed: rare, and written node by node."""
    return bool(change.terms) or change.before.dealt != change.after.dealt


async def _change_terms(transaction: Transaction, change: NodeChange, movement_id: UUID) -> None:
    before, after = change.before, change.after
    values: dict[str, Any] = {
        "version": after.version,
        "earmarked_minor": after.balance.earmarked,
        "reserved_minor": after.balance.reserved,
        "utilised_minor": after.balance.utilised,
        "idle_fenced_minor": after.idle_fenced,
        "consumed_minor": after.consumed,
        "over_limit": after.over_limit,
    }
    if change.delta:
        values["last_movement_id"] = movement_id
    if before.dealt != after.dealt:
        values["dealt_minor"] = after.dealt
    for name in change.terms:
        if name == "parent":
            values["parent_id"] = after.parent and after.parent[1]
        elif name == "proposed":
            values["proposed"] = _json(after.proposed)
        else:
            values[TERM_COLUMNS[name]] = getattr(after, name)
    said = ", ".join(f"{column} = ${place}" for place, column in enumerate(values, start=5))
    text = (
        f"update bank.limit_node set {said}, updated_at = now() where branch_id = $1 and id = $2 "
        "and version = $3 and committed_minor = $4 returning 1"
    )
    if not await transaction.fetch(text, (*change.key, before.version, taken(before), *values.values())):
        raise WrittenElsewhere(f"the limit {change.key}: not as it was read")


async def _open(transaction: Transaction, node: LimitNode, whose: Mapping[str, Any]) -> None:
    values = {column: getattr(node, name) for name, column in TERM_COLUMNS.items()}
    values |= {
        "branch_id": node.key[0],
        "id": node.key[1],
        "kind": node.kind,
        "parent_branch_id": node.parent and node.parent[0],
        "parent_id": node.parent and node.parent[1],
        "currency": node.currency,
        "created_by": node.created_by,
        **whose,
    }
    places = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    text = f"insert into bank.limit_node ({', '.join(values)}) values ({places})"
    await transaction.fetch(text, tuple(values.values()))
