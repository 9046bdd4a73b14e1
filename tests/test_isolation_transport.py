"""An expression answered at once, or in a transaction: each caller sees its own rows, whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from asking_expressions import CLIENTS, QUESTIONS, QUOTIENT, SLEEP, everything_is_at_rest, scopes_of
from patience import until_it_sleeps
from small_bank import PUDONG, SHANGHAI, SmallBank
from test_isolation_pool import kill_now_and_then
from test_isolation_transaction import BO, SCOPE

from tenants import answering
from tenants.credentials import Credentials
from tenants.database import Database, DatabaseUnavailable, Door, StatementTimeout
from tenants.organisation import Directory
from tenants.planning import CUSTOM, GENERIC, Habit
from tenants.roles import Login
from tenants.scope import Scope

SEED = 20240503
HASTE_MS = 400


@pytest.fixture(params=["at once", "in a transaction"])
async def three(credentials: Credentials, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """A database with three connections a role, in either form."""
    at_once = request.param == "at once"
    database = Database(credentials, connections=3, single_round_trip=at_once, statement_timeout_ms=20_000)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def hasty(three: Database) -> Database:
    """The same, which soon gives up on a statement."""
    three._statement_timeout_ms = HASTE_MS
    for door in three._answering.values():
        door._statement_timeout_ms = HASTE_MS
    return three


@dataclass
class Battery:
    """Callers who ask what they know the answer to."""

    database: Database
    truth: dict[tuple[int, int], bytes]
    scopes: list[Scope]
    dice: random.Random = field(default_factory=lambda: random.Random(SEED))
    outcomes: Counter[str] = field(default_factory=Counter)

    async def run(self, turns: int, turn: Callable[[], Any], callers: int = 12) -> None:
        async def caller() -> None:
            for _ in range(turns // callers):
                await turn()

        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(caller())

    async def asks(self) -> None:
        who, what = self.dice.randrange(len(self.scopes)), self.dice.randrange(len(QUESTIONS))
        answered = await self._answer(who, what)
        assert answered == self.truth[who, what], (self.scopes[who], QUESTIONS[what])
        self.outcomes["answered"] += 1

    async def _answer(self, who: int, what: int) -> bytes:
        """Asked again where the database gave up: on a busy machine, who is in haste may ask in vain."""
        for _ in range(20):
            with contextlib.suppress(StatementTimeout):
                return await self.database.answer(self.scopes[who], *QUESTIONS[what])
            self.outcomes["timed out"] += 1
        raise AssertionError("the database gives up on everything")

    async def asks_or_fails(self) -> None:
        turn = asyncio.create_task(self._turn())
        if self.dice.random() < 0.15:
            asyncio.get_running_loop().call_later(self.dice.uniform(0, 0.004), turn.cancel)
        expected = {
            asyncio.CancelledError: "cancelled",
            DatabaseUnavailable: "unavailable",
            StatementTimeout: "timed out",
            asyncpg.DivisionByZeroError: "failed",
            asyncpg.DataError: "refused by the driver",
            asyncpg.InvalidParameterValueError: "scope not set",
            asyncpg.NumericValueOutOfRangeError: "scope not read",
        }
        try:
            await turn
        except tuple(expected) as problem:
            self.outcomes[expected[type(problem)]] += 1

    async def _turn(self) -> None:
        scope = self.dice.choice(self.scopes)
        dice = self.dice.random()
        if dice < 0.05:
            await self.database.answer(scope, QUOTIENT, (0,))
        elif dice < 0.10:
            await self.database.answer(scope, QUOTIENT, ("no number",))
        elif dice < 0.15:
            await self.database.answer(Scope(BO, Login.PORTAL, (SHANGHAI, 2**40)), CLIENTS, ())
        elif dice < 0.16:
            await self.database.answer(scope, SLEEP, (5.0,))
        elif dice < 0.20:
            await self._fails_in_the_first_execution()
        else:
            await self.asks()

    async def _fails_in_the_first_execution(self) -> None:
        door = self.database._answering.get(Door.PORTAL)
        if not isinstance(door, answering.ScopedAnswering):
            return
        own = CLIENTS + "::bytea"
        door.habits._known[hash(own)] = Habit(mode="no such mode", uses=1000)
        await self.database.answer(SCOPE, own, ())


async def battery_for(database: Database) -> Battery:
    scopes = await scopes_of(database)
    truth = {}
    for who, scope in enumerate(scopes):
        for what, (expression, values) in enumerate(QUESTIONS):
            async with database.transaction(scope) as transaction:
                truth[who, what] = await transaction.connection.fetchval(f"select {expression}", *values)
    assert len({truth[who, 0] for who in range(len(scopes))}) == len(scopes), "each sees something else"
    return Battery(database, truth, scopes)


async def test_every_caller_is_answered_its_own_rows_whoever_was_answered_before(three: Database) -> None:
    battery = await battery_for(three)
    await battery.run(2400, battery.asks)
    assert battery.outcomes["answered"] == 2400
    assert await everything_is_at_rest(three)


@pytest.mark.parametrize("mode", [GENERIC, CUSTOM])
async def test_however_a_statement_is_planned_it_answers_the_same(
    credentials: Credentials, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    async def forced(*_: object) -> str:
        return mode

    monkeypatch.setattr("tenants.planning.TRIALS", 1)
    monkeypatch.setattr("tenants.answering.preferred_mode", forced)
    monkeypatch.setattr(answering.UnscopedAnswering, "planned", mode)
    database = Database(credentials, connections=3)
    await database.open()
    battery = await battery_for(database)
    await battery.run(1200, battery.asks)

    (seat, *_) = database._answering[Door.PORTAL].connections._free[::-1]
    made = await seat.connection.fetchval(
        "select sum(generic_plans) > 0 from pg_prepared_statements where statement like 'select case%'"
    )
    assert made == (mode == GENERIC)
    assert await everything_is_at_rest(database)
    await database.close()


async def test_errors_time_outs_cancellations_and_lost_connections_leave_nothing(
    hasty: Database, administrator: asyncpg.Connection
) -> None:
    three = hasty
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    battery = await battery_for(three)

    killer = asyncio.create_task(kill_now_and_then(administrator, random.Random(SEED)))
    await battery.run(1440, battery.asks_or_fails)
    killer.cancel()
    await asyncio.gather(killer, return_exceptions=True)

    assert await everything_is_at_rest(three)
    await battery.run(36, battery.asks)
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []
    happened = {"answered", "cancelled", "timed out", "failed", "refused by the driver", "scope not read"}
    if three._answering:
        happened.add("scope not set")
    assert happened <= battery.outcomes.keys()
    assert battery.outcomes["answered"] > 600, battery.outcomes
    assert battery.outcomes["unavailable"] < 250, battery.outcomes


async def test_a_caller_cancelled_at_any_moment_leaves_nothing(three: Database) -> None:
    """From the taking of the connection to its giving back, prepared already or not."""
    for yields in range(12):
        for delay_s in (0.0, 0.0002, 0.0005, 0.001, 0.003):
            task = asyncio.create_task(three.answer(SCOPE, f"{CLIENTS} || $1::bytea", (b"",)))
            for _ in range(yields):
                await asyncio.sleep(0)
            await asyncio.sleep(delay_s)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    assert await everything_is_at_rest(three)


async def test_a_caller_cancelled_twice_leaves_nothing(three: Database) -> None:
    for pause_s in (0.0, 0.0005, 0.002):
        task = asyncio.create_task(three.answer(SCOPE, SLEEP, (0.3,)))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.sleep(pause_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await everything_is_at_rest(three)


async def test_a_cancelled_statement_does_not_run_on(
    three: Database, administrator: asyncpg.Connection
) -> None:
    await three.answer(SCOPE, SLEEP, (0.0,))
    task = asyncio.create_task(three.answer(SCOPE, SLEEP, (15.0,)))
    await until_it_sleeps(administrator)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    running = (
        "select count(*) from pg_stat_activity where datname = current_database() and state = 'active' "
        "and usename like 'branchgraph%'"
    )
    for _ in range(1000):
        if not await administrator.fetchval(running):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it runs on")


async def kill_every_login(administrator: asyncpg.Connection) -> None:
    """All at once, and until they are gone: PostgreSQL's own waiting looks every tenth of a second."""
    ours = "from pg_stat_activity where datname = current_database() and usename like 'branchgraph%'"
    for _ in range(1000):
        if not await administrator.fetchval(f"select count(pg_terminate_backend(pid)) {ours}"):
            return
        await asyncio.sleep(0.005)
    raise AssertionError("they live on")


