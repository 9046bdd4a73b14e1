"""The whole schema, and one operation answered by it: by its compiled plan, or else by the normal executor."""

from __future__ import annotations

import enum
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
import strawberry
from graphql import ExecutionResult, GraphQLError, OperationType, execute
from graphql.execution.values import VariableValues
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

import schema.codes  # noqa: F401 - makes the domain's code lists enums of the schema
from schema.admission import Admission
from schema.compiler.plan import OUTDATED, REFUSED, Bound, Ready, RulesUnknown, bound, ready
from schema.compiler.rows import NOT_ANSWERED
from schema.costs import Cost, objects_in
from schema.documents import Document, Documents, Operation
from schema.errors import Busy, Code, CodedError, TooDear
from schema.faults import Report, refusal, shown
from schema.mutation import Mutation
from schema.query import Query
from schema.request import Request
from schema.scalars import SCALARS, parse_text
from schema.turns import Turns
from tenants.database import DatabaseUnavailable, StatementTimeout

DEEPEST_VARIABLES = 50
MOST_RULEBOOKS = 3
"""How often an operation is planned at most where rules are activated meanwhile."""
LARGEST_ANSWER_BYTES = 10_000_000
_NOT_ANSWERED = NOT_ANSWERED.encode()


class Phase(enum.Enum):
    """How far an operation came; GraphQL over HTTP answers by it."""

    REFUSED = "refused before execution"
    MUST_POST = "refused before execution, since it writes and was asked for as a read"
    EXECUTED = "executed, perhaps with errors"


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to one operation: its JSON, in parts, since the longest need not be copied to be sent."""

    parts: tuple[bytes, ...]
    phase: Phase

    @property
    def body(self) -> bytes:
        """The whole JSON."""
        return b"".join(self.parts)


@cache
def graph() -> strawberry.Schema:
    """The schema, built once."""
    return strawberry.Schema(query=Query, mutation=Mutation, config=StrawberryConfig(scalar_map=SCALARS))


Apart = Callable[[Coroutine[Any, Any, ExecutionResult]], Awaitable[ExecutionResult]]
"""Runs what is not to hold up a time-out while it cleans up."""


async def here(executing: Coroutine[Any, Any, ExecutionResult]) -> ExecutionResult:
    """Where nobody is timed."""
    return await executing


@dataclass(frozen=True, slots=True)
class Prepared:
    """One operation with its variables, ready for any caller: nothing of a caller is in it."""

    operation: Operation
    coerced: VariableValues
    variables: dict[str, Any] | None
    cost: Cost
    ready: Ready | str


class Engine:
    """Answers operations. `compiled=False` leaves all to the normal executor; `explains` says how each was."""

    def __init__(
        self,
        documents: Documents | None = None,
        *,
        compiled: bool = True,
        explains: bool = False,
        answer_bytes: int = LARGEST_ANSWER_BYTES,
        admission: Admission | None = None,
        turns: Turns | None = None,
    ) -> None:
        self.schema = graph()._schema
        self.documents = documents or Documents(self.schema)
        self._compiled = compiled
        self._explains = explains
        self._answer_bytes = answer_bytes
        self._admission = admission or Admission()
        self._turns = turns

    async def answer(
        self,
        request: Request,
        document: Document,
        *,
        variables: dict[str, Any] | None,
        operation: str | None,
        reading_only: bool,
        report: Report,
    ) -> Answer:
        """`prepare` and `execute` in one. Raises CodedError for what the admission refuses."""
        prepared = self.prepare(document, variables=variables, operation=operation, reading_only=reading_only)
        if isinstance(prepared, Answer):
            return prepared
        return await self.execute(request, prepared, report=report)

    def prepare(
        self,
        document: Document,
        *,
        variables: dict[str, Any] | None,
        operation: str | None,
        reading_only: bool,
    ) -> Prepared | Answer:
        """One operation with its variables, whoever may ask for it; or the answer that refuses it.

        `reading_only` refuses mutations, as GET must.
        """
        if document.refused:
            return _refused(document.refused)
        try:
            meant = document.operation(operation)
            if reading_only and meant.kind is not OperationType.QUERY:
                return Answer((orjson.dumps(refusal(Code.BAD_REQUEST, _MUST_POST)),), Phase.MUST_POST)
            _refuse_unstorable(variables or {}, 0)
        except CodedError as refused:
            return _refused([refused])
        coerced = meant.variables.values(variables or {}, hide_suggestions=self.documents.hide_suggestions)
        if isinstance(coerced, list):
            return _refused(coerced)
        cost = meant.cost(coerced.coerced)
        if cost.total > self.documents.limits.cost:
            return _refused([self._too_dear(cost.total)])
        try:
            return Prepared(meant, coerced, variables, cost, self._ready(meant, coerced))
        except TooDear as refused:
            return _refused([refused])

    async def execute(
        self, request: Request, prepared: Prepared, *, report: Report, apart: Apart = here
    ) -> Answer:
        """Execute a prepared operation for the request's caller. Raises CodedError for what the admission refuses.

        The normal executor, whose transactions may have to be undone, runs in `apart`.
        """
        self._admission.admit(request.caller, prepared.operation, prepared.cost.total)
        way = await self._way(request, prepared)
        for _ in range(MOST_RULEBOOKS):
            if not isinstance(way, Bound):
                break
            try:
                data = await self._in_turn(request, way)
            except Exception as problem:
                # What it was to cost stays charged: the database has worked for it.
                return _answered(None, _failed(way, problem), {}, report)
            if data == OUTDATED:
                way = await self._way(request, prepared, anew=True)
                continue
            if not data:
                return _answered(None, [self._too_long()], {}, report)
            if _NOT_ANSWERED not in data:
                plan = {"tier": "compiled", "statement": way.plan.text}
                return self._finished(request, prepared, data, [], plan, report)
            way = "a row that must be there is not in sight"
        if isinstance(way, Bound):
            way = "the rules changed again and again while it was planned"
        if (known := prepared.operation.schema_answer) is not None:
            return self._finished(request, prepared, known, [], {"tier": "known", "reason": way}, report)
        request.variables = prepared.coerced
        result = await apart(_by_the_executor(request, prepared))
        data, errors = orjson.dumps(result.data), result.errors or []
        if prepared.operation.is_about_the_schema and not errors:
            # The same for all to whom the schema is shown, and long in the making.
            prepared.operation.schema_answer = data
            self.documents.weigh(prepared.operation, len(data))
        return self._finished(request, prepared, data, errors, {"tier": "normal", "reason": way}, report)

    async def _in_turn(self, request: Request, way: Bound) -> bytes:
        if self._turns is None:
            return await request.database.answer(request.scope, way.plan.text, way.values)
        try:
            await self._turns.take(request.caller)
        except TimeoutError:
            raise Busy from None
        began = time.monotonic()
        try:
            return await request.database.answer(request.scope, way.plan.text, way.values)
        finally:
            self._turns.leave(request.caller)
            self._admission.charge(request.caller, time.monotonic() - began)

    def _ready(self, operation: Operation, coerced: VariableValues) -> Ready | str:
        if operation.kind is not OperationType.QUERY:
            return "mutations are carried out one after the other"
        if not self._compiled:
            return "compiled plans are switched off"
        try:
            return ready(self.schema, operation, coerced)
        except TooDear:
            raise
        except GraphQLError:
            return REFUSED

    async def _way(self, request: Request, prepared: Prepared, *, anew: bool = False) -> Bound | str:
        """The statement; the rules that it may need are read where nobody has yet, or `anew`."""
        if isinstance(prepared.ready, str):
            return prepared.ready
        try:
            if anew:
                await request.read_rules()
            return self._bound(request, prepared, prepared.ready, anew=anew)
        except RulesUnknown:
            return await self._way(request, prepared, anew=True)
        except (DatabaseUnavailable, StatementTimeout):
            return "the rules in force could not be read"

    def _bound(self, request: Request, prepared: Prepared, asked: Ready, *, anew: bool) -> Bound | str:
        way = bound(asked, request, self._answer_bytes, rules_are_new=anew)
        if isinstance(way, Bound) and way.is_new:
            self.documents.weigh(prepared.operation, way.plan.weight)
        return way

    def _finished(
        self,
        request: Request,
        prepared: Prepared,
        data: bytes,
        errors: Iterable[GraphQLError],
        plan: dict[str, Any],
        report: Report,
    ) -> Answer:
        if len(data) > self._answer_bytes:
            return _answered(None, [self._too_long()], {}, report)
        requested = prepared.cost.total
        # What a long answer holds is estimated: it must not seem more than could be.
        actual = min(prepared.cost.work + objects_in(data), requested)
        self._admission.settle(request.caller, requested, actual)
        extensions: dict[str, Any] = {"cost": {"requested": requested, "actual": actual}}
        if self._explains:
            extensions["plan"] = plan
        return _answered(data, errors, extensions, report)

    def _too_dear(self, requested: int) -> TooDear:
        return TooDear(
            f"this may return {requested:,} objects and {self.documents.limits.cost:,} are taken: ask for fewer "
            "rows by `first`, on inner lists above all",
        )

    def _too_long(self) -> TooDear:
        return TooDear(
            f"the answer is longer than the {self._answer_bytes:,} bytes that are sent: ask for fewer rows by "
            "`first`, or for fewer fields"
        )


async def _by_the_executor(request: Request, prepared: Prepared) -> ExecutionResult:
    try:
        result = execute(
            graph()._schema,
            prepared.operation.document,
            context_value=request,
            variable_values=prepared.variables,
            operation_name=prepared.operation.name,
            executor_class=StrawberryGraphQLCoreExecutionContext,
        )
        return result if isinstance(result, ExecutionResult) else await result
    finally:
        await request.close()


_MUST_POST = "GET only reads: send a mutation by POST"


def _refused(errors: Iterable[GraphQLError]) -> Answer:
    body = {"errors": shown(errors, _unreachable, refused_before=True)}
    return Answer((orjson.dumps(body),), Phase.REFUSED)


def _unreachable(cause: BaseException) -> str:
    raise AssertionError("what is refused before it is executed is no fault of ours") from cause


def _answered(
    data: bytes | None, errors: Iterable[GraphQLError], extensions: dict[str, Any], report: Report
) -> Answer:
    parts = [b'{"data":', data or b"null"]
    if told := shown(errors, report):
        parts += [b',"errors":', orjson.dumps(told)]
    if extensions:
        parts += [b',"extensions":', orjson.dumps(extensions)]
    return Answer((*parts, b"}"), Phase.EXECUTED)


def _failed(way: Bound, problem: Exception) -> list[GraphQLError]:
    """One statement answers every field, so its failure is every field's."""
    return [
        GraphQLError(str(problem), node, path=[key], original_error=problem) for key, node in way.plan.roots
    ]


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
