"""The connections that expressions are answered over: lent in turn, bounded, replaced, closed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest
from asking_expressions import CLIENT, CLIENTS, SLEEP, everything_is_at_rest, scopes_of
from patience import PATIENCE_S
from small_bank import client_id
from test_isolation_transaction import BO, SCOPE, Proxy, road

from tenants import answering, connections
from tenants.credentials import Credentials
from tenants.database import Database, DatabaseUnavailable, Door
from tenants.planning import CUSTOM, GENERIC
from tenants.roles import Login
from tenants.scope import Scope

__all__ = ["road"]


@pytest.fixture
async def at_once(credentials: Credentials) -> AsyncIterator[Database]:
    """A database with one connection a role, asked in one round trip."""
    database = Database(credentials, connections=1, statement_timeout_ms=60_000)
    await database.open()
    yield database
    await database.close()


async def test_a_branch_that_is_no_branch_number_is_refused(at_once: Database) -> None:
    # One that is equal to a number is refused even where that number has been in a scope before.
    await at_once.answer(Scope(BO, Login.PORTAL, (1,)), CLIENTS, ())
    for branch in ("4", "1}'; reset all; --", 4.5, 1.0, True, None):
        with pytest.raises(TypeError):
            await at_once.answer(Scope(BO, Login.PORTAL, (branch,)), CLIENTS, ())  # type: ignore[arg-type]
    assert await everything_is_at_rest(at_once)


async def test_who_waits_for_a_connection_is_served_in_turn(at_once: Database) -> None:
    served: list[int] = []

    async def ask(number: int) -> None:
        await at_once.answer(SCOPE, SLEEP, (0.005,))
        served.append(number)

    await asyncio.gather(*(ask(number) for number in range(20)))
    assert served == list(range(20))


async def test_a_waiter_that_gives_up_costs_nobody_a_connection(at_once: Database) -> None:
    holder = asyncio.create_task(at_once.answer(SCOPE, SLEEP, (0.1,)))
    await asyncio.sleep(0.02)
    waiters = [asyncio.create_task(at_once.answer(SCOPE, CLIENTS, ())) for _ in range(10)]
    await asyncio.sleep(0.01)
    for waiter in waiters[::2]:
        waiter.cancel()
    await holder
    # One more at the moment at which it has been handed the connection.
    waiters[1].cancel()
    answers = await asyncio.gather(*waiters, return_exceptions=True)
    assert sum(isinstance(answer, bytes) for answer in answers) >= 4
    assert await everything_is_at_rest(at_once)


async def test_no_free_connection_is_told_as_unavailable(
    at_once: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CONNECT_TIMEOUT_S", 0.05)
    holder = asyncio.create_task(at_once.answer(SCOPE, SLEEP, (50.0,)))
    await asyncio.sleep(0.02)
    with pytest.raises(DatabaseUnavailable):
        await at_once.answer(SCOPE, CLIENTS, ())
    holder.cancel()
    await asyncio.gather(holder, return_exceptions=True)
    assert await everything_is_at_rest(at_once)


async def test_a_silent_database_is_told_as_unavailable_in_bounded_time(
    road: tuple[Proxy, Credentials], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "GRACE_S", 0.4)
    proxy, credentials = road
    database = Database(credentials, connections=3, statement_timeout_ms=1000)
    await database.open()
    await asyncio.gather(*(database.answer(SCOPE, CLIENTS, ()) for _ in range(6)))
    proxy.silent = True
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(DatabaseUnavailable):
            await database.answer(SCOPE, CLIENTS, ())
    proxy.silent = False
    assert json.loads(await database.answer(SCOPE, CLIENTS, ()))
    assert await everything_is_at_rest(database)
    await database.close()


async def test_a_caller_that_leaves_a_silent_database_gets_away(
    road: tuple[Proxy, Credentials], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "UNDO_TIMEOUT_S", 0.3)
    proxy, credentials = road
    database = Database(credentials, connections=1)
    await database.open()
    await database.answer(SCOPE, CLIENTS, ())
    proxy.silent = True
    task = asyncio.create_task(database.answer(SCOPE, CLIENTS, ()))
    await asyncio.sleep(0.05)
    task.cancel()
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await everything_is_at_rest(database)
    proxy.silent = False
    await database.close()


async def test_a_connection_keeps_a_bounded_number_of_statements(
    at_once: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "STATEMENTS", 5)
    for scope in (SCOPE, (await scopes_of(at_once))[-1]):
        for number in range(40):
            text = f"convert_to(($1::int + {number})::text, 'UTF8')"
            assert await at_once.answer(scope, text, (2,)) == str(number + 2).encode()
        (seat,) = at_once._answering[Door(scope.login)].connections._seats
        assert len(seat.statements) == 5
        kept = await seat.connection.fetchval("select count(*) from pg_prepared_statements")
        assert kept <= 5 + 3

    monkeypatch.setattr(connections, "CHARACTERS", 100)
    await at_once.answer(SCOPE, "convert_to('" + 90 * "x" + "', 'UTF8')", ())
    (seat,) = at_once._answering[Door.PORTAL].connections._seats
    assert not seat.statements, "too long to be kept"


@pytest.mark.parametrize(
    ("expression", "values", "mode"),
    [
        (CLIENT, (client_id(0),), GENERIC),
        # With these values there is nothing to do, with others a whole catalogue to read.
        ("(select convert_to(count(*)::text, 'UTF8') from pg_attribute where $1::bool)", (False,), CUSTOM),
    ],
)
async def test_a_statement_is_planned_as_postgresql_would_choose(
    at_once: Database, expression: str, values: Sequence[Any], mode: str
) -> None:
    for _ in range(8):
        await at_once.answer(SCOPE, expression, values)
    door = at_once._answering[Door.PORTAL]
    assert isinstance(door, answering.ScopedAnswering)
    assert door.habits.of(expression).mode == mode
    assert await everything_is_at_rest(at_once)


async def test_what_a_migration_outdates_is_prepared_anew(
    at_once: Database, administrator: asyncpg.Connection
) -> None:
    await administrator.execute(
        "create table app.word (said varchar(5)); insert into app.word values ('yes'); "
        "grant select on app.word to public"
    )
    headquarters = (await scopes_of(at_once))[-1]
    expression = "(select said from app.word)"
    assert await at_once.answer(headquarters, expression, ()) == "yes"  # type: ignore[comparison-overlap]
    await administrator.execute("alter table app.word alter said type bytea using said::bytea")
    assert await at_once.answer(headquarters, expression, ()) == b"yes"
    assert await everything_is_at_rest(at_once)


async def test_closing_waits_a_little_for_who_is_being_answered_and_no_longer(
    credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CLOSE_TIMEOUT_S", 2)
    database = Database(credentials, connections=2)
    await database.open()
    quick = asyncio.create_task(database.answer(SCOPE, SLEEP, (0.1,)))
    slow = asyncio.create_task(database.answer(SCOPE, SLEEP, (7.5,)))
    await asyncio.sleep(0.05)
    async with asyncio.timeout(PATIENCE_S):
        await database.close()
        assert await quick
        with pytest.raises(DatabaseUnavailable):
            await slow
    with pytest.raises(DatabaseUnavailable):
        await database.answer(SCOPE, CLIENTS, ())
