"""How the bank says no: a value with a code, a sentence, and the place in the input."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class RefusalCode(StrEnum):
    """Why something was not done, though whoever asked may ask it."""

    INVALID_INPUT = "INVALID_INPUT"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_REGISTERED = "ALREADY_REGISTERED"
    CONFLICT = "CONFLICT"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    ROOT_STAYS = "ROOT_STAYS"
    WOULD_CREATE_CYCLE = "WOULD_CREATE_CYCLE"
    KIND_NOT_ALLOWED_THERE = "KIND_NOT_ALLOWED_THERE"
    STATUS_MAY_NOT_FOLLOW = "STATUS_MAY_NOT_FOLLOW"
    BEYOND_THE_WHOLE = "BEYOND_THE_WHOLE"
    SECOND_PERSON_NEEDED = "SECOND_PERSON_NEEDED"
    RULES_HAVE_ERRORS = "RULES_HAVE_ERRORS"
    OVERRIDE_NOT_ALLOWED = "OVERRIDE_NOT_ALLOWED"
    NOT_SIMULATED = "NOT_SIMULATED"
    ALREADY_IN_FORCE = "ALREADY_IN_FORCE"
    LAST_RULES = "LAST_RULES"
    EXCEEDS_AVAILABLE = "EXCEEDS_AVAILABLE"
    CAP_EXCEEDED = "CAP_EXCEEDED"
    NO_LIMIT = "NO_LIMIT"
    LIMIT_NOT_ACTIVE = "LIMIT_NOT_ACTIVE"
    LIMIT_FROZEN = "LIMIT_FROZEN"
    LIMIT_EXPIRED = "LIMIT_EXPIRED"
    LIMIT_CLOSED = "LIMIT_CLOSED"
    OVER_LIMIT = "OVER_LIMIT"
    CURRENCY_DIFFERS = "CURRENCY_DIFFERS"
    EXCEEDS_HELD = "EXCEEDS_HELD"
    ALREADY_REVERSED = "ALREADY_REVERSED"
    NOT_REVERSIBLE = "NOT_REVERSIBLE"
    NOT_SIBLINGS = "NOT_SIBLINGS"
    OUTLASTS_PARENT = "OUTLASTS_PARENT"
    BEYOND_PARENT = "BEYOND_PARENT"
    STILL_COMMITTED = "STILL_COMMITTED"
    BEYOND_AUTHORITY = "BEYOND_AUTHORITY"
    COMMITMENT_ENDED = "COMMITMENT_ENDED"
    DOES_NOT_REVOLVE = "DOES_NOT_REVOLVE"
    VALUE_DATE_PASSED = "VALUE_DATE_PASSED"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"
    FUND_STOPPED = "FUND_STOPPED"
    FUND_EXHAUSTED = "FUND_EXHAUSTED"
    BREAKER_TRIPPED = "BREAKER_TRIPPED"
    NOT_YET_CLAIMABLE = "NOT_YET_CLAIMABLE"
    BEYOND_COVERAGE = "BEYOND_COVERAGE"
    BEYOND_WHAT_WAS_PAID = "BEYOND_WHAT_WAS_PAID"


@dataclass(frozen=True, slots=True)
class Possible:
    """What would be possible instead: how much, and the name (and key, if it is a node) of what binds."""

    available_minor: int
    currency: str
    binding: str
    node: tuple[int, UUID] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal; `path` leads to the input field it is about, in GraphQL names."""

    code: RefusalCode
    message: str
    path: tuple[str, ...] = ()
    possible: Possible | None = None


def invalid(message: str, *path: str) -> Refusal:
    """The input cannot be taken as it is."""
    return Refusal(RefusalCode.INVALID_INPUT, message, path)


def not_found(what: str, *path: str) -> Refusal:
    """There is none, or none in the caller's sight: the two cannot be told apart."""
    return Refusal(RefusalCode.NOT_FOUND, f"there is no such {what}", path)


def second_person_needed(wrote: str, does: str, *path: str) -> Refusal:
    """Four eyes: whoever "wrote a model" may not "put it in force"."""
    message = f"whoever {wrote} does not {does}: let a second person look at it and do that"
    return Refusal(RefusalCode.SECOND_PERSON_NEEDED, message, path)


def changed_since(version: int) -> Refusal:
    """Somebody else was faster; whoever asked must look again before deciding."""
    return Refusal(
        RefusalCode.CONFLICT,
        f"somebody has changed this since: it is at version {version}; read it again and decide anew",
        ("expectedVersion",),
    )
