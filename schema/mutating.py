"""A mutation's fields one after the other: each is carried out by its resolver, and then shown by one statement.

What a statement cannot show, the normal executor does, of the very same outcome.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    located_error,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Path, is_awaitable

from schema.binding import Unread
from schema.carrying_out import gone
from schema.compiler.outline import NotCompiled
from schema.compiler.payloads import (
    BETWEEN_ROWS,
    NO_ROW,
    Asked,
    NotShown,
    ReadyMutation,
    plan_of_rows,
    value_of,
    values_of,
)
from schema.compiler.plan import OUTDATED, RulesUnknown
from schema.compiler.rows import NOT_ANSWERED
from schema.documents import Operation
from schema.refusals import UserError
from schema.request import Carried, Request

MOST_RULEBOOKS = 3
"""How often the rows of a payload are planned at most where rules are activated meanwhile."""
_NOT_ANSWERED = NOT_ANSWERED.encode()

ByTheExecutor = Callable[[DocumentNode], Awaitable[ExecutionResult]]
"""Carries out a document by the normal executor, with the operation's variables."""


class TooLong(Exception):
    """The rows to show are longer than an answer may be."""


@dataclass(slots=True)
class Changed:
    """What a mutation answers: its data, what went wrong, and the statements that showed its rows."""

    data: bytes
    errors: list[GraphQLError] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    weight: int = 0


class Changing:
    """One mutation while it is carried out."""

    def __init__(
        self,
        schema: GraphQLSchema,
        request: Request,
        operation: Operation,
        variables: VariableValues,
        *,
        most_bytes: int,
        by_the_executor: ByTheExecutor,
    ) -> None:
        self._schema = schema
        self._request = request
        self._operation = operation
        self._variables = variables
        self._most_bytes = most_bytes
        self._by_the_executor = by_the_executor
        self._done = Changed(b"")

    async def carry_out(self, ready: ReadyMutation) -> Changed:
        """Carry out every field in its turn. Raises TooLong, once all that was asked for has been tried."""
        parts: list[bytes] = []
        too_long: TooLong | None = None
        self._request.variables = self._variables
        try:
            for asked in ready.fields:
                try:
                    shown = await self._field(asked)
                except TooLong as problem:
                    shown, too_long = b"null", problem
                parts.append(b'"%s":%s' % (asked.payload.key.encode(), shown))
        finally:
            await self._request.close()
        if too_long is not None:
            raise too_long
        self._done.data = b"{%s}" % b",".join(parts)
        return self._done

    async def _field(self, asked: Asked) -> bytes:
        payload = asked.payload
        if payload.root.name == "__typename":
            return b'"%s"' % payload.root.parent.encode()
        self._request.carried = Carried()
        try:
            said = await self._resolved(asked)
            return b"null" if said is None else await self._shown(asked, said)
        except TooLong:
            raise
        except (NotCompiled, NotShown):
            return await self._again(asked)
        except Exception as problem:
            self._done.errors.append(located_error(problem, payload.nodes, [payload.key]))
            return b"null"
        finally:
            self._request.carried = None

    async def _resolved(self, asked: Asked) -> Any:
        """What the field's resolver answers, called as the normal executor calls it."""
        selected = asked.payload.root
        definition = selected.definition
        assert definition.resolve is not None
        assert self._schema.mutation_type is not None
        info = GraphQLResolveInfo(
            selected.name,
            asked.payload.nodes,
            definition.type,
            self._schema.mutation_type,
            Path(None, selected.key, selected.parent),
            self._schema,
            self._operation.fragments,
            None,
            self._operation.node,
            self._variables.coerced,  # type: ignore[arg-type]
            self._request,
            is_awaitable,
            None,
            None,  # type: ignore[arg-type]  # resolvers of ours begin nothing that outlives them
        )
        result = definition.resolve(None, info, **selected.arguments(self._variables))
        return await result if is_awaitable(result) else result

    async def _shown(self, asked: Asked, said: Any) -> bytes:
        """The payload's JSON. Raises NotCompiled, NotShown, TooLong."""
        answered = type(said).__strawberry_definition__.name
        members = asked.payload.members.get(answered)
        if members is None:
            raise NotShown(f"{answered} is none of the payload's types")
        refused = isinstance(said, UserError)
        unread = _unread_of(said)
        rows: list[bytes] = []
        if unread is not None and (not refused or any(member.is_row for member in members)):
            data = await self._rows(asked, answered, unread)
            if data != NO_ROW:
                rows = data.split(BETWEEN_ROWS)
            elif not refused:
                return await self._shown(asked, gone(unread.type_name))
        parts = [] if members else [b"{"]
        for member in members:
            if member.is_row:
                row = rows.pop(0) if rows else b"null"
                parts += [member.before, b"null" if getattr(said, member.name) is None else row]
            else:
                parts += [member.before, value_of(member, said)]
        return b"".join((*parts, b"}"))

    async def _rows(self, asked: Asked, answered: str, row: Unread) -> bytes:
        request = self._request
        for _ in range(MOST_RULEBOOKS):
            try:
                plan, is_new = plan_of_rows(asked, request, answered, row, self._most_bytes)
            except RulesUnknown:
                await request.read_rules()
                continue
            if is_new:
                self._done.weight += plan.weight
            self._done.statements.append(plan.text)
            values = values_of(plan, asked, row, request)
            data = await request.database.answer(request.scope, plan.text, values, fresh=True)
            if data == OUTDATED:
                await request.read_rules()
                continue
            if not data:
                raise TooLong
            if _NOT_ANSWERED in data:
                raise NotShown("a row that must be there is not in sight")
            return data
        raise NotShown("the rules changed again and again while it was planned")

    async def _again(self, asked: Asked) -> bytes:
        """The payload as the normal executor shows it, of the outcome that is known already."""
        payload, operation = asked.payload, self._operation
        if self._request.carried is not None:
            self._request.carried.again = True
        alone = OperationDefinitionNode(
            operation=operation.kind,
            variable_definitions=operation.node.variable_definitions,
            selection_set=SelectionSetNode(selections=tuple(payload.nodes)),
        )
        document = DocumentNode(definitions=(alone, *operation.fragments.values()))
        result = await self._by_the_executor(document)
        self._done.errors += result.errors or []
        return orjson.dumps((result.data or {}).get(payload.key))


def _unread_of(said: Any) -> Unread | None:
    """The one row that a payload shows."""
    found = {value for value in vars(said).values() if isinstance(value, Unread)}
    if len(found) > 1:
        raise NotShown("a payload with several rows")
    return found.pop() if found else None
