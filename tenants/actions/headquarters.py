"""What headquarters alone does: moving units, steering imports."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select, text, update

from domain.imports import MAY_FOLLOW, ImportStatus
from domain.organisation import MoveRefusal, refuse_move
from domain.refusals import Refusal, RefusalCode, changed_since, not_found
from tenants.actions.as_seen import locked_as_seen
from tenants.actions.once import Done, Outcome, Refused
from tenants.database import Transaction
from tenants.organisation import read_organisation
from tenants.tables import import_job, unit

_MOVE_REFUSED = {
    MoveRefusal.ROOT_STAYS: "headquarters is the root and stays there",
    MoveRefusal.WOULD_CREATE_CYCLE: "a unit cannot stand below itself",
    MoveRefusal.KIND_NOT_ALLOWED_THERE: "a unit of this kind may not stand directly under one of that kind",
}


async def move_unit(
    transaction: Transaction, code: str, new_parent_code: str, expected_version: int
) -> Outcome:
    """Put a unit, with everything below it, under another one."""
    # One move at a time: two moves, each harmless, could close a circle together.
    await transaction.rows(text("lock table bank.unit in share row exclusive mode"))
    organisation = await read_organisation(transaction)
    moved, parent = organisation.with_code(code), organisation.with_code(new_parent_code)
    if moved is None:
        return Refused(not_found("unit", "unitCode"))
    if parent is None:
        return Refused(not_found("unit", "newParentCode"))
    seen = await transaction.value(select(unit.c.version).where(unit.c.id == moved.id))
    if seen != expected_version:
        return Refused(changed_since(seen), (moved.id,))
    if refused := refuse_move(organisation, unit=moved, new_parent=parent):
        return Refused(Refusal(RefusalCode(refused), _MOVE_REFUSED[refused], ("newParentCode",)))
    await transaction.rows(
        update(unit).where(unit.c.id == moved.id).values(parent_id=parent.id, version=seen + 1)
    )
    return Done((moved.id,))


async def set_import_status(
    transaction: Transaction, key: tuple[int, UUID], wanted: ImportStatus, expected_version: int
) -> Outcome:
    """Pause or cancel an import; it obeys after the batch it is at."""
    same = (import_job.c.branch_id == key[0], import_job.c.id == key[1])
    row = select(import_job.c.status, import_job.c.version).where(*same)
    job = await locked_as_seen(transaction, row, key, expected_version, not_found("import", "importId"))
    if isinstance(job, Refused):
        return job
    if wanted not in MAY_FOLLOW[ImportStatus(job["status"])]:
        message = f"an import that is {job['status']} cannot become {wanted}"
        return Refused(Refusal(RefusalCode.STATUS_MAY_NOT_FOLLOW, message, ("status",)), key)
    await transaction.rows(
        update(import_job)
        .where(*same)
        .values(status=wanted, version=job["version"] + 1, updated_at=func.now())
    )
    return Done(key)
