"""One caller's dear questions leave room for everybody else's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from patience import PATIENCE_S
from serving_http import Site, only_code
from small_bank import SmallBank

from schema import turns
from schema.turns import Turns
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.organisation import Directory

BO, RHEA, BEI = SmallBank.shanghai, SmallBank.east, SmallBank.beijing


async def test_a_caller_has_so_many_turns_and_then_waits_for_one() -> None:
    line = Turns(of_caller=2, of_tenant=9)
    await line.take(BO)
    await line.take(BO)
    third = asyncio.create_task(line.take(BO))
    await asyncio.sleep(0)
    assert not third.done()
    await asyncio.wait_for(line.take(BEI), PATIENCE_S)
    line.leave(BO)
    await asyncio.wait_for(third, PATIENCE_S)
    for caller in (BO, BO, BEI):
        line.leave(caller)
    assert not line._lines


async def test_all_of_an_office_share_its_turns() -> None:
    other = type(BO)("another", BO.role, office=BO.office)
    line = Turns(of_caller=2, of_tenant=3)
    for caller in (BO, BO, other):
        await line.take(caller)
    second = asyncio.create_task(line.take(other))
    await asyncio.sleep(0)
    assert not second.done()
    line.leave(BO)
    await asyncio.wait_for(second, PATIENCE_S)


async def test_turns_are_served_in_the_order_in_which_they_were_asked_for() -> None:
    line = Turns(of_caller=1, of_tenant=9)
    served: list[int] = []

    async def one(n: int) -> None:
        await line.take(BO)
        served.append(n)
        await asyncio.sleep(0)
        line.leave(BO)

    await asyncio.gather(*(one(n) for n in range(6)))
    assert served == list(range(6))


async def test_who_no_longer_waits_takes_nobodys_turn() -> None:
    line = Turns(of_caller=1, of_tenant=1)
    await line.take(BO)
    waiting = [asyncio.create_task(line.take(BO)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    line.leave(BO)
    # The second has just been given the turn when it leaves, too.
    waiting[1].cancel()
    await asyncio.wait_for(waiting[2], PATIENCE_S)
    line.leave(BO)
    await asyncio.gather(*waiting, return_exceptions=True)
    assert not line._lines


async def test_a_wait_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN_WITHIN_S", 0.05)
    line = Turns(of_caller=1, of_tenant=1)
    await line.take(BO)
    with pytest.raises(TimeoutError):
        await line.take(BO)
    line.leave(BO)
    assert not line._lines


async def test_a_good_request_is_answered_beside_a_dozen_dear_ones(
    credentials: Credentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TURN_WITHIN_S", 0.5)
    database = Database(credentials, connections=4, statement_timeout_ms=20_000)
    await database.open()
    site = Site(database, Directory(database), tmp_path, database_connections=4)
    slow = '{ clients(where: {legalName: {contains: "x"}}) { totalCount } }'
    answer = Database.answer

    async def sleeping(self: Database, scope: object, expression: str, values: object) -> bytes:
        if "position" in expression or "strpos" in expression:
            expression = f"(select {expression} from pg_sleep(2))"
        return await answer(self, scope, expression, values)  # type: ignore[arg-type]

    monkeypatch.setattr(Database, "answer", sleeping)
    await site.ask("{ viewer { role } }", persona="branch:110000")
    attack = [asyncio.create_task(site.ask(slow, persona="region:EAST")) for _ in range(12)]
    await asyncio.sleep(0.1)
    good = await site.ask("{ clients { totalCount } }", persona="branch:110000")
    assert good.json()["data"] == {"clients": {"totalCount": 2}}
    assert not all(one.done() for one in attack), "it was answered beside them, not after them"
    told = {only_code(one) for one in await asyncio.gather(*attack) if "errors" in one.json()}
    assert told == {"RATE_LIMITED"}
    await database.close()
