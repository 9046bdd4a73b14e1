"""What can be changed: each mutation reads its input, lets `tenants.actions` act, and shows what became of it."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from domain.access import Action
from domain.facts import checked_registration
from domain.organisation import KINDS_WITH_CLIENTS
from domain.refusals import Refusal, invalid, not_found
from schema.allocation_mutations import AllocationMutations
from schema.cap_mutations import CapMutations
from schema.carrying_out import acting, carried_out, first_refusal, permitted, row_in_scope
from schema.compensation_mutations import CompensationMutations
from schema.division_mutations import DivisionMutations
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
    is_given,
)
from schema.limit_mutations import LimitMutations
from schema.limit_parameter_mutations import LimitParameterMutations
from schema.link_mutations import LinkMutations
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
from schema.request import Request
from schema.rule_set_mutations import RuleSetMutations
from schema.scorecard_mutations import ScorecardMutations
from schema.task_mutations import TaskMutations
from tenants.actions import clients, headquarters

_INPUT = strawberry.argument(description="What is asked.")


@strawberry.type(description="Everything that can be changed. Each change carries an idempotency key.")
class Mutation(
    DivisionMutations,
    RuleSetMutations,
    TaskMutations,
    LinkMutations,
    LimitMutations,
    LimitParameterMutations,
    CapMutations,
    AllocationMutations,
    CompensationMutations,
    ScorecardMutations,
):
    """The root of writing."""

    @strawberry.mutation(
        graphql_type=RegisterClientPayload, description="Make a company a client of a branch."
    )
    async def register_client(
        self, info: Info[Any, Any], input: Annotated[RegisterClientInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.REGISTER_CLIENT)
        branch_id = _branch(request, input.branch_code)
        number = checked_registration(input.registration_country, input.registration_number)
        facts = client_facts(input, request.today)
        if refusal := first_refusal(branch_id, number, facts):
            return user_error(refusal)
        assert isinstance(facts, dict)
        act = acting(clients.register, branch_id, facts | {"registration_number": number})
        return await carried_out(request, "registerClient", input, act, RegisterClientSuccess, "Client")

    @strawberry.mutation(graphql_type=UpdateClientPayload, description="Change a client's basic information.")
    async def update_client(self, info: Info[Any, Any], input: Annotated[UpdateClientInput, _INPUT]) -> Any:
        request = permitted(info, Action.UPDATE_CLIENT)
        key = row_in_scope(request, input.client_id, "Client", "clientId")
        facts = client_facts(input, request.today)
        act = acting(clients.change, key, input.expected_version, facts)
        return await carried_out(request, "updateClient", input, act, UpdateClientSuccess, "Client")

    @strawberry.mutation(
        graphql_type=SaveContactPayload, description="Add a contact to a client, or change one."
    )
    async def save_contact(self, info: Info[Any, Any], input: Annotated[SaveContactInput, _INPUT]) -> Any:
        request = permitted(info, Action.KEEP_CONTACTS)
        key = row_in_scope(request, input.client_id, "Client", "clientId")
        contact = None
        if is_given(input.contact_id):
            contact = row_in_scope(request, input.contact_id or "", "Contact", "contactId")
        version = input.expected_version or None
        facts = contact_facts(input, request.today)
        act = acting(clients.save_contact, key, contact, version, facts)
        return await carried_out(request, "saveContact", input, act, SaveContactSuccess, "Contact")

    @strawberry.mutation(graphql_type=RemoveContactPayload, description="Take a contact from a client.")
    async def remove_contact(self, info: Info[Any, Any], input: Annotated[RemoveContactInput, _INPUT]) -> Any:
        request = permitted(info, Action.KEEP_CONTACTS)
        key = row_in_scope(request, input.contact_id, "Contact", "contactId")
        act = acting(clients.remove_contact, key, input.expected_version)
        success = RemoveContactSuccess
        return await carried_out(
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
        request = permitted(info, Action.RECORD_STATEMENT)
        key = row_in_scope(request, input.client_id, "Client", "clientId")  # type: ignore[attr-defined]
        facts = statement_facts(input, request.today)
        act = acting(clients.record_statement, key, facts)
        success = RecordStatementSuccess
        return await carried_out(request, "recordStatement", input, act, success, "FinancialStatement")

    @strawberry.mutation(
        graphql_type=RecordCreditEventPayload,
        description="Record something that a credit decision must know of.",
    )
    async def record_credit_event(
        self, info: Info[Any, Any], input: Annotated[RecordCreditEventInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.RECORD_CREDIT_EVENT)
        key = row_in_scope(request, input.client_id, "Client", "clientId")
        facts = event_facts(input, request.today)
        act = acting(clients.record_credit_event, key, facts)
        success = RecordCreditEventSuccess
        return await carried_out(request, "recordCreditEvent", input, act, success, "CreditEvent")

    @strawberry.mutation(
        graphql_type=MoveUnitPayload, description="Put a unit, with everything below it, under another one."
    )
    async def move_unit(self, info: Info[Any, Any], input: Annotated[MoveUnitInput, _INPUT]) -> Any:
        request = permitted(info, Action.MOVE_UNIT)
        act = acting(headquarters.move_unit, input.unit_code, input.new_parent_code, input.expected_version)
        return await carried_out(request, "moveUnit", input, act, MoveUnitSuccess, "OrganisationUnit")

    @strawberry.mutation(graphql_type=ImportStatusPayload, description="Pause or cancel an import.")
    async def import_status(self, info: Info[Any, Any], input: Annotated[ImportStatusInput, _INPUT]) -> Any:
        request = permitted(info, Action.CONTROL_IMPORT)
        key = row_in_scope(request, input.import_id, "ImportJob", "importId")
        act = acting(headquarters.set_import_status, key, input.status, input.expected_version)
        return await carried_out(request, "importStatus", input, act, ImportStatusSuccess, "ImportJob")


def _branch(request: Request, code: str) -> int | Refusal:
    unit = request.organisation.with_code(code)
    if unit is None or unit.id not in request.scope.branches:
        return not_found("branch", "branchCode")
    if unit.kind not in KINDS_WITH_CLIENTS:
        return invalid("only branches and sub-branches keep clients", "branchCode")
    return unit.id
