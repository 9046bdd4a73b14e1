"""The small bank with the shipped rules in force and recorded, on a day of its own; a test's work is undone."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from conftest import Server
from small_bank import HQ
from sqlalchemy import func, select

from domain.segmentation import json_form
from domain.segmentation.rules import RuleSet
from tenants.actions import rule_sets
from tenants.actions.once import Done, Refused
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.organisation import Directory
from tenants.scope import Scope
from tenants.segments.cte import written
from tenants.segments.recording import Cause, record_all
from tenants.segments.rulebook import read_rulebook
from tenants.segments.settling import owes_nothing
from tenants.segments.shipped import ensure_defaults
from tenants.tables import rule_set, rule_set_simulation
from tenants.transaction import Transaction

DAY = dt.date(2025, 3, 31)
WRITER, SECOND, THIRD = "wen", "shu", "tao"


class Undo(Exception):
    """Ends a transaction whose work is not to stay."""


@dataclass(frozen=True)
class RulesBank:
    """One database for a module, open."""

    dsn: str
    runner: asyncio.Runner
    database: Database
    scope: Scope

    def undone(self, act: Callable[[Transaction], Awaitable[Any]], scope: Scope | None = None) -> Any:
        """What `act` answers in a write transaction that leaves nothing behind."""

        async def acted() -> Any:
            answered = None
            try:
                async with self.database.transaction(scope or self.scope, write=True) as transaction:
                    answered = await act(transaction)
                    raise Undo
            except Undo:
                return answered

        return self.runner.run(acted())


@contextmanager
def rules_bank(server: Server, template: str) -> Iterator[RulesBank]:
    """Such a bank, as long as this lasts."""
    name = f"{template}_{os.urandom(4).hex()}"
    with asyncio.Runner() as runner:
        runner.run(server.run(f"create database {name} template {template} strategy file_copy"))
        database = Database(Credentials(server.to(name)), connections=3)
        runner.run(database.open())
        try:
            scope = runner.run(Directory(database).operator())
            runner.run(_furnish(database, scope))
            yield RulesBank(server.to(name), runner, database, scope)
        finally:
            runner.run(database.close())
            runner.run(server.run(f"drop database {name} with (force)"))


async def _furnish(database: Database, scope: Scope) -> None:
    async with database.transaction(scope, write=True) as transaction:
        await become(transaction, DAY)
        await ensure_defaults(transaction)
    async with database.transaction(scope, write=True) as transaction:
        rulebook = await read_rulebook(transaction)
        await record_all(transaction, rulebook, Cause.SNAPSHOT, scope.branches)
        await owes_nothing(transaction)


async def become(transaction: Transaction, day: dt.date) -> None:
    """Let the bank's books be read on this day."""
    await transaction.connection.execute(
        "insert into bank.business_day (day) values ($1) on conflict (singleton) do update set day = $1", day
    )


async def drafted(
    transaction: Transaction, made: RuleSet, *, unit: str | None = None, by: str = WRITER
) -> int:
    """The id of a new draft."""
    outcome = await rule_sets.draft(
        transaction, by, dimension=made.dimension, unit_code=unit, body=json_form.written(made), note=None
    )
    assert isinstance(outcome, Done), outcome
    return int(str(outcome.key[0]))


async def simulated(transaction: Transaction, rule_set_id: int) -> Any:
    """The row of the rule set, simulated."""
    before = await row_of(transaction, rule_set_id)
    outcome = await rule_sets.simulate(transaction, WRITER, rule_set_id, before["version"])
    assert isinstance(outcome, Done), outcome
    return await row_of(transaction, rule_set_id)


async def activated(
    transaction: Transaction, made: RuleSet, *, unit: str | None = None, on: dt.date | None = None
) -> int:
    """The id of a rule set that went all the way into force."""
    rule_set_id = await drafted(transaction, made, unit=unit)
    row = await simulated(transaction, rule_set_id)
    outcome = await rule_sets.activate(transaction, SECOND, rule_set_id, row["version"], effective_from=on)
    assert isinstance(outcome, Done), outcome
    return rule_set_id


async def row_of(transaction: Transaction, rule_set_id: int) -> Any:
    """A rule set's row."""
    row = await transaction.row(select(rule_set).where(rule_set.c.id == rule_set_id))
    assert row is not None
    return row


async def simulation_of(transaction: Transaction, rule_set_id: int) -> Any:
    """What the simulation of a rule set has found; None where there is none."""
    t = rule_set_simulation.c
    found = await transaction.value(select(t.found).where(t.rule_set_id == rule_set_id))
    return None if found is None else orjson.loads(found)


async def in_force(transaction: Transaction, dimension: str) -> Any:
    """The row of the bank's own rules in force today."""
    t = rule_set.c
    today = func.app.today()
    row = await transaction.row(
        select(rule_set).where(
            t.dimension_code == dimension,
            t.unit_id.is_(None),
            t.effective_from <= today,
            (t.effective_until.is_(None)) | (t.effective_until > today),
        )
    )
    assert row is not None
    return row


async def values(transaction: Transaction, dimension: str) -> list[tuple[int, str]]:
    """What the rules in force say of each client now: its branch, its value."""
    rulebook = await read_rulebook(transaction)
    rows = await transaction.connection.fetch(
        f"with client_segment as not materialized ({written(rulebook)}) "
        "select branch_id, value from client_segment where dimension = $1 order by client_id",
        dimension,
    )
    return [(row["branch_id"], row["value"]) for row in rows]


def code_of(outcome: object) -> str:
    """The refusal's code."""
    assert isinstance(outcome, Refused), outcome
    return outcome.refusal.code


__all__ = ["DAY", "HQ", "SECOND", "WRITER", "RulesBank", "rules_bank"]