async def test_a_connection_killed_while_idle_is_replaced_unnoticed(
    three: Database, administrator: asyncpg.Connection
) -> None:
    scopes = await scopes_of(three)
    for notices_after_s in (0.0, 0.0, 0.05):
        seen = await asyncio.gather(*(three.answer(scope, CLIENTS, ()) for scope in scopes * 4))
        assert seen == seen[: len(scopes)] * 4
        await kill_every_login(administrator)
        await asyncio.sleep(notices_after_s)
    assert await everything_is_at_rest(three)


async def test_a_connection_killed_during_a_statement_is_told_and_the_statement_not_begun_again(
    credentials: Credentials, administrator: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenants.answering.DIED_IDLE_S", 0.1)
    for at_once in (True, False):
        database = Database(credentials, connections=1, single_round_trip=at_once)
        await database.open()
        task = asyncio.create_task(database.answer(SCOPE, SLEEP, (7.5,)))
        await until_it_sleeps(administrator)
        await asyncio.sleep(0.2)
        await administrator.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where query like '%pg_sleep%' "
            "and datname = current_database() and usename like 'branchgraph%'"
        )
        async with asyncio.timeout(7):
            with pytest.raises(DatabaseUnavailable):
                await task
        assert await everything_is_at_rest(database)
        await database.close()


