"""Fifty callers on a few connections, some cancelled, some failing, some cut off: each sees its own rows only."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
from patience import PATIENCE_S
from small_bank import BEIJING, SHANGHAI, SmallBank
from sqlalchemy import delete, insert, select, text, update
from test_isolation_transaction import nothing_is_left

from domain.access import Caller
from tenants import tables as t
from tenants.credentials import Credentials
from tenants.database import LOST, Database, DatabaseUnavailable, StatementTimeout, Transaction
from tenants.organisation import Directory
from tenants.roles import Login
from tenants.scope import Scope

SEED = 20240502
CALLERS = 50
TURNS = 5200
TABLES = (t.client, t.contact, t.facility, t.financial_statement, t.credit_event, t.posting, t.staff)
WHO = (
    SmallBank.shanghai,
    SmallBank.jiangsu,
    SmallBank.beijing,
    SmallBank.east,
    SmallBank.huaxia,
    SmallBank.analyst,
)


class Abandoned(Exception):
    """The caller changes its mind."""


@dataclass
class Battery:
    """The callers, what they are to do, and what became of it."""

    database: Database
    scopes: list[Scope]
    clients: dict[int, list[UUID]]
    """Which clients each branch has, as the administrator knows it."""
    dice: random.Random = field(default_factory=lambda: random.Random(SEED))
    outcomes: Counter[str] = field(default_factory=Counter)
    kept: dict[UUID, int] = field(default_factory=dict)
    undone: set[UUID] = field(default_factory=set)
    left: int = TURNS

    async def run(self) -> None:
        async with asyncio.TaskGroup() as callers:
            for _ in range(CALLERS):
                callers.create_task(self._caller())

    async def _caller(self) -> None:
        while self.left > 0:
            self.left -= 1
            scope = self.dice.choice(self.scopes)
            turn = asyncio.create_task(self._turn(scope))
            if self.dice.random() < 0.08:
                asyncio.get_running_loop().call_later(self.dice.uniform(0, 0.02), turn.cancel)
            try:
                self.outcomes[await turn] += 1
            except asyncio.CancelledError:
                self.outcomes["cancelled"] += 1
            except DatabaseUnavailable:
                self.outcomes["unavailable"] += 1
            except StatementTimeout:
                self.outcomes["timed out"] += 1

    def _turn(self, scope: Scope) -> Coroutine[Any, Any, str]:
        kinds: list[tuple[float, Callable[[Scope], Coroutine[Any, Any, str]]]] = [
            (0.70, self._reads),
            (0.12, self._writes),
            (0.07, self._trespasses),
            (0.05, self._errs),
            (0.05, self._gives_up),
            (0.01, self._sleeps),
        ]
        return self.dice.choices([kind for _, kind in kinds], [weight for weight, _ in kinds])[0](scope)

    async def _reads(self, scope: Scope) -> str:
        table = self.dice.choice(TABLES)
        async with self.database.transaction(scope) as transaction:
            for _ in range(self.dice.randint(1, 3)):
                self._check(scope, await transaction.rows(select(table)))
        return "read"

    async def _writes(self, scope: Scope) -> str:
        """A row is written, read again and kept or given up."""
        if scope.login is Login.CLIENT:
            return await self._trespasses(scope)
        branch, id_ = self._own_branch(scope), self._new_id()
        with contextlib.suppress(Abandoned):
            async with self.database.transaction(scope, write=True) as transaction:
                await transaction.rows(self._contact(branch, id_))
                rows = await transaction.rows(select(t.contact).where(t.contact.c.id == id_))
                assert [row["branch_id"] for row in rows] == [branch]
                if self.dice.random() < 0.3:
                    self.undone.add(id_)
                    raise Abandoned
            self.kept[id_] = branch
        return "wrote"

    async def _trespasses(self, scope: Scope) -> str:
        """Everything that writes to a branch out of scope is refused or does nothing."""
        foreign = self.dice.choice(
            [branch for branch in self.clients if branch not in self._may_write(scope)] or [0]
        )
        id_ = self._new_id()
        self.undone.add(id_)
        if not foreign:
            return "nowhere to trespass"
        try:
            async with self.database.transaction(scope, write=True) as transaction:
                await self._nothing_changed(transaction, foreign)
                await transaction.rows(self._contact(foreign, id_))
        except asyncpg.InsufficientPrivilegeError:
            return "refused"
        raise AssertionError("a row was written out of scope")

    async def _nothing_changed(self, transaction: Transaction, foreign: int) -> None:
        where = t.contact.c.branch_id == foreign
        changes = [
            update(t.contact).values(name="taken").where(where).returning(t.contact.c.id),
            delete(t.contact).where(where).returning(t.contact.c.id),
        ]
        assert await transaction.rows(self.dice.choice(changes)) == []

    async def _errs(self, scope: Scope) -> str:
        with contextlib.suppress(asyncpg.DivisionByZeroError):
            async with self.database.transaction(scope) as transaction:
                self._check(scope, await transaction.rows(select(t.client)))
                await transaction.rows(select(text("1/0")))
        return "failed"

    async def _gives_up(self, scope: Scope) -> str:
        with contextlib.suppress(Abandoned):
            async with self.database.transaction(scope, write=True):
                raise Abandoned
        return "gave up"

    async def _sleeps(self, scope: Scope) -> str:
        async with self.database.transaction(scope) as transaction:
            await transaction.rows(select(text("pg_sleep(5)")))
        return "slept"

    def _check(self, scope: Scope, rows: list[asyncpg.Record]) -> None:
        if scope.sees_everything:
            assert {row["branch_id"] for row in rows} >= {SHANGHAI, BEIJING}
            return
        assert rows or scope.login is Login.CLIENT
        assert {row["branch_id"] for row in rows} <= set(scope.branches)
        if scope.login is Login.CLIENT and rows and "client_id" in rows[0].keys():  # noqa: SIM118
            assert {row["client_id"] for row in rows} <= set(scope.clients)

    def _may_write(self, scope: Scope) -> set[int]:
        return set() if scope.login is Login.CLIENT else set(scope.branches)

    def _own_branch(self, scope: Scope) -> int:
        return self.dice.choice([branch for branch in scope.branches if branch in self.clients])

    def _contact(self, branch: int, id_: UUID) -> Any:
        client = self.dice.choice(self.clients[branch])
        return insert(t.contact).values(branch_id=branch, id=id_, client_id=client, name="new")

    def _new_id(self) -> UUID:
        return UUID(int=self.dice.getrandbits(128))


async def a_battery(database: Database, administrator: asyncpg.Connection, turns: int = TURNS) -> Battery:
    directory = Directory(database)
    clients: dict[int, list[UUID]] = {}
    for row in await administrator.fetch("select branch_id, id from bank.client order by branch_id, id"):
        clients.setdefault(row["branch_id"], []).append(row["id"])
    scopes = [await directory.scope(caller) for caller in WHO]
    # Headquarters may write to a part as well: an import states the branches that it is for.
    scopes.append(Scope(Caller("part", SmallBank.headquarters.role), Login.HEADQUARTERS, (SHANGHAI,)))
    return Battery(database, scopes, clients, left=turns)


async def kill_now_and_then(administrator: asyncpg.Connection, dice: random.Random) -> None:
    """Backends of the product's disappear as they do when an administrator or a fail-over wills it."""
    while True:
        await asyncio.sleep(dice.uniform(0.05, 0.25))
        rows = await administrator.fetch(
            "select pid from pg_stat_activity where datname = current_database() "
            "and usename like 'branchgraph%' order by pid"
        )
        if rows:
            await administrator.execute("select pg_terminate_backend($1)", dice.choice(rows)["pid"])


