"""Errors as callers see them: each with a code, our own masked and reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError

from schema.errors import NOT_ANSWERING, TOOK_TOO_LONG, Code, CodedError
from tenants.database import DatabaseUnavailable, StatementTimeout

Report = Callable[[BaseException], str]
"""Told the cause of every fault that callers are not shown; gives the id by which they may ask about it."""


def refusal(code: Code, message: str, **more: Any) -> dict[str, Any]:
    """The body of a response that holds one error and no data."""
    return {"errors": [{"message": message, "extensions": {"code": code.value, **more}}]}


def shown(
    errors: Iterable[GraphQLError], report: Report, *, refused_before: bool = False
) -> list[dict[str, Any]]:
    """The errors as callers see them; `refused_before` says that nothing was executed.

    What fails many fields at once is reported once, under one id.
    """
    reported: dict[int, str] = {}

    def once(cause: BaseException) -> str:
        return reported.get(id(cause)) or reported.setdefault(id(cause), report(cause))

    return [_shown(error, refused_before, once) for error in errors]


def _shown(error: GraphQLError, refused_before: bool, report: Report) -> dict[str, Any]:
    message, code, more = _classified(error, refused_before, report)
    return {**error.formatted, "message": message, "extensions": {"code": code.value, **more}}


def _classified(
    error: GraphQLError, refused_before: bool, report: Report
) -> tuple[str, Code, dict[str, Any]]:
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(error, GraphQLSyntaxError):
        return error.message, Code.PARSE_FAILED, {}
    for candidate in (error, cause):
        if isinstance(candidate, CodedError):
            return error.message, Code(candidate.extensions["code"]), {}  # type: ignore[index]
    if refused_before:
        code = Code.BAD_USER_INPUT if error.message.startswith("Variable ") else Code.VALIDATION_FAILED
        return error.message, code, {}
    if isinstance(cause, StatementTimeout):
        return TOOK_TOO_LONG, Code.TIMEOUT, {}
    if isinstance(cause, DatabaseUnavailable):
        return NOT_ANSWERING, Code.UNAVAILABLE, {}
    # An error about the document points into it; one about our own answer (a value that no enum has) does not.
    if cause is None or (isinstance(cause, GraphQLError) and cause.nodes):
        return error.message, Code.BAD_USER_INPUT, {}
    return "something went wrong on our side", Code.INTERNAL, {"correlationId": report(cause)}
