"""Booking on limits: holding room for a client, approving, drawing, paying back, giving back, undoing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from domain.access import Action
from domain.refusals import Refusal, invalid
from schema.carrying_out import acting, carried_out, permitted, row_in_scope
from schema.inputs import amount_if_given, amount_of, command, is_given, reason_of
from schema.limit_inputs import (
    EarmarkQuotaInput,
    ExtendEarmarkInput,
    OverrideQuotaInput,
    ReleaseQuotaInput,
    RepayQuotaInput,
    ReserveQuotaInput,
    ReverseMovementInput,
    SyndicatePartnerInput,
    SyndicateQuotaInput,
    UtiliseQuotaInput,
    WriteOffQuotaInput,
    tenor_of,
    weights_of,
)
from schema.limit_nodes import LimitMovement
from schema.payloads import payload, success
from schema.refusals import LimitRefused, user_error
from schema.request import Request
from tenants.actions import limits
from tenants.actions.asked import Asked
from tenants.actions.limits import Partner
from tenants.actions.once import Outcome

_TYPE = "LimitMovement"
_BOOKED = "The movement in the ledger."
_INPUT = strawberry.argument(description="What is asked.")

EarmarkQuotaSuccess = success("EarmarkQuotaSuccess", "movement", LimitMovement, _BOOKED)
ExtendEarmarkSuccess = success("ExtendEarmarkSuccess", "movement", LimitMovement, _BOOKED)
ReserveQuotaSuccess = success("ReserveQuotaSuccess", "movement", LimitMovement, _BOOKED)
UtiliseQuotaSuccess = success("UtiliseQuotaSuccess", "movement", LimitMovement, _BOOKED)
RepayQuotaSuccess = success("RepayQuotaSuccess", "movement", LimitMovement, _BOOKED)
ReleaseQuotaSuccess = success("ReleaseQuotaSuccess", "movement", LimitMovement, _BOOKED)
WriteOffQuotaSuccess = success("WriteOffQuotaSuccess", "movement", LimitMovement, _BOOKED)
ReverseMovementSuccess = success("ReverseMovementSuccess", "movement", LimitMovement, _BOOKED)
SyndicateQuotaSuccess = success(
    "SyndicateQuotaSuccess",
    "movement",
    LimitMovement,
    "The first partner's movement; its commitment's `syndicationId` is that of all parts.",
)
OverrideQuotaSuccess = success("OverrideQuotaSuccess", "movement", LimitMovement, _BOOKED)

EarmarkQuotaPayload = payload("EarmarkQuotaPayload", EarmarkQuotaSuccess, LimitRefused)
ExtendEarmarkPayload = payload("ExtendEarmarkPayload", ExtendEarmarkSuccess, LimitRefused)
ReserveQuotaPayload = payload("ReserveQuotaPayload", ReserveQuotaSuccess, LimitRefused)
UtiliseQuotaPayload = payload("UtiliseQuotaPayload", UtiliseQuotaSuccess, LimitRefused)
RepayQuotaPayload = payload("RepayQuotaPayload", RepayQuotaSuccess, LimitRefused)
ReleaseQuotaPayload = payload("ReleaseQuotaPayload", ReleaseQuotaSuccess, LimitRefused)
WriteOffQuotaPayload = payload("WriteOffQuotaPayload", WriteOffQuotaSuccess, LimitRefused)
ReverseMovementPayload = payload("ReverseMovementPayload", ReverseMovementSuccess, LimitRefused)
SyndicateQuotaPayload = payload("SyndicateQuotaPayload", SyndicateQuotaSuccess, LimitRefused)
OverrideQuotaPayload = payload("OverrideQuotaPayload", OverrideQuotaSuccess, LimitRefused)

Book = Callable[..., Awaitable[Outcome]]


@strawberry.type
class LimitMutations:
    """What is booked on limits."""

    @strawberry.mutation(
        graphql_type=EarmarkQuotaPayload,
        description="Hold room for a client's application; it expires by itself.",
    )
    async def earmark_quota(self, info: Info[Any, Any], input: Annotated[EarmarkQuotaInput, _INPUT]) -> Any:
        request = permitted(info, Action.EARMARK_QUOTA)
        expires_at = input.expires_at if is_given(input.expires_at) else None
        return await _drawn(
            request, "earmarkQuota", input, EarmarkQuotaSuccess, limits.earmark, expires_at=expires_at
        )

    @strawberry.mutation(graphql_type=ExtendEarmarkPayload, description="Let a hold last longer.")
    async def extend_earmark(self, info: Info[Any, Any], input: Annotated[ExtendEarmarkInput, _INPUT]) -> Any:
        request = permitted(info, Action.BOOK_QUOTA)
        key = row_in_scope(request, input.commitment_id, "LimitCommitment", "commitmentId")
        arguments = (key, input.expires_at)
        return await booked(request, "extendEarmark", input, ExtendEarmarkSuccess, limits.extend, arguments)

    @strawberry.mutation(
        graphql_type=ReserveQuotaPayload, description="Set aside what has been approved, of a hold or anew."
    )
    async def reserve_quota(self, info: Info[Any, Any], input: Annotated[ReserveQuotaInput, _INPUT]) -> Any:
        request = permitted(info, Action.BOOK_QUOTA)
        if not is_given(input.commitment_id):
            named = "reserveQuota", input, ReserveQuotaSuccess, limits.reserve
            return await _drawn(request, *named, partial=input.partial)
        if any(is_given(one) for one in (input.client_id, input.product, input.node_id, input.tenor_months)):
            return user_error(
                invalid("a hold says client, product, limit and tenor itself: leave them out", "commitmentId")
            )
        return await _moved(
            request,
            "reserveQuota",
            input,
            ReserveQuotaSuccess,
            limits.reserve_earmarked,
            partial=input.partial,
        )

    @strawberry.mutation(graphql_type=UtiliseQuotaPayload, description="Book what a client has drawn.")
    async def utilise_quota(self, info: Info[Any, Any], input: Annotated[UtiliseQuotaInput, _INPUT]) -> Any:
        request = permitted(info, Action.BOOK_QUOTA)
        beyond = input.beyond_reservation
        return await _moved(
            request, "utiliseQuota", input, UtiliseQuotaSuccess, limits.utilise, beyond_reservation=beyond
        )

    @strawberry.mutation(graphql_type=RepayQuotaPayload, description="Book what a client has paid back.")
    async def repay_quota(self, info: Info[Any, Any], input: Annotated[RepayQuotaInput, _INPUT]) -> Any:
        request = permitted(info, Action.BOOK_QUOTA)
        return await _moved(request, "repayQuota", input, RepayQuotaSuccess, limits.repay)

    @strawberry.mutation(
        graphql_type=ReleaseQuotaPayload, description="Give back what is held or approved and not drawn."
    )
    async def release_quota(self, info: Info[Any, Any], input: Annotated[ReleaseQuotaInput, _INPUT]) -> Any:
        request = permitted(info, Action.BOOK_QUOTA)
        return await _moved(request, "releaseQuota", input, ReleaseQuotaSuccess, limits.release)

    @strawberry.mutation(
        graphql_type=WriteOffQuotaPayload, description="Book that something drawn will not be paid back."
    )
    async def write_off_quota(
        self, info: Info[Any, Any], input: Annotated[WriteOffQuotaInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.BOOK_QUOTA)
        return await _moved(request, "writeOffQuota", input, WriteOffQuotaSuccess, limits.write_off)

    @strawberry.mutation(
        graphql_type=ReverseMovementPayload, description="Undo a movement by one that compensates for it."
    )
    async def reverse_movement(
        self, info: Info[Any, Any], input: Annotated[ReverseMovementInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.BOOK_QUOTA)
        key = row_in_scope(request, input.movement_id, _TYPE, "movementId")
        arguments = (key, reason_of(input.reason))
        return await booked(
            request, "reverseMovement", input, ReverseMovementSuccess, limits.reverse, arguments
        )

    @strawberry.mutation(
        graphql_type=SyndicateQuotaPayload,
        description="Share a deal among clients of several branches: every part is approved, or none.",
    )
    async def syndicate_quota(
        self, info: Info[Any, Any], input: Annotated[SyndicateQuotaInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.SYNDICATE_QUOTA)
        amount = amount_of(input.amount, "amount")
        arguments = (input.product.value, amount, _partners(request, input.partners))
        return await booked(
            request, "syndicateQuota", input, SyndicateQuotaSuccess, limits.syndicate, arguments
        )

    @strawberry.mutation(
        graphql_type=OverrideQuotaPayload,
        description="Approve more than is available, within what is delegated to the caller's role.",
    )
    async def override_quota(self, info: Info[Any, Any], input: Annotated[OverrideQuotaInput, _INPUT]) -> Any:
        request = permitted(info, Action.OVERRIDE_QUOTA)
        reason = reason_of(input.reason)
        return await _drawn(
            request, "overrideQuota", input, OverrideQuotaSuccess, limits.override, reason, with_tenor=False
        )


async def booked(
    request: Request,
    operation: str,
    sent: Any,
    success_type: Any,
    book: Book,
    arguments: Sequence[Any],
    *,
    type_name: str = _TYPE,
    at_once: bool = False,
    **more: Any,
) -> Any:
    """Let an action of limits act, which is told who asks, on which day and by which key."""
    act = acting(book, _asked(request, operation, sent), *arguments, **more)
    return await carried_out(request, operation, sent, act, success_type, type_name, at_once=at_once)


def _asked(request: Request, operation: str, sent: Any) -> Asked | Refusal:
    asked, caller = command(operation, sent), request.caller
    if isinstance(asked, Refusal):
        return asked
    return Asked(actor=caller.subject, role=caller.role, day=request.today, command=asked)


async def _drawn(
    request: Request,
    operation: str,
    sent: Any,
    success_type: Any,
    book: Book,
    *arguments: Any,
    with_tenor: bool = True,
    **more: Any,
) -> Any:
    """Book a new commitment of a client."""
    missing = next(
        (name for name in ("client_id", "product", "amount") if not is_given(getattr(sent, name))), None
    )
    if missing:
        path = {"client_id": "clientId"}.get(missing, missing)
        return user_error(invalid("name a hold by `commitmentId`, or client, product and amount", path))
    client = row_in_scope(request, sent.client_id, "Client", "clientId")
    amount = amount_of(sent.amount, "amount")
    node = row_in_scope(request, sent.node_id, "LimitNode", "nodeId") if is_given(sent.node_id) else None
    tenor = tenor_of(sent.tenor_months) if with_tenor else None
    given = (client, sent.product.value, amount, *arguments)
    more |= {"node": node} | ({"tenor_months": tenor} if with_tenor else {})
    return await booked(request, operation, sent, success_type, book, given, at_once=True, **more)


async def _moved(
    request: Request, operation: str, sent: Any, success_type: Any, book: Book, **more: Any
) -> Any:
    """Book on a commitment that is there."""
    key = row_in_scope(request, sent.commitment_id, "LimitCommitment", "commitmentId")
    arguments = (key, amount_if_given(sent.amount, "amount"))
    return await booked(request, operation, sent, success_type, book, arguments, **more)


def _partners(request: Request, sent: Sequence[SyndicatePartnerInput]) -> list[Partner] | Refusal:
    weights = weights_of(sent)
    if isinstance(weights, Refusal):
        return weights
    clients = []
    for index, partner in enumerate(sent):
        key = row_in_scope(request, partner.client_id, "Client", "clientId")
        if isinstance(key, Refusal):
            return Refusal(key.code, key.message, ("partners", str(index), "clientId"))
        if key in clients:
            return invalid("this client takes part already", "partners", str(index), "clientId")
        clients.append(key)
    return [Partner(client, weight) for client, weight in zip(clients, weights, strict=True)]
