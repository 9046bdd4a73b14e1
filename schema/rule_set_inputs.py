"""What the mutations of rule sets take."""

from __future__ import annotations

import datetime as dt
from typing import Any

import strawberry

from domain.refusals import Refusal, invalid
from schema.inputs import KEY, VERSION, given, is_given, optional
from schema.scalars import Json

_BODY = (
    "The rules as docs/rule-sets.md has them: version, dimension, values, scores, rules, default, remarks."
)
LONGEST_NOTE = 500


@strawberry.input(description="A new way of telling clients apart.")
class AddDimensionInput:
    """A dimension, without rules as yet."""

    idempotency_key: str = given(KEY)
    code: str = given("Its code, as rules write it: `creditGrade`. It stays.")
    name: str = given("What it is called.")
    description: str | None = optional("What it is about.")
    overridable: bool = given("Whether units may have rules of their own.", default=False)


@strawberry.input(description="A new version of a dimension's rules.")
class DraftRuleSetInput:
    """A draft, of what is in force or of what is sent."""

    idempotency_key: str = given(KEY)
    dimension: str = given("The dimension's code.")
    unit_code: str | None = optional("Whose rules they are, where the dimension allows it; else the bank's.")
    body: Json | None = optional(_BODY + " If left out, a copy of what is in force there.")
    note: str | None = optional("What is meant by it.")


@strawberry.input(description="Other rules for a draft.")
class EditRuleSetInput:
    """A draft's new body; what was simulated is forgotten."""

    idempotency_key: str = given(KEY)
    rule_set_id: strawberry.ID = given("The draft.")
    expected_version: int = given(VERSION)
    body: Json = given(_BODY)
    note: str | None = optional("What is meant by it.")


@strawberry.input(description="A draft to try on all clients.")
class SimulateRuleSetInput:
    """A simulation; nobody's segment changes."""

    idempotency_key: str = given(KEY)
    rule_set_id: strawberry.ID = given("The draft.")
    expected_version: int = given(VERSION)


@strawberry.input(description="A simulated rule set to put into force.")
class ActivateRuleSetInput:
    """An activation, by somebody else than its writers."""

    idempotency_key: str = given(KEY)
    rule_set_id: strawberry.ID = given("The rule set.")
    expected_version: int = given(VERSION)
    effective_from: dt.date | None = optional("Its first day in force; the bank's today if left out.")


@strawberry.input(description="A rule set to give up.")
class ArchiveRuleSetInput:
    """A draft that is not wanted, or rules of a unit that it shall have no longer."""

    idempotency_key: str = given(KEY)
    rule_set_id: strawberry.ID = given("The rule set.")
    expected_version: int = given(VERSION)


def note_of(sent: Any) -> str | Refusal | None:
    """The note, trimmed; None where there is none."""
    note = (sent.note.strip() or None) if is_given(sent.note) else None
    too_long = note is not None and len(note) > LONGEST_NOTE
    return invalid(f"at most {LONGEST_NOTE} characters", "note") if too_long else note
