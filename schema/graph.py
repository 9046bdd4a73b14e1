"""The whole schema, and one operation answered by it: every fault coded, nothing from within let out."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import strawberry
from graphql import (
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    StringValueNode,
    ValidationContext,
    ValidationRule,
)
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import AddValidationRules, MaxTokensLimiter, SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType as StrawberryOperation

import schema.codes  # noqa: F401 - makes the domain's code lists enums of the schema
from schema.errors import NOT_ANSWERING, TOOK_TOO_LONG, Code, CodedError
from schema.mutation import Mutation
from schema.query import Query
from schema.request import Request
from schema.scalars import SCALARS, parse_text
from tenants.database import DatabaseUnavailable, StatementTimeout

MOST_TOKENS = 4_000
DEEPEST_VARIABLES = 50

Report = Callable[[BaseException], str]
"""Told the cause of every fault that callers are not shown; gives the id by which they may ask about it."""


class Phase(enum.Enum):
    """How far an operation came; GraphQL over HTTP answers by it."""

    REFUSED = "refused before execution"
    EXECUTED = "executed, perhaps with errors"


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to one operation, ready to be written as JSON."""

    body: dict[str, Any]
    phase: Phase


class _TextCanBeStored(ValidationRule):
    """A string literal must be text that PostgreSQL can hold."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)

    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        try:
            parse_text(node.value)
        except CodedError as refused:
            self.report_error(GraphQLError(refused.message, node, original_error=refused))


class _OneOperationIsMeant(SchemaExtension):
    """Of several operations one must be named: Strawberry would run the first."""

    def on_validate(self) -> Iterator[None]:
        asked = self.execution_context
        definitions = asked.graphql_document.definitions if asked.graphql_document else ()
        operations = [part for part in definitions if isinstance(part, OperationDefinitionNode)]
        # The public `operation_name` is the first operation's where none was said.
        if asked._provided_operation_name is None and len(operations) > 1:
            asked.pre_execution_errors = [CodedError(Code.BAD_REQUEST, _NAME_ONE)]
        yield


_NAME_ONE = "say by `operationName` which operation of the document is meant"


class _Schema(strawberry.Schema):
    """Strawberry's schema without its error log, which would write what callers sent."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        del errors, execution_context


@cache
def graph() -> strawberry.Schema:
    """The schema, built once."""
    return _Schema(
        query=Query,
        mutation=Mutation,
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=[
            lambda: MaxTokensLimiter(max_token_count=MOST_TOKENS),
            lambda: AddValidationRules([_TextCanBeStored]),
            _OneOperationIsMeant,
        ],
    )


async def answer(
    request: Request,
    *,
    query: str,
    variables: dict[str, Any] | None,
    operation: str | None,
    reading_only: bool,
    report: Report,
) -> Answer:
    """Execute one operation for the request's caller. `reading_only` refuses mutations, as GET must."""
    try:
        _refuse_unstorable(variables or {}, 0)
    except CodedError as refused:
        return Answer(refusal(Code.BAD_USER_INPUT, refused.message), Phase.REFUSED)
    allowed = {StrawberryOperation.QUERY} | (set() if reading_only else {StrawberryOperation.MUTATION})
    try:
        result = await graph().execute(
            query,
            variable_values=variables,
            context_value=request,
            operation_name=operation,
            allowed_operation_types=allowed,
        )
    except (MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError) as refused:
        return Answer(refusal(Code.BAD_REQUEST, _turned_down(refused)), Phase.REFUSED)
    finally:
        await request.close()
    body: dict[str, Any] = {}
    refused_before = isinstance(result, PreExecutionError) or (
        result.data is None and not any(error.path for error in result.errors or ())
    )
    if result.errors:
        body["errors"] = [_shown(error, refused_before, report) for error in result.errors]
    if not refused_before:
        body["data"] = result.data
    return Answer(body, Phase.REFUSED if refused_before else Phase.EXECUTED)


def refusal(code: Code, message: str) -> dict[str, Any]:
    """The body of a response that holds one error and no data."""
    return {"errors": [{"message": message, "extensions": {"code": code.value}}]}


def _refuse_unstorable(value: Any, depth: int) -> None:
    if depth > DEEPEST_VARIABLES:
        raise CodedError(Code.BAD_USER_INPUT, f"variables nest deeper than {DEEPEST_VARIABLES} levels")
    if isinstance(value, str):
        parse_text(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            parse_text(key)
            _refuse_unstorable(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _refuse_unstorable(inner, depth + 1)


def _shown(error: GraphQLError, refused_before: bool, report: Report) -> dict[str, Any]:
    """The error as callers see it."""
    message, code, more = _classified(error, refused_before, report)
    shown = error.formatted
    return {**shown, "message": message, "extensions": {"code": code.value, **more}}


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


def _turned_down(refused: Exception) -> str:
    """What Strawberry raises for an operation that is missing, ambiguous or of a kind not allowed here."""
    match refused:
        case InvalidOperationTypeError(operation_type=kind):
            return f"a {kind.value} is not taken here: send queries by GET or POST, mutations by POST"
        case CannotGetOperationTypeError(operation_name=None):
            return _NAME_ONE
        case CannotGetOperationTypeError(operation_name=name):
            return f"the document has no operation named {(name or '')[:100]!r}"
    return "there is no `query` in the request"
