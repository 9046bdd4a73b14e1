"""An action happens once per idempotency key, however often it is sent, and answers each time as the first."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from domain.organisation import Organisation
from domain.refusals import Possible, Refusal, RefusalCode, not_found
from tenants.at_once import AtOnce, NotAtOnce
from tenants.database import Database, Transaction
from tenants.scope import Scope
from tenants.segments.recording import record_changes

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


class Contended(Exception):
    """What an action has decided without locks does not hold any more: it is undone, and carried out with locks."""


@dataclass(slots=True)
class Record:
    """Under what the answer to a command is kept. An action that writes in one statement keeps it in the same one,
    with the columns of `KEEP` and their `values`, and says that it is `written`."""

    home: int
    subject: str
    command: Command
    written: bool = False

    @property
    def lock(self) -> str:
        """What those who send the same key at once wait for."""
        return f"{self.home}\n{self.subject}\n{self.command.key}"

    def values(self, outcome: Outcome) -> tuple[Any, ...]:
        """The row, in the order of the columns of `KEEP`."""
        command = self.command
        result = orjson.dumps(_written(outcome)).decode()
        return (self.home, self.subject, command.key, command.operation, command.payload_sha256, result)


KEEP = "insert into bank.idempotency_key (branch_id, subject, key, operation, payload_sha256, result)"
ATTEMPTS_UNDER_LOCK = 5
KEY_TAKEN = "pk_idempotency_key"
WRITTEN_BEFORE = frozenset({KEY_TAKEN, "pk_limit_commitment", "pk_limit_movement"})
"""What a statement violates that is put again because its answer was lost: the key, and ids made for it alone."""

# The lock is tried before anybody has to wait, so that what follows a wait is read anew. Who has waited nowhere
# and still comes second finds the key taken when it is kept.
_LOOK_UP = """
select mine.first, kept.operation, kept.payload_sha256, kept.result
from (select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as first) mine
left join bank.idempotency_key kept on kept.branch_id = $2 and kept.subject = $3 and kept.key = $4
"""
_WAIT = "select pg_advisory_xact_lock(hashtextextended($1, 0))"

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
    "uq_compensation_enrolment_facility": Refusal(
        RefusalCode.ALREADY_REGISTERED, "a fund covers this loan already", ("facilityId",)
    ),
    "uq_limit_node_top": Refusal(
        RefusalCode.ALREADY_REGISTERED, "this unit has a limit of its own already", ("unitCode",)
    ),
    "uq_limit_node_client": Refusal(
        RefusalCode.ALREADY_REGISTERED, "this client has a limit of its own already", ("clientId",)
    ),
    "fk_limit_node_currency": not_found("currency", "currency"),
    "fk_limit_node_branch_id_client_id": not_found("client", "clientId"),
    "fk_limit_node_branch_id_client_id_facility_id": not_found("facility of this client", "facilityId"),
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
    *,
    at_once: bool = False,
) -> Outcome:
    """Carry out `act` in a transaction of its own, or answer what was answered to this key before.

    A repeated key waits for the first to finish. What `act` refuses is kept too: a retry must not be granted what
    the first was refused. With `at_once`, it is tried without a transaction first (`tenants.at_once`).
    """
    record = Record(home_of(scope, organisation), scope.caller.subject, command)
    try:
        outcome = await _written_at_once(database, scope, record, act) if at_once else None
        if outcome is None:
            outcome = await _carried_out_anyhow(database, scope, record, act)
    except asyncpg.IntegrityConstraintViolationError as violated:
        record.written = False
        if violated.constraint_name in WRITTEN_BEFORE:
            # The same request was carried out elsewhere while this one was on its way; or it was this one.
            return await _replayed(database, scope, record)
        refusal = CONSTRAINTS.get(violated.constraint_name or "")
        if refusal is None:
            raise
        outcome = await _refused(database, scope, record, Refused(refusal))
    if isinstance(outcome, Done) and outcome.owes:
        database.owing.set()
    return outcome


async def _written_at_once(
    database: Database, scope: Scope, record: Record, act: Callable[[Transaction], Awaitable[Outcome]]
) -> Outcome | None:
    """What was done; None where nothing was, and it takes a transaction to know why, and to keep that.

    The key is not looked up: where it was used before, nothing can be written under it again.
    """
    if not database.works_at_once:
        return None
    attempt = AtOnce(database, scope)
    attempt.record, attempt.may_lock_late = record, True
    with contextlib.suppress(Contended, NotAtOnce):
        outcome = await act(attempt)
        if record.written:
            return outcome
    return None


async def _carried_out_anyhow(
    database: Database, scope: Scope, record: Record, act: Callable[[Transaction], Awaitable[Outcome]]
) -> Outcome:
    try:
        return await _carried_out(database, scope, record, act, may_lock_late=True)
    except Contended:
        pass
    for _ in range(ATTEMPTS_UNDER_LOCK - 1):
        # Under locks, only what is moved elsewhere at this very moment has to be found again.
        with contextlib.suppress(Contended):
            return await _carried_out(database, scope, record, act, may_lock_late=False)
    return await _carried_out(database, scope, record, act, may_lock_late=False)


async def _carried_out(
    database: Database,
    scope: Scope,
    record: Record,
    act: Callable[[Transaction], Awaitable[Outcome]],
    *,
    may_lock_late: bool,
) -> Outcome:
    async with database.transaction(scope, write=True) as transaction:
        recorded = await _recorded(transaction, record)
        if recorded is not None:
            return recorded
        transaction.record, transaction.may_lock_late = record, may_lock_late
        outcome = await act(transaction)
        if not record.written:
            if isinstance(outcome, Done):
                await record_changes(transaction, database.rules)
            await _record(transaction, record, outcome)
    return outcome


async def _refused(database: Database, scope: Scope, record: Record, outcome: Refused) -> Outcome:
    """Keep a refusal of the database's own, which has undone what led to it."""
    try:
        async with database.transaction(scope, write=True) as transaction:
            recorded = await _recorded(transaction, record)
            if recorded is not None:
                return recorded
            await _record(transaction, record, outcome)
    except asyncpg.UniqueViolationError as violated:
        if violated.constraint_name != KEY_TAKEN:
            raise
        return await _replayed(database, scope, record)
    return outcome


