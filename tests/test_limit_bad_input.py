"""What cannot be booked, through the API: each with the code that says why, and nothing is booked."""

from __future__ import annotations

import datetime as dt
from typing import Any

import asyncpg
import pytest
from conftest import Ask
from limit_bank import DAY, MILLION, add_node, client_of, node, open_limits, top
from limit_driving import Driven, client, document, fresh_key, money
from mutation_requests import BO, HQ, OFFICER
from small_bank import JIANGSU, SHANGHAI

from domain.access import Caller
from schema.graph import Engine
from schema.ids import encode
from tenants.credentials import Credentials

SMALL = {unit: MILLION // unit**3 for unit in range(1, 8)}
HERE, THERE = client(0), client(3)


def line(number: int, branch: int = SHANGHAI) -> str:
    """The id of a limit that was added."""
    return encode("LimitNode", (branch, node(number)))


TOP = encode("LimitNode", (SHANGHAI, top(SHANGHAI)))


@pytest.fixture(autouse=True)
async def lines(administrator: asyncpg.Connection) -> None:
    """Lines of the first client: one to draw on, and one in each state in which it may not be drawn on."""
    await open_limits(administrator)
    own: dict[str, Any] = {"client_id": client_of(0, SHANGHAI)[1], "kind": "FACILITY", "product": "TERM_LOAN"}
    await add_node(administrator, SHANGHAI, 1, 100_00, client_id=own["client_id"])
    await add_node(administrator, SHANGHAI, 2, 50_00, status="FROZEN", **own)
    await add_node(administrator, SHANGHAI, 3, 50_00, valid_until=dt.date(2025, 12, 31), **own)
    await add_node(administrator, SHANGHAI, 4, 50_00, status="CLOSED", **own)
    await add_node(administrator, SHANGHAI, 5, 50_00, status="EXPIRED", **own)
    await add_node(administrator, SHANGHAI, 6, 50_00, valid_from=dt.date(2026, 6, 1), **own)
    await add_node(administrator, SHANGHAI, 7, 50_00, currency="USD", parent_rate=7, **own)
    await add_node(administrator, SHANGHAI, 8, 50_00, parent=node(1), **own | {"product": "MORTGAGE"})
    await add_node(administrator, JIANGSU, 9, 50_00, client_id=client_of(3, JIANGSU)[1])


def _draw(amount: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"clientId": HERE, "product": "TERM_LOAN", "amount": amount, "nodeId": line(1)} | more


AMOUNTS = [
    (money(0), "INVALID_INPUT", ["amount", "amount"]),
    ({"amount": "-1.00", "currency": "CNY"}, "INVALID_INPUT", ["amount", "amount"]),
    ({"amount": "9" * 28, "currency": "CNY"}, "INVALID_INPUT", ["amount", "amount"]),
    ({"amount": "0.001", "currency": "CNY"}, "INVALID_INPUT", ["amount", "amount"]),
    (money(1, "EUR"), "CURRENCY_DIFFERS", ["amount"]),
    (money(100_01), "EXCEEDS_AVAILABLE", ["amount"]),
]
NODES = [(2, "FROZEN"), (3, "EXPIRED"), (4, "CLOSED"), (5, "EXPIRED"), (6, "NOT_ACTIVE")]


async def refusal(ask: Ask, caller: Caller, mutation: str, said: dict[str, Any]) -> dict[str, Any]:
    """What is answered."""
    payload: dict[str, Any] = (
        await ask(caller, document(mutation), input={"idempotencyKey": fresh_key()} | said)
    )[mutation]
    return payload


async def test_what_cannot_be_drawn_is_refused_in_words_of_ours(
    ask: Ask, administrator: asyncpg.Connection
) -> None:
    for mutation in ("earmarkQuota", "reserveQuota"):
        for amount, code, path in AMOUNTS:
            told = await refusal(ask, OFFICER, mutation, _draw(amount))
            assert (told["code"], told["path"][1 : 1 + len(path)]) == (code, path), (mutation, amount)
        for number, state in NODES:
            told = await refusal(ask, OFFICER, mutation, _draw(money(1), nodeId=line(number)))
            assert told["code"] == f"LIMIT_{state}", (mutation, number)
        told = await refusal(ask, OFFICER, mutation, _draw(money(1), nodeId=line(7)))
        assert told["code"] == "CURRENCY_DIFFERS"
        # Another tenant's limit and one that is nowhere are the same.
        for foreign in (line(9, JIANGSU), line(99)):
            told = await refusal(ask, OFFICER, mutation, _draw(money(1), nodeId=foreign))
            assert (told["code"], told["path"][1:]) == ("NOT_FOUND", ["nodeId"])
        told = await refusal(ask, OFFICER, mutation, _draw(money(1), clientId=THERE, nodeId=None))
        assert told["code"] == "NOT_FOUND"
    # Whoever sees both tenants cannot draw for a client of one on a limit of the other either.
    told = await refusal(ask, HQ, "overrideQuota", _draw(money(1), nodeId=line(9, JIANGSU), reason="x"))
    assert told["code"] == "NOT_FOUND"
    # 40 digits are no decimal that we take at all.
    body = await ask.full(
        OFFICER,
        document("reserveQuota"),
        input={"idempotencyKey": fresh_key()} | _draw({"amount": "9" * 40, "currency": "CNY"}),
    )
    told = (body.get("data") or {}).get("reserveQuota") or body["errors"][0]["extensions"]
    assert told["code"] in ("BAD_USER_INPUT", "INVALID_INPUT")
    assert await administrator.fetchval("select count(*) from bank.limit_movement") == 0


async def test_what_cannot_be_done_with_a_commitment_is_refused(
    ask: Ask, administrator: asyncpg.Connection
) -> None:
    booked = (await refusal(ask, OFFICER, "reserveQuota", _draw(money(60_00))))["movement"]
    one = {"commitmentId": booked["commitment"]["id"]}
    undone = {"movementId": booked["id"], "reason": "mistake"}
    for mutation, said, code in (
        ("releaseQuota", one | {"amount": money(60_01)}, "EXCEEDS_HELD"),
        ("utiliseQuota", one | {"amount": money(60_01)}, "EXCEEDS_HELD"),
        ("utiliseQuota", one | {"amount": money(100_01), "beyondReservation": True}, "EXCEEDS_AVAILABLE"),
        ("utiliseQuota", one | {"amount": money(1, "USD")}, "CURRENCY_DIFFERS"),
        ("repayQuota", one | {"amount": money(1)}, "EXCEEDS_HELD"),
        ("writeOffQuota", one | {"amount": money(1)}, "EXCEEDS_HELD"),
        ("releaseQuota", one | {"amount": money(0)}, "INVALID_INPUT"),
        ("reverseMovement", undone | {"reason": " "}, "INVALID_INPUT"),
    ):
        assert (await refusal(ask, OFFICER, mutation, said))["code"] == code, (mutation, said)
    movements = "select count(*) from bank.limit_movement"
    assert await administrator.fetchval(movements) == 1
    opposite = (await refusal(ask, OFFICER, "reverseMovement", undone))["movement"]
    assert (await refusal(ask, OFFICER, "reverseMovement", undone))["code"] == "ALREADY_REVERSED"
    again = {"movementId": opposite["id"], "reason": "mistake"}
    assert (await refusal(ask, OFFICER, "reverseMovement", again))["code"] == "NOT_REVERSIBLE"
    assert (await refusal(ask, OFFICER, "releaseQuota", one))["code"] == "COMMITMENT_ENDED"
    assert await administrator.fetchval(movements) == 2


async def test_what_cannot_be_made_of_a_limit_is_refused(ask: Ask, administrator: asyncpg.Connection) -> None:
    await refusal(ask, OFFICER, "reserveQuota", _draw(money(60_00)))
    new = {
        "kind": "SUBLIMIT",
        "name": "x",
        "parentId": line(1),
        "clientId": HERE,
        "product": "TERM_LOAN",
        "sanctioned": money(1_00),
        "validFrom": "2026-01-01",
        "validUntil": "2026-12-31",
    }
    between = {"fromNodeId": line(1), "amount": money(1)}
    for mutation, said, code in (
        ("createLimitNode", new | {"validUntil": "2036-01-01"}, "OUTLASTS_PARENT"),
        ("createLimitNode", new | {"sanctioned": {"amount": "-1", "currency": "CNY"}}, "INVALID_INPUT"),
        ("createLimitNode", new | {"parentId": line(4)}, "LIMIT_CLOSED"),
        ("transferLimit", between | {"toNodeId": line(8)}, "NOT_SIBLINGS"),
        ("transferLimit", between | {"toNodeId": line(9, JIANGSU)}, "NOT_SIBLINGS"),
        ("transferLimit", between | {"toNodeId": line(2)}, "LIMIT_FROZEN"),
        ("transferLimit", between | {"toNodeId": line(7)}, "CURRENCY_DIFFERS"),
        ("closeLimit", {"nodeId": line(1)}, "STILL_COMMITTED"),
        ("moveLimitNode", {"nodeId": line(1), "newParentId": line(8)}, "WOULD_CREATE_CYCLE"),
        ("moveLimitNode", {"nodeId": line(8), "newParentId": line(9, JIANGSU)}, "KIND_NOT_ALLOWED_THERE"),
        ("revalueLimit", {"nodeId": line(7), "rate": "0"}, "INVALID_INPUT"),
        ("unfreezeLimit", {"nodeId": line(1)}, "STATUS_MAY_NOT_FOLLOW"),
    ):
        assert (await refusal(ask, HQ, mutation, said))["code"] == code, (mutation, said)
    # A cut below what is committed is no refusal: nothing is deleted, and nothing new is booked.
    cut = {"nodeId": line(1), "expectedVersion": 1, "sanctioned": money(10_00)}
    assert "node" in await refusal(ask, HQ, "adjustLimit", cut)
    told = await refusal(ask, OFFICER, "reserveQuota", _draw(money(1)))
    assert (told["code"], told["available"]) == ("OVER_LIMIT", money(0))
    assert await administrator.fetchval("select over_limit from bank.limit_node where id = $1", node(1))
    # A unit's own limit is not the branch manager's to change.
    own = {"nodeId": TOP, "reason": "mine"}
    assert (await refusal(ask, BO, "freezeLimit", own))["code"] == "BEYOND_AUTHORITY"


def test_a_clock_that_goes_back_books_nothing_before_what_is_booked(
    credentials: Credentials, engine: Engine
) -> None:
    driven = Driven(credentials, engine)
    try:
        driven.begin(SMALL, 0, 0, 60)
        driven.passes(DAY, sweeps=False)
        held = driven.send(OFFICER, "reserveQuota", fresh_key(), _draw(money(10), nodeId=None))
        assert held.code == "DONE", held
        driven.passes(DAY - dt.timedelta(days=1), sweeps=True)
        for mutation in ("utiliseQuota", "releaseQuota"):
            said = {"commitmentId": held.commitment, "amount": money(1)}
            assert driven.send(OFFICER, mutation, fresh_key(), said).code == "VALUE_DATE_PASSED"
        said = {"movementId": held.payload["movement"]["id"], "reason": "back"}
        assert driven.send(OFFICER, "reverseMovement", fresh_key(), said).code == "VALUE_DATE_PASSED"
        driven.passes(DAY, sweeps=True)
        assert driven.differences() == []
    finally:
        driven.close()
