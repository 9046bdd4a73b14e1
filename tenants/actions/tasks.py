"""Completing what a playbook asks to be done, and taking the completion back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, text, update

from domain.playbooks import CancelCause, PlaybookStatus, TaskStatus
from domain.refusals import Refusal, RefusalCode, changed_since, not_found
from tenants.actions.once import Done, Outcome, Refused
from tenants.database import Transaction
from tenants.playbooks.settling import apply_playbooks
from tenants.tables import client, playbook, playbook_item, segment_history, task

TaskKey = tuple[int, UUID]


async def complete(
    transaction: Transaction, key: TaskKey, expected_version: int, outcome: str | None, subject: str
) -> Outcome:
    """Say that a task is done; of what repeats, the next one is made."""
    seen = await _locked(transaction, key)
    if refused := _refuse(seen, key, expected_version, TaskStatus.OPEN):
        return refused
    await transaction.rows(
        update(task)
        .where(task.c.branch_id == key[0], task.c.id == key[1])
        .values(
            status=TaskStatus.DONE,
            done_at=func.app.moment(),
            done_by=subject,
            outcome=outcome,
            version=expected_version + 1,
        )
    )
    await apply_playbooks(transaction, [(key[0], seen["client_id"])])
    return Done(key)


async def reopen(transaction: Transaction, key: TaskKey, expected_version: int) -> Outcome:
    """Take back that a task is done; the one that was made after it is cancelled."""
    seen = await _locked(transaction, key)
    if refused := _refuse(seen, key, expected_version, TaskStatus.DONE):
        return refused
    if not await _is_implied(transaction, key[0], seen):
        message = "the client's playbook does not ask for this any more: what was done stays done"
        return Refused(Refusal(RefusalCode.STATUS_MAY_NOT_FOLLOW, message, ("taskId",)), key)
    await transaction.rows(
        update(task)
        .where(
            task.c.branch_id == key[0],
            task.c.client_id == seen["client_id"],
            task.c.item_code == seen["item_code"],
            task.c.playbook_id.in_(_versions(seen["playbook_id"])),
            task.c.status == TaskStatus.OPEN,
        )
        .values(
            status=TaskStatus.CANCELLED,
            cancelled_because=CancelCause.EARLIER_REOPENED,
            version=task.c.version + 1,
        )
    )
    await transaction.rows(
        update(task)
        .where(task.c.branch_id == key[0], task.c.id == key[1])
        .values(
            status=TaskStatus.OPEN, done_at=None, done_by=None, outcome=None, version=expected_version + 1
        )
    )
    # In the words of the version that is in force now.
    await apply_playbooks(transaction, [(key[0], seen["client_id"])])
    return Done(key)


async def _locked(transaction: Transaction, key: TaskKey) -> Any:
    """The task, locked after its client as every writer does; None where there is none in sight."""
    same = (task.c.branch_id == key[0], task.c.id == key[1])
    client_id = await transaction.value(select(task.c.client_id).where(*same))
    if client_id is None:
        return None
    await transaction.rows(
        select(client.c.id)
        .where(client.c.branch_id == key[0], client.c.id == client_id)
        .with_for_update(read=True, key_share=True)
    )
    return await transaction.row(select(task).where(*same).with_for_update())


def _refuse(seen: Any, key: TaskKey, expected_version: int, needed: TaskStatus) -> Refused | None:
    if seen is None:
        return Refused(not_found("task", "taskId"))
    if seen["version"] != expected_version:
        return Refused(changed_since(seen["version"]), key)
    if seen["status"] != needed:
        wanted = "reopened" if needed is TaskStatus.DONE else "completed"
        message = f"a task that is {seen['status']} cannot be {wanted}"
        return Refused(Refusal(RefusalCode.STATUS_MAY_NOT_FOLLOW, message, ("taskId",)), key)
    return None


def _versions(playbook_id: int) -> Select[Any]:
    """Every version of the playbook that this is one of."""
    this = playbook.alias()
    return select(playbook.c.id).where(
        this.c.id == playbook_id,
        playbook.c.dimension_code == this.c.dimension_code,
        playbook.c.value == this.c.value,
    )


async def _is_implied(transaction: Transaction, branch_id: int, seen: Any) -> bool:
    """Whether the client is still of the type that the task's playbook is for, and that still asks for it."""
    h = segment_history.c
    asked = (
        select(playbook.c.id)
        .join(
            segment_history, (h.dimension_code == playbook.c.dimension_code) & (h.value == playbook.c.value)
        )
        .join(playbook_item, playbook_item.c.playbook_id == playbook.c.id)
        .where(
            playbook.c.id.in_(_versions(seen["playbook_id"])),
            playbook.c.status == PlaybookStatus.ACTIVE,
            h.branch_id == branch_id,
            h.client_id == seen["client_id"],
            h.valid_until == text("'infinity'"),
            playbook_item.c.code == seen["item_code"],
        )
    )
    return await transaction.value(asked) is not None
