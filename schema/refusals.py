"""Typed refusals: expected noes are data in a payload, faults alone are errors."""

from __future__ import annotations

from typing import Any

import strawberry

from domain import money
from domain.refusals import Refusal, RefusalCode
from schema.binding import Row
from schema.bound_fields import Node
from schema.codes import described
from schema.limit_nodes import LimitNode
from schema.money import Money

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
        RefusalCode.EXCEEDS_AVAILABLE: "It is more than is available there.",
        RefusalCode.CAP_EXCEEDED: "It is more than a concentration cap leaves.",
        RefusalCode.NO_LIMIT: "There is no limit to draw on for this client and product.",
        RefusalCode.LIMIT_NOT_ACTIVE: "The limit is not in force: a draft, or approved and not activated yet.",
        RefusalCode.LIMIT_FROZEN: "The limit, or one above it, is frozen: nothing new is booked there.",
        RefusalCode.LIMIT_EXPIRED: "The day lies outside of the limit's validity.",
        RefusalCode.LIMIT_CLOSED: "The limit is closed.",
        RefusalCode.OVER_LIMIT: "More is committed there than is granted now: nothing new until that has passed.",
        RefusalCode.CURRENCY_DIFFERS: "The amount is in another currency than what it is booked on.",
        RefusalCode.EXCEEDS_HELD: "It is more than the commitment holds.",
        RefusalCode.ALREADY_REVERSED: "The movement has been reversed already.",
        RefusalCode.NOT_REVERSIBLE: "Movements of this kind, or with later ones built on them, are not reversed.",
        RefusalCode.NOT_SIBLINGS: "The two limits do not stand under the same one.",
        RefusalCode.OUTLASTS_PARENT: "Its validity would reach beyond that of the limit above it.",
        RefusalCode.BEYOND_PARENT: "The limit above it has no room for so much.",
        RefusalCode.STILL_COMMITTED: "Something is still committed there.",
        RefusalCode.BEYOND_AUTHORITY: "It is more than may be decided in this office.",
        RefusalCode.COMMITMENT_ENDED: "The commitment has ended, or is past the stage that this needs.",
        RefusalCode.DOES_NOT_REVOLVE: "What was repaid there is used up: the limit does not revolve.",
        RefusalCode.VALUE_DATE_PASSED: "The value date lies before what has been booked already.",
        RefusalCode.NOT_ELIGIBLE: "The risk compensation fund does not take the loan.",
        RefusalCode.FUND_STOPPED: "The fund is stopped: it takes no new loans and no claims.",
        RefusalCode.FUND_EXHAUSTED: "A funder has not enough left in the fund.",
        RefusalCode.BREAKER_TRIPPED: "The fund would have borne more than its circuit breaker allows.",
        RefusalCode.NOT_YET_CLAIMABLE: "The loan has not been overdue for long enough.",
        RefusalCode.BEYOND_COVERAGE: "It is more than the fund bears of the loan.",
        RefusalCode.BEYOND_WHAT_WAS_PAID: "More would come back to the fund than it has paid.",
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


@strawberry.type(
    description="The risk compensation fund does not allow it; what it would allow stands beside it."
)
class CompensationRefused(UserError):
    """A loan, a claim or a recovery that the fund does not take."""

    available: Money | None = strawberry.field(
        description="What would be possible, where that is an amount.", default=None
    )


@strawberry.type(description="The limits do not allow it; what they would allow stands beside it.")
class LimitRefused(UserError):
    """A booking, or a change of a limit, that would break the books or the bank's order."""

    available: Money | None = strawberry.field(description="What would be possible, where that is an amount.")
    binding: str | None = strawberry.field(description="The name of the limit or cap that binds.")
    binding_node: LimitNode | None = strawberry.field(
        description="The limit that binds, where it is in sight."
    )


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
    RefusalCode.NOT_ELIGIBLE: CompensationRefused,
    RefusalCode.FUND_STOPPED: CompensationRefused,
    RefusalCode.FUND_EXHAUSTED: CompensationRefused,
    RefusalCode.BREAKER_TRIPPED: CompensationRefused,
    RefusalCode.NOT_YET_CLAIMABLE: CompensationRefused,
    RefusalCode.BEYOND_COVERAGE: CompensationRefused,
    RefusalCode.BEYOND_WHAT_WAS_PAID: CompensationRefused,
}


def user_error(refusal: Refusal, current: Row | None = None, *, binding_node: Row | None = None) -> UserError:
    """The refusal as callers see it; a code without a type of its own tells of limits."""
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
    type_ = _TYPES.get(refusal.code)
    if type_ is CompensationRefused and refusal.possible:
        room = money.Money(refusal.possible.available_minor, refusal.possible.currency)
        said["available"] = Money(amount=room.amount, currency=room.currency)
    return type_(**said) if type_ else _limit_refused(refusal, said, binding_node)


def _limit_refused(refusal: Refusal, said: dict[str, Any], binding_node: Row | None) -> LimitRefused:
    possible = refusal.possible
    if possible is None:
        return LimitRefused(**said, available=None, binding=None, binding_node=None)
    available = money.Money(possible.available_minor, possible.currency)
    return LimitRefused(
        **said,
        available=Money(amount=available.amount, currency=available.currency),
        binding=possible.binding,
        binding_node=binding_node,  # type: ignore[arg-type]
    )
