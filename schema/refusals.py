"""Typed refusals: expected noes are data in a payload, faults alone are errors."""

from __future__ import annotations

from typing import Any

import strawberry

from domain.refusals import Refusal, RefusalCode
from schema.binding import Row
from schema.bound_fields import Node
from schema.codes import described

described(
    RefusalCode,
    "Why something was not done.",
    {
        RefusalCode.INVALID_INPUT: "The input cannot be taken as it is; `path` and `message` say what to mend.",
        RefusalCode.NOT_FOUND: "What the input names does not exist, or is not in sight.",
        RefusalCode.ALREADY_REGISTERED: "It is there already.",
        RefusalCode.CONFLICT: "Somebody has changed it since it was read.",
        RefusalCode.IDEMPOTENCY_KEY_REUSED: "The key was used for something else.",
        RefusalCode.ROOT_STAYS: "Headquarters cannot be moved.",
        RefusalCode.WOULD_CREATE_CYCLE: "The unit would stand below itself.",
        RefusalCode.KIND_NOT_ALLOWED_THERE: "Units of this kind may not stand there.",
        RefusalCode.STATUS_MAY_NOT_FOLLOW: "The one status may not follow the other.",
        RefusalCode.BEYOND_THE_WHOLE: "The company's holders would own more than the whole of it together.",
        RefusalCode.SECOND_PERSON_NEEDED: "Whoever wrote it may not put it into force.",
        RefusalCode.RULES_HAVE_ERRORS: "The rule set cannot be meant as it is; see `findings`.",
        RefusalCode.OVERRIDE_NOT_ALLOWED: "The dimension's rules are the same for the whole bank.",
        RefusalCode.NOT_SIMULATED: "Nobody has seen yet what this rule set would do.",
        RefusalCode.ALREADY_IN_FORCE: "Another version comes into force on that day.",
        RefusalCode.LAST_RULES: "The dimension would be left without rules.",
    },
)


@strawberry.interface(description="An expected no. Ask for `... on UserError { code message path }`.")
class UserError:
    """What every refusal tells."""

    code: RefusalCode = strawberry.field(description="Why, for programs.")
    message: str = strawberry.field(description="Why, for people, and how to mend it.")
    path: list[str] = strawberry.field(
        description="Which field of the input it is about; empty for all of it."
    )


@strawberry.type(description="The input cannot be taken as it is.")
class InvalidInput(UserError):
    """A value that breaks a rule."""


@strawberry.type(description="What the input names does not exist, or is not in the caller's sight.")
class NotFound(UserError):
    """A name that leads nowhere."""


@strawberry.type(description="It is there already.")
class AlreadyRegistered(UserError):
    """A second of what there can be one of."""

    existing: Node | None = strawberry.field(description="What is there already, where it is in sight.")


@strawberry.type(description="Somebody has changed it since it was read.")
class Conflict(UserError):
    """An `expectedVersion` that has passed."""

    current: Node | None = strawberry.field(description="How it stands now.")


@strawberry.type(description="The idempotency key was used for something else.")
class IdempotencyKeyReused(UserError):
    """One key, two requests."""


@strawberry.type(description="The unit may not be moved there.")
class MoveRefused(UserError):
    """A move that the tree forbids."""


@strawberry.type(description="What stands there cannot change in this way in its present status.")
class StatusRefused(UserError):
    """A status that may not follow."""


@strawberry.type(
    description="Whoever wrote it may not put it into force or confirm it: ask another administrator."
)
class SecondPersonNeeded(UserError):
    """An activation, or a confirmation, by the writer."""


@strawberry.type(description="Rules may not be drafted or put into force in this way.")
class RulesRefused(UserError):
    """Rules that headquarters' own order does not allow."""


@strawberry.type(description="The company's holders would own more than the whole of it together.")
class HoldingRefused(UserError):
    """Shares that cannot all be right."""


_TYPES: dict[RefusalCode, type[UserError]] = {
    RefusalCode.INVALID_INPUT: InvalidInput,
    RefusalCode.NOT_FOUND: NotFound,
    RefusalCode.ALREADY_REGISTERED: AlreadyRegistered,
    RefusalCode.CONFLICT: Conflict,
    RefusalCode.IDEMPOTENCY_KEY_REUSED: IdempotencyKeyReused,
    RefusalCode.ROOT_STAYS: MoveRefused,
    RefusalCode.WOULD_CREATE_CYCLE: MoveRefused,
    RefusalCode.KIND_NOT_ALLOWED_THERE: MoveRefused,
    RefusalCode.STATUS_MAY_NOT_FOLLOW: StatusRefused,
    RefusalCode.BEYOND_THE_WHOLE: HoldingRefused,
    RefusalCode.SECOND_PERSON_NEEDED: SecondPersonNeeded,
    RefusalCode.RULES_HAVE_ERRORS: RulesRefused,
    RefusalCode.OVERRIDE_NOT_ALLOWED: RulesRefused,
    RefusalCode.NOT_SIMULATED: RulesRefused,
    RefusalCode.ALREADY_IN_FORCE: RulesRefused,
    RefusalCode.LAST_RULES: RulesRefused,
}


def user_error(refusal: Refusal, current: Row | None = None) -> UserError:
    """The refusal as callers see it."""
    said: dict[str, Any] = {
        "code": refusal.code,
        "message": refusal.message,
        "path": ["input", *refusal.path] if refusal.path else [],
    }
    match refusal.code:
        case RefusalCode.ALREADY_REGISTERED:
            return AlreadyRegistered(**said, existing=current)  # type: ignore[arg-type]
        case RefusalCode.CONFLICT:
            return Conflict(**said, current=current)  # type: ignore[arg-type]
    return _TYPES[refusal.code](**said)
