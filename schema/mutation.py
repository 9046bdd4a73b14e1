"""What can be changed: each mutation reads its input, lets `tenants.actions` act, and shows what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from domain.access import Action
from domain.facts import checked_registration
from domain.organisation import KINDS_WITH_CLIENTS
from domain.refusals import Refusal, invalid, not_found
from schema import reading
from schema.errors import Forbidden
from schema.facts import client_facts, contact_facts, event_facts, statement_facts
from schema.inputs import (
    ImportStatusInput,
    MoveUnitInput,
    RecordCreditEventInput,
    RecordStatementInput,
    RegisterClientInput,
    RemoveContactInput,
    SaveContactInput,
    UpdateClientInput,
    command,
    is_given,
    tenant_key,
)
from schema.payloads import (
    ImportStatusPayload,
    ImportStatusSuccess,
    MoveUnitPayload,
    MoveUnitSuccess,
    RecordCreditEventPayload,
    RecordCreditEventSuccess,
    RecordStatementPayload,
    RecordStatementSuccess,
    RegisterClientPayload,
    RegisterClientSuccess,
    RemoveContactPayload,
    RemoveContactSuccess,
    SaveContactPayload,
    SaveContactSuccess,
    UpdateClientPayload,
    UpdateClientSuccess,
)
from schema.refusals import user_error
from schema.request import Request, request_of
from tenants.actions import clients, headquarters
from tenants.actions.once import Done, Outcome, once
from tenants.database import Transaction

Act = Callable[[Transaction], Awaitable[Outcome]]


_INPUT = strawberry.argument(description="What is asked.")


@strawberry.type(description="Everything that can be changed. Each change carries an idempotency key.")
class Mutation:
    """The root of writing."""

    @strawberry.mutation(
        graphql_type=RegisterClientPayload, description="Make a company a client of a branch."
    )
    async def register_client(
        self, info: Info[Any, Any], input: Annotated[RegisterClientInput, _INPUT]
    ) -> Any:
        request = _permitted(info, Action.REGISTER_CLIENT)
        branch_id = _branch(request, input.branch_code)
        number = checked_registration(input.registration_country, input.registration_number)
        facts = client_facts(input, request.today)
        if refusal := _first_refusal(branch_id, number, facts):
            return user_error(refusal)
        assert isinstance(facts, dict)
        act = _acting(clients.register, branch_id, facts | {"registration_number": number})
        return await _carried_out(request, "registerClient", input, act, RegisterClientSuccess, "Client")

    @strawberry.mutation(graphql_type=UpdateClientPayload, description="Change a client's basic information.")
    async def update_client(self, info: Info[Any, Any], input: Annotated[UpdateClientInput, _INPUT]) -> Any:
        request = _permitted(info, Action.UPDATE_CLIENT)
        key = _row_in_scope(request, input.client_id, "Client", "clientId")
        facts = client_facts(input, request.today)
        if refusal := _first_refusal(key, facts):
            return user_error(refusal)
        act = _acting(clients.change, key, input.expected_version, facts)
        return await _carried_out(request, "updateClient", input, act, UpdateClientSuccess, "Client")

    @strawberry.mutation(
        graphql_type=SaveContactPayload, description="Add a contact to a client, or change one."
    )
    async def save_contact(self, info: Info[Any, Any], input: Annotated[SaveContactInput, _INPUT]) -> Any:
        request = _permitted(info, Action.KEEP_CONTACTS)
        key = _row_in_scope(request, input.client_id, "Client", "clientId")
        contact = None
        if is_given(input.contact_id):
            contact = _row_in_scope(request, input.contact_id or "", "Contact", "contactId")
        version = input.expected_version or None
        facts = contact_facts(input, request.today)
        if refusal := _first_refusal(key, contact, facts):
            return user_error(refusal)
        act = _acting(clients.save_contact, key, contact, version, facts)
        return await _carried_out(request, "saveContact", input, act, SaveContactSuccess, "Contact")

    @strawberry.mutation(graphql_type=RemoveContactPayload, description="Take a contact from a client.")
    async def remove_contact(self, info: Info[Any, Any], input: Annotated[RemoveContactInput, _INPUT]) -> Any:
        request = _permitted(info, Action.KEEP_CONTACTS)
        key = _row_in_scope(request, input.contact_id, "Contact", "contactId")
        if isinstance(key, Refusal):
            return user_error(key)
        act = _acting(clients.remove_contact, key, input.expected_version)
        success = RemoveContactSuccess
        return await _carried_out(
            request, "removeContact", input, act, success, "Client", current_type="Contact"
        )

    @strawberry.mutation(
        graphql_type=RecordStatementPayload,
        description="Record a financial statement; a correction is another statement.",
    )
    async def record_statement(
        self,
        info: Info[Any, Any],
        input: Annotated[RecordStatementInput, _INPUT],  # type: ignore[valid-type]
    ) -> Any:
        request = _permitted(info, Action.RECORD_STATEMENT)
        key = _row_in_scope(request, input.client_id, "Client", "clientId")  # type: ignore[attr-defined]
        facts = statement_facts(input, request.today)
        if refusal := _first_refusal(key, facts):
            return user_error(refusal)
        act = _acting(clients.record_statement, key, facts)
        success = RecordStatementSuccess
        return await _carried_out(request, "recordStatement", input, act, success, "FinancialStatement")

    @strawberry.mutation(
        graphql_type=RecordCreditEventPayload,
        description="Record something that a credit decision must know of.",
    )
    async def record_credit_event(
        self, info: Info[Any, Any], input: Annotated[RecordCreditEventInput, _INPUT]
    ) -> Any:
        request = _permitted(info, Action.RECORD_CREDIT_EVENT)
        key = _row_in_scope(request, input.client_id, "Client", "clientId")
        facts = event_facts(input, request.today)
        if refusal := _first_refusal(key, facts):
            return user_error(refusal)
        act = _acting(clients.record_credit_event, key, facts)
        success = RecordCreditEventSuccess
        return await _carried_out(request, "recordCreditEvent", input, act, success, "CreditEvent")

    @strawberry.mutation(
        graphql_type=MoveUnitPayload, description="Put a unit, with everything below it, under another one."
    )
    async def move_unit(self, info: Info[Any, Any], input: Annotated[MoveUnitInput, _INPUT]) -> Any:
        request = _permitted(info, Action.MOVE_UNIT)
        act = _acting(headquarters.move_unit, input.unit_code, input.new_parent_code, input.expected_version)
        return await _carried_out(request, "moveUnit", input, act, MoveUnitSuccess, "OrganisationUnit")

    @strawberry.mutation(graphql_type=ImportStatusPayload, description="Pause or cancel an import.")
    async def import_status(self, info: Info[Any, Any], input: Annotated[ImportStatusInput, _INPUT]) -> Any:
        request = _permitted(info, Action.CONTROL_IMPORT)
        key = _row_in_scope(request, input.import_id, "ImportJob", "importId")
        if isinstance(key, Refusal):
            return user_error(key)
        act = _acting(headquarters.set_import_status, key, input.status, input.expected_version)
        return await _carried_out(request, "importStatus", input, act, ImportStatusSuccess, "ImportJob")


def _permitted(info: Info[Any, Any], action: Action) -> Request:
    request = request_of(info)
    if not request.caller.may(action):
        raise Forbidden(f"the role {request.caller.role} may not do this")
    return request


def _acting(action: Callable[..., Awaitable[Outcome]], *arguments: Any) -> Act:
    return lambda transaction: action(transaction, *arguments)


async def _carried_out(
    request: Request,
    operation: str,
    sent: Any,
    act: Act,
    success: Any,
    type_name: str,
    *,
    current_type: str | None = None,
) -> Any:
    """Act once, then show the row as everybody sees it from now on, or the row that stands in the way."""
    asked = command(operation, sent)
    if isinstance(asked, Refusal):
        return user_error(asked)
    # Hold no connection while waiting for one: enough operations that do would wait for each other.
    await request.snapshot.renew()
    outcome = await once(request.database, request.scope, request.organisation, asked, act)
    request.directory.forget()
    await request.renew()
    if isinstance(outcome, Done):
        row = await reading.by_key(request, type_name, outcome.key)
        if row is None:
            # A key sent again, for a row that has been removed or has left the caller's sight since.
            return user_error(not_found(f"{_WORDS.get(type_name, 'row')} any more"))
        field = next(iter(success.__annotations__))
        return success(**{field: row})
    current = (
        await reading.by_key(request, current_type or type_name, outcome.current) if outcome.current else None
    )
    return user_error(outcome.refusal, current)


def _first_refusal(*found: Any) -> Refusal | None:
    return next((value for value in found if isinstance(value, Refusal)), None)


def _branch(request: Request, code: str) -> int | Refusal:
    unit = request.organisation.with_code(code)
    if unit is None or unit.id not in request.scope.branches:
        return not_found("branch", "branchCode")
    if unit.kind not in KINDS_WITH_CLIENTS:
        return invalid("only branches and sub-branches keep clients", "branchCode")
    return unit.id


def _row_in_scope(request: Request, id: str, type_name: str, path: str) -> Any:
    key = tenant_key(id, type_name)
    if key is None:
        return invalid(f"this is not the id of a {type_name}", path)
    # In the words of `tenants.actions`: out of sight and missing must read the same.
    return key if key[0] in request.scope.branches else not_found(_WORDS[type_name], path)


_WORDS = {"Client": "client", "Contact": "contact of this client", "ImportJob": "import"}
