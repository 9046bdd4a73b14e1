"""What can be changed: each mutation reads its input, lets `tenants.actions` act, and shows what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import strawberry
from strawberry import UNSET
from strawberry.types import Info

from domain.access import Action
from domain.facts import checked, checked_registration, in_minor
from domain.organisation import KINDS_WITH_CLIENTS
from domain.refusals import Refusal, invalid, not_found
from schema import reading
from schema.binding import Row, binding
from schema.clients import Client, Contact, FinancialStatement
from schema.errors import Forbidden
from schema.imports import ImportJob
from schema.inputs import (
    ImportStatusInput,
    MoneyInput,
    MoveUnitInput,
    RecordCreditEventInput,
    RecordStatementInput,
    RegisterClientInput,
    SaveContactInput,
    UpdateClientInput,
    command,
    said,
    tenant_key,
)
from schema.lending import CreditEvent
from schema.organisation import OrganisationUnit
from schema.refusals import (
    AlreadyRegistered,
    Conflict,
    IdempotencyKeyReused,
    InvalidInput,
    MoveRefused,
    NotFound,
    StatusRefused,
    user_error,
)
from schema.request import Request, request_of
from tenants.actions import clients, headquarters
from tenants.actions.once import Done, Outcome, once
from tenants.database import Transaction
from tenants.tables.clients import STATEMENT_AMOUNTS

CLIENT_OF = {"idempotency_key", "client_id", "branch_code", "expected_version", "registered_capital"}
Act = Callable[[Transaction], Awaitable[Outcome]]


def _success(name: str, field: str, type_: Any, description: str) -> Any:
    namespace = {
        "__annotations__": {field: type_},
        "__module__": __name__,
        field: strawberry.field(description=description),
    }
    return strawberry.type(type(name, (), namespace), description="It was done.")


RegisterClientSuccess = _success("RegisterClientSuccess", "client", Client, "The new client.")
UpdateClientSuccess = _success("UpdateClientSuccess", "client", Client, "The client as it is now.")
SaveContactSuccess = _success("SaveContactSuccess", "contact", Contact, "The contact as it is now.")
RecordStatementSuccess = _success(
    "RecordStatementSuccess", "statement", FinancialStatement, "The statement as it was recorded."
)
RecordCreditEventSuccess = _success(
    "RecordCreditEventSuccess", "credit_event", CreditEvent, "The event as it was recorded."
)
MoveUnitSuccess = _success("MoveUnitSuccess", "unit", OrganisationUnit, "The unit where it is now.")
ImportStatusSuccess = _success("ImportStatusSuccess", "job", ImportJob, "The import as it is now.")


def _payload(name: str, *types: Any) -> Any:
    members: Any = InvalidInput | NotFound | IdempotencyKeyReused
    for type_ in types:
        members = members | type_
    return Annotated[members, strawberry.union(name, description="It was done, or why not.")]


RegisterClientPayload = _payload("RegisterClientPayload", RegisterClientSuccess, AlreadyRegistered)
UpdateClientPayload = _payload("UpdateClientPayload", UpdateClientSuccess, Conflict)
SaveContactPayload = _payload("SaveContactPayload", SaveContactSuccess, Conflict)
RecordStatementPayload = _payload("RecordStatementPayload", RecordStatementSuccess)
RecordCreditEventPayload = _payload("RecordCreditEventPayload", RecordCreditEventSuccess, AlreadyRegistered)
MoveUnitPayload = _payload("MoveUnitPayload", MoveUnitSuccess, MoveRefused, Conflict)
ImportStatusPayload = _payload("ImportStatusPayload", ImportStatusSuccess, StatusRefused, Conflict)

_INPUT = strawberry.argument(description="What is asked.")


@strawberry.type(description="Everything that can be changed. Each change carries an idempotency key.")
class Mutation:
    """The root of writing."""

    @strawberry.mutation(description="Make a company a client of a branch.")
    async def register_client(
        self, info: Info[Any, Any], input: Annotated[RegisterClientInput, _INPUT]
    ) -> RegisterClientPayload:
        request = _permitted(info, Action.REGISTER_CLIENT)
        branch_id = _branch(request, input.branch_code)
        number = checked_registration(input.registration_country, input.registration_number)
        facts = _client_facts(request, input)
        if refusal := _first_refusal(branch_id, number, facts):
            return user_error(refusal)
        facts["registration_number"] = number
        act = _acting(clients.register, branch_id, facts)
        return await _carried_out(request, "registerClient", input, act, RegisterClientSuccess, "Client")

    @strawberry.mutation(description="Change a client's basic information.")
    async def update_client(
        self, info: Info[Any, Any], input: Annotated[UpdateClientInput, _INPUT]
    ) -> UpdateClientPayload:
        request = _permitted(info, Action.UPDATE_CLIENT)
        key = _row_in_scope(request, input.client_id, "Client", "clientId")
        facts = _client_facts(request, input)
        if refusal := _first_refusal(key, facts):
            return user_error(refusal)
        act = _acting(clients.change, key, input.expected_version, facts)
        return await _carried_out(request, "updateClient", input, act, UpdateClientSuccess, "Client")

    @strawberry.mutation(description="Add a contact to a client, or change one.")
    async def save_contact(
        self, info: Info[Any, Any], input: Annotated[SaveContactInput, _INPUT]
    ) -> SaveContactPayload:
        request = _permitted(info, Action.KEEP_CONTACTS)
        key = _row_in_scope(request, input.client_id, "Client", "clientId")
        contact = (
            _row_in_scope(request, input.contact_id, "Contact", "contactId") if input.contact_id else None
        )
        version = input.expected_version or None
        facts = _contact_facts(request, input, version)
        if refusal := _first_refusal(key, contact, facts):
            return user_error(refusal)
        act = _acting(clients.save_contact, key, contact, version, facts)
        return await _carried_out(request, "saveContact", input, act, SaveContactSuccess, "Contact")

    @strawberry.mutation(description="Record a financial statement; a correction is another statement.")
    async def record_statement(
        self,
        info: Info[Any, Any],
        input: Annotated[RecordStatementInput, _INPUT],  # type: ignore[valid-type]
    ) -> RecordStatementPayload:
        request = _permitted(info, Action.RECORD_STATEMENT)
        key = _row_in_scope(request, input.client_id, "Client", "clientId")  # type: ignore[attr-defined]
        facts = _statement_facts(request, input)
        if refusal := _first_refusal(key, facts):
            return user_error(refusal)
        act = _acting(clients.record_statement, key, facts)
        success = RecordStatementSuccess
        return await _carried_out(request, "recordStatement", input, act, success, "FinancialStatement")

    @strawberry.mutation(description="Record something that a credit decision must know of.")
    async def record_credit_event(
        self, info: Info[Any, Any], input: Annotated[RecordCreditEventInput, _INPUT]
    ) -> RecordCreditEventPayload:
        request = _permitted(info, Action.RECORD_CREDIT_EVENT)
        key = _row_in_scope(request, input.client_id, "Client", "clientId")
        facts = _event_facts(request, input)
        if refusal := _first_refusal(key, facts):
            return user_error(refusal)
        act = _acting(clients.record_credit_event, key, facts)
        success = RecordCreditEventSuccess
        return await _carried_out(request, "recordCreditEvent", input, act, success, "CreditEvent")

    @strawberry.mutation(description="Put a unit, with everything below it, under another one.")
    async def move_unit(
        self, info: Info[Any, Any], input: Annotated[MoveUnitInput, _INPUT]
    ) -> MoveUnitPayload:
        request = _permitted(info, Action.MOVE_UNIT)
        act = _acting(headquarters.move_unit, input.unit_code, input.new_parent_code, input.expected_version)
        shown = await _carried_out(request, "moveUnit", input, act, MoveUnitSuccess, "OrganisationUnit")
        return shown

    @strawberry.mutation(description="Pause, resume or cancel an import.")
    async def import_status(
        self, info: Info[Any, Any], input: Annotated[ImportStatusInput, _INPUT]
    ) -> ImportStatusPayload:
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
    request: Request, operation: str, sent: Any, act: Act, success: Any, type_name: str
) -> Any:
    """Act once, then show the row as everybody sees it from now on."""
    asked = command(operation, sent)
    if isinstance(asked, Refusal):
        return user_error(asked)
    outcome = await once(request.database, request.scope, request.organisation, asked, act)
    request.directory.forget()
    await request.renew()
    if isinstance(outcome, Done):
        row = await _row(request, type_name, outcome.key)
        field = next(iter(success.__annotations__))
        return success(**{field: row})
    current = await _row(request, type_name, outcome.current) if outcome.current else None
    return user_error(outcome.refusal, current)


async def _row(request: Request, type_name: str, key: Any) -> Row | None:
    return (await reading.by_keys(request, binding(type_name), [key]))[0]


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
    return key if key[0] in request.scope.branches else not_found(type_name, path)


def _client_facts(request: Request, sent: RegisterClientInput | UpdateClientInput) -> Any:
    facts = checked(said(sent, without=CLIENT_OF), today=request.today)
    if isinstance(facts, Refusal):
        return facts
    if "status" in facts and facts["status"] is None:
        return invalid("this may not be empty", "status")
    if (manager := facts.pop("relationship_manager_id", UNSET)) is not UNSET:
        key = tenant_key(manager, "Staff") if manager else None
        if manager and key is None:
            return invalid("this is not the id of a Staff", "relationshipManagerId")
        facts["relationship_manager_id"] = key[1] if key else None
    capital = _money(sent.registered_capital, "registered_capital")
    if isinstance(capital, Refusal):
        return capital
    currency = in_minor({}, facts.get("currency", "CNY"))
    return currency if isinstance(currency, Refusal) else facts | capital


def _money(sent: MoneyInput | None, name: str) -> dict[str, Any] | Refusal:
    """The two columns of an amount that may have been left out, or taken away."""
    if sent is UNSET:
        return {}
    if sent is None:
        return {f"{name}_minor": None}
    columns = in_minor({name: sent.amount}, sent.currency)
    return columns if isinstance(columns, Refusal) else {**columns, "currency": sent.currency}


def _contact_facts(request: Request, sent: SaveContactInput, version: int | None) -> Any:
    facts = said(sent, without={"idempotency_key", "client_id", "contact_id", "expected_version"})
    if not sent.contact_id:
        facts.setdefault("name", None)
    elif version is None:
        return invalid("say which version of the contact is to change", "expectedVersion")
    return checked(facts, today=request.today)


def _statement_facts(request: Request, sent: Any) -> Any:
    facts = said(sent, without={"idempotency_key", "client_id"})
    amounts = in_minor(
        {name: facts.pop(name) for name in STATEMENT_AMOUNTS if name in facts}, sent.currency, negative=True
    )
    facts = checked(facts, today=request.today)
    if not 1 <= sent.period_months <= 24:
        return invalid("a period has 1 to 24 months", "periodMonths")
    return _first_refusal(amounts, facts) or facts | amounts


def _event_facts(request: Request, sent: RecordCreditEventInput) -> Any:
    facts = said(sent, without={"idempotency_key", "client_id", "amount", "facility_id"})
    facts = checked(facts, today=request.today)
    amount = _money(sent.amount, "amount")
    facility: dict[str, Any] = {}
    if sent.facility_id:
        key = tenant_key(sent.facility_id, "Facility")
        if key is None:
            return invalid("this is not the id of a Facility", "facilityId")
        facility = {"facility_id": key[1]}
    return _first_refusal(facts, amount) or facts | amount | facility
