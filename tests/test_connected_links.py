"""Links are recorded by the branch that keeps the client, ended by version, and never make more than the whole."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from conftest import Ask
from connected_bank import END, PORTS, RECORD, guarantee, link, number
from mutation_requests import BO, HQ, JUN, OFFICER, SELLER, fresh, gid, refused, sent
from small_bank import BEIJING, SHANGHAI, SmallBank, client_id

from schema.ids import encode


async def test_a_link_is_recorded_once_and_ended_by_version(ask: Ask) -> None:
    given = link(relatedNumber=number(1), relatedName=" Huaxia ", share="0.25")
    made = (await sent(ask, OFFICER, RECORD, given))["link"]
    assert made | {"id": ""} == {
        "id": "",
        "kind": "OWNERSHIP",
        "direction": "OUTWARD",
        "relatedNumber": number(1),
        "relatedName": "Huaxia",
        "share": "0.250000",
        "validFrom": "2020-01-01",
        "validUntil": None,
        "version": 1,
        "client": {"id": gid(0)},
    }
    again = await sent(ask, BO, RECORD, given | {"idempotencyKey": fresh()})
    assert (again["code"], again["existing"]) == ("ALREADY_REGISTERED", {"id": made["id"]})
    end = {"linkId": made["id"], "expectedVersion": 1}
    table: list[tuple[dict[str, Any], tuple[str, list[str]]]] = [
        ({"validUntil": "2019-12-31"}, ("INVALID_INPUT", ["input", "validUntil"])),
        ({"expectedVersion": 2}, ("CONFLICT", ["input", "expectedVersion"])),
        ({"linkId": gid(0)}, ("INVALID_INPUT", ["input", "linkId"])),
        ({"linkId": encode("ClientLink", (SHANGHAI, client_id(0)))}, ("NOT_FOUND", ["input", "linkId"])),
        ({"linkId": encode("ClientLink", (BEIJING, client_id(0)))}, ("NOT_FOUND", ["input", "linkId"])),
    ]
    for said, told in table:
        given = {"validUntil": "2024-06-30", "idempotencyKey": fresh(), **end} | said
        assert await refused(ask, BO, END, given) == told
    ended = await sent(ask, BO, END, {"validUntil": "2024-06-30", "idempotencyKey": fresh(), **end})
    assert ended["link"] == made | {"validUntil": "2024-06-30", "version": 2}
    shown = (
        '{ clients(where: {links: {some: {share: {gt: "0.2"}}}}) { nodes { links { nodes { amount { amount } '
    )
    shown += "relatedClient { id } } } } } }"
    (found,) = (await ask(BO, shown))["clients"]["nodes"]
    assert found["links"]["nodes"] == [{"amount": None, "relatedClient": {"id": gid(1)}}]


async def test_what_cannot_be_a_link_is_refused_at_its_place(ask: Ask) -> None:
    table: list[tuple[dict[str, Any], str, list[str]]] = [
        (link(relatedNumber=number(0)), "INVALID_INPUT", ["relatedNumber"]),
        (link(relatedNumber="1"), "INVALID_INPUT", ["relatedNumber"]),
        (link(relatedCountry="cn"), "INVALID_INPUT", ["relatedCountry"]),
        (link(share="-0.1"), "INVALID_INPUT", ["share"]),
        (link(share="1.1"), "INVALID_INPUT", ["share"]),
        (link(share=None), "INVALID_INPUT", ["share"]),
        (link(validUntil="2019-12-31"), "INVALID_INPUT", ["validUntil"]),
        (link(amount={"amount": "1", "currency": "CNY"}), "INVALID_INPUT", ["amount"]),
        (guarantee(amount={"amount": "-1", "currency": "CNY"}), "INVALID_INPUT", ["amount", "amount"]),
        (link(5), "NOT_FOUND", ["clientId"]),
        (link(clientId=encode("Client", (SHANGHAI, client_id(9)))), "NOT_FOUND", ["clientId"]),
    ]
    for given, code, path in table:
        assert await refused(ask, BO, RECORD, given) == (code, ["input", *path]), given
    assert (await sent(ask, BO, RECORD, guarantee(amount={"amount": "1", "currency": "CNY"})))["link"]
    for caller in (SELLER, HQ, SmallBank.huaxia):
        assert (await ask.error(caller, RECORD, input=link()))["extensions"] == {"code": "FORBIDDEN"}
    hidden = "{ clients { nodes { links { totalCount } group { id } related { distance } } } }"
    for node in (await ask(SmallBank.huaxia, hidden))["clients"]["nodes"]:
        assert node == {"links": {"totalCount": 0}, "group": None, "related": []}


async def test_nobody_is_owned_beyond_the_whole(ask: Ask) -> None:
    beyond: tuple[str, list[str]] = ("BEYOND_THE_WHOLE", [])
    assert "link" in await sent(ask, BO, RECORD, link(0))
    # The same holding, told of by another source: a holder counts once.
    assert "link" in await sent(ask, BO, RECORD, link(0, share="0.55"))
    assert await refused(ask, BO, RECORD, link(1, share="0.41")) == beyond
    assert "link" in await sent(ask, BO, RECORD, link(1, share="0.4"))
    # Of a company that is a client itself, both ends may tell.
    first = (await sent(ask, BO, RECORD, link(0, relatedNumber=number(1), share="0.7")))["link"]
    inward = {"direction": "INWARD", "relatedNumber": PORTS}
    assert await refused(ask, BO, RECORD, link(1, **inward, share="0.31")) == beyond
    assert "link" in await sent(ask, BO, RECORD, link(1, **inward, share="0.3"))
    # What ends makes room from that day on, and cannot be taken up again.
    end = {"linkId": first["id"], "expectedVersion": 1, "validUntil": "2024-06-30"}
    assert "link" in await sent(ask, BO, END, {"idempotencyKey": fresh(), **end})
    next_holder = inward | {"relatedNumber": number(5), "share": "0.7"}
    assert await refused(ask, BO, RECORD, link(1, **next_holder, validFrom="2024-06-29")) == beyond
    assert "link" in await sent(ask, BO, RECORD, link(1, **next_holder, validFrom="2024-06-30"))
    again = {"idempotencyKey": fresh(), **end, "expectedVersion": 2, "validUntil": "2024-07-01"}
    assert await refused(ask, BO, END, again) == beyond
    # Another branch's books are its own.
    assert "link" in await sent(ask, JUN, RECORD, link(3, share="1"))


async def test_of_two_who_record_holdings_at_once_one_is_refused(ask: Ask) -> None:
    told = await asyncio.gather(*(sent(ask, BO, RECORD, link(index)) for index in (0, 1)))
    assert sorted(payload.get("code", "recorded") for payload in told) == ["BEYOND_THE_WHOLE", "recorded"]


DAYS = [dt.date(2024, month, 1) for month in range(1, 6)]
INSERT = """insert into bank.client_link (branch_id, client_id, id, kind, direction, related_country,
    related_number, share, valid_from, valid_until, source, reference)
    values ($1, $2, gen_random_uuid(), 'OWNERSHIP', $3, 'CN', $4, $5, $6, $7, 'x', gen_random_uuid()::text)"""
Holding = tuple[int, Decimal, dt.date, dt.date | None]


def is_beyond_the_whole(holdings: list[Holding]) -> bool:
    """The rule as it is meant: on no day more than the whole, each holder with the most that is said of it."""
    for day in DAYS:
        most: dict[int, Decimal] = {}
        for holder, share, begins, ends in holdings:
            if begins <= day and (ends is None or day < ends):
                most[holder] = max(share, most.get(holder, share))
        if sum(most.values()) > 1:
            return True
    return False


async def test_the_database_refuses_whoever_goes_around_the_application_as_the_rule_says(
    administrator: asyncpg.Connection,
) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="to itself"):
        await administrator.execute(
            INSERT, SHANGHAI, client_id(0), "INWARD", number(0), Decimal("0.1"), DAYS[0], None
        )
    draws = random.Random(4)
    refusals = 0
    for _ in range(40):
        async with _undone(administrator):
            held: list[Holding] = []
            while len(held) < 5 and not is_beyond_the_whole(held):
                begins, ends = sorted(draws.choices(DAYS, k=2))
                share = Decimal(draws.choice(["0.2", "0.4", "0.6"]))
                held.append((draws.choice([0, 1]), share, begins, draws.choice([None, ends])))
                refused_one = await _is_refused(administrator, held[-1])
                refusals += refused_one
                assert refused_one is is_beyond_the_whole(held), held
    assert 5 < refusals < 40
    # Shares are kept rounded: six sixths add up to a little more than the whole.
    own = (SHANGHAI, client_id(0), "INWARD")
    for holder in "ABCDEF":
        await administrator.execute(INSERT, *own, holder, Decimal("0.166667"), DAYS[0], None)
    with pytest.raises(asyncpg.CheckViolationError):
        await administrator.execute(INSERT, *own, "G", Decimal("0.00001"), DAYS[0], None)


async def _is_refused(administrator: asyncpg.Connection, holding: Holding) -> bool:
    holder, *rest = holding
    try:
        await administrator.execute(INSERT, SHANGHAI, client_id(holder), "OUTWARD", PORTS, *rest)
    except asyncpg.CheckViolationError as violated:
        return str(violated.constraint_name) == "ck_client_link_within_the_whole"
    return False


class _undone:  # noqa: N801 - read as a word of the sentence that it stands in
    """A transaction whose changes are taken back."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._transaction = connection.transaction()

    async def __aenter__(self) -> None:
        await self._transaction.start()

    async def __aexit__(self, *_: object) -> None:
        await self._transaction.rollback()
