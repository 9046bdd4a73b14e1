"""Changing how branches are scored, and scoring them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from domain.access import Action
from domain.scorecards.kinds import ScorePeriod
from schema.carrying_out import acting, carried_out, permitted, reference_key
from schema.inputs import KEY, VERSION, given, is_given, optional
from schema.payloads import payload, success
from schema.refusals import Conflict, SecondPersonNeeded, StatusRefused
from schema.scorecards import ScorecardModel
from tenants.actions import scorecards

_INPUT = strawberry.argument(description="What is asked.")

DraftScorecardModelSuccess = success("DraftScorecardModelSuccess", "model", ScorecardModel, "The draft.")
ActivateScorecardModelSuccess = success(
    "ActivateScorecardModelSuccess", "model", ScorecardModel, "What is in force now."
)
ComputeScorecardsSuccess = success(
    "ComputeScorecardsSuccess", "model", ScorecardModel, "The model by which every branch was scored."
)
DraftScorecardModelPayload = payload("DraftScorecardModelPayload", DraftScorecardModelSuccess)
ActivateScorecardModelPayload = payload(
    "ActivateScorecardModelPayload",
    ActivateScorecardModelSuccess,
    StatusRefused,
    SecondPersonNeeded,
    Conflict,
)
ComputeScorecardsPayload = payload("ComputeScorecardsPayload", ComputeScorecardsSuccess, StatusRefused)


@strawberry.input(description="A version of the scorecard model.")
class DraftScorecardModelInput:
    """A draft: of the parameters given, else a copy of what is in force."""

    idempotency_key: str = given(KEY)
    name: str = given("What it shall be called.")
    parameters: str | None = optional(
        "Classes and indicators with their weights, as JSON: what `ScorecardModel.parameters` shows, see "
        "docs/compensation-and-scorecards.md."
    )


@strawberry.input(description="A drafted model to put into force; not by whoever wrote it.")
class ActivateScorecardModelInput:
    """An activation, by a second person."""

    idempotency_key: str = given(KEY)
    model_id: strawberry.ID = given("The model.")
    expected_version: int = given(VERSION)


@strawberry.input(description="A period for which every branch is to be scored.")
class ComputeScorecardsInput:
    """A period that has ended; what was computed for its last day before is replaced."""

    idempotency_key: str = given(KEY)
    period: ScorePeriod = given("What kind of period.", default=ScorePeriod.QUARTER)
    period_end: dt.date = given("Its last day.")


@strawberry.type
class ScorecardMutations:
    """What can be changed about how branches are scored."""

    @strawberry.mutation(
        graphql_type=DraftScorecardModelPayload,
        description="Write a version of the scorecard model; nothing is scored by it yet.",
    )
    async def draft_scorecard_model(
        self, info: Info[Any, Any], input: Annotated[DraftScorecardModelInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_SCORECARDS)
        parameters = input.parameters if is_given(input.parameters) else None
        act = acting(scorecards.draft, request.caller.subject, input.name, parameters)
        success = DraftScorecardModelSuccess
        return await carried_out(request, "draftScorecardModel", input, act, success, "ScorecardModel")

    @strawberry.mutation(
        graphql_type=ActivateScorecardModelPayload,
        description="Score branches by a drafted model from now on; what was scored stays as it is.",
    )
    async def activate_scorecard_model(
        self, info: Info[Any, Any], input: Annotated[ActivateScorecardModelInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_SCORECARDS)
        model_id = reference_key(input.model_id, "ScorecardModel", "modelId")
        act = acting(scorecards.activate, request.caller.subject, model_id, input.expected_version)
        success = ActivateScorecardModelSuccess
        return await carried_out(request, "activateScorecardModel", input, act, success, "ScorecardModel")

    @strawberry.mutation(
        graphql_type=ComputeScorecardsPayload,
        description="Score every branch for a period that has ended, by the model in force.",
    )
    async def compute_scorecards(
        self, info: Info[Any, Any], input: Annotated[ComputeScorecardsInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_SCORECARDS)
        act = acting(scorecards.score_branches, request.caller.subject, input.period, input.period_end)
        success = ComputeScorecardsSuccess
        return await carried_out(request, "computeScorecards", input, act, success, "ScorecardModel")
