"""What the mutations of playbooks and tasks take, and the content of a playbook that comes of it."""

from __future__ import annotations

from typing import Any

import strawberry

from domain.access import Role
from domain.facts import camel
from domain.lending import Product
from domain.playbooks import LONGEST_TEXT, Item, SecurityDemand, TaskKind
from domain.refusals import Refusal, invalid
from schema.inputs import KEY, VERSION, given, is_given, optional, said

LISTS = "; all of them, in their order"


@strawberry.input(description="A task that a playbook implies for each of its clients.")
class PlaybookItemInput:
    """An item of a playbook."""

    code: str = given("Its code: capitals, digits and _. An item of the same code goes on in a new version.")
    title: str = given("What is to be done.")
    kind: TaskKind = given("What kind of task it is.")
    owner_level: Role = given("Who is to do it: a role that staff has.")
    first_due_days: int = given("How many days after the client came it is first due.")
    every_months: int | None = given("After how many months it is due again; null: once.", default=None)


@strawberry.input(description="What a playbook says.")
class PlaybookContentInput:
    """A playbook's content; what is left out stays as it is."""

    name: str | None = optional("What it is called.")
    strategy: str | None = optional("The strategy in words.")
    owner_level: Role | None = optional("Who owns the service of these clients: a role that staff has.")
    review_every_months: int | None = optional("How often a client is reviewed.")
    contact_every_days: int | None = optional("How long a client is without contact at most.")
    contact_plan: str | None = optional("Who is in touch how, in words.")
    pricing_latitude_bps: int | None = optional(
        "How many basis points below the list price the owner may go; negative: at least so many above are asked."
    )
    required_security: SecurityDemand | None = optional("What security is asked for.")
    security_note: str | None = optional("More about the security, in words.")
    products: list[Product] | None = optional(f"The product line{LISTS}.")
    items: list[PlaybookItemInput] | None = optional(f"The tasks that it implies{LISTS}.")


@strawberry.input(description="A new version of a playbook: the one in force, with what is to be different.")
class DraftPlaybookInput(PlaybookContentInput):
    """A draft of one value's playbook."""

    idempotency_key: str = given(KEY)
    dimension: str = given("The dimension that `value` is of.", default="relationshipType")
    value: str = given("Which clients it is for: those with this value of the dimension.")


@strawberry.input(description="What is to change of a draft.")
class EditPlaybookInput(PlaybookContentInput):
    """A change of a draft."""

    idempotency_key: str = given(KEY)
    playbook_id: strawberry.ID = given("The draft.")
    expected_version: int = given(VERSION)


@strawberry.input(description="A draft to put into force.")
class ActivatePlaybookInput:
    """An activation, by somebody else than who wrote it."""

    idempotency_key: str = given(KEY)
    playbook_id: strawberry.ID = given("The draft.")
    expected_version: int = given(VERSION)


@strawberry.input(description="A task that is done.")
class CompleteTaskInput:
    """A completion."""

    idempotency_key: str = given(KEY)
    task_id: strawberry.ID = given("The task.")
    expected_version: int = given(VERSION)
    outcome: str | None = optional("What came of it.")


@strawberry.input(description="A task that was not done after all.")
class ReopenTaskInput:
    """A completion taken back."""

    idempotency_key: str = given(KEY)
    task_id: strawberry.ID = given("The task.")
    expected_version: int = given(VERSION)


NOT_CONTENT = {"idempotency_key", "dimension", "value", "playbook_id", "expected_version"}
MAY_BE_NULL = {"security_note"}


def playbook_changes(sent: PlaybookContentInput) -> dict[str, Any] | Refusal:
    """What is to be different of a playbook's content."""
    changes = said(sent, without=NOT_CONTENT)
    for name, value in changes.items():
        if value is None and name not in MAY_BE_NULL:
            return invalid("this may not be empty: leave it out to leave it as it is", camel(name))
    for name, kind in (("owner_level", Role), ("required_security", SecurityDemand)):
        if name in changes:
            changes[name] = kind(changes[name])
    if "products" in changes:
        changes["products"] = tuple(changes["products"])
    if "items" in changes:
        changes["items"] = tuple(Item(**vars(item)) for item in changes["items"])
    trimmed = {name: value.strip() for name, value in changes.items() if type(value) is str}
    return changes | trimmed | ({"security_note": None} if trimmed.get("security_note") == "" else {})


def outcome_of(sent: CompleteTaskInput) -> str | Refusal | None:
    """What came of a task, trimmed."""
    if not is_given(sent.outcome):
        return None
    outcome = (sent.outcome or "").strip() or None
    if outcome is not None and len(outcome) > LONGEST_TEXT:
        return invalid(f"at most {LONGEST_TEXT} characters", "outcome")
    return outcome