async def no_row_was_lost_or_kept_in_spite(battery: Battery, administrator: asyncpg.Connection) -> None:
    rows = await administrator.fetch("select id, branch_id, name from bank.contact")
    there = {row["id"]: row["branch_id"] for row in rows}
    assert battery.kept.items() <= there.items()
    assert not battery.undone & there.keys()
    assert "taken" not in {row["name"] for row in rows}


async def the_last_blow_is_over(database: Database) -> None:
    """A pooler may tell of a server connection's death only when it is used again."""
    for pool in set(database._pools.values()):
        held = [await pool.acquire(timeout=PATIENCE_S) for _ in range(pool.get_max_size())]
        for connection in held:
            with contextlib.suppress(*LOST):
                await connection.fetchval("select 1")
            await pool.release(connection)


async def fight(database: Database, administrator: asyncpg.Connection, turns: int = TURNS) -> Counter[str]:
    """Run a battery beside the killer, and hold what is left against what was answered."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    battery = await a_battery(database, administrator, turns)

    killer = asyncio.create_task(kill_now_and_then(administrator, random.Random(SEED)))
    await battery.run()
    killer.cancel()
    await asyncio.gather(killer, return_exceptions=True)

    await the_last_blow_is_over(database)
    assert await nothing_is_left(database)
    await no_row_was_lost_or_kept_in_spite(battery, administrator)
    await database.close()
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []
    # That it was a battery: everything that it is about has happened, and most turns were answered.
    assert battery.outcomes.total() >= turns
    assert {
        "read",
        "wrote",
        "refused",
        "failed",
        "gave up",
        "cancelled",
        "timed out",
    } <= battery.outcomes.keys()
    assert battery.outcomes["unavailable"] < 0.1 * battery.outcomes.total(), battery.outcomes
    assert battery.outcomes["read"] > 0.5 * battery.outcomes.total(), battery.outcomes
    return battery.outcomes


async def test_no_caller_ever_sees_anothers_rows_whatever_happens_to_the_others(
    credentials: Credentials, administrator: asyncpg.Connection
) -> None:
    database = Database(credentials, connections=4, statement_timeout_ms=400)
    await database.open()
    outcomes = await fight(database, administrator)
    assert outcomes.total() >= 5000
