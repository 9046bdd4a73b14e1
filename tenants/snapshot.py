"""One caller's view of the bank: opened at the first question, the same until it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from sqlalchemy import Executable

from tenants.database import Database, Transaction
from tenants.scope import Scope
from tenants.segments.rulebook import Rules, RulesInForce
from tenants.segments.statements import mentions_segments, with_segments
from tenants.transaction import compiled

T = TypeVar("T")


class Snapshot:
    """A read transaction under a scope, begun when first needed. Used by many resolvers at once.

    Segments are those of the rules that the same transaction sees.
    """

    def __init__(self, database: Database, scope: Scope, rules: Rules) -> None:
        self.scope = scope
        self._database = database
        self._rules = rules
        self._rulebook: RulesInForce | None = None
        self._open: tuple[AsyncExitStack, Transaction] | None = None
        self._turn = asyncio.Lock()
        self._failure: BaseException | None = None
        self._closed = False
        self._fresh = False

    async def rows(self, statement: Executable) -> list[Any]:
        """The rows of a SELECT. Raises what `Database.transaction` raises."""
        text, values = compiled(statement)

        async def read(transaction: Transaction) -> list[Any]:
            if not mentions_segments(text):
                return await transaction.fetch(text, values)
            rulebook = await self._rules_seen(transaction)
            return await transaction.fetch(with_segments(text, rulebook), values)

        return await self._asked(read)

    async def rulebook(self) -> RulesInForce:
        """The rule sets in force. Raises what `Database.transaction` raises."""
        return await self._asked(self._rules_seen)

    async def ask(self, question: Callable[[Transaction], Awaitable[T]]) -> T:
        """The answer to a question of several statements. Raises what `Database.transaction` raises."""
        return await self._asked(question)

    async def _rules_seen(self, transaction: Transaction) -> RulesInForce:
        if self._rulebook is None:
            self._rulebook = await self._rules.fresh(transaction)
        return self._rulebook

    async def _asked(self, ask: Callable[[Transaction], Awaitable[T]]) -> T:
        async with self._turn:
            if self._failure:
                raise self._failure
            try:
                if self._open is None:
                    self._open = await self._begin()
                return await ask(self._open[1])
            except Exception as problem:
                # PostgreSQL answers nothing more in a failed transaction: everyone is told the first reason.
                self._failure = await self._abandoned(problem)
                raise self._failure from problem

    async def renew(self) -> None:
        """Let the next question see what has been committed since, by us above all; forget an earlier failure."""
        async with self._turn:
            self._fresh = True
            self._failure = self._failure if self._closed else None
            await self._end()

    async def close(self) -> None:
        """End the transaction; whoever asks afterwards is told that the operation has ended."""
        async with self._turn:
            self._closed = True
            self._failure = self._failure or RuntimeError("the operation has ended")
            await self._end()

    async def _begin(self) -> tuple[AsyncExitStack, Transaction]:
        stack = AsyncExitStack()
        transaction = await stack.enter_async_context(
            self._database.transaction(self.scope, fresh=self._fresh)
        )
        return stack, transaction

    async def _end(self) -> None:
        if self._open is not None:
            stack, _ = self._open
            self._open = self._rulebook = None
            await stack.aclose()

    async def _abandoned(self, problem: Exception) -> BaseException:
        if self._open is None:
            return problem
        stack, _ = self._open
        self._open = None
        try:
            await stack.__aexit__(type(problem), problem, problem.__traceback__)
        except Exception as translated:
            return translated
        return problem
