"""Keeping limits: drafting, approving, changing, freezing and closing them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from domain.access import Action
from domain.facts import checked_name
from domain.limits.nodes import TOP_KINDS
from domain.refusals import Refusal, invalid, not_found
from schema.carrying_out import first_refusal, permitted, row_in_scope
from schema.inputs import amount_of, is_given, reason_of
from schema.limit_mutations import booked
from schema.limit_nodes import LimitNode
from schema.limit_parameter_inputs import (
    ActivateLimitNodeInput,
    AdjustLimitInput,
    ApproveLimitNodeInput,
    CloseLimitInput,
    CreateLimitNodeInput,
    FreezeLimitInput,
    GrantAdditionInput,
    MoveLimitNodeInput,
    RevalueLimitInput,
    TransferLimitInput,
    UnfreezeLimitInput,
    parameters_of,
    rate_of,
)
from schema.payloads import payload, success
from schema.refusals import (
    AlreadyRegistered,
    Conflict,
    LimitRefused,
    MoveRefused,
    SecondPersonNeeded,
    StatusRefused,
    user_error,
)
from schema.request import Request
from tenants.actions import limit_parameters as actions
from tenants.actions.once import Outcome

_TYPE = "LimitNode"
_NOW = "The limit as it is now."
_INPUT = strawberry.argument(description="What is asked.")

CreateLimitNodeSuccess = success("CreateLimitNodeSuccess", "node", LimitNode, "The new limit.")
ApproveLimitNodeSuccess = success("ApproveLimitNodeSuccess", "node", LimitNode, _NOW)
ActivateLimitNodeSuccess = success("ActivateLimitNodeSuccess", "node", LimitNode, _NOW)
AdjustLimitSuccess = success("AdjustLimitSuccess", "node", LimitNode, _NOW)
GrantAdditionSuccess = success("GrantAdditionSuccess", "node", LimitNode, _NOW)
TransferLimitSuccess = success(
    "TransferLimitSuccess", "node", LimitNode, "The limit that gave, as it is now."
)
FreezeLimitSuccess = success("FreezeLimitSuccess", "node", LimitNode, _NOW)
UnfreezeLimitSuccess = success("UnfreezeLimitSuccess", "node", LimitNode, _NOW)
CloseLimitSuccess = success("CloseLimitSuccess", "node", LimitNode, _NOW)
MoveLimitNodeSuccess = success("MoveLimitNodeSuccess", "node", LimitNode, "The limit where it is now.")
RevalueLimitSuccess = success("RevalueLimitSuccess", "node", LimitNode, _NOW)

CreateLimitNodePayload = payload(
    "CreateLimitNodePayload", CreateLimitNodeSuccess, LimitRefused, AlreadyRegistered, MoveRefused
)
ApproveLimitNodePayload = payload(
    "ApproveLimitNodePayload",
    ApproveLimitNodeSuccess,
    LimitRefused,
    StatusRefused,
    SecondPersonNeeded,
    Conflict,
)
ActivateLimitNodePayload = payload(
    "ActivateLimitNodePayload",
    ActivateLimitNodeSuccess,
    LimitRefused,
    StatusRefused,
    SecondPersonNeeded,
    Conflict,
)
AdjustLimitPayload = payload("AdjustLimitPayload", AdjustLimitSuccess, LimitRefused, StatusRefused, Conflict)
GrantAdditionPayload = payload(
    "GrantAdditionPayload", GrantAdditionSuccess, LimitRefused, StatusRefused, Conflict
)
TransferLimitPayload = payload(
    "TransferLimitPayload", TransferLimitSuccess, LimitRefused, StatusRefused, Conflict
)
FreezeLimitPayload = payload("FreezeLimitPayload", FreezeLimitSuccess, LimitRefused, StatusRefused, Conflict)
UnfreezeLimitPayload = payload(
    "UnfreezeLimitPayload", UnfreezeLimitSuccess, LimitRefused, StatusRefused, Conflict
)
CloseLimitPayload = payload("CloseLimitPayload", CloseLimitSuccess, LimitRefused, StatusRefused, Conflict)
MoveLimitNodePayload = payload(
    "MoveLimitNodePayload", MoveLimitNodeSuccess, LimitRefused, StatusRefused, MoveRefused, Conflict
)
RevalueLimitPayload = payload(
    "RevalueLimitPayload", RevalueLimitSuccess, LimitRefused, StatusRefused, Conflict
)

Change = Callable[..., Awaitable[Outcome]]


@strawberry.type
class LimitParameterMutations:
    """What can be changed of limits themselves."""

    @strawberry.mutation(graphql_type=CreateLimitNodePayload, description="Draft a new limit.")
    async def create_limit_node(
        self, info: Info[Any, Any], input: Annotated[CreateLimitNodeInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_LIMITS)
        parent = None
        if is_given(input.parent_id):
            parent = row_in_scope(request, input.parent_id or "", _TYPE, "parentId")
        facts = _facts_of_new(request, input)
        return await _kept(
            request, "createLimitNode", input, CreateLimitNodeSuccess, actions.create, parent, facts
        )

    @strawberry.mutation(
        graphql_type=ApproveLimitNodePayload,
        description="Approve a limit that somebody else has drafted, or a change that somebody else has proposed.",
    )
    async def approve_limit_node(
        self, info: Info[Any, Any], input: Annotated[ApproveLimitNodeInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_LIMITS)
        named = "approveLimitNode", input, ApproveLimitNodeSuccess, actions.approve
        return await _of_node(request, *named, input.expected_version)

    @strawberry.mutation(
        graphql_type=ActivateLimitNodePayload, description="Put an approved limit into force."
    )
    async def activate_limit_node(
        self, info: Info[Any, Any], input: Annotated[ActivateLimitNodeInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_LIMITS)
        named = "activateLimitNode", input, ActivateLimitNodeSuccess, actions.activate
        return await _of_node(request, *named, input.expected_version)

    @strawberry.mutation(
        graphql_type=AdjustLimitPayload,
        description="Change a limit's terms; a raise beyond the caller's authority is `proposed`.",
    )
    async def adjust_limit(self, info: Info[Any, Any], input: Annotated[AdjustLimitInput, _INPUT]) -> Any:
        request = permitted(info, Action.KEEP_LIMITS)
        changes = parameters_of(input)
        named = "adjustLimit", input, AdjustLimitSuccess, actions.adjust
        return await _of_node(request, *named, input.expected_version, changes)

    @strawberry.mutation(
        graphql_type=GrantAdditionPayload,
        description="Grant more for some days; beyond the caller's authority it is `proposed`.",
    )
    async def grant_addition(self, info: Info[Any, Any], input: Annotated[GrantAdditionInput, _INPUT]) -> Any:
        request = permitted(info, Action.KEEP_LIMITS)
        days = _days(input.first, input.last)
        if isinstance(days, Refusal):
            return user_error(days)
        named = "grantAddition", input, GrantAdditionSuccess, actions.grant_addition
        return await _of_node(request, *named, amount_of(input.amount, "amount"), *days, **_as_read(input))

    @strawberry.mutation(
        graphql_type=TransferLimitPayload,
        description="Move part of a limit to another one under the same parent.",
    )
    async def transfer_limit(self, info: Info[Any, Any], input: Annotated[TransferLimitInput, _INPUT]) -> Any:
        request = permitted(info, Action.KEEP_LIMITS)
        source = row_in_scope(request, input.from_node_id, _TYPE, "fromNodeId")
        target = row_in_scope(request, input.to_node_id, _TYPE, "toNodeId")
        amount = amount_of(input.amount, "amount")
        named = "transferLimit", input, TransferLimitSuccess, actions.transfer
        return await _kept(request, *named, source, target, amount, **_as_read(input))

    @strawberry.mutation(graphql_type=FreezeLimitPayload, description="Let nothing new be booked on a limit.")
    async def freeze_limit(self, info: Info[Any, Any], input: Annotated[FreezeLimitInput, _INPUT]) -> Any:
        request = permitted(info, Action.KEEP_LIMITS)
        named = "freezeLimit", input, FreezeLimitSuccess, actions.freeze
        return await _of_node(request, *named, reason_of(input.reason), **_as_read(input))

    @strawberry.mutation(
        graphql_type=UnfreezeLimitPayload, description="End a freeze, with all that it froze."
    )
    async def unfreeze_limit(self, info: Info[Any, Any], input: Annotated[UnfreezeLimitInput, _INPUT]) -> Any:
        request = permitted(info, Action.KEEP_LIMITS)
        named = "unfreezeLimit", input, UnfreezeLimitSuccess, actions.unfreeze
        return await _of_node(request, *named, **_as_read(input))

    @strawberry.mutation(
        graphql_type=CloseLimitPayload, description="Close a limit under which nothing is committed."
    )
    async def close_limit(self, info: Info[Any, Any], input: Annotated[CloseLimitInput, _INPUT]) -> Any:
        request = permitted(info, Action.KEEP_LIMITS)
        named = "closeLimit", input, CloseLimitSuccess, actions.close
        return await _of_node(request, *named, **_as_read(input))

    @strawberry.mutation(
        graphql_type=MoveLimitNodePayload,
        description="Put a limit, with everything below it, under another one of the same unit.",
    )
    async def move_limit_node(
        self, info: Info[Any, Any], input: Annotated[MoveLimitNodeInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_LIMITS)
        parent = row_in_scope(request, input.new_parent_id, _TYPE, "newParentId")
        named = "moveLimitNode", input, MoveLimitNodeSuccess, actions.move
        return await _of_node(request, *named, parent, **_as_read(input))

    @strawberry.mutation(
        graphql_type=RevalueLimitPayload,
        description="Set the rate between a limit's currency and the one above; for headquarters.",
    )
    async def revalue_limit(self, info: Info[Any, Any], input: Annotated[RevalueLimitInput, _INPUT]) -> Any:
        request = permitted(info, Action.KEEP_LIMITS)
        rate = rate_of(input.rate, "rate")
        named = "revalueLimit", input, RevalueLimitSuccess, actions.revalue
        return await _of_node(request, *named, rate, **_as_read(input))


async def _of_node(
    request: Request,
    operation: str,
    sent: Any,
    success_type: Any,
    change: Change,
    *arguments: Any,
    **more: Any,
) -> Any:
    """Change the limit that `nodeId` names."""
    key = row_in_scope(request, sent.node_id, _TYPE, "nodeId")
    return await _kept(request, operation, sent, success_type, change, key, *arguments, **more)


async def _kept(
    request: Request,
    operation: str,
    sent: Any,
    success_type: Any,
    change: Change,
    *arguments: Any,
    **more: Any,
) -> Any:
    return await booked(request, operation, sent, success_type, change, arguments, type_name=_TYPE, **more)


def _as_read(sent: Any) -> dict[str, Any]:
    """The version that the caller has read, where that is said."""
    return {"expected_version": sent.expected_version if is_given(sent.expected_version) else None}


def _days(first: dt.date, last: dt.date) -> Sequence[dt.date] | Refusal:
    return invalid("this lies before the first day", "until") if last < first else (first, last)


def _facts_of_new(request: Request, sent: CreateLimitNodeInput) -> dict[str, Any] | Refusal:
    """The columns of a new limit, and the unit (`unit_id`) whose own one it is to be."""
    parameters = parameters_of(sent)
    rate = rate_of(sent.parent_rate, "parentRate")
    names = _names(request, sent)
    if refusal := first_refusal(parameters, rate, names):
        return refusal
    if sent.valid_until < sent.valid_from:
        return invalid("this lies before the first day", "validUntil")
    assert isinstance(parameters, dict)
    assert isinstance(names, dict)
    codes = {
        "kind": sent.kind.value,
        "reinstatement": sent.reinstatement.value,
        "sharing": sent.sharing.value,
    }
    return parameters | names | codes | {"parent_rate": rate}


def _names(request: Request, sent: CreateLimitNodeInput) -> dict[str, Any] | Refusal:
    """Whose limit it is, and of what."""
    found: dict[str, Any] = {}
    if (sent.kind in TOP_KINDS) != is_given(sent.unit_code):
        return invalid("a unit's own limit names the unit, no other one does", "unitCode")
    if is_given(sent.unit_code):
        unit = request.organisation.with_code(sent.unit_code or "")
        if unit is None or unit.id not in request.scope.branches:
            return not_found("unit", "unitCode")
        found["unit_id"] = unit.id
    for name, type_name in (("client_id", "Client"), ("facility_id", "Facility")):
        if is_given(given := getattr(sent, name)):
            key = row_in_scope(request, given, type_name, "clientId" if name == "client_id" else "facilityId")
            if isinstance(key, Refusal):
                return key
            found[name] = key[1]
            if found.setdefault("branch_id", key[0]) != key[0]:
                return not_found("facility of this client", "facilityId")
    if is_given(sent.product) and sent.product:
        found["product"] = sent.product.value
    if is_given(sent.segment_value):
        segment = checked_name(sent.segment_value or "", "segmentValue", what="segment")
        if isinstance(segment, Refusal):
            return segment
        found["segment_value"] = segment
    return found
