"""How the bank says no: a value with a code, a sentence, and the place in the input."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal; `path` leads to the input field it is about, in GraphQL names."""

    code: RefusalCode
    message: str
    path: tuple[str, ...] = ()


def invalid(message: str, *path: str) -> Refusal:
    """The input cannot be taken as it is."""
    return Refusal(RefusalCode.INVALID_INPUT, message, path)


def not_found(what: str, *path: str) -> Refusal:
    """There is none, or none in the caller's sight: the two cannot be told apart."""
    return Refusal(RefusalCode.NOT_FOUND, f"there is no such {what}", path)


def changed_since(version: int) -> Refusal:
    """Somebody else was faster; whoever asked must look again before deciding."""
    return Refusal(
        RefusalCode.CONFLICT,
        f"somebody has changed this since: it is at version {version}; read it again and decide anew",
        ("expectedVersion",),
    )
