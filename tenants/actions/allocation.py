"""Allocation runs: drafted, edited, simulated, adopted by a second person for all branches at once, or given up."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import func, insert, select, text, update

from domain.allocation.form import read, written
from domain.allocation.runs import EDITABLE, MAY_FOLLOW, RunStatus
from domain.facts import checked_name
from domain.json_forms import read_parameters
from domain.money import Money
from domain.refusals import Refusal, RefusalCode, changed_since, invalid, not_found, second_person_needed
from tenants.actions.as_seen import locked_as_seen
from tenants.actions.once import Done, Outcome, Refused
from tenants.allocation.adopting import adopt as put_in_force
from tenants.allocation.shipped import shipped_parameters
from tenants.allocation.simulating import Simulated
from tenants.allocation.writing import forget, write
from tenants.database import Transaction
from tenants.segments.recording import FOR_ALL_CLIENTS
from tenants.tables import allocation_run
from tenants.tables.limits import limit_policy

# One at a time: two adoptions would each supersede the other's predecessor.
ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended('branchgraph allocation', 0))"


@dataclass(frozen=True, slots=True)
class Writing:
    """What is to be written into a run; what is None stays as it is."""

    name: str | None = None
    budget: Money | None = None
    period_from: dt.date | None = None
    period_until: dt.date | None = None
    parameters: str | None = None

    def values(self) -> dict[str, Any] | Refusal:
        """The columns, or what cannot be meant."""
        found: dict[str, Any] = {}
        if self.name is not None:
            name = checked_name(self.name)
            if isinstance(name, Refusal):
                return name
            found["name"] = name
        if self.budget is not None:
            if self.budget.minor <= 0:
                return invalid("there is nothing to share out: say a budget above nothing", "budget")
            found |= {"budget_minor": self.budget.minor, "currency": self.budget.currency}
        found |= {"period_from": self.period_from} if self.period_from else {}
        found |= {"period_until": self.period_until} if self.period_until else {}
        if self.parameters is not None:
            form = read_parameters(read, self.parameters)
            if isinstance(form, Refusal):
                return form
            found["parameters"] = written(form)
        return found


async def draft(transaction: Transaction, subject: str, based_on: int | None, writing: Writing) -> Outcome:
    """Make a run: of the parameters given, else of another's, else of those that ship."""
    values = writing.values()
    if isinstance(values, Refusal):
        return Refused(values)
    if "parameters" not in values:
        parameters = await _parameters_of(transaction, based_on)
        if isinstance(parameters, Refusal):
            return Refused(parameters)
        values["parameters"] = parameters
    if refusal := _period(values):
        return Refused(refusal)
    dimension = await transaction.value(select(limit_policy.c.segment_dimension))
    made = await transaction.value(
        insert(allocation_run)
        .values(
            **values,
            segment_dimension=dimension or "relationshipType",
            created_by=subject,
            edited_by=subject,
        )
        .returning(allocation_run.c.id)
    )
    return Done((made,))


async def edit(
    transaction: Transaction, subject: str, run_id: int, expected_version: int, writing: Writing
) -> Outcome:
    """Change a run that has never been adopted; what was simulated of it is forgotten."""
    run = await _locked(transaction, run_id, expected_version, RunStatus.SIMULATED)
    if isinstance(run, Refused):
        return run
    values = writing.values()
    if isinstance(values, Refusal):
        return Refused(values)
    if refusal := _period(dict(run) | values):
        return Refused(refusal)
    await forget(transaction, run_id)
    none = dict.fromkeys(_OF_A_SIMULATION)
    return await _change(
        transaction, run, RunStatus.DRAFT, **none, **values, edited_by=subject, edited_at=func.now()
    )


async def simulate(
    transaction: Transaction, subject: str, run_id: int, expected_version: int, found: Simulated | None
) -> Outcome:
    """Write down what was found of the run, at the version that it was found of."""
    run = await _locked(transaction, run_id, expected_version, RunStatus.SIMULATED)
    if isinstance(run, Refused):
        return run
    if found is None or found.version != run["version"]:
        return Refused(changed_since(run["version"]), (run_id,))
    if isinstance(found.found, str):
        return Refused(invalid(found.found, "runId"))
    await transaction.connection.execute(FOR_ALL_CLIENTS)
    await write(transaction, run_id, run["currency"], found.found)
    return await _change(
        transaction,
        run,
        RunStatus.SIMULATED,
        **found.found.run,
        figures_day=found.day,
        simulated_by=subject,
        simulated_at=func.now(),
    )


