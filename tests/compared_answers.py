"""The compiled plan's answer beside the normal executor's, byte by byte."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from conftest import Server

from domain.access import Caller
from schema.graph import Engine
from schema.request import Request
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.organisation import Directory

TODAY = dt.date(2026, 1, 15)


@dataclass(frozen=True, slots=True)
class Answers:
    """One operation answered both ways: the bodies up to their extensions, and what the plan says of itself."""

    compiled: bytes
    normal: bytes
    plan: dict[str, Any]
    faults: list[BaseException]

    @property
    def differ(self) -> bool:
        """Whether a caller could tell one from the other, or either broke."""
        return self.compiled != self.normal or bool(self.faults)

    @property
    def refused(self) -> bool:
        """Whether there are errors."""
        return b'"errors":[' in self.normal


@dataclass(slots=True)
class Tally:
    """How operations were answered."""

    tiers: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, answers: Answers) -> None:
        """Count one operation."""
        tier = str(answers.plan.get("tier", "refused before execution"))
        self.tiers[tier if not answers.refused or tier == "compiled" else f"{tier}, with errors"] += 1
        if "reason" in answers.plan:
            self.reasons[answers.plan["reason"]] += 1

    @property
    def compiled_share(self) -> float:
        """Of the operations without errors, how many were answered by one statement."""
        good = self.tiers["compiled"] + self.tiers["normal"]
        return self.tiers["compiled"] / max(good, 1)


class Bank:
    """One database for a module, and both ways to ask it."""

    def __init__(self, run: Callable[[Any], Any], database: Database, dsn: str) -> None:
        self.run = run
        self.database = database
        self.dsn = dsn
        self.directory = Directory(database)
        self.tally = Tally()
        compiled = Engine(explains=True)
        self.engines = compiled, Engine(compiled.documents, compiled=False)

    async def request(self, caller: Caller) -> Request:
        """What an operation of this caller carries with it."""
        return Request(
            database=self.database,
            directory=self.directory,
            organisation=await self.directory.organisation(),
            scope=await self.directory.scope(caller),
            today=TODAY,
        )

    async def body(
        self, engine: Engine, request: Request, query: str, variables: dict[str, Any], faults: list[Any]
    ) -> bytes:
        """The whole response of one engine; `faults` collects what callers are not shown."""

        def report(cause: BaseException) -> str:
            faults.append(cause)
            return "reported"

        document = engine.documents.find(query)
        try:
            answered = await engine.answer(
                request, document, variables=variables, operation=None, reading_only=False, report=report
            )
        except (Exception, asyncio.CancelledError) as broken:
            faults.append(broken)
            return b"null"
        return answered.body

    async def answers(self, caller: Caller, query: str, variables: dict[str, Any] | None = None) -> Answers:
        """Both answers."""
        faults: list[BaseException] = []
        compiled, normal = [
            await self.body(engine, await self.request(caller), query, variables or {}, faults)
            for engine in self.engines
        ]
        extensions = (orjson.loads(compiled) or {}).get("extensions", {})
        found = Answers(told_of(compiled), told_of(normal), extensions.get("plan", {}), faults)
        self.tally.add(found)
        return found


def told_of(body: bytes) -> bytes:
    """The data and the errors of a body, without the extensions."""
    # Text never has this in it: its quotes are escaped.
    return body.rpartition(b',"extensions":{"cost":')[0] or body


@contextmanager
def opened_bank(server: Server, template: str) -> Iterator[Bank]:
    """A clone of the small bank with an event loop of its own."""
    name = f"{template}_{os.urandom(4).hex()}"
    with asyncio.Runner() as runner:
        runner.run(server.run(f"create database {name} template {template} strategy file_copy"))
        database = Database(Credentials(server.to(name)), connections=2)
        runner.run(database.open())
        try:
            yield Bank(runner.run, database, server.to(name))
        finally:
            runner.run(database.close())
            runner.run(server.run(f"drop database {name} with (force)"))
