"""What one operation carries with it: who asks, what it sees, and the batches it is collecting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from graphql.execution.values import VariableValues
from strawberry.dataloader import DataLoader
from strawberry.types import Info

from domain.access import Caller
from domain.organisation import Organisation
from schema.budget import Budget
from tenants.actions.once import Outcome
from tenants.database import Database
from tenants.organisation import Directory
from tenants.scope import Scope
from tenants.segments.rulebook import Rules
from tenants.snapshot import Snapshot

LoadMany = Callable[[list[Any]], Awaitable[Sequence[Any]]]


class _Loader(DataLoader[Any, Any]):
    """A batch whose answers several fields may await: where one of them is cancelled, the others are not.

    graphql-core cancels what stands beside a field that is refused.
    """

    def load(self, key: Any) -> Awaitable[Any]:
        """The answer for one key, as this caller's own future."""
        return asyncio.shield(super().load(key))


@dataclass(slots=True)
class Carried:
    """What one of a mutation's fields has come to, kept by whoever reads its rows only afterwards.

    With `again`, it has been carried out before, and is only to be shown once more, rows and all.
    """

    outcome: Outcome | None = None
    again: bool = False


class Request:
    """The context of one operation. The scope is decided before it is made, and never changes."""

    def __init__(
        self,
        *,
        database: Database,
        directory: Directory,
        organisation: Organisation,
        scope: Scope,
        today: date,
        deadline: float | None = None,
        rules: Rules | None = None,
    ) -> None:
        """`rules` are the server's own, by default those that the directory keeps."""
        self.database = database
        self.directory = directory
        self.organisation = organisation
        self.scope = scope
        self.today = today
        self.budget = Budget(deadline=deadline)
        self.rules = rules or directory.rules
        self.snapshot = Snapshot(database, scope, self.rules)
        self.variables: VariableValues | None = None
        self.carried: Carried | None = None
        self._loaders: dict[Hashable, DataLoader[Any, Any]] = {}

    @property
    def caller(self) -> Caller:
        """Who asks."""
        return self.scope.caller

    def batch(self, what: Hashable, load: LoadMany) -> DataLoader[Any, Any]:
        """The loader that collects the keys of one thing asked for; `what` holds the field and its arguments."""
        loader = self._loaders.get(what)
        if loader is None:
            loader = self._loaders[what] = _Loader(load_fn=load)
        return loader

    async def read_rules(self) -> None:
        """Know the rule sets in force anew, by the door that the request's own statements go through."""
        async with self.database.transaction(self.scope) as transaction:
            await self.rules.fresh(transaction)

    async def renew(self) -> None:
        """Something was written: answer from what is committed now."""
        self._loaders.clear()
        self.organisation = await self.directory.organisation()
        await self.snapshot.renew()

    async def close(self) -> None:
        """End the operation's transaction."""
        await self.snapshot.close()


def request_of(info: Info[Any, Any]) -> Request:
    """The operation's context, from a resolver's info."""
    request = info.context
    assert isinstance(request, Request)
    return request
