"""Sharing out credit: runs drafted, simulated, adopted, given up; quotas reclaimed and topped up in mid-period."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from domain.access import Action
from domain.refusals import Refusal
from schema.allocation import AllocationRun
from schema.carrying_out import acting, carried_out, permitted, reference_key, row_in_scope
from schema.inputs import (
    KEY,
    VERSION,
    MoneyInput,
    amount_if_given,
    amount_of,
    given,
    is_given,
    optional,
    reason_of,
)
from schema.payloads import payload, success
from schema.quota_changes import QuotaChange
from schema.refusals import Conflict, LimitRefused, SecondPersonNeeded, StatusRefused, user_error
from tenants.actions import allocation, quota_changes
from tenants.actions.allocation import Writing
from tenants.allocation.simulating import simulated

_INPUT = strawberry.argument(description="What is asked.")
_PARAMETERS = "Its parameters as JSON: what `AllocationRun.parameters` shows, see docs/allocation.md."

DRAFT, EDIT, SIMULATE = "DraftAllocation", "EditAllocation", "SimulateAllocation"
ADOPT, ARCHIVE, RECLAIM = "AdoptAllocation", "ArchiveAllocation", "ProposeReclaim"
TOP_UP, CARRY_OUT, WITHDRAW = "TopUpQuota", "CarryOutQuotaChange", "WithdrawQuotaChange"
_REFUSALS: dict[str, tuple[Any, ...]] = {
    DRAFT: (),
    EDIT: (StatusRefused, Conflict),
    SIMULATE: (StatusRefused, Conflict),
    ADOPT: (StatusRefused, Conflict, SecondPersonNeeded, LimitRefused),
    ARCHIVE: (StatusRefused, Conflict),
    RECLAIM: (StatusRefused,),
    TOP_UP: (LimitRefused,),
    CARRY_OUT: (StatusRefused, Conflict, SecondPersonNeeded, LimitRefused),
    WITHDRAW: (StatusRefused, Conflict),
}
_SUCCESS = {
    name: success(f"{name}Success", "run", AllocationRun, "The run as it is now.")
    for name in (DRAFT, EDIT, SIMULATE, ADOPT, ARCHIVE, RECLAIM)
} | {
    name: success(f"{name}Success", "change", QuotaChange, "The change as it is now.")
    for name in (TOP_UP, CARRY_OUT, WITHDRAW)
}
_PAYLOAD: dict[str, Any] = {
    name: payload(f"{name}Payload", _SUCCESS[name], *refusals) for name, refusals in _REFUSALS.items()
}


@strawberry.input(
    description="A new run, by the parameters given, else a copy of another's, else those that ship."
)
class DraftAllocationInput:
    """A draft."""

    idempotency_key: str = given(KEY)
    name: str = given("What it shall be called.")
    budget: MoneyInput = given("What there is to share out, headquarters' buffer included.")
    period_from: dt.date = given("The first day of the period.")
    period_until: dt.date = given("The last day of the period.")
    parameters: str | None = optional(_PARAMETERS)
    based_on_id: strawberry.ID | None = optional("The run to copy the parameters of.")


@strawberry.input(description="What is to change of a run that has never been adopted.")
class EditAllocationInput:
    """A changed draft; what was simulated is a draft again."""

    idempotency_key: str = given(KEY)
    run_id: strawberry.ID = given("The run.")
    expected_version: int = given(VERSION)
    name: str | None = optional("What it shall be called.")
    budget: MoneyInput | None = optional("What there is to share out.")
    period_from: dt.date | None = optional("The first day of the period.")
    period_until: dt.date | None = optional("The last day of the period.")
    parameters: str | None = optional(_PARAMETERS)


@strawberry.input(description="A run to be solved, and the version that was read of it.")
class SimulateAllocationInput:
    """A simulation of a draft."""

    idempotency_key: str = given(KEY)
    run_id: strawberry.ID = given("The run.")
    expected_version: int = given(VERSION)


@strawberry.input(description="A simulated run, and the version that was read of it.")
class AdoptAllocationInput:
    """An adoption, by another than who wrote it."""

    idempotency_key: str = given(KEY)
    run_id: strawberry.ID = given("The run.")
    expected_version: int = given(VERSION)


@strawberry.input(description="A run to be given up, and the version that was read of it.")
class ArchiveAllocationInput:
    """The end of a run that was never adopted."""

    idempotency_key: str = given(KEY)
    run_id: strawberry.ID = given("The run.")
    expected_version: int = given(VERSION)


@strawberry.input(description="The adopted run whose quotas are to be looked at.")
class ProposeReclaimInput:
    """A look at the last months."""

    idempotency_key: str = given(KEY)
    run_id: strawberry.ID = given("The run.")


@strawberry.input(description="More for the quota of a branch or of one of its segments.")
class TopUpQuotaInput:
    """A top-up, to be carried out by another."""

    idempotency_key: str = given(KEY)
    node_id: strawberry.ID = given("The quota's limit.")
    amount: MoneyInput = given("How much more.")
    reason: str = given("Why.")


@strawberry.input(description="A proposed change of a quota, and the version that was read of it.")
class CarryOutQuotaChangeInput:
    """A proposal that is to stand in the limits, by another than who made it."""

    idempotency_key: str = given(KEY)
    change_id: strawberry.ID = given("The change.")
    expected_version: int = given(VERSION)


@strawberry.input(
    description="A proposed change of a quota to be let be, and the version that was read of it."
)
class WithdrawQuotaChangeInput:
    """A proposal that is dropped."""

    idempotency_key: str = given(KEY)
    change_id: strawberry.ID = given("The change.")
    expected_version: int = given(VERSION)


_ChangeStep = CarryOutQuotaChangeInput | WithdrawQuotaChangeInput


@strawberry.type
class AllocationMutations:
    """What can be changed about how credit is shared out."""

    @strawberry.mutation(
        graphql_type=_PAYLOAD[DRAFT], description="Begin an allocation; nothing changes yet."
    )
    async def draft_allocation(
        self, info: Info[Any, Any], input: Annotated[DraftAllocationInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_ALLOCATIONS)
        writing = _writing(input)
        based_on = None
        if is_given(input.based_on_id):
            based_on = reference_key(input.based_on_id or "", "AllocationRun", "basedOnId")
        act = acting(allocation.draft, request.caller.subject, based_on, writing)
        return await carried_out(request, "draftAllocation", input, act, _SUCCESS[DRAFT], "AllocationRun")

    @strawberry.mutation(
        graphql_type=_PAYLOAD[EDIT],
        description="Change a run that has never been adopted; it is to be simulated again.",
    )
    async def edit_allocation(
        self, info: Info[Any, Any], input: Annotated[EditAllocationInput, _INPUT]
    ) -> Any:
        return await _step(info, EDIT, input, allocation.edit, _writing(input))

    @strawberry.mutation(
        graphql_type=_PAYLOAD[SIMULATE],
        description="Gather the bank's figures of today and solve the run; no limit changes yet.",
    )
    async def simulate_allocation(
        self, info: Info[Any, Any], input: Annotated[SimulateAllocationInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_ALLOCATIONS)
        run_id = reference_key(input.run_id, "AllocationRun", "runId")
        if isinstance(run_id, Refusal):
            return user_error(run_id)
        # Nothing is held meanwhile, not even the snapshot's connection.
        await request.snapshot.renew()
        found = await simulated(request.database, request.scope, run_id, input.expected_version)
        return await _step(info, SIMULATE, input, allocation.simulate, found)

    @strawberry.mutation(
        graphql_type=_PAYLOAD[ADOPT],
        description="Make a simulated run's amounts the limits of all branches at once; not by whoever wrote it.",
    )
    async def adopt_allocation(
        self, info: Info[Any, Any], input: Annotated[AdoptAllocationInput, _INPUT]
    ) -> Any:
        return await _step(info, ADOPT, input, allocation.adopt)

    @strawberry.mutation(graphql_type=_PAYLOAD[ARCHIVE], description="Give up a run that was never adopted.")
    async def archive_allocation(
        self, info: Info[Any, Any], input: Annotated[ArchiveAllocationInput, _INPUT]
    ) -> Any:
        return await _step(info, ARCHIVE, input, allocation.archive)

    @strawberry.mutation(
        graphql_type=_PAYLOAD[RECLAIM],
        description="Look at the last months of all quotas of the adopted run, and propose what to take back.",
    )
    async def propose_reclaim(
        self, info: Info[Any, Any], input: Annotated[ProposeReclaimInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_ALLOCATIONS)
        run_id = reference_key(input.run_id, "AllocationRun", "runId")
        act = acting(quota_changes.propose_reclaims, request.caller.subject, run_id)
        return await carried_out(request, "proposeReclaim", input, act, _SUCCESS[RECLAIM], "AllocationRun")

    @strawberry.mutation(
        graphql_type=_PAYLOAD[TOP_UP], description="Ask for more for a quota; another one carries it out."
    )
    async def top_up_quota(self, info: Info[Any, Any], input: Annotated[TopUpQuotaInput, _INPUT]) -> Any:
        request = permitted(info, Action.KEEP_ALLOCATIONS)
        node = row_in_scope(request, input.node_id, "LimitNode", "nodeId")
        amount, reason = amount_of(input.amount, "amount"), reason_of(input.reason)
        act = acting(quota_changes.top_up, request.caller.subject, node, amount, reason)
        return await carried_out(request, "topUpQuota", input, act, _SUCCESS[TOP_UP], "QuotaChange")

    @strawberry.mutation(
        graphql_type=_PAYLOAD[CARRY_OUT],
        description="Take back or add what was proposed; not by whoever proposed it.",
    )
    async def carry_out_quota_change(
        self, info: Info[Any, Any], input: Annotated[CarryOutQuotaChangeInput, _INPUT]
    ) -> Any:
        return await _change(info, CARRY_OUT, input, quota_changes.carry_out)

    @strawberry.mutation(graphql_type=_PAYLOAD[WITHDRAW], description="Let a proposed change be.")
    async def withdraw_quota_change(
        self, info: Info[Any, Any], input: Annotated[WithdrawQuotaChangeInput, _INPUT]
    ) -> Any:
        return await _change(info, WITHDRAW, input, quota_changes.withdraw)


async def _step(info: Info[Any, Any], name: str, input: Any, action: Any, *more: Any) -> Any:
    """A run's next step in its life."""
    request = permitted(info, Action.KEEP_ALLOCATIONS)
    run_id = reference_key(input.run_id, "AllocationRun", "runId")
    act = acting(action, request.caller.subject, run_id, input.expected_version, *more)
    operation = name[0].lower() + name[1:]
    return await carried_out(request, operation, input, act, _SUCCESS[name], "AllocationRun")


async def _change(info: Info[Any, Any], name: str, input: _ChangeStep, action: Any) -> Any:
    """A quota change's next step."""
    request = permitted(info, Action.KEEP_ALLOCATIONS)
    key = row_in_scope(request, input.change_id, "QuotaChange", "changeId")
    act = acting(action, request.caller.subject, key, input.expected_version)
    operation = name[0].lower() + name[1:]
    return await carried_out(request, operation, input, act, _SUCCESS[name], "QuotaChange")


def _writing(input: DraftAllocationInput | EditAllocationInput) -> Writing | Refusal:
    budget = amount_if_given(input.budget, "budget")
    if isinstance(budget, Refusal):
        return budget
    name = input.name if is_given(input.name) else None
    period = input.period_from or None, input.period_until or None
    return Writing(name, budget, *period, input.parameters or None)
