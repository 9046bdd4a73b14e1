"""Clients are registered once and changed by version; what cannot be true of one is refused with its place."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from conftest import Ask
from mutation_requests import (
    BO,
    EAST,
    GOOD,
    HQ,
    JUN,
    REGISTER,
    SELLER,
    UPDATE,
    change,
    clients_of,
    gid,
    newcomer,
    refused,
    sent,
)
from small_bank import CLIENTS, SHANGHAI, _id, client_id

from domain.access import Caller
from schema.ids import encode

# Registering


async def test_a_registered_client_is_there_at_once_with_what_was_said_of_it(ask: Ask) -> None:
    manager = encode("Staff", (SHANGHAI, _id(0x5, SHANGHAI)))
    payload = await sent(
        ask,
        BO,
        REGISTER.replace(
            "branch { code }", "branch { code } relationshipManager { code } region { code } sizeClass"
        ),
        newcomer(
            registrationNumber=f" {GOOD.lower()} ",
            legalName="  Newcomer Co., Ltd. ",
            registeredCapital={"amount": "1234.50", "currency": "USD"},
            employees=0,
            city="",
            sizeClass="SMALL",
            regionCode="310000",
            relationshipManagerId=manager,
            establishedOn="2026-01-15",
        ),
    )
    client = payload["client"]
    assert client | {"id": ""} == {
        "id": "",
        "legalName": "Newcomer Co., Ltd.",
        "version": 1,
        "registeredCapital": {"amount": "1234.50", "currency": "USD"},
        "city": None,
        "employees": 0,
        "status": "ACTIVE",
        "branch": {"code": "310000"},
        "relationshipManager": {"code": "M4"},
        "region": {"code": "310000"},
        "sizeClass": "SMALL",
    }
    found = await ask(
        BO, "query ($id: ID!) { client(id: $id) { registrationNumber currency } }", id=client["id"]
    )
    assert found["client"] == {"registrationNumber": GOOD, "currency": "USD"}
    assert (await ask(JUN, "query ($id: ID!) { client(id: $id) { id } }", id=client["id"]))["client"] is None


async def test_a_company_is_a_client_of_a_branch_once(ask: Ask, administrator: asyncpg.Connection) -> None:
    payload = await sent(ask, BO, REGISTER, newcomer(registrationNumber=CLIENTS[0][1]))
    assert (payload["code"], payload["path"]) == ("ALREADY_REGISTERED", ["input", "registrationNumber"])
    assert payload["existing"] == {"id": gid(0)}
    # Another branch may have the same company, and learns nothing of the first.
    assert (await sent(ask, JUN, REGISTER, newcomer(branchCode="320000", registrationNumber=CLIENTS[0][1])))[
        "client"
    ]
    assert await clients_of(administrator) == 8


async def test_of_many_who_register_one_company_at_once_one_succeeds(
    ask: Ask, administrator: asyncpg.Connection
) -> None:
    payloads = await asyncio.gather(*(sent(ask, BO, REGISTER, newcomer()) for _ in range(12)))
    made = [p["client"]["id"] for p in payloads if "client" in p]
    assert len(made) == 1
    assert all(p["existing"] == {"id": made[0]} for p in payloads if "client" not in p)
    assert await clients_of(administrator) == 8


WHERE_TO: list[tuple[Caller, str, str | None]] = [
    (BO, "310000", None),
    (BO, "310000-01", None),
    (BO, "320000", "NOT_FOUND"),
    (BO, "999999", "NOT_FOUND"),
    (BO, "EAST", "NOT_FOUND"),
    (BO, "", "NOT_FOUND"),
    (SELLER, "310000", None),
    (EAST, "320000", None),
    (EAST, "110000", "NOT_FOUND"),
    (EAST, "EAST", "INVALID_INPUT"),
    (HQ, "110000", None),
    (HQ, "EAST", "INVALID_INPUT"),
    (HQ, "HQ", "INVALID_INPUT"),
]


@pytest.mark.parametrize(("caller", "branch", "code"), WHERE_TO)
async def test_clients_are_registered_in_branches_in_sight(
    ask: Ask, caller: Caller, branch: str, code: str | None
) -> None:
    payload = await sent(ask, caller, REGISTER, newcomer(branchCode=branch))
    assert payload.get("code") == code
    if code:
        assert payload["path"] == ["input", "branchCode"]
    else:
        assert payload["client"]["branch"] == {"code": branch}


async def test_anothers_branch_and_none_at_all_are_refused_alike(ask: Ask) -> None:
    answers = [await ask.full(BO, REGISTER, input=newcomer(branchCode=code)) for code in ("320000", "999999")]
    assert answers[0] == answers[1]


INVALID: list[tuple[dict[str, Any], str, list[str]]] = [
    ({"registrationNumber": "91310000132149237H"}, "INVALID_INPUT", ["registrationNumber"]),
    ({"registrationNumber": "12-3456789"}, "INVALID_INPUT", ["registrationNumber"]),
    ({"registrationNumber": ""}, "INVALID_INPUT", ["registrationNumber"]),
    ({"registrationCountry": "cn"}, "INVALID_INPUT", ["registrationCountry"]),
    ({"registrationCountry": "CHN"}, "INVALID_INPUT", ["registrationCountry"]),
    ({"legalName": "  "}, "INVALID_INPUT", ["legalName"]),
    ({"legalName": "x" * 201}, "INVALID_INPUT", ["legalName"]),
    ({"address": "x" * 301}, "INVALID_INPUT", ["address"]),
    ({"establishedOn": "2026-01-16"}, "INVALID_INPUT", ["establishedOn"]),
    ({"relationshipSince": "9999-12-30"}, "INVALID_INPUT", ["relationshipSince"]),
    ({"establishedOn": "0999-12-31"}, "INVALID_INPUT", ["establishedOn"]),
    ({"employees": -1}, "INVALID_INPUT", ["employees"]),
    ({"currency": "XXX"}, "INVALID_INPUT", ["currency"]),
    (
        {"registeredCapital": {"amount": "1", "currency": "XXX"}},
        "INVALID_INPUT",
        ["registeredCapital", "currency"],
    ),
    (
        {"registeredCapital": {"amount": "-1", "currency": "CNY"}},
        "INVALID_INPUT",
        ["registeredCapital", "amount"],
    ),
    (
        {"registeredCapital": {"amount": "0.001", "currency": "CNY"}},
        "INVALID_INPUT",
        ["registeredCapital", "amount"],
    ),
    (
        {"registeredCapital": {"amount": "9" * 20, "currency": "CNY"}},
        "INVALID_INPUT",
        ["registeredCapital", "amount"],
    ),
    ({"regionCode": "999999"}, "NOT_FOUND", ["regionCode"]),
    ({"regionCode": ""}, "NOT_FOUND", ["regionCode"]),
    ({"relationshipManagerId": gid(0)}, "INVALID_INPUT", ["relationshipManagerId"]),
    ({"relationshipManagerId": "junk"}, "INVALID_INPUT", ["relationshipManagerId"]),
    ({"relationshipManagerId": ""}, "INVALID_INPUT", ["relationshipManagerId"]),
    (
        {"relationshipManagerId": encode("Staff", (SHANGHAI, client_id(9)))},
        "NOT_FOUND",
        ["relationshipManagerId"],
    ),
    ({"idempotencyKey": ""}, "INVALID_INPUT", ["idempotencyKey"]),
    ({"idempotencyKey": "k" * 129}, "INVALID_INPUT", ["idempotencyKey"]),
]


async def test_what_cannot_be_true_of_a_client_is_refused_with_its_place_in_the_input(
    ask: Ask, administrator: asyncpg.Connection
) -> None:
    for said, code, path in INVALID:
        assert await refused(ask, BO, REGISTER, newcomer(**said)) == (code, ["input", *path]), said
    assert await clients_of(administrator) == 7
    taken = newcomer(registrationCountry="US", registrationNumber="12-3456789", idempotencyKey="k" * 128)
    assert (await sent(ask, BO, REGISTER, taken))["client"]


# Changing


async def test_null_takes_a_value_away_and_what_is_left_out_stays(ask: Ask) -> None:
    first = await sent(ask, BO, UPDATE, change(city="Shanghai", employees=5, expectedVersion=1))
    assert (first["client"]["city"], first["client"]["employees"], first["client"]["version"]) == (
        "Shanghai",
        5,
        2,
    )
    assert first["client"]["registeredCapital"] == {"amount": "50000000.00", "currency": "CNY"}
    second = await sent(ask, BO, UPDATE, change(expectedVersion=2, employees=None, registeredCapital=None))
    client = second["client"]
    assert (client["city"], client["employees"], client["registeredCapital"]) == ("Shanghai", None, None)
    third = await sent(ask, BO, UPDATE, change(expectedVersion=3))
    assert third["client"] == client | {"version": 4}


@pytest.mark.parametrize("field", ["legalName", "status"])
async def test_what_a_client_must_have_cannot_be_taken_away(ask: Ask, field: str) -> None:
    assert await refused(ask, BO, UPDATE, change() | {field: None}) == ("INVALID_INPUT", ["input", field])


async def test_every_other_field_can_be_taken_away(ask: Ask) -> None:
    fields = [
        "legalRepresentative",
        "industryScheme",
        "industryCode",
        "sizeClass",
        "employees",
        "establishedOn",
        "relationshipSince",
        "regionCode",
        "city",
        "address",
        "phone",
        "email",
        "relationshipManagerId",
        "registeredCapital",
    ]
    assert "client" in await sent(ask, BO, UPDATE, change() | dict.fromkeys(fields))


async def test_a_version_that_has_passed_is_a_conflict_that_shows_the_row_as_it_is(ask: Ask) -> None:
    await sent(ask, BO, UPDATE, change(city="First"))
    payload = await sent(ask, BO, UPDATE, change(city="Second"))
    assert (payload["code"], payload["path"]) == ("CONFLICT", ["input", "expectedVersion"])
    assert payload["current"] == {"id": gid(0), "version": 2, "city": "First"}


async def test_of_two_changes_to_one_version_exactly_one_wins(ask: Ask) -> None:
    payloads = await asyncio.gather(*(sent(ask, BO, UPDATE, change(city=f"City {n}")) for n in range(6)))
    (winner,) = [p["client"] for p in payloads if "client" in p]
    losers = [p for p in payloads if "client" not in p]
    assert {p["code"] for p in losers} == {"CONFLICT"}
    assert all(p["current"] == {"id": gid(0), "version": 2, "city": winner["city"]} for p in losers)


async def test_updates_of_two_clients_do_not_meet(ask: Ask) -> None:
    payloads = await asyncio.gather(*(sent(ask, BO, UPDATE, change(i, city="X")) for i in (0, 1, 2)))
    assert [p["client"]["version"] for p in payloads] == [2, 2, 2]


@pytest.mark.parametrize(
    ("caller", "index", "code"),
    [
        (BO, 2, None),
        (BO, 3, "NOT_FOUND"),
        (BO, 5, "NOT_FOUND"),
        (SELLER, 0, None),
        (EAST, 4, None),
        (EAST, 6, "NOT_FOUND"),
        (HQ, 6, None),
    ],
)
async def test_clients_are_changed_in_branches_in_sight(
    ask: Ask, administrator: asyncpg.Connection, caller: Caller, index: int, code: str | None
) -> None:
    assert (await sent(ask, caller, UPDATE, change(index, city="X"))).get("code") == code
    city = await administrator.fetchval("select city from bank.client where id = $1", client_id(index))
    assert city == (None if code else "X")
