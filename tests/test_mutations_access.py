"""Who may change what: a foreign row is refused exactly as a missing one, and a role that may not is told so."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from conftest import Ask
from mutation_requests import (
    BO,
    CONTACT,
    EAST,
    EVENT,
    HQ,
    OFFICER,
    READERS,
    REGISTER,
    REMOVE,
    SELLER,
    STATEMENT,
    UPDATE,
    change,
    event,
    figures,
    fresh,
    gid,
    newcomer,
    person,
    refused,
    sent,
)
from small_bank import BEIJING, JIANGSU, PUDONG, SHANGHAI, _id, client_id, facility_id

from domain.access import Role
from schema.ids import encode

# Whose rows


def other(type_name: str) -> list[str]:
    """A foreign row's id, a missing one's in the foreign branch, a missing one's in the caller's own."""
    mine = {"Client": client_id(5), "Contact": _id(0xCC, 5)}[type_name]
    return [encode(type_name, key) for key in ((BEIJING, mine), (BEIJING, _id(0, 9)), (SHANGHAI, _id(0, 9)))]


@pytest.mark.parametrize("name", ["update", "contact", "contact of", "removal", "statement", "event"])
async def test_a_foreign_row_is_refused_exactly_as_a_missing_one(ask: Ask, name: str) -> None:
    made: dict[str, tuple[str, Any, str]] = {
        "update": (UPDATE, lambda row_id: change(clientId=row_id), "Client"),
        "contact": (CONTACT, lambda row_id: person(clientId=row_id), "Client"),
        "contact of": (CONTACT, lambda row_id: person(contactId=row_id, expectedVersion=1), "Contact"),
        "removal": (
            REMOVE,
            lambda row_id: {"idempotencyKey": fresh(), "contactId": row_id, "expectedVersion": 1},
            "Contact",
        ),
        "statement": (STATEMENT, lambda row_id: figures(clientId=row_id), "Client"),
        "event": (EVENT, lambda row_id: event(clientId=row_id), "Client"),
    }
    mutation, given_input, type_name = made[name]
    foreign, *missing = [
        await ask.full(BO, mutation, input=given_input(row_id)) for row_id in other(type_name)
    ]
    (payload,) = foreign["data"].values()
    assert payload["code"] == "NOT_FOUND"
    assert missing == [foreign, foreign]


@pytest.mark.parametrize(
    "row_id", ["", "junk", encode("Facility", (SHANGHAI, facility_id(0))), encode("Client", (4,))]
)
async def test_an_id_that_is_none_is_refused_where_it_stands(ask: Ask, row_id: str) -> None:
    told = ("INVALID_INPUT", ["input", "clientId"])
    for mutation, given_input in (
        (UPDATE, change()),
        (CONTACT, person()),
        (STATEMENT, figures()),
        (EVENT, event()),
    ):
        assert await refused(ask, BO, mutation, given_input | {"clientId": row_id}) == told
    assert await refused(ask, BO, CONTACT, person(contactId=row_id, expectedVersion=1)) == (
        "INVALID_INPUT",
        ["input", "contactId"],
    )
    if row_id != encode("Facility", (SHANGHAI, facility_id(0))):
        assert await refused(ask, BO, EVENT, event(facilityId=row_id)) == (
            "INVALID_INPUT",
            ["input", "facilityId"],
        )


async def test_a_manager_of_another_branch_is_no_manager_here(ask: Ask) -> None:
    told = ("NOT_FOUND", ["input", "relationshipManagerId"])
    for caller in (BO, EAST, HQ):
        foreign = encode("Staff", (JIANGSU, _id(0x5, JIANGSU)))
        assert await refused(ask, caller, UPDATE, change(relationshipManagerId=foreign)) == told
        # Not even the sub-branch's: its people look after its clients.
        below = encode("Staff", (PUDONG, _id(0x5, PUDONG)))
        assert await refused(ask, caller, REGISTER, newcomer(relationshipManagerId=below)) == told


# Who may


@pytest.mark.parametrize(
    ("mutation", "given_input", "allowed"),
    [
        (
            REGISTER,
            newcomer(),
            {Role.HEADQUARTERS_ADMINISTRATOR, Role.REGIONAL_MANAGER, Role.RELATIONSHIP_MANAGER},
        ),
        (
            UPDATE,
            change(),
            {Role.HEADQUARTERS_ADMINISTRATOR, Role.REGIONAL_MANAGER, Role.RELATIONSHIP_MANAGER},
        ),
        (
            CONTACT,
            person(),
            {Role.HEADQUARTERS_ADMINISTRATOR, Role.REGIONAL_MANAGER, Role.RELATIONSHIP_MANAGER},
        ),
        (STATEMENT, figures(), {Role.CREDIT_OFFICER}),
        (EVENT, event(), {Role.CREDIT_OFFICER}),
    ],
    ids=["register", "update", "contact", "statement", "event"],
)
async def test_a_role_that_may_not_is_told_so_and_nothing_else(
    ask: Ask,
    administrator: asyncpg.Connection,
    mutation: str,
    given_input: dict[str, Any],
    allowed: set[Role],
) -> None:
    for caller in (*READERS, HQ, EAST, SELLER, OFFICER):
        if caller.role in allowed:
            continue
        # Whether what is named exists makes no difference to whoever may not ask.
        for row_id in (gid(0), "junk", encode("Client", (BEIJING, client_id(5)))):
            error = await ask.error(
                caller,
                mutation,
                input=given_input | ({"clientId": row_id} if "clientId" in given_input else {}),
            )
            assert error["extensions"] == {"code": "FORBIDDEN"}
            assert caller.role in error["message"]
    assert await administrator.fetchval("select count(*) from bank.idempotency_key") == 0
    for caller in (HQ, EAST, SELLER, OFFICER, BO):
        if caller.role in allowed | {Role.BRANCH_MANAGER}:
            code = (await sent(ask, caller, mutation, given_input | {"idempotencyKey": fresh()})).get("code")
            assert code in (None, "ALREADY_REGISTERED", "CONFLICT")
