"""Draws that are decided without locks, beside everything that changes what they were decided on.

Whoever freezes a limit, cuts it, or puts a cap in force, and has been told that it is done, may rely on it from
that moment on: no draw may be booked after it that should not be. Connections break meanwhile; who does not know
what came of a request sends it again, and it counts once.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from cap_bank import put_in_force, wrong
from limit_bank import (
    HANA,
    JIANGSU_OFFICER,
    OFFICER,
    OPENING,
    Books,
    add_node,
    asked,
    balance,
    client_of,
    open_limits,
    yuan,
)
from patience import until, until_told
from small_bank import JIANGSU, SHANGHAI

from domain.limits.nodes import NodeKey
from tenants.actions import limit_parameters, limits
from tenants.actions.once import Done, Outcome
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.faults import DatabaseUnavailable, StatementTimeout
from tenants.limits.caps import once_with_room
from tenants.limits.expiring import expire_due
from tenants.limits.verifying import verify
from tenants.organisation import Directory
from tenants.transaction import Transaction

PRODUCT = "TERM_LOAN"
CLIENT = client_of(0, SHANGHAI)
DRAWERS, TURNS = 6, 12
LOST = (DatabaseUnavailable, StatementTimeout)


class Stubborn(Books):
    """Books as a mutation does, caps and all; where nobody knows what came of it, the same is sent again."""

    async def __call__(
        self, action: Callable[..., Awaitable[Outcome]], *arguments: Any, key: str | None = None, **named: Any
    ) -> Outcome:
        who = asked(self.caller, key, repr((arguments, named)))

        async def act(transaction: Transaction) -> Outcome:
            return await action(transaction, who, *arguments, **named)

        for _ in range(50):
            with contextlib.suppress(*LOST):
                # Who asks is looked up on connections that break as well.
                scope = await self.directory.scope(self.caller)
                organisation = await self.directory.organisation()
                return await once_with_room(
                    self.database, scope, organisation, who.command, act, at_once=action in OPENING
                )
            await asyncio.sleep(0.01)
        raise AssertionError("it never came through")


@pytest.fixture
async def open_bank(
    credentials: Credentials, administrator: asyncpg.Connection
) -> AsyncIterator[Callable[..., Stubborn]]:
    """The small bank with limits; books of a caller, over more connections than most tests need."""
    await open_limits(administrator)
    database = Database(credentials, connections=8)
    await database.open()
    directory = Directory(database)
    yield lambda caller: Stubborn(database, directory, caller)
    await database.close()


async def count(administrator: asyncpg.Connection, line: NodeKey) -> int:
    """How many movements of draws a limit has seen."""
    seen: int = await administrator.fetchval(
        "select count(*) from bank.limit_movement where node_id = $1 and commitment_id is not null", line[1]
    )
    return seen


class Drawing:
    """Some that draw, turn by turn, until there is no turn left; each key twice at the same time, now and then."""

    def __init__(self, books: Stubborn, line: NodeKey, amount: int = 1) -> None:
        self.books, self.line, self.amount = books, line, amount
        self.told: Counter[str] = Counter()
        self.keys: dict[str, Outcome] = {}
        self.over = False

    async def draws(self, number: int) -> None:
        """One that draws."""
        dice = random.Random(number)
        turn = 0
        while not self.over:
            turn += 1
            key = f"{number}-{turn}"
            action = dice.choice((limits.reserve, limits.reserve, limits.earmark))
            sent = [
                self.books(action, CLIENT, PRODUCT, yuan(self.amount), key=key, node=self.line)
                for _ in range(dice.choice((1, 1, 3)))
            ]
            answers = await asyncio.gather(*sent)
            assert all(answer == answers[0] for answer in answers), answers
            self.keys[key] = answers[0]
            self.told[_code(answers[0])] += 1

    @contextlib.asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """While they draw."""
        tasks = [asyncio.create_task(self.draws(number)) for number in range(DRAWERS)]
        try:
            await self.more()
            yield
        finally:
            self.over = True
            await asyncio.gather(*tasks)

    async def more(self, code: str | None = None) -> None:
        """Wait until somebody was told something, or this."""
        before = self.told.copy()
        await until(lambda: self.told[code] > before[code] if code else self.told != before)

    async def is_told_truly(self, administrator: asyncpg.Connection) -> None:
        """Every key that was granted has its one movement, every other one none; and the books are right."""
        rows = await administrator.fetch(
            "select idempotency_key as key, count(*) as times from bank.limit_movement "
            "where operation in ('RESERVE', 'EARMARK') group by 1"
        )
        kept = {row["key"]: row["times"] for row in rows if row["key"] in self.keys}
        assert kept == {key: 1 for key, answer in self.keys.items() if isinstance(answer, Done)}
        assert await differences(self.books) == []
        assert await wrong(administrator) == []


def _code(outcome: Outcome) -> str:
    return "DONE" if isinstance(outcome, Done) else outcome.refusal.code.value


async def differences(books: Books) -> list[str]:
    """What is wrong in the books."""
    async with books.database.transaction(await books.directory.operator()) as transaction:
        return [str(one) for one in await verify(transaction)]


async def test_nothing_is_booked_on_a_limit_once_it_is_frozen(
    open_bank: Callable[..., Stubborn], administrator: asyncpg.Connection
) -> None:
    line = await add_node(administrator, SHANGHAI, 1, 10**9, client_id=CLIENT[1])
    hana, drawing = open_bank(HANA), Drawing(open_bank(OFFICER), line)
    async with drawing.going_on():
        for turn in range(TURNS):
            target = line if turn % 3 else (SHANGHAI, await _top_of(administrator))
            assert _code(await hana(limit_parameters.freeze, target, "fire")) == "DONE"
            seen = await count(administrator, line)
            await drawing.more("LIMIT_FROZEN")
            assert await count(administrator, line) == seen
            assert _code(await hana(limit_parameters.unfreeze, target)) == "DONE"
            await drawing.more("DONE")
    assert drawing.told.keys() == {"DONE", "LIMIT_FROZEN"}
    await drawing.is_told_truly(administrator)


async def test_nothing_is_booked_beyond_a_limit_once_it_is_cut(
    open_bank: Callable[..., Stubborn], administrator: asyncpg.Connection
) -> None:
    line = await add_node(administrator, SHANGHAI, 1, 10**9, client_id=CLIENT[1])
    hana, drawing = open_bank(HANA), Drawing(open_bank(OFFICER), line)
    async with drawing.going_on():
        for turn in range(TURNS):
            version = await administrator.fetchval(
                "select version from bank.limit_node where id = $1", line[1]
            )
            held = 100 * sum(await balance(administrator, line))
            # Now below what is committed, now a little above it.
            cut = held + 20_00 if turn % 2 else held // 2
            told = await hana(limit_parameters.adjust, line, version, {"sanctioned_minor": cut})
            assert _code(told) == "DONE"
            seen = 100 * sum(await balance(administrator, line))
            await asyncio.sleep(0.04)
            after = 100 * sum(await balance(administrator, line))
            assert after <= cut if turn % 2 else after == seen
            more = {"sanctioned_minor": 10**9}
            assert _code(await hana(limit_parameters.adjust, line, version + 1, more)) == "DONE"
            await asyncio.sleep(0.02)
    assert drawing.told.keys() <= {"DONE", "EXCEEDS_AVAILABLE", "OVER_LIMIT"}
    await drawing.is_told_truly(administrator)


async def test_a_cap_put_in_force_beside_draws_of_two_branches_holds(
    open_bank: Callable[..., Stubborn], administrator: asyncpg.Connection
) -> None:
    line = await add_node(administrator, SHANGHAI, 1, 10**9, client_id=CLIENT[1])
    client = client_of(3, JIANGSU)
    theirs = await add_node(administrator, JIANGSU, 2, 10**9, client_id=client[1])
    here, there = Drawing(open_bank(OFFICER), line), Drawing(open_bank(JIANGSU_OFFICER), theirs)

    async def elsewhere() -> None:
        while not there.over:
            answer = await there.books(limits.reserve, client, PRODUCT, yuan(1), node=theirs)
            there.told[_code(answer)] += 1

    tasks = [asyncio.create_task(elsewhere()) for _ in range(3)]
    async with here.going_on():
        await until(lambda: min(here.told["DONE"], there.told["DONE"]) > 0)
        ceiling = 60_00 + 100 * (
            sum(await balance(administrator, line)) + sum(await balance(administrator, theirs))
        )
        await put_in_force(here.books.database, here.books.directory, ceiling_minor=ceiling)
        await asyncio.sleep(0.3)
    there.over = True
    await asyncio.gather(*tasks)
    held = 100 * (sum(await balance(administrator, line)) + sum(await balance(administrator, theirs)))
    used = await administrator.fetchval("select sum(used_minor) from bank.cap_share")
    pool = await administrator.fetchrow("select * from bank.cap_pool")
    assert used == held
    assert held <= ceiling or pool["over_limit"], (held, ceiling)
    assert here.told["DONE"] + there.told["DONE"] > 0
    await here.is_told_truly(administrator)


async def test_earmarks_end_once_whoever_sweeps_them(
    open_bank: Callable[..., Stubborn], administrator: asyncpg.Connection
) -> None:
    line = await add_node(administrator, SHANGHAI, 1, 50_00, client_id=CLIENT[1])
    officer = open_bank(OFFICER)
    for _ in range(40):
        await officer.done(limits.earmark, CLIENT, PRODUCT, yuan(1))
    # One after the other from now on, however long it took to make them.
    await administrator.execute(
        "update bank.limit_commitment k set expires_at = app.moment() + found.place * interval '10 ms' "
        "from (select id, row_number() over () as place from bank.limit_commitment) found where k.id = found.id"
    )
    scope = await officer.directory.operator()
    drawing = Drawing(officer, line)
    ended = "select count(*) from bank.limit_movement where operation = 'EXPIRE'"

    async def sweeps() -> None:
        while not drawing.over:
            async with officer.database.transaction(scope, write=True) as transaction:
                await expire_due(transaction, scope.branches)
            await asyncio.sleep(0.01)

    async with drawing.going_on():
        job = asyncio.create_task(sweeps())
        await until_told(lambda: administrator.fetchval(f"select ({ended}) >= 40"))
        await until(lambda: drawing.told["DONE"] >= 50)
        drawing.over = True
        await job
    assert await administrator.fetchval(ended) == 40
    assert sum(await balance(administrator, line)) == 50
    assert drawing.told["DONE"] == 50
    await drawing.is_told_truly(administrator)


async def test_connections_that_break_between_messages_lose_nothing_and_book_nothing_twice(
    open_bank: Callable[..., Stubborn], administrator: asyncpg.Connection
) -> None:
    line = await add_node(administrator, SHANGHAI, 1, 60_00, client_id=CLIENT[1])
    drawing = Drawing(open_bank(OFFICER), line)
    killed = 0
    async with drawing.going_on():
        while killed < 20:
            killed += await administrator.fetchval(
                "select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid() "
                "and backend_type = 'client backend' "
                "and state <> 'idle' order by random() limit 2) found"
            )
            await asyncio.sleep(0.02)
    assert sum(await balance(administrator, line)) == drawing.told["DONE"] <= 60
    await drawing.is_told_truly(administrator)


async def _top_of(administrator: asyncpg.Connection) -> Any:
    return await administrator.fetchval(
        "select id from bank.limit_node where branch_id = $1 and kind = 'BRANCH'", SHANGHAI
    )
