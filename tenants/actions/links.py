"""Recording who is connected with whom, confirming it, ending what holds no more, deriving the groups."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from domain.connections.facts import is_made_longer, refuse_confirmation, refuse_end, refuse_itself
from domain.refusals import Refusal, RefusalCode, not_found
from tenants.actions.as_seen import locked_as_seen
from tenants.actions.once import Done, Outcome, Refused
from tenants.connected.deriving import derive
from tenants.database import Transaction
from tenants.tables import client, client_link

LinkKey = tuple[int, UUID]


async def record(
    transaction: Transaction, client_key: tuple[int, UUID], facts: dict[str, Any], subject: str
) -> Outcome:
    """Record a link of a client, as a claim; that nobody is owned beyond the whole, the database sees to."""
    branch_id, client_id = client_key
    known = await transaction.row(
        select(client.c.registration_country, client.c.registration_number)
        .where(client.c.branch_id == branch_id, client.c.id == client_id)
        .with_for_update()
    )
    if known is None:
        return Refused(not_found("client", "clientId"))
    refusal = refuse_itself(tuple(known), (facts["related_country"], facts["related_number"]))
    if refusal is not None:
        return Refused(refusal)
    made = uuid7()
    inserted = await transaction.row(
        insert(client_link)
        .values(branch_id=branch_id, id=made, client_id=client_id, recorded_by=subject, **facts)
        .on_conflict_do_nothing(constraint="uq_client_link_branch_id_source_reference")
        .returning(client_link.c.id)
    )
    if inserted:
        return Done((branch_id, made))
    return await _recorded_already(transaction, branch_id, facts)


async def end(
    transaction: Transaction, key: LinkKey, expected_version: int, valid_until: dt.date, subject: str
) -> Outcome:
    """End a link: from `valid_until` on it holds no more. One that thereby holds longer is a claim anew."""
    seen = await _seen(transaction, key, expected_version)
    if isinstance(seen, Refused):
        return seen
    refusal = refuse_end(seen["valid_from"], valid_until)
    if refusal is not None:
        return Refused(refusal, key)
    claimed = {"recorded_by": subject, "confirmed_by": None}
    longer = is_made_longer(seen["valid_until"], valid_until)
    return await _changed(transaction, key, seen, {"valid_until": valid_until} | (claimed if longer else {}))


async def confirm(transaction: Transaction, key: LinkKey, expected_version: int, subject: str) -> Outcome:
    """Confirm what somebody else has recorded: from the next derivation on it counts."""
    seen = await _seen(transaction, key, expected_version)
    if isinstance(seen, Refused):
        return seen
    refusal = refuse_confirmation(seen["recorded_by"], seen["confirmed_by"], subject)
    if refusal is not None:
        return Refused(refusal, key)
    return await _changed(transaction, key, seen, {"confirmed_by": subject})


async def derive_groups(transaction: Transaction, home: int, subject: str) -> Outcome:
    """Derive the groups of connected clients anew."""
    return Done((await derive(transaction, home, subject)).key)


def _same(key: LinkKey) -> tuple[ColumnElement[bool], ...]:
    return client_link.c.branch_id == key[0], client_link.c.id == key[1]


async def _seen(transaction: Transaction, key: LinkKey, expected_version: int) -> asyncpg.Record | Refused:
    row = select(client_link).where(*_same(key))
    return await locked_as_seen(transaction, row, key, expected_version, not_found("link", "linkId"))


async def _changed(transaction: Transaction, key: LinkKey, seen: Any, values: dict[str, Any]) -> Outcome:
    changed = update(client_link).where(*_same(key)).values(**values, version=seen["version"] + 1)
    await transaction.rows(changed)
    return Done(key)


async def _recorded_already(transaction: Transaction, branch_id: int, facts: dict[str, Any]) -> Outcome:
    existing = await transaction.value(
        select(client_link.c.id).where(
            client_link.c.branch_id == branch_id,
            client_link.c.source == facts["source"],
            client_link.c.reference == facts["reference"],
        )
    )
    refusal = Refusal(
        RefusalCode.ALREADY_REGISTERED, "this source has reported this link already", ("reference",)
    )
    return Refused(refusal, (branch_id, existing) if existing else None)
