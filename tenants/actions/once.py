"""An action happens once per idempotency key, however often it is sent, and answers each time as the first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import func, insert, select

from domain.organisation import Organisation
from domain.refusals import Refusal, RefusalCode, not_found
from tenants.database import Database, Transaction
from tenants.scope import Scope
from tenants.segments.recording import record_changes
from tenants.tables import idempotency_key

Key = tuple[int | str | UUID, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """The action was carried out; `key` is the primary key of the row it made or changed.

    It `owes` where every client's history and tasks are to follow, outside of the request.
    """

    key: Key
    owes: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The action was not carried out; `current` is the row that stands in the way, if one does."""

    refusal: Refusal
    current: Key | None = None


Outcome = Done | Refused


@dataclass(frozen=True, slots=True)
class Command:
    """What was asked: by name, by a key of the caller's choice, with the digest of everything it said."""

    operation: str
    key: str
    payload_sha256: str


# What a constraint's violation means to whoever sent the input, and where in it.
CONSTRAINTS: dict[str, Refusal] = {
    "fk_client_region_code": not_found("region", "regionCode"),
    "fk_client_currency": not_found("currency", "currency"),
    "fk_client_branch_id_relationship_manager_id": not_found("staff member", "relationshipManagerId"),
    "fk_financial_statement_currency": not_found("currency", "currency"),
    "fk_credit_event_currency": not_found("currency", "currency"),
    "fk_credit_event_branch_id_client_id_facility_id": not_found("facility of this client", "facilityId"),
    "uq_credit_event_branch_id_source_reference_kind": Refusal(
        RefusalCode.ALREADY_REGISTERED, "this source has reported this event already", ("reference",)
    ),
    "fk_client_link_currency": not_found("currency", "currency"),
    "ck_client_link_within_the_whole": Refusal(
        RefusalCode.BEYOND_THE_WHOLE,
        "on some day the company's holders would own more than all of it: end or correct another holding first",
    ),
    "ck_unit_no_cycle": Refusal(
        RefusalCode.WOULD_CREATE_CYCLE, "a unit cannot stand below itself", ("newParentCode",)
    ),
}


async def once(
    database: Database,
    scope: Scope,
    organisation: Organisation,
    command: Command,
    act: Callable[[Transaction], Awaitable[Outcome]],
) -> Outcome:
    """Carry out `act` in a transaction of its own, or answer what was answered to this key before.

    A repeated key waits for the first to finish. What `act` refuses is kept too: a retry must not be granted what
    the first was refused.
    """
    home = home_of(scope, organisation)
    async with database.transaction(scope, write=True) as transaction:
        recorded = await _recorded(transaction, scope, home, command)
        if recorded is not None:
            return recorded
        outcome = await _attempt(transaction, act)
        if isinstance(outcome, Done):
            await record_changes(transaction, database.rules)
        await _record(transaction, scope, home, command, outcome)
    if isinstance(outcome, Done) and outcome.owes:
        database.owing.set()
    return outcome


def home_of(scope: Scope, organisation: Organisation) -> int:
    """The unit under which a caller's keys are kept: its office, or headquarters."""
    office = organisation.with_code(scope.caller.office or "") if scope.caller.office else None
    root = next(unit for unit in organisation if unit.parent_id is None)
    return (office or root).id


async def _attempt(transaction: Transaction, act: Callable[[Transaction], Awaitable[Outcome]]) -> Outcome:
    await transaction.connection.execute("savepoint act")
    try:
        return await act(transaction)
    except asyncpg.IntegrityConstraintViolationError as violated:
        refusal = CONSTRAINTS.get(violated.constraint_name or "")
        if refusal is None:
            raise
        await transaction.connection.execute("rollback to savepoint act")
        return Refused(refusal)


async def _recorded(transaction: Transaction, scope: Scope, home: int, command: Command) -> Outcome | None:
    name = f"{home}\n{scope.caller.subject}\n{command.key}"
    await transaction.rows(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
    t = idempotency_key
    kept = await transaction.row(
        select(t.c.operation, t.c.payload_sha256, t.c.result).where(
            t.c.branch_id == home, t.c.subject == scope.caller.subject, t.c.key == command.key
        )
    )
    if kept is None:
        return None
    if (kept["operation"], kept["payload_sha256"]) != (command.operation, command.payload_sha256):
        return Refused(
            Refusal(
                RefusalCode.IDEMPOTENCY_KEY_REUSED,
                "this idempotency key was used for something else: take a new one for a new request",
                ("idempotencyKey",),
            )
        )
    return _read(orjson.loads(kept["result"]))


async def _record(
    transaction: Transaction, scope: Scope, home: int, command: Command, outcome: Outcome
) -> None:
    await transaction.rows(
        insert(idempotency_key).values(
            branch_id=home,
            subject=scope.caller.subject,
            key=command.key,
            operation=command.operation,
            payload_sha256=command.payload_sha256,
            result=_written(outcome),
        )
    )


def _written(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Done):
        return {"done": _plain(outcome.key)}
    refusal = outcome.refusal
    return {
        "refused": [refusal.code, refusal.message, list(refusal.path)],
        "current": None if outcome.current is None else _plain(outcome.current),
    }


def _plain(key: Key) -> list[Any]:
    return [{"uuid": str(part)} if isinstance(part, UUID) else part for part in key]


def _read(kept: dict[str, Any]) -> Outcome:
    if "done" in kept:
        return Done(_key(kept["done"]))
    code, message, path = kept["refused"]
    refusal = Refusal(RefusalCode(code), message, tuple(path))
    return Refused(refusal, None if kept["current"] is None else _key(kept["current"]))


def _key(parts: list[Any]) -> Key:
    return tuple(UUID(part["uuid"]) if isinstance(part, dict) else part for part in parts)
