"""The whole schema, and one operation answered by it: by its compiled plan, or else by the normal executor."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Coroutine, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, TypeVar

import orjson
import strawberry
from graphql import DocumentNode, ExecutionResult, GraphQLError, OperationType, execute, execute_sync
from graphql.execution.values import VariableValues
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

import schema.codes  # noqa: F401 - makes the domain's code lists enums of the schema
from schema.admission import Admission
from schema.answers import Answer, Phase, answered, failed, refused_answer
from schema.compiler.payloads import ReadyMutation, ready_mutation
from schema.compiler.plan import OUTDATED, REFUSED, Bound, Ready, RulesUnknown, bound, ready
from schema.compiler.rows import NOT_ANSWERED
from schema.costs import Cost, objects_in
from schema.documents import Document, Documents, Operation
from schema.errors import Busy, Code, CodedError, TooDear
from schema.faults import Report, refusal
from schema.lasting import made_to_last
from schema.mutating import Changing, TooLong
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


@cache
def graph() -> strawberry.Schema:
    """The schema, built once."""
    with made_to_last():
        return strawberry.Schema(query=Query, mutation=Mutation, config=StrawberryConfig(scalar_map=SCALARS))


T = TypeVar("T")


class Apart(Protocol):
    """Runs what is not to hold up a time-out while it cleans up."""

    def __call__(self, executing: Coroutine[Any, Any, T], /) -> Awaitable[T]:
        """What the execution comes to."""


async def here(executing: Coroutine[Any, Any, T]) -> T:
    """Where nobody is timed."""
    return await executing


@dataclass(frozen=True, slots=True)
class Prepared:
    """One operation with its variables, ready for any caller: nothing of a caller is in it."""

    operation: Operation
    coerced: VariableValues
    variables: dict[str, Any] | None
    cost: Cost
    ready: Ready | ReadyMutation | str

    @property
    def changes(self) -> bool:
        """Whether it is a mutation."""
        return self.operation.kind is OperationType.MUTATION


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
        self._one_at_a_time = asyncio.Lock()

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
            return refused_answer(document.refused)
        try:
            meant = document.operation(operation)
            if reading_only and meant.kind is not OperationType.QUERY:
                return Answer((orjson.dumps(refusal(Code.BAD_REQUEST, _MUST_POST)),), Phase.MUST_POST)
            _refuse_unstorable(variables or {}, 0)
        except CodedError as refused:
            return refused_answer([refused])
        coerced = meant.variables.values(variables or {}, hide_suggestions=self.documents.hide_suggestions)
        if isinstance(coerced, list):
            return refused_answer(coerced)
        cost = meant.cost(coerced.coerced)
        if cost.total > self.documents.limits.cost:
            return refused_answer([self._too_dear(cost.total)])
        try:
            return Prepared(meant, coerced, variables, cost, self._ready(meant, coerced))
        except TooDear as refused:
            return refused_answer([refused])

    async def execute(
        self, request: Request, prepared: Prepared, *, report: Report, apart: Apart = here
    ) -> Answer:
        """Execute a prepared operation for the request's caller. Raises CodedError for what the admission refuses.

        The normal executor, whose transactions may have to be undone, runs in `apart`.
        """
        self._admission.admit(request.caller, prepared.operation, prepared.cost.total)
        if isinstance(prepared.ready, ReadyMutation):
            return await apart(self._changed(request, prepared, prepared.ready, report))
        way = await self._way(request, prepared)
        for _ in range(MOST_RULEBOOKS):
            if not isinstance(way, Bound):
                break
            try:
                data = await self._in_turn(request, way)
            except Exception as problem:
                # What it was to cost stays charged: the database has worked for it.
                return answered(None, failed(way.plan.roots, problem), {}, report)
            if data == OUTDATED:
                way = await self._way(request, prepared, anew=True)
                continue
            if not data:
                return answered(None, [self._too_long()], {}, report)
            if _NOT_ANSWERED not in data:
                plan = {"tier": "compiled", "statement": way.plan.text}
                return self._finished(request, prepared, data, [], plan, report)
            way = "a row that must be there is not in sight"
        if isinstance(way, Bound):
            way = "the rules changed again and again while it was planned"
        if (known := prepared.operation.schema_answer) is not None:
            return self._finished(request, prepared, known, [], {"tier": "known", "reason": way}, report)
        if prepared.operation.is_about_the_schema:
            data, errors = await self._of_the_schema(prepared.operation)
        else:
            request.variables = prepared.coerced
            result = await apart(_by_the_executor(request, prepared))
            data, errors = orjson.dumps(result.data), result.errors or []
        return self._finished(request, prepared, data, errors, {"tier": "normal", "reason": way}, report)

    async def _of_the_schema(self, operation: Operation) -> tuple[bytes, list[GraphQLError]]:
        """The schema is the same for all to whom it is shown, and a second of computing: kept once it is made.

        It is made in a thread, one at a time, for nobody's answer is to wait for it.
        """
        async with self._one_at_a_time:
            if operation.schema_answer is not None:
                return operation.schema_answer, []
            data, errors = await asyncio.to_thread(_introspected, operation)
        if not errors:
            operation.schema_answer = data
            self.documents.weigh(operation, len(data))
        return data, errors

    async def _changed(
        self, request: Request, prepared: Prepared, ready: ReadyMutation, report: Report
    ) -> Answer:
        async def by_the_executor(document: DocumentNode) -> ExecutionResult:
            return await _executed(request, document, None, prepared.variables)

        changing = Changing(
            self.schema,
            request,
            prepared.operation,
            prepared.coerced,
            most_bytes=self._answer_bytes,
            by_the_executor=by_the_executor,
        )
        try:
            done = await changing.carry_out(ready)
        except TooLong:
            return answered(None, [self._too_long()], {}, report)
        if done.weight:
            self.documents.weigh(prepared.operation, done.weight)
        plan = {"tier": "compiled", "statements": done.statements}
        return self._finished(request, prepared, done.data, done.errors, plan, report)

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

    def _ready(self, operation: Operation, coerced: VariableValues) -> Ready | ReadyMutation | str:
        if not self._compiled:
            return "compiled plans are switched off"
        if operation.kind is OperationType.MUTATION:
            return self._ready_mutation(operation, coerced)
        try:
            return ready(self.schema, operation, coerced)
        except TooDear:
            raise
        except GraphQLError:
            return REFUSED

    def _ready_mutation(self, operation: Operation, coerced: VariableValues) -> ReadyMutation | str:
        try:
            return ready_mutation(self.schema, operation, coerced)
        except GraphQLError:
            return REFUSED

    async def _way(self, request: Request, prepared: Prepared, *, anew: bool = False) -> Bound | str:
        """The statement; the rules that it may need are read where nobody has yet, or `anew`."""
        if not isinstance(prepared.ready, Ready):
            return str(prepared.ready)
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
        errors: Sequence[GraphQLError],
        plan: dict[str, Any],
        report: Report,
    ) -> Answer:
        if len(data) > self._answer_bytes:
            return answered(None, [self._too_long()], {}, report)
        requested = prepared.cost.total
        # What a long answer holds is estimated: it must not seem more than could be.
        actual = min(prepared.cost.work + objects_in(data), requested)
        self._admission.settle(request.caller, requested, actual)
        extensions: dict[str, Any] = {"cost": {"requested": requested, "actual": actual}}
        if self._explains:
            extensions["plan"] = plan
        return answered(data, errors, extensions, report)

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


def _introspected(operation: Operation) -> tuple[bytes, list[GraphQLError]]:
    result = execute_sync(graph()._schema, operation.document, operation_name=operation.name)
    return orjson.dumps(result.data), result.errors or []


async def _by_the_executor(request: Request, prepared: Prepared) -> ExecutionResult:
    try:
        operation = prepared.operation
        return await _executed(request, operation.document, operation.name, prepared.variables)
    finally:
        await request.close()


async def _executed(
    request: Request, document: DocumentNode, name: str | None, variables: dict[str, Any] | None
) -> ExecutionResult:
    result = execute(
        graph()._schema,
        document,
        context_value=request,
        variable_values=variables,
        operation_name=name,
        executor_class=StrawberryGraphQLCoreExecutionContext,
    )
    return result if isinstance(result, ExecutionResult) else await result


_MUST_POST = "GET only reads: send a mutation by POST"


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
