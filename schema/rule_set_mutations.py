"""Changing who is who: adding dimensions, drafting, simulating and activating rule sets."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from strawberry import UNSET
from strawberry.types import Info

from domain.access import Action
from schema.carrying_out import acting, carried_out, permitted, reference_key
from schema.inputs import is_given
from schema.payloads import payload, success
from schema.refusals import (
    AlreadyRegistered,
    Conflict,
    RulesRefused,
    SecondPersonNeeded,
    StatusRefused,
)
from schema.request import Request
from schema.rule_set_inputs import (
    ActivateRuleSetInput,
    AddDimensionInput,
    ArchiveRuleSetInput,
    DraftRuleSetInput,
    EditRuleSetInput,
    SimulateRuleSetInput,
    note_of,
)
from schema.rule_sets import Dimension, RuleSet
from tenants.actions import rule_sets

AddDimensionSuccess = success("AddDimensionSuccess", "dimension", Dimension, "The new dimension.")
DraftRuleSetSuccess = success("DraftRuleSetSuccess", "rule_set", RuleSet, "The draft.")
EditRuleSetSuccess = success("EditRuleSetSuccess", "rule_set", RuleSet, "The draft as it is now.")
SimulateRuleSetSuccess = success("SimulateRuleSetSuccess", "rule_set", RuleSet, "With its simulation.")
ActivateRuleSetSuccess = success(
    "ActivateRuleSetSuccess", "rule_set", RuleSet, "What is in force now, or will be."
)
ArchiveRuleSetSuccess = success("ArchiveRuleSetSuccess", "rule_set", RuleSet, "What was given up.")

AddDimensionPayload = payload("AddDimensionPayload", AddDimensionSuccess, AlreadyRegistered)
DraftRuleSetPayload = payload("DraftRuleSetPayload", DraftRuleSetSuccess, RulesRefused)
EditRuleSetPayload = payload("EditRuleSetPayload", EditRuleSetSuccess, StatusRefused, Conflict)
SimulateRuleSetPayload = payload(
    "SimulateRuleSetPayload", SimulateRuleSetSuccess, RulesRefused, StatusRefused, Conflict
)
ActivateRuleSetPayload = payload(
    "ActivateRuleSetPayload",
    ActivateRuleSetSuccess,
    RulesRefused,
    SecondPersonNeeded,
    StatusRefused,
    Conflict,
)
ArchiveRuleSetPayload = payload(
    "ArchiveRuleSetPayload",
    ArchiveRuleSetSuccess,
    RulesRefused,
    SecondPersonNeeded,
    StatusRefused,
    Conflict,
)

_INPUT = strawberry.argument(description="What is asked.")


@strawberry.type
class RuleSetMutations:
    """What headquarters can change about who is who."""

    @strawberry.mutation(
        graphql_type=AddDimensionPayload,
        description="Add a way of telling clients apart; nobody has a value in it until rules are activated.",
    )
    async def add_dimension(self, info: Info[Any, Any], input: Annotated[AddDimensionInput, _INPUT]) -> Any:
        request = permitted(info, Action.EDIT_RULES)
        act = acting(
            rule_sets.add_dimension,
            code=input.code,
            name=input.name,
            description=input.description if is_given(input.description) else None,
            overridable=input.overridable,
        )
        return await carried_out(request, "addDimension", input, act, AddDimensionSuccess, "Dimension")

    @strawberry.mutation(
        graphql_type=DraftRuleSetPayload,
        description="Begin a new version of a dimension's rules; nothing changes yet.",
    )
    async def draft_rule_set(self, info: Info[Any, Any], input: Annotated[DraftRuleSetInput, _INPUT]) -> Any:
        request = permitted(info, Action.EDIT_RULES)
        act = acting(
            rule_sets.draft,
            request.caller.subject,
            dimension=input.dimension,
            unit_code=input.unit_code if is_given(input.unit_code) else None,
            body=input.body if is_given(input.body) else None,
            note=note_of(input),
        )
        return await carried_out(request, "draftRuleSet", input, act, DraftRuleSetSuccess, "RuleSet")

    @strawberry.mutation(graphql_type=EditRuleSetPayload, description="Give a draft other rules.")
    async def edit_rule_set(self, info: Info[Any, Any], input: Annotated[EditRuleSetInput, _INPUT]) -> Any:
        request = permitted(info, Action.EDIT_RULES)
        act = acting(
            rule_sets.edit,
            request.caller.subject,
            reference_key(input.rule_set_id, "RuleSet", "ruleSetId"),
            input.expected_version,
            body=input.body,
            note=... if input.note is UNSET else note_of(input),
        )
        return await carried_out(request, "editRuleSet", input, act, EditRuleSetSuccess, "RuleSet")

    @strawberry.mutation(
        graphql_type=SimulateRuleSetPayload,
        description="Try a draft on all clients, and keep what it would do; nobody's segment changes.",
    )
    async def simulate_rule_set(
        self, info: Info[Any, Any], input: Annotated[SimulateRuleSetInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.EDIT_RULES)
        return await _step(request, "simulateRuleSet", input, rule_sets.simulate, SimulateRuleSetSuccess)

    @strawberry.mutation(
        graphql_type=ActivateRuleSetPayload,
        description="Put a simulated rule set into force: every answer follows it from its first day on. "
        "Neither who drafted it nor who wrote it last may.",
    )
    async def activate_rule_set(
        self, info: Info[Any, Any], input: Annotated[ActivateRuleSetInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.ACTIVATE_RULES)
        effective_from = input.effective_from if is_given(input.effective_from) else None
        return await _step(
            request,
            "activateRuleSet",
            input,
            rule_sets.activate,
            ActivateRuleSetSuccess,
            effective_from=effective_from,
        )

    @strawberry.mutation(
        graphql_type=ArchiveRuleSetPayload,
        description="Give up a draft, or a unit's own rules; what is above applies there again. What was put into "
        "force is not given up by whoever drafted it, wrote it last or activated it.",
    )
    async def archive_rule_set(
        self, info: Info[Any, Any], input: Annotated[ArchiveRuleSetInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.ACTIVATE_RULES)
        return await _step(request, "archiveRuleSet", input, rule_sets.archive, ArchiveRuleSetSuccess)


async def _step(request: Request, operation: str, sent: Any, action: Any, success: Any, **more: Any) -> Any:
    """One step in a rule set's life."""
    key = reference_key(sent.rule_set_id, "RuleSet", "ruleSetId")
    act = acting(action, request.caller.subject, key, sent.expected_version, **more)
    return await carried_out(request, operation, sent, act, success, "RuleSet")
