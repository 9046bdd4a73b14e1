"""Registering clients, keeping what is known of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from domain.refusals import Refusal, RefusalCode, changed_since, not_found
from tenants.actions.as_seen import locked_as_seen
from tenants.actions.once import Done, Outcome, Refused
from tenants.database import Transaction
from tenants.tables import client, contact, credit_event, financial_statement

ClientKey = tuple[int, UUID]


async def register(transaction: Transaction, branch_id: int, facts: dict[str, Any]) -> Outcome:
    """Make a client of a branch; refused where the branch has the company already."""
    made = uuid7()
    inserted = await transaction.row(
        insert(client)
        .values(branch_id=branch_id, id=made, **facts)
        .on_conflict_do_nothing(constraint="uq_client_registration")
        .returning(client.c.id)
    )
    if inserted:
        return Done((branch_id, made))
    existing = await transaction.row(
        select(client.c.id).where(
            client.c.branch_id == branch_id,
            client.c.registration_country == facts["registration_country"],
            client.c.registration_number == facts["registration_number"],
        )
    )
    refusal = Refusal(
        RefusalCode.ALREADY_REGISTERED,
        "this branch has a client with this registration number already",
        ("registrationNumber",),
    )
    return Refused(refusal, (branch_id, existing["id"]) if existing else None)


async def change(
    transaction: Transaction, key: ClientKey, expected_version: int, facts: dict[str, Any]
) -> Outcome:
    """Change a client's basic information; refused where somebody else changed it since."""
    seen = await _locked_version(transaction, key)
    if seen is None:
        return Refused(not_found("client", "clientId"))
    if seen != expected_version:
        return Refused(changed_since(seen), key)
    await transaction.rows(
        update(client)
        .where(client.c.branch_id == key[0], client.c.id == key[1])
        .values(**facts, version=seen + 1, updated_at=func.now())
    )
    return Done(key)


async def save_contact(
    transaction: Transaction,
    client_key: ClientKey,
    contact_key: ClientKey | None,
    expected_version: int | None,
    facts: dict[str, Any],
) -> Outcome:
    """Add a contact to a client, or change one of its contacts."""
    if contact_key is None:
        return await _add_fact(transaction, contact, client_key, facts)
    if await _locked_version(transaction, client_key) is None:
        return Refused(not_found("client", "clientId"))
    seen = await transaction.value(
        select(contact.c.version)
        .where(
            contact.c.branch_id == contact_key[0],
            contact.c.id == contact_key[1],
            contact.c.branch_id == client_key[0],
            contact.c.client_id == client_key[1],
        )
        .with_for_update()
    )
    if seen is None:
        return Refused(not_found("contact of this client", "contactId"))
    if seen != expected_version:
        return Refused(changed_since(seen), contact_key)
    await transaction.rows(
        update(contact)
        .where(contact.c.branch_id == contact_key[0], contact.c.id == contact_key[1])
        .values(**facts, version=seen + 1)
    )
    return Done(contact_key)


async def remove_contact(transaction: Transaction, key: ClientKey, expected_version: int) -> Outcome:
    """Take a contact from its client; what is left is the client."""
    same = (contact.c.branch_id == key[0], contact.c.id == key[1])
    row = select(contact.c.client_id, contact.c.version).where(*same)
    seen = await locked_as_seen(
        transaction, row, key, expected_version, not_found("contact of this client", "contactId")
    )
    if isinstance(seen, Refused):
        return seen
    await transaction.rows(delete(contact).where(*same))
    return Done((key[0], seen["client_id"]))


async def record_statement(transaction: Transaction, key: ClientKey, facts: dict[str, Any]) -> Outcome:
    """Add a financial statement; a correction stands beside what it corrects, with a later time."""
    return await _add_fact(transaction, financial_statement, key, facts)


async def record_credit_event(transaction: Transaction, key: ClientKey, facts: dict[str, Any]) -> Outcome:
    """Add a credit event."""
    return await _add_fact(transaction, credit_event, key, facts)


async def _add_fact(transaction: Transaction, table: Any, key: ClientKey, facts: dict[str, Any]) -> Outcome:
    if await _locked_version(transaction, key) is None:
        return Refused(not_found("client", "clientId"))
    made = uuid7()
    row = {"branch_id": key[0], "client_id": key[1], "id": made, **facts}
    await transaction.rows(insert(table).values(**row))
    return Done((key[0], made))


async def _locked_version(transaction: Transaction, key: ClientKey) -> int | None:
    """The client's version, locked against other writers; None where there is no such client in sight."""
    version: int | None = await transaction.value(
        select(client.c.version).where(client.c.branch_id == key[0], client.c.id == key[1]).with_for_update()
    )
    return version
