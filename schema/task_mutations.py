"""Changing playbooks, and saying that tasks are done."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from domain.access import Action
from schema.carrying_out import acting, carried_out, permitted, reference_key, row_in_scope
from schema.payloads import payload, success
from schema.playbooks import Playbook, Task
from schema.refusals import Conflict, SecondPersonNeeded, StatusRefused
from schema.task_inputs import (
    ActivatePlaybookInput,
    CompleteTaskInput,
    DraftPlaybookInput,
    EditPlaybookInput,
    ReopenTaskInput,
    outcome_of,
    playbook_changes,
)
from tenants.actions import playbooks, tasks

DraftPlaybookSuccess = success("DraftPlaybookSuccess", "playbook", Playbook, "The draft.")
EditPlaybookSuccess = success("EditPlaybookSuccess", "playbook", Playbook, "The draft as it is now.")
ActivatePlaybookSuccess = success("ActivatePlaybookSuccess", "playbook", Playbook, "What is in force now.")
CompleteTaskSuccess = success("CompleteTaskSuccess", "task", Task, "The task as it is now.")
ReopenTaskSuccess = success("ReopenTaskSuccess", "task", Task, "The task as it is now.")

DraftPlaybookPayload = payload("DraftPlaybookPayload", DraftPlaybookSuccess)
EditPlaybookPayload = payload("EditPlaybookPayload", EditPlaybookSuccess, StatusRefused, Conflict)
ActivatePlaybookPayload = payload(
    "ActivatePlaybookPayload", ActivatePlaybookSuccess, StatusRefused, SecondPersonNeeded, Conflict
)
CompleteTaskPayload = payload("CompleteTaskPayload", CompleteTaskSuccess, StatusRefused, Conflict)
ReopenTaskPayload = payload("ReopenTaskPayload", ReopenTaskSuccess, StatusRefused, Conflict)

_INPUT = strawberry.argument(description="What is asked.")


@strawberry.type
class TaskMutations:
    """What can be changed about how clients are looked after."""

    @strawberry.mutation(graphql_type=CompleteTaskPayload, description="Say that a task is done.")
    async def complete_task(self, info: Info[Any, Any], input: Annotated[CompleteTaskInput, _INPUT]) -> Any:
        request = permitted(info, Action.COMPLETE_TASK)
        key = row_in_scope(request, input.task_id, "Task", "taskId")
        outcome = outcome_of(input)
        act = acting(tasks.complete, key, input.expected_version, outcome, request.caller.subject)
        return await carried_out(request, "completeTask", input, act, CompleteTaskSuccess, "Task")

    @strawberry.mutation(
        graphql_type=ReopenTaskPayload,
        description="Take back that a task is done; the one that followed from it is cancelled.",
    )
    async def reopen_task(self, info: Info[Any, Any], input: Annotated[ReopenTaskInput, _INPUT]) -> Any:
        request = permitted(info, Action.COMPLETE_TASK)
        key = row_in_scope(request, input.task_id, "Task", "taskId")
        act = acting(tasks.reopen, key, input.expected_version)
        return await carried_out(request, "reopenTask", input, act, ReopenTaskSuccess, "Task")

    @strawberry.mutation(
        graphql_type=DraftPlaybookPayload,
        description="Begin a new version of a playbook; nothing changes yet.",
    )
    async def draft_playbook(self, info: Info[Any, Any], input: Annotated[DraftPlaybookInput, _INPUT]) -> Any:
        request = permitted(info, Action.KEEP_PLAYBOOKS)
        changes = playbook_changes(input)
        act = acting(playbooks.draft, input.dimension, input.value, changes, request.caller.subject)
        return await carried_out(request, "draftPlaybook", input, act, DraftPlaybookSuccess, "Playbook")

    @strawberry.mutation(graphql_type=EditPlaybookPayload, description="Change a draft of a playbook.")
    async def edit_playbook(self, info: Info[Any, Any], input: Annotated[EditPlaybookInput, _INPUT]) -> Any:
        request = permitted(info, Action.KEEP_PLAYBOOKS)
        key, changes = reference_key(input.playbook_id, "Playbook", "playbookId"), playbook_changes(input)
        act = acting(playbooks.edit, key, input.expected_version, changes, request.caller.subject)
        return await carried_out(request, "editPlaybook", input, act, EditPlaybookSuccess, "Playbook")

    @strawberry.mutation(
        graphql_type=ActivatePlaybookPayload,
        description="Put a draft into force; the tasks of the clients concerned follow at once.",
    )
    async def activate_playbook(
        self, info: Info[Any, Any], input: Annotated[ActivatePlaybookInput, _INPUT]
    ) -> Any:
        request = permitted(info, Action.KEEP_PLAYBOOKS)
        key = reference_key(input.playbook_id, "Playbook", "playbookId")
        act = acting(playbooks.activate, key, input.expected_version, request.caller.subject)
        return await carried_out(request, "activatePlaybook", input, act, ActivatePlaybookSuccess, "Playbook")