async def test_a_statement_that_takes_too_long_is_told_so(hasty: Database) -> None:
    for scope in (await scopes_of(hasty))[-3:]:
        with pytest.raises(StatementTimeout):
            await hasty.answer(scope, SLEEP, (20.0,))
    assert await everything_is_at_rest(hasty)


async def test_a_time_out_before_the_scope_is_set_leaves_nothing(
    hasty: Database, administrator: asyncpg.Connection
) -> None:
    """A migration that holds the table lets the first execution wait already."""
    with contextlib.suppress(StatementTimeout):
        await hasty.answer(SCOPE, CLIENTS, ())
    async with administrator.transaction():
        await administrator.execute("lock table bank.client in access exclusive mode")
        with pytest.raises((StatementTimeout, DatabaseUnavailable)):
            await hasty.answer(SCOPE, CLIENTS, ())
    assert await everything_is_at_rest(hasty)


async def test_an_error_of_the_expression_is_told_as_it_is(three: Database) -> None:
    for scope in await scopes_of(three):
        with pytest.raises(asyncpg.DivisionByZeroError):
            await three.answer(scope, QUOTIENT, (0,))
        with pytest.raises(asyncpg.PostgresSyntaxError):
            await three.answer(scope, "(select from from)", ())
        with pytest.raises(asyncpg.DataError, match="invalid input for query argument"):
            await three.answer(scope, QUOTIENT, ("no number",))
    assert await everything_is_at_rest(three)


async def test_an_answer_refuses_to_write(three: Database, administrator: asyncpg.Connection) -> None:
    await administrator.execute(
        "create function app.note() returns bytea language sql as $$ update bank.contact set name = 'taken' "
        "returning ''::bytea $$; grant execute on function app.note() to public"
    )
    for scope in await scopes_of(three):
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await three.answer(scope, "app.note()", ())
        # Nor may the expression itself declare otherwise.
        with pytest.raises((asyncpg.ReadOnlySQLTransactionError, asyncpg.ActiveSQLTransactionError)):
            await three.answer(
                scope,
                "case when set_config('transaction_read_only', 'off', true) is not null then app.note() end",
                (),
            )
    assert await everything_is_at_rest(three)


async def test_the_observer_is_told_of_answers(three: Database) -> None:
    told: list[str] = []
    three.observer = told.append
    await three.answer(SCOPE, CLIENTS, ())
    assert len(told) == 1
    assert CLIENTS in told[0]


async def test_a_sub_branch_is_seen_where_it_belongs(three: Database) -> None:
    """That the battery's truth is true."""
    shanghai = await Directory(three).scope(SmallBank.shanghai)
    rows = json.loads(await three.answer(shanghai, CLIENTS, ()))
    assert {row["branch_id"] for row in rows} == {SHANGHAI, PUDONG}
