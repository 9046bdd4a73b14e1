"""Quotas in mid-period: idle ones proposed to be taken back in part, top-ups asked for; a second person acts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import func, insert, or_, select, text, update
from uuid_utils.compat import uuid7

from domain.allocation.form import AllocationForm, read
from domain.allocation.reclaiming import Proposed, propose
from domain.allocation.runs import ChangeKind, ChangeStatus, RunStatus
from domain.money import Money
from domain.refusals import Refusal, RefusalCode, invalid, not_found, second_person_needed
from tenants.actions.allocation import ONE_AT_A_TIME
from tenants.actions.as_seen import locked_as_seen
from tenants.actions.once import Done, Outcome, Refused
from tenants.allocation.changing import change
from tenants.allocation.months import NodeKey, Used, last_months
from tenants.database import Transaction
from tenants.tables import allocation_run, quota_change
from tenants.tables.limits import limit_node

ROWS_AT_ONCE = 1000
CHANGED = ("SUBLIMIT", "BRANCH")
"""Kinds of limits that are topped up: a segment's quota, a branch's own."""


async def propose_reclaims(
    transaction: Transaction, subject: str, run_id: int, used: Mapping[NodeKey, Used] | None = None
) -> Outcome:
    """Look at the last months of every quota of the run in force, and propose anew what is to be done.

    `used` is for whoever has the months from elsewhere; else the ledger tells.
    """
    await transaction.rows(text(ONE_AT_A_TIME))
    run = await transaction.row(select(allocation_run).where(allocation_run.c.id == run_id))
    if run is None:
        return Refused(not_found("allocation run", "runId"))
    if run["status"] != RunStatus.ADOPTED:
        message = f"a run that is {run['status']} has no quotas in force: propose for the adopted one"
        return Refused(Refusal(RefusalCode.STATUS_MAY_NOT_FOLLOW, message, ("runId",)), (run_id,))
    rules = _form(run).reclaim
    found = await last_months(transaction, run_id, rules.months) if used is None else used
    proposed = {
        key: said
        for key, one in found.items()
        if (
            said := propose(
                rules, one.months, granted=one.granted, committed=one.committed, currency=one.currency
            )
        )
    }
    c = quota_change
    stale = c.c.run_id == run_id, c.c.kind != ChangeKind.TOP_UP
    open_ones = or_(c.c.status == ChangeStatus.PROPOSED, c.c.status == ChangeStatus.NOTED)
    await transaction.rows(
        update(c).where(*stale, open_ones).values(status=ChangeStatus.WITHDRAWN, version=c.c.version + 1)
    )
    keys = list(proposed)
    for start in range(0, len(keys), ROWS_AT_ONCE):
        some = keys[start : start + ROWS_AT_ONCE]
        await _insert(transaction, subject, run_id, found, {key: proposed[key] for key in some})
    return Done((run_id,))


async def top_up(
    transaction: Transaction, subject: str, node: NodeKey, amount: Money, reason: str
) -> Outcome:
    """Ask for more for a quota; what the bank has left is looked at when it is carried out."""
    n = limit_node
    found = await transaction.row(select(n).where(n.c.branch_id == node[0], n.c.id == node[1]))
    if found is None or found["kind"] not in CHANGED:
        return Refused(not_found("quota of a branch or segment", "nodeId"))
    if found["currency"] != amount.currency:
        message = f"the quota is in {found['currency']}: ask for an amount in it"
        return Refused(Refusal(RefusalCode.CURRENCY_DIFFERS, message, ("amount", "currency")))
    r = allocation_run
    run_id = await transaction.value(select(r.c.id).where(r.c.status == RunStatus.ADOPTED))
    if run_id is None:
        return Refused(invalid("no allocation has been adopted: there is nothing to add to", "nodeId"))
    made = uuid7()
    await transaction.rows(
        insert(quota_change).values(
            branch_id=node[0],
            id=made,
            run_id=run_id,
            kind=ChangeKind.TOP_UP,
            node_id=node[1],
            currency=amount.currency,
            amount_minor=amount.minor,
            granted_minor=found["sanctioned_minor"],
            utilised_minor=found["utilised_minor"],
            reason=reason,
            proposed_by=subject,
        )
    )
    return Done((node[0], made))


async def carry_out(
    transaction: Transaction, subject: str, key: tuple[int, UUID], expected_version: int
) -> Outcome:
    """Do what was proposed, in the limits of the quota's branch and of all units above; by a second person."""
    found = await _locked(transaction, key, expected_version)
    if isinstance(found, Refused):
        return found
    if subject == found["proposed_by"]:
        return Refused(second_person_needed("proposed it", "carry it out", "changeId"), key)
    node = (key[0], found["node_id"])
    kind = ChangeKind(found["kind"])
    refusal = await change(transaction, node, kind, found["amount_minor"], subject, found["reason"])
    if refusal is not None:
        return Refused(refusal, key)
    await _set(
        transaction,
        key,
        status=ChangeStatus.CARRIED_OUT,
        carried_out_by=subject,
        carried_out_at=func.now(),
    )
    return Done(key)


async def withdraw(
    transaction: Transaction, subject: str, key: tuple[int, UUID], expected_version: int
) -> Outcome:
    """Let a proposal be."""
    del subject
    found = await _locked(transaction, key, expected_version)
    if isinstance(found, Refused):
        return found
    await _set(transaction, key, status=ChangeStatus.WITHDRAWN)
    return Done(key)


async def _insert(
    transaction: Transaction,
    subject: str,
    run_id: int,
    found: Mapping[NodeKey, Used],
    proposed: Mapping[NodeKey, Proposed],
) -> None:
    await transaction.rows(
        insert(quota_change).values(
            [
                {
                    "branch_id": key[0],
                    "id": uuid7(),
                    "run_id": run_id,
                    "kind": said.kind,
                    "node_id": key[1],
                    "currency": found[key].currency,
                    "amount_minor": said.amount,
                    "granted_minor": found[key].granted,
                    "utilised_minor": found[key].months[-1].utilised,
                    "utilisation": said.utilisation,
                    "months": said.months,
                    "reason": said.reason,
                    "status": ChangeStatus.NOTED
                    if said.kind is ChangeKind.WARNING
                    else ChangeStatus.PROPOSED,
                    "proposed_by": subject,
                }
                for key, said in proposed.items()
            ]
        )
    )


async def _locked(
    transaction: Transaction, key: tuple[int, UUID], expected_version: int
) -> asyncpg.Record | Refused:
    c = quota_change
    row = select(c).where(c.c.branch_id == key[0], c.c.id == key[1])
    found = await locked_as_seen(
        transaction, row, key, expected_version, not_found("change of a quota", "changeId")
    )
    if isinstance(found, Refused):
        return found
    if found["status"] != ChangeStatus.PROPOSED:
        message = f"a change that is {found['status']} stays what it is"
        return Refused(Refusal(RefusalCode.STATUS_MAY_NOT_FOLLOW, message, ("changeId",)), key)
    return found


async def _set(transaction: Transaction, key: tuple[int, UUID], **values: Any) -> None:
    c = quota_change
    mine = c.c.branch_id == key[0], c.c.id == key[1]
    await transaction.rows(update(c).where(*mine).values(**values, version=c.c.version + 1))


def _form(run: Any) -> AllocationForm:
    parameters = run["parameters"]
    return read(parameters if isinstance(parameters, str) else orjson.dumps(parameters).decode())
