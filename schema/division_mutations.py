"""Changing how regions are divided: models drafted, edited, simulated, put in force, archived."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from domain.access import Action
from domain.divisions.models import DivisionKind
from schema.carrying_out import acting, carried_out, permitted, reference_key
from schema.division_models import DivisionModel
from schema.inputs import KEY, VERSION, given, is_given, optional
from schema.payloads import payload, success
from schema.refusals import Conflict, SecondPersonNeeded, StatusRefused
from tenants.actions import divisions
from tenants.actions.divisions import Writing

_INPUT = strawberry.argument(description="What is asked.")
_PARAMETERS = (
    "How it divides and what follows from each class, as JSON: what `DivisionModel.parameters` shows, "
    "see docs/divisions.md."
)

_draft, _now = "The draft.", "The model as it is now."
DraftDivisionModelSuccess = success("DraftDivisionModelSuccess", "model", DivisionModel, _draft)
EditDivisionModelSuccess = success("EditDivisionModelSuccess", "model", DivisionModel, _now)
SimulateDivisionModelSuccess = success("SimulateDivisionModelSuccess", "model", DivisionModel, _now)
ActivateDivisionModelSuccess = success("ActivateDivisionModelSuccess", "model", DivisionModel, _now)
ArchiveDivisionModelSuccess = success("ArchiveDivisionModelSuccess", "model", DivisionModel, _now)

DraftDivisionModelPayload = payload("DraftDivisionModelPayload", DraftDivisionModelSuccess)
EditDivisionModelPayload = payload(
    "EditDivisionModelPayload", EditDivisionModelSuccess, StatusRefused, Conflict
)
SimulateDivisionModelPayload = payload(
    "SimulateDivisionModelPayload", SimulateDivisionModelSuccess, StatusRefused, Conflict
)
ActivateDivisionModelPayload = payload(
    "ActivateDivisionModelPayload", ActivateDivisionModelSuccess, StatusRefused, SecondPersonNeeded, Conflict
)
ArchiveDivisionModelPayload = payload(
    "ArchiveDivisionModelPayload", ArchiveDivisionModelSuccess, StatusRefused, Conflict
)


@strawberry.input(
    description="A new model: of the parameters given, else a copy of another, else of what is in force."
)
class DraftDivisionModelInput:
    """A draft of one kind of model."""

    idempotency_key: str = given(KEY)
    kind: DivisionKind = given("By what it shall divide.")
    name: str = given("What it shall be called.")
    parameters: str | None = optional(_PARAMETERS)
    based_on_id: strawberry.ID | None = optional(
        "The model of this kind to copy where no parameters are given."
    )


@strawberry.input(description="What is to change of a model that has never been in force.")
class EditDivisionModelInput:
    """A changed draft; what was simulated is a draft again."""

    idempotency_key: str = given(KEY)
    model_id: strawberry.ID = given("The model.")
    expected_version: int = given(VERSION)
    name: str | None = optional("What it shall be called.")
    parameters: str | None = optional(_PARAMETERS)


def _naming_a_model(name: str, description: str) -> Any:
    """An input that names a model and the version that was read of it."""
    namespace = {
        "__annotations__": {
            "idempotency_key": str,
            "model_id": strawberry.ID,
            "expected_version": int,
        },
        "__module__": __name__,
        "idempotency_key": given(KEY),
        "model_id": given("The model."),
        "expected_version": given(VERSION),
    }
    return strawberry.input(type(name, (), namespace), description=description)


SimulateDivisionModelInput = _naming_a_model(
    "SimulateDivisionModelInput", "A model of which it is to be found out who would move."
)
ActivateDivisionModelInput = _naming_a_model(
    "ActivateDivisionModelInput", "A simulated model to put in force; not by whoever wrote it."
)
ArchiveDivisionModelInput = _naming_a_model(
    "ArchiveDivisionModelInput", "A model to give up; what is in force is archived by what takes its place."
)


@strawberry.type
class DivisionMutations:
    """What can be changed about how regions are divided."""

    @strawberry.mutation(
        graphql_type=DraftDivisionModelPayload,
        description="Begin a new model of how regions are divided; nothing changes yet.",
    )
    async def draft_division_model(
        self, info: Info[Any, Any], input: Annotated[DraftDivisionModelInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_DIVISIONS)
        based_on = None
        if is_given(input.based_on_id):
            based_on = reference_key(input.based_on_id or "", "DivisionModel", "basedOnId")
        writing = Writing(input.name, input.parameters or None)
        act = acting(divisions.draft, request.caller.subject, input.kind, based_on, writing)
        success = DraftDivisionModelSuccess
        return await carried_out(request, "draftDivisionModel", input, act, success, "DivisionModel")

    @strawberry.mutation(
        graphql_type=EditDivisionModelPayload,
        description="Change a model that has never been in force; it is to be simulated again.",
    )
    async def edit_division_model(
        self, info: Info[Any, Any], input: Annotated[EditDivisionModelInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_DIVISIONS)
        model_id = reference_key(input.model_id, "DivisionModel", "modelId")
        name = input.name if is_given(input.name) else None
        writing = Writing(name, input.parameters or None)
        subject = request.caller.subject
        act = acting(divisions.edit, subject, model_id, input.expected_version, writing)
        success = EditDivisionModelSuccess
        return await carried_out(request, "editDivisionModel", input, act, success, "DivisionModel")

    @strawberry.mutation(
        graphql_type=SimulateDivisionModelPayload,
        description="Divide every region by a model, and find out who would move; nothing changes yet.",
    )
    async def simulate_division_model(
        self,
        info: Info[Any, Any],
        input: Annotated[SimulateDivisionModelInput, _INPUT],  # type: ignore[valid-type]
    ) -> Any:
        success = SimulateDivisionModelSuccess
        return await _step(info, "simulateDivisionModel", input, divisions.simulate, success)

    @strawberry.mutation(
        graphql_type=ActivateDivisionModelPayload,
        description="Put a simulated model in force; the facts of the clients there follow at once.",
    )
    async def activate_division_model(
        self,
        info: Info[Any, Any],
        input: Annotated[ActivateDivisionModelInput, _INPUT],  # type: ignore[valid-type]
    ) -> Any:
        success = ActivateDivisionModelSuccess
        return await _step(info, "activateDivisionModel", input, divisions.activate, success)

    @strawberry.mutation(
        graphql_type=ArchiveDivisionModelPayload, description="Give up a model that has never been in force."
    )
    async def archive_division_model(
        self,
        info: Info[Any, Any],
        input: Annotated[ArchiveDivisionModelInput, _INPUT],  # type: ignore[valid-type]
    ) -> Any:
        success = ArchiveDivisionModelSuccess
        return await _step(info, "archiveDivisionModel", input, divisions.archive, success)


async def _step(info: Info[Any, Any], operation: str, input: Any, action: Any, success: Any) -> Any:
    """A model's next step in its life."""
    request = permitted(info, Action.KEEP_DIVISIONS)
    model_id = reference_key(input.model_id, "DivisionModel", "modelId")
    act = acting(action, request.caller.subject, model_id, input.expected_version)
    return await carried_out(request, operation, input, act, success, "DivisionModel")