async def _replayed(database: Database, scope: Scope, record: Record) -> Outcome:
    async with database.transaction(scope, write=True) as transaction:
        recorded = await _recorded(transaction, record)
    if recorded is None:
        raise RuntimeError("a key that is taken must have been recorded")
    return recorded


def home_of(scope: Scope, organisation: Organisation) -> int:
    """The unit under which a caller's keys are kept: its office, or headquarters."""
    office = organisation.with_code(scope.caller.office or "") if scope.caller.office else None
    root = next(unit for unit in organisation if unit.parent_id is None)
    return (office or root).id


async def _recorded(transaction: Transaction, record: Record) -> Outcome | None:
    """What was answered to the key before; whoever is at it right now is waited for."""
    found = await _looked_up(transaction, record)
    if found["result"] is None and not found["first"]:
        await transaction.fetch(_WAIT, (record.lock,))
        found = await _looked_up(transaction, record)
    if found["result"] is None:
        return None
    command = record.command
    if (found["operation"], found["payload_sha256"]) != (command.operation, command.payload_sha256):
        return Refused(
            Refusal(
                RefusalCode.IDEMPOTENCY_KEY_REUSED,
                "this idempotency key was used for something else: take a new one for a new request",
                ("idempotencyKey",),
            )
        )
    return _read(orjson.loads(found["result"]))


async def _looked_up(transaction: Transaction, record: Record) -> asyncpg.Record:
    values = (record.lock, record.home, record.subject, record.command.key)
    return (await transaction.fetch(_LOOK_UP, values))[0]


async def _record(transaction: Transaction, record: Record, outcome: Outcome) -> None:
    await transaction.fetch(f"{KEEP} values ($1, $2, $3, $4, $5, $6)", record.values(outcome))


def _written(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Done):
        return {"done": _plain(outcome.key)}
    refusal = outcome.refusal
    written: dict[str, Any] = {
        "refused": [refusal.code, refusal.message, list(refusal.path)],
        "current": None if outcome.current is None else _plain(outcome.current),
    }
    if refusal.possible is not None:
        possible = refusal.possible
        node = None if possible.node is None else _plain(possible.node)
        written["possible"] = [possible.available_minor, possible.currency, possible.binding, node]
    return written


def _plain(key: Key) -> list[Any]:
    return [{"uuid": str(part)} if isinstance(part, UUID) else part for part in key]


def _read(kept: dict[str, Any]) -> Outcome:
    if "done" in kept:
        return Done(_key(kept["done"]))
    code, message, path = kept["refused"]
    refusal = Refusal(RefusalCode(code), message, tuple(path), _possible(kept.get("possible")))
    return Refused(refusal, None if kept["current"] is None else _key(kept["current"]))


def _possible(kept: list[Any] | None) -> Possible | None:
    if kept is None:
        return None
    available, currency, binding, node = kept
    return Possible(available, currency, binding, None if node is None else (node[0], UUID(node[1]["uuid"])))


def _key(parts: list[Any]) -> Key:
    return tuple(UUID(part["uuid"]) if isinstance(part, dict) else part for part in parts)
