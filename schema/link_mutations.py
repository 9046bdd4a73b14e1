"""Recording links between companies, confirming and ending them, deriving the groups of connected clients."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from domain.access import Action
from domain.connections.facts import checked_link
from domain.connections.kinds import LinkDirection, LinkKind
from domain.facts import in_minor
from domain.refusals import Refusal
from schema.carrying_out import acting, carried_out, permitted, row_in_scope
from schema.inputs import KEY, VERSION, MoneyInput, given, is_given, optional, said
from schema.links import ClientLink, GroupDerivation
from schema.payloads import payload, success
from schema.refusals import (
    AlreadyRegistered,
    Conflict,
    HoldingRefused,
    SecondPersonNeeded,
    StatusRefused,
)
from tenants.actions import links
from tenants.actions.once import home_of


@strawberry.input(description="What connects a client with another company.")
class RecordLinkInput:
    """A link, as its source has it."""

    idempotency_key: str = given(KEY)
    client_id: strawberry.ID = given("The client.")
    kind: LinkKind = given("What it is.")
    direction: LinkDirection = given("Which end of it the client is.")
    related_country: str = given("ISO 3166 code of the other's register.", default="CN")
    related_number: str = given("The other's number there; in China its check digit is verified.")
    related_name: str | None = optional("What the other is called.")
    share: Decimal | None = optional("Of ownership, and needed there: the fraction that is owned, e.g. 0.51.")
    amount: MoneyInput | None = optional("Of a guarantee: the most that it may cost, if it has a limit.")
    valid_from: dt.date = given("Since when it holds.")
    valid_until: dt.date | None = optional("The first day on which it no longer holds, where that is known.")
    source: str = given("Who reported it.")
    reference: str = given("The reporter's own number for it.")


@strawberry.input(description="A link that no longer holds.")
class EndLinkInput:
    """An end."""

    idempotency_key: str = given(KEY)
    link_id: strawberry.ID = given("The link.")
    expected_version: int = given(VERSION)
    valid_until: dt.date = given(
        "The first day on which it no longer holds; the day on which it began, if it never held."
    )


@strawberry.input(description="A link that is as it was recorded.")
class ConfirmLinkInput:
    """A confirmation."""

    idempotency_key: str = given(KEY)
    link_id: strawberry.ID = given("The link.")
    expected_version: int = given(VERSION)


@strawberry.input(description="A derivation to carry out.")
class DeriveGroupsInput:
    """Nothing but the key: what decides is the rule and the links."""

    idempotency_key: str = given(KEY)


RecordLinkSuccess = success("RecordLinkSuccess", "link", ClientLink, "The link as it was recorded.")
EndLinkSuccess = success("EndLinkSuccess", "link", ClientLink, "The link as it is now.")
ConfirmLinkSuccess = success("ConfirmLinkSuccess", "link", ClientLink, "The link as it is now.")
DeriveGroupsSuccess = success("DeriveGroupsSuccess", "derivation", GroupDerivation, "What was derived.")

RecordLinkPayload = payload("RecordLinkPayload", RecordLinkSuccess, AlreadyRegistered, HoldingRefused)
EndLinkPayload = payload("EndLinkPayload", EndLinkSuccess, HoldingRefused, Conflict)
ConfirmLinkPayload = payload(
    "ConfirmLinkPayload", ConfirmLinkSuccess, StatusRefused, SecondPersonNeeded, Conflict
)
DeriveGroupsPayload = payload("DeriveGroupsPayload", DeriveGroupsSuccess)

_INPUT = strawberry.argument(description="What is asked.")


@strawberry.type
class LinkMutations:
    """What can be changed about who is connected with whom."""

    @strawberry.mutation(
        graphql_type=RecordLinkPayload, description="Record what connects a client with another company."
    )
    async def record_link(self, info: Info[Any, Any], input: Annotated[RecordLinkInput, _INPUT]) -> Any:
        request = permitted(info, Action.RECORD_LINK)
        key = row_in_scope(request, input.client_id, "Client", "clientId")
        facts = link_facts(input, request.today)
        act = acting(links.record, key, facts, request.caller.subject)
        return await carried_out(request, "recordLink", input, act, RecordLinkSuccess, "ClientLink")

    @strawberry.mutation(graphql_type=EndLinkPayload, description="Say that a link holds no more.")
    async def end_link(self, info: Info[Any, Any], input: Annotated[EndLinkInput, _INPUT]) -> Any:
        request = permitted(info, Action.RECORD_LINK)
        key = row_in_scope(request, input.link_id, "ClientLink", "linkId")
        act = acting(links.end, key, input.expected_version, input.valid_until, request.caller.subject)
        return await carried_out(request, "endLink", input, act, EndLinkSuccess, "ClientLink")

    @strawberry.mutation(
        graphql_type=ConfirmLinkPayload, description="Confirm a link that somebody else has recorded."
    )
    async def confirm_link(self, info: Info[Any, Any], input: Annotated[ConfirmLinkInput, _INPUT]) -> Any:
        request = permitted(info, Action.CONFIRM_LINK)
        key = row_in_scope(request, input.link_id, "ClientLink", "linkId")
        act = acting(links.confirm, key, input.expected_version, request.caller.subject)
        return await carried_out(request, "confirmLink", input, act, ConfirmLinkSuccess, "ClientLink")

    @strawberry.mutation(
        graphql_type=DeriveGroupsPayload,
        description="Derive the groups of connected clients from the links of all branches.",
    )
    async def derive_groups(self, info: Info[Any, Any], input: Annotated[DeriveGroupsInput, _INPUT]) -> Any:
        request = permitted(info, Action.DERIVE_GROUPS)
        home = home_of(request.scope, request.organisation)
        act = acting(links.derive_groups, home, request.caller.subject)
        return await carried_out(request, "deriveGroups", input, act, DeriveGroupsSuccess, "GroupDerivation")


def link_facts(sent: RecordLinkInput, today: dt.date) -> dict[str, Any] | Refusal:
    """A link's columns."""
    facts = said(sent, without={"idempotency_key", "client_id", "amount"})
    money = _amount(sent.amount)
    return money if isinstance(money, Refusal) else checked_link(facts | money, today=today)


def _amount(sent: MoneyInput | None) -> dict[str, Any] | Refusal:
    if sent is None or not is_given(sent):
        return {}
    columns = in_minor({"amount": sent.amount}, sent.currency)
    if isinstance(columns, Refusal):
        return replace(columns, path=("amount", *columns.path))
    return columns | {"currency": sent.currency}
