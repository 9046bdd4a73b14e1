"""One caller's view of the bank: opened at the first question, the same until it is closed."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from sqlalchemy import Executable

from tenants.database import Database, Transaction
from tenants.scope import Scope


class Snapshot:
    """A read transaction under a scope, begun when first needed. Used by many resolvers at once."""

    def __init__(self, database: Database, scope: Scope) -> None:
        self.scope = scope
        self._database = database
        self._open: tuple[AsyncExitStack, Transaction] | None = None
        self._turn = asyncio.Lock()
        self._failure: BaseException | None = None
        self._closed = False
        self._fresh = False

    async def rows(self, statement: Executable) -> list[Any]:
        """The rows of a SELECT. Raises what `Database.transaction` raises."""
        async with self._turn:
            if self._failure:
                raise self._failure
            try:
                if self._open is None:
                    self._open = await self._begin()
                return await self._open[1].rows(statement)
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
            self._open = None
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
