"""What the server says to its database for one operation: each statement with its values, in order."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from schema.graph import Engine
from schema.request import Request
from tenants.answering import FoundRow
from tenants.credentials import Credentials
from tenants.database import Database, Transaction
from tenants.organisation import Directory
from tenants.scope import Scope

Statement = tuple[str, Sequence[Any]]


class Overheard(Database):
    """The product's own door, which keeps what is said at once, and whether a transaction was opened for it."""

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials, connections=2)
        self.said: list[Statement] = []
        self.transactions = 0

    @asynccontextmanager
    async def transaction(
        self, scope: Scope, *, write: bool = False, fresh: bool = False
    ) -> AsyncIterator[Transaction]:
        """A transaction, counted."""
        self.transactions += 1
        async with super().transaction(scope, write=write, fresh=fresh) as opened:
            yield opened

    async def rows_at_once(self, scope: Scope, text: str, values: Sequence[Any]) -> list[FoundRow]:
        """Rows; the statement is kept."""
        self.said.append((text, values))
        return await super().rows_at_once(scope, text, values)

    async def written_at_once(self, scope: Scope, text: str, values: Sequence[Any]) -> list[Any]:
        """A change; the statement is kept."""
        self.said.append((text, values))
        return await super().written_at_once(scope, text, values)

    async def answer(
        self, scope: Scope, expression: str, values: Sequence[Any], *, fresh: bool = False
    ) -> bytes:
        """The expression's value; it is kept."""
        self.said.append((f"select ({expression})", values))
        return await super().answer(scope, expression, values, fresh=fresh)


async def overhear(
    database: Overheard, scope: Scope, document: str, variables: dict[str, Any]
) -> tuple[list[Statement], bytes]:
    """What was said at once for one operation, each statement a transaction of its own; and its answer."""
    directory = Directory(database)
    request = Request(
        database=database,
        directory=directory,
        organisation=await directory.organisation(),
        scope=scope,
        today=dt.datetime.now(dt.UTC).date(),
    )
    engine = Engine()
    database.said, database.transactions = [], 0
    answer = await engine.answer(
        request,
        engine.documents.find(document),
        variables=variables,
        operation=None,
        reading_only=False,
        report=str,
    )
    return database.said, answer.body


def literal(value: Any) -> str:
    """A value as SQL writes it: text whose type the statement decides, as it does of a parameter's."""
    match value:
        case None:
            return "null"
        case list() | tuple():
            return _quoted("{" + ",".join(_item(one) for one in value) + "}")
    return _quoted(_text(value))


def _item(value: Any) -> str:
    if value is None:
        return "null"
    escaped = _text(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _text(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case UUID() | int() | str():
            return str(value)
        case dt.datetime() | dt.date():
            return value.isoformat()
    # The driver's own UUIDs.
    return str(value)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
