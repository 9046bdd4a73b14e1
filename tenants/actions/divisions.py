"""Models of regional division: drafted, edited, simulated, put in force by a second person, archived."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import delete, func, insert, select, text, update

from domain.divisions.json_form import read, written
from domain.divisions.models import EDITABLE, MAY_FOLLOW, DivisionForm, DivisionKind, DivisionStatus
from domain.facts import checked_name
from domain.json_forms import read_parameters
from domain.refusals import Refusal, RefusalCode, invalid, not_found, second_person_needed
from tenants.actions.as_seen import locked_as_seen
from tenants.actions.once import Done, Outcome, Refused
from tenants.database import Transaction
from tenants.divisions.computing import compute
from tenants.divisions.in_force import put_in_force
from tenants.divisions.policies import write_policies
from tenants.divisions.shipped import ONE_AT_A_TIME
from tenants.divisions.simulating import forget_moves
from tenants.divisions.simulating import simulate as divide_and_compare
from tenants.segments.settling import owe
from tenants.tables import division, division_cluster, division_model, division_part


@dataclass(frozen=True, slots=True)
class Writing:
    """What is to be written into a model; what is None stays as it is."""

    name: str | None = None
    parameters: str | None = None


async def draft(
    transaction: Transaction, subject: str, kind: DivisionKind, based_on: int | None, writing: Writing
) -> Outcome:
    """Make a model: of the parameters given, else of those of another, else of those in force."""
    await transaction.rows(text(ONE_AT_A_TIME))
    name = checked_name(writing.name or "")
    if isinstance(name, Refusal):
        return Refused(name)
    form: DivisionForm | Refusal
    if writing.parameters is None:
        form = await _form_of(transaction, kind, based_on)
    else:
        form = read_parameters(partial(read, kind), writing.parameters)
    if isinstance(form, Refusal):
        return Refused(form)
    m = division_model
    latest = await transaction.value(select(func.max(m.c.number)).where(m.c.kind == kind))
    made: int = await transaction.value(
        insert(m)
        .values(
            kind=kind,
            number=(latest or 0) + 1,
            name=name,
            parameters=written(form),
            created_by=subject,
            edited_by=subject,
        )
        .returning(m.c.id)
    )
    await write_policies(transaction, made, form)
    return Done((made,))


async def edit(
    transaction: Transaction, subject: str, model_id: int, expected_version: int, writing: Writing
) -> Outcome:
    """Change a model that has never been in force; what was simulated of it is forgotten."""
    model = await _locked(transaction, model_id, expected_version)
    if isinstance(model, Refused):
        return model
    if DivisionStatus(model["status"]) not in EDITABLE:
        return _may_not_follow(model, "is not changed any more: draft another one from it")
    read_model = partial(read, DivisionKind(model["kind"]))
    if writing.parameters is None:
        form: DivisionForm | Refusal = read_model(model["parameters"])
    else:
        form = read_parameters(read_model, writing.parameters)
    if isinstance(form, Refusal):
        return Refused(form)
    name = model["name"] if writing.name is None else checked_name(writing.name)
    if isinstance(name, Refusal):
        return Refused(name)
    await _forget_divisions(transaction, model_id)
    await write_policies(transaction, model_id, form)
    return await _change(
        transaction,
        model,
        name=name,
        parameters=written(form),
        status=DivisionStatus.DRAFT,
        edited_by=subject,
        edited_at=func.now(),
        simulated_by=None,
        simulated_at=None,
    )


async def simulate(transaction: Transaction, subject: str, model_id: int, expected_version: int) -> Outcome:
    """Divide every region by the model, and find out who would move if it were in force."""
    model = await _locked(transaction, model_id, expected_version)
    if isinstance(model, Refused):
        return model
    if DivisionStatus.SIMULATED not in MAY_FOLLOW[DivisionStatus(model["status"])]:
        return _may_not_follow(model, "is not simulated any more: draft another one from it")
    kind = DivisionKind(model["kind"])
    known = await _active(transaction, kind)
    await divide_and_compare(transaction, model_id, kind, known=known)
    return await _change(
        transaction,
        model,
        status=DivisionStatus.SIMULATED,
        simulated_by=subject,
        simulated_at=func.now(),
    )


async def activate(transaction: Transaction, subject: str, model_id: int, expected_version: int) -> Outcome:
    """Put a simulated model in force, in place of the one of its kind that was; by a second person.

    Clients' facts follow at once; their history and tasks are owed.
    """
    model = await _locked(transaction, model_id, expected_version)
    if isinstance(model, Refused):
        return model
    if DivisionStatus.ACTIVE not in MAY_FOLLOW[DivisionStatus(model["status"])]:
        return _may_not_follow(model, "cannot come into force: only what has been simulated as it stands can")
    if subject in (model["created_by"], model["edited_by"]):
        return Refused(second_person_needed("wrote a model", "put it in force", "modelId"), (model_id,))
    kind = DivisionKind(model["kind"])
    known = await _active(transaction, kind)
    if known is not None:
        await _set(transaction, known, status=DivisionStatus.ARCHIVED, archived_at=func.now())
    done = await _change(
        transaction,
        model,
        status=DivisionStatus.ACTIVE,
        activated_by=subject,
        activated_at=func.now(),
    )
    await compute(transaction, model_id)
    await put_in_force(transaction, kind)
    await owe(transaction)
    return replace(done, owes=True)


async def archive(transaction: Transaction, subject: str, model_id: int, expected_version: int) -> Outcome:
    """Give up a model that has never been in force."""
    del subject
    model = await _locked(transaction, model_id, expected_version)
    if isinstance(model, Refused):
        return model
    if DivisionStatus.ARCHIVED not in MAY_FOLLOW[DivisionStatus(model["status"])]:
        return _may_not_follow(
            model, "is not archived by hand: that happens when another one comes into force"
        )
    return await _change(transaction, model, status=DivisionStatus.ARCHIVED, archived_at=func.now())


async def _locked(transaction: Transaction, model_id: int, expected_version: int) -> asyncpg.Record | Refused:
    """The model, with all others locked against changes, or why there is nothing to change."""
    # One change at a time: two that put a model in force would each archive the other's predecessor.
    await transaction.rows(text(ONE_AT_A_TIME))
    row = select(division_model).where(division_model.c.id == model_id)
    missing = not_found("division model", "modelId")
    return await locked_as_seen(transaction, row, (model_id,), expected_version, missing)


def _may_not_follow(model: asyncpg.Record, what: str) -> Refused:
    message = f"a model that is {model['status']} {what}"
    return Refused(Refusal(RefusalCode.STATUS_MAY_NOT_FOLLOW, message, ("modelId",)), (model["id"],))


async def _form_of(
    transaction: Transaction, kind: DivisionKind, based_on: int | None
) -> DivisionForm | Refusal:
    m = division_model
    same = m.c.status == DivisionStatus.ACTIVE if based_on is None else m.c.id == based_on
    row = await transaction.row(select(m.c.parameters).where(m.c.kind == kind, same))
    if row is not None:
        return read(kind, row["parameters"])
    if based_on is None:
        return invalid("no model of this kind is in force: say the parameters", "parameters")
    return not_found("division model of this kind", "basedOnId")


async def _active(transaction: Transaction, kind: DivisionKind) -> int | None:
    m = division_model
    found: int | None = await transaction.value(
        select(m.c.id).where(m.c.kind == kind, m.c.status == DivisionStatus.ACTIVE).with_for_update()
    )
    return found


async def _forget_divisions(transaction: Transaction, model_id: int) -> None:
    await forget_moves(transaction, model_id)
    mine = select(division.c.id).where(division.c.model_id == model_id)
    for table in (division_part, division_cluster):
        await transaction.rows(delete(table).where(table.c.division_id.in_(mine)))
    await transaction.rows(delete(division).where(division.c.model_id == model_id))


async def _change(transaction: Transaction, model: asyncpg.Record, **values: Any) -> Done:
    await _set(transaction, model["id"], **values)
    return Done((model["id"],))


async def _set(transaction: Transaction, model_id: int, **values: Any) -> None:
    m = division_model
    await transaction.rows(update(m).where(m.c.id == model_id).values(**values, version=m.c.version + 1))
