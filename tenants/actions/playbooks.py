"""Drafting, editing and putting into force how a type of relationship is managed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from sqlalchemy import ColumnElement, exists, func, insert, select, update

from domain.facts import camel
from domain.playbooks import Playbook, PlaybookStatus, refuse_playbook
from domain.refusals import Refusal, RefusalCode, changed_since, invalid, not_found, second_person_needed
from tenants.actions.once import Done, Outcome, Refused
from tenants.database import Transaction
from tenants.playbooks.rows import columns_of, content_of, write_parts
from tenants.segments.settling import owe
from tenants.tables import dimension, playbook, rule_set

MAY_BE_LEFT_OUT = {"security_note": None, "products": ()}
"""Of a playbook that copies none."""


async def draft(
    transaction: Transaction, dimension_code: str, value: str, changes: Mapping[str, Any], subject: str
) -> Outcome:
    """A new version: the one in force with these changes, or all of it where there is none yet."""
    # One draft at a time gets the next number.
    known = select(dimension.c.code).where(dimension.c.code == dimension_code).with_for_update()
    if await transaction.value(known) is None:
        return Refused(not_found("dimension", "dimension"))
    if not await _is_value(transaction, dimension_code, value):
        return Refused(not_found(f"value of {dimension_code}", "value"))
    family = (playbook.c.dimension_code == dimension_code, playbook.c.value == value)
    active = await transaction.value(
        select(playbook.c.id).where(*family, playbook.c.status == PlaybookStatus.ACTIVE)
    )
    content = _started(await content_of(transaction, active) if active else None, changes)
    if isinstance(content, Refusal):
        return Refused(content)
    number = await transaction.value(select(func.coalesce(func.max(playbook.c.number), 0) + 1).where(*family))
    made = await transaction.value(
        insert(playbook)
        .values(
            dimension_code=dimension_code,
            value=value,
            number=number,
            created_by=subject,
            edited_by=subject,
            **columns_of(content),
        )
        .returning(playbook.c.id)
    )
    await write_parts(transaction, made, content)
    return Done((made,))


async def edit(
    transaction: Transaction,
    playbook_id: int,
    expected_version: int,
    changes: Mapping[str, Any],
    subject: str,
) -> Outcome:
    """Change a draft; products and items that are given stand in place of all that were there."""
    seen = await _locked(transaction, playbook.c.id == playbook_id)
    if refused := _refuse_change(seen, playbook_id, expected_version, "be edited"):
        return refused
    content = replace(await content_of(transaction, playbook_id), **changes)
    if refusal := refuse_playbook(content):
        return Refused(refusal)
    await transaction.rows(
        update(playbook)
        .where(playbook.c.id == playbook_id)
        .values(**columns_of(content), edited_by=subject, edited_at=func.now(), version=expected_version + 1)
    )
    await write_parts(transaction, playbook_id, content)
    return Done((playbook_id,))


async def activate(
    transaction: Transaction, playbook_id: int, expected_version: int, subject: str
) -> Outcome:
    """Put a draft into force in place of the version that is; the tasks that change with it are owed."""
    of_family = select(playbook.c.dimension_code, playbook.c.value).where(playbook.c.id == playbook_id)
    family = await transaction.row(of_family)
    if family is None:
        return Refused(not_found("playbook", "playbookId"))
    same = (playbook.c.dimension_code == family["dimension_code"], playbook.c.value == family["value"])
    seen = await _locked(transaction, *same)
    if refused := _refuse_change(seen, playbook_id, expected_version, "be activated"):
        return refused
    (row,) = (row for row in seen if row["id"] == playbook_id)
    if subject in (row["created_by"], row["edited_by"]):
        refusal = second_person_needed("wrote a playbook", "put it into force", "playbookId")
        return Refused(refusal, (playbook_id,))
    replaced = next((row["id"] for row in seen if row["status"] == PlaybookStatus.ACTIVE), None)
    if replaced is not None:
        await _set_status(transaction, replaced, PlaybookStatus.ARCHIVED, archived_at=func.now())
    told = {"activated_by": subject, "activated_at": func.now()}
    await _set_status(transaction, playbook_id, PlaybookStatus.ACTIVE, **told)
    # A version that asks for the same tasks changes none.
    before = (await content_of(transaction, replaced)).items if replaced is not None else ()
    changes_tasks = set(before) != set((await content_of(transaction, playbook_id)).items)
    if changes_tasks:
        await owe(transaction)
    return Done((playbook_id,), owes=changes_tasks)


async def _set_status(
    transaction: Transaction, playbook_id: int, status: PlaybookStatus, **told: Any
) -> None:
    changed = {"status": status, "version": playbook.c.version + 1, **told}
    await transaction.rows(update(playbook).where(playbook.c.id == playbook_id).values(**changed))


async def _is_value(transaction: Transaction, dimension_code: str, value: str) -> bool:
    """Whether some rule set of the dimension, in force or once, gives this value."""
    of_dimension = rule_set.c.dimension_code == dimension_code
    given = rule_set.c.body["values"].contains([value])
    return bool(await transaction.value(select(exists().where(of_dimension, given))))


def _started(active: Playbook | None, changes: Mapping[str, Any]) -> Playbook | Refusal:
    if active is None:
        given = {**MAY_BE_LEFT_OUT, **changes}
        missing = [camel(field.name) for field in fields(Playbook) if field.name not in given]
        if missing:
            return invalid(f"there is no playbook in force to copy: say {', '.join(missing)}", missing[0])
        content = Playbook(**given)
    else:
        content = replace(active, **changes)
    return refuse_playbook(content) or content


async def _locked(transaction: Transaction, *which: ColumnElement[bool]) -> list[Any]:
    t = playbook.c
    asked = select(t.id, t.status, t.version, t.created_by, t.edited_by)
    return list(await transaction.rows(asked.where(*which).order_by(t.id).with_for_update()))


def _refuse_change(seen: list[Any], playbook_id: int, expected_version: int, wanted: str) -> Refused | None:
    row = next((row for row in seen if row["id"] == playbook_id), None)
    if row is None:
        return Refused(not_found("playbook", "playbookId"))
    if row["version"] != expected_version:
        return Refused(changed_since(row["version"]), (playbook_id,))
    if row["status"] != PlaybookStatus.DRAFT:
        message = f"a playbook that is {row['status']} cannot {wanted}: draft a new version of it"
        return Refused(Refusal(RefusalCode.STATUS_MAY_NOT_FOLLOW, message, ("playbookId",)), (playbook_id,))
    return None
