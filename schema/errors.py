"""What goes wrong, as callers see it: a code, a sentence that says how to mend it, and nothing from within."""

from __future__ import annotations

from enum import StrEnum

from graphql import GraphQLError


class Code(StrEnum):
    """The value of `extensions.code`; Apollo's names where one fits."""

    PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    BAD_REQUEST = "BAD_REQUEST"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    COST_EXCEEDED = "COST_EXCEEDED"
    RATE_LIMITED = "RATE_LIMITED"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    TIMEOUT = "TIMEOUT"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL_SERVER_ERROR"


TOOK_TOO_LONG = "this took too long: ask for fewer rows or a narrower `where`"
NOT_ANSWERING = "the database does not answer at the moment: try again"


class CodedError(GraphQLError):
    """A fault that the caller may read as it is."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message, extensions={"code": code.value})


class BadInput(CodedError):
    """An argument that cannot be taken; the message says which and why."""

    def __init__(self, message: str) -> None:
        super().__init__(Code.BAD_USER_INPUT, message)


class TooDear(CodedError):
    """More than one operation may ask for; the message says what, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(Code.COST_EXCEEDED, message)


class Busy(CodedError):
    """The caller's own earlier questions keep the database at work."""

    def __init__(self) -> None:
        super().__init__(
            Code.RATE_LIMITED,
            "your earlier questions, or your office's, are still being answered: ask again when they are",
        )


class Forbidden(CodedError):
    """The caller's role may not do this anywhere."""

    def __init__(self, message: str) -> None:
        super().__init__(Code.FORBIDDEN, message)