async def adopt(transaction: Transaction, subject: str, run_id: int, expected_version: int) -> Outcome:
    """Make the amounts of a simulated run every branch's limits, all at once; by a second person."""
    run = await _locked(transaction, run_id, expected_version, RunStatus.ADOPTED)
    if isinstance(run, Refused):
        return run
    if not run["feasible"]:
        return _may_not_follow(run, "has no amounts to adopt: its constraints conflict")
    if subject in (run["created_by"], run["edited_by"]):
        return Refused(second_person_needed("wrote a run", "adopt it", "runId"), (run_id,))
    await transaction.connection.execute(FOR_ALL_CLIENTS)
    refusal = await put_in_force(transaction, run, subject)
    if refusal is not None:
        return Refused(refusal, (run_id,))
    r = allocation_run
    await transaction.rows(
        update(r)
        .where(r.c.status == RunStatus.ADOPTED)
        .values(status=RunStatus.SUPERSEDED, ended_at=func.now(), version=r.c.version + 1)
    )
    return await _change(transaction, run, RunStatus.ADOPTED, adopted_by=subject, adopted_at=func.now())


async def archive(transaction: Transaction, subject: str, run_id: int, expected_version: int) -> Outcome:
    """Give up a run that has never been adopted."""
    del subject
    run = await _locked(transaction, run_id, expected_version, RunStatus.ARCHIVED)
    if isinstance(run, Refused):
        return run
    return await _change(transaction, run, RunStatus.ARCHIVED, ended_at=func.now())


_OF_A_SIMULATION = (
    *("feasible", "distributable_minor", "committed_minor", "asked_minor", "granted_minor"),
    *("expected_return_minor", "penalty_minor", "budget_price", "explanation", "figures_day", "solving_ms"),
    *("simulated_by", "simulated_at"),
)


async def _locked(
    transaction: Transaction, run_id: int, expected_version: int, to: RunStatus
) -> asyncpg.Record | Refused:
    """The run, with all others locked against changes, or why it cannot become what is wanted."""
    await transaction.rows(text(ONE_AT_A_TIME))
    r = allocation_run
    row, key = select(r).where(r.c.id == run_id), (run_id,)
    run = await locked_as_seen(transaction, row, key, expected_version, not_found("allocation run", "runId"))
    if isinstance(run, Refused):
        return run
    status = RunStatus(run["status"])
    if to not in MAY_FOLLOW[status]:
        later = "is not changed any more: draft another one from it"
        what = "is to be simulated before it is adopted" if status in EDITABLE else later
        return _may_not_follow(run, what)
    return run


def _may_not_follow(run: asyncpg.Record, what: str) -> Refused:
    message = f"a run that is {run['status']} {what}"
    return Refused(Refusal(RefusalCode.STATUS_MAY_NOT_FOLLOW, message, ("runId",)), (run["id"],))


async def _parameters_of(transaction: Transaction, based_on: int | None) -> dict[str, Any] | Refusal:
    if based_on is None:
        return shipped_parameters()
    r = allocation_run
    found = await transaction.value(select(r.c.parameters).where(r.c.id == based_on))
    if found is None:
        return not_found("allocation run", "basedOnId")
    parameters: dict[str, Any] = json.loads(found) if isinstance(found, str) else found
    return parameters


def _period(values: dict[str, Any]) -> Refusal | None:
    if values["period_until"] < values["period_from"]:
        return invalid("the period ends before it begins", "periodUntil")
    return None


async def _change(transaction: Transaction, run: asyncpg.Record, status: RunStatus, **values: Any) -> Done:
    r = allocation_run
    await transaction.rows(
        update(r).where(r.c.id == run["id"]).values(**values, status=status, version=r.c.version + 1)
    )
    return Done((run["id"],))
