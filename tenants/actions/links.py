"""Recording who is connected with whom, ending what holds no more, deriving the groups."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from domain.connections.facts import refuse_end, refuse_itself
from domain.refusals import Refusal, RefusalCode, changed_since, not_found
from tenants.actions.once import Done, Outcome, Refused
from tenants.connected.deriving import derive
from tenants.database import Transaction
from tenants.tables import client, client_link

LinkKey = tuple[int, UUID]


async def record(transaction: Transaction, client_key: tuple[int, UUID], facts: dict[str, Any]) -> Outcome:
    """Record a link of a client; that nobody is owned beyond the whole, the database sees to."""
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
        .values(branch_id=branch_id, id=made, client_id=client_id, **facts)
        .on_conflict_do_nothing(constraint="uq_client_link_branch_id_source_reference")
        .returning(client_link.c.id)
    )
    if inserted:
        return Done((branch_id, made))
    return await _recorded_already(transaction, branch_id, facts)


async def end(transaction: Transaction, key: LinkKey, expected_version: int, valid_until: dt.date) -> Outcome:
    """End a link: from `valid_until` on it holds no more."""
    same = (client_link.c.branch_id == key[0], client_link.c.id == key[1])
    seen = await transaction.row(
        select(client_link.c.version, client_link.c.valid_from).where(*same).with_for_update()
    )
    if seen is None:
        return Refused(not_found("link", "linkId"))
    if seen["version"] != expected_version:
        return Refused(changed_since(seen["version"]), key)
    refusal = refuse_end(seen["valid_from"], valid_until)
    if refusal is not None:
        return Refused(refusal, key)
    await transaction.rows(
        update(client_link).where(*same).values(valid_until=valid_until, version=seen["version"] + 1)
    )
    return Done(key)


async def derive_groups(transaction: Transaction, home: int, subject: str) -> Outcome:
    """Derive the groups of connected clients anew."""
    return Done((await derive(transaction, home, subject)).key)


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
