"""A repeated key is not a second change, and of several mutations each happens once and in turn."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from conftest import Ask
from mutation_requests import (
    BO,
    CONTACT,
    REGISTER,
    UPDATE,
    change,
    clients_of,
    newcomer,
    person,
    refused,
    sent,
)
from patience import PATIENCE_S
from small_bank import CLIENTS, client_id

from domain.access import Caller, Role
from tenants.database import Database

# Once


async def test_the_same_request_again_is_answered_as_the_first_time_and_done_once(
    ask: Ask, administrator: asyncpg.Connection
) -> None:
    given_input = newcomer()
    first = await sent(ask, BO, REGISTER, given_input)
    assert [await sent(ask, BO, REGISTER, given_input) for _ in range(3)] == [first] * 3
    # The order of the fields and a default said aloud are the same request.
    reordered = dict(reversed(given_input.items())) | {"status": "ACTIVE"}
    assert await sent(ask, BO, REGISTER, reordered) == first
    assert await clients_of(administrator) == 8


@pytest.mark.parametrize("mutation", ["register", "contact"])
async def test_twenty_who_send_one_request_at_once_get_one_answer(
    ask: Ask, administrator: asyncpg.Connection, mutation: str
) -> None:
    text, given_input = (REGISTER, newcomer()) if mutation == "register" else (CONTACT, person())
    answers = await asyncio.gather(*(sent(ask, BO, text, given_input) for _ in range(20)))
    assert all(answer == answers[0] for answer in answers)
    assert "code" not in answers[0]
    counted = await administrator.fetchval("select count(*) from bank.client")
    people = await administrator.fetchval("select count(*) from bank.contact")
    assert counted + people == 15


async def test_a_key_is_good_for_one_request_only(ask: Ask) -> None:
    given_input = newcomer()
    await sent(ask, BO, REGISTER, given_input)
    reused = ("IDEMPOTENCY_KEY_REUSED", ["input", "idempotencyKey"])
    assert await refused(ask, BO, REGISTER, given_input | {"legalName": "Other"}) == reused
    assert await refused(ask, BO, REGISTER, given_input | {"employees": None}) == reused
    assert await refused(ask, BO, UPDATE, change(idempotencyKey=given_input["idempotencyKey"])) == reused
    # Keys are the caller's own: somebody else's may be the same.
    colleague = Caller("colleague", Role.BRANCH_MANAGER, office="310000")
    assert await refused(ask, colleague, REGISTER, given_input) == (
        "ALREADY_REGISTERED",
        ["input", "registrationNumber"],
    )


async def test_a_retry_is_not_granted_what_the_first_was_refused(
    ask: Ask, administrator: asyncpg.Connection
) -> None:
    taken, stale = newcomer(registrationNumber=CLIENTS[0][1]), change(expectedVersion=7, city="X")
    elsewhere = newcomer(regionCode="440000")
    first = [
        await sent(ask, BO, m, i) for m, i in ((REGISTER, taken), (UPDATE, stale), (REGISTER, elsewhere))
    ]
    assert [p["code"] for p in first] == ["ALREADY_REGISTERED", "CONFLICT", "NOT_FOUND"]
    await administrator.execute(
        "update bank.client set registration_number = 'was wrong' where id = $1", client_id(0)
    )
    await administrator.execute("update bank.client set version = 7 where id = $1", client_id(0))
    await administrator.execute("insert into bank.region values ('440000', 'Guangdong', null, 'CN')")
    again = [
        await sent(ask, BO, m, i) for m, i in ((REGISTER, taken), (UPDATE, stale), (REGISTER, elsewhere))
    ]
    assert [p["code"] for p in again] == ["ALREADY_REGISTERED", "CONFLICT", "NOT_FOUND"]
    assert [p["message"] for p in again] == [p["message"] for p in first]


# Several in one operation


async def test_two_mutations_in_one_operation_happen_in_turn(ask: Ask) -> None:
    text = """mutation ($one: UpdateClientInput!, $two: UpdateClientInput!) {
        one: updateClient(input: $one) { ... on UpdateClientSuccess { client { version city } } }
        two: updateClient(input: $two) { ... on UpdateClientSuccess { client { version city } } } }"""
    data = await ask(BO, text, one=change(city="A"), two=change(city="B", expectedVersion=2))
    assert data == {
        "one": {"client": {"version": 2, "city": "A"}},
        "two": {"client": {"version": 3, "city": "B"}},
    }


async def test_operations_of_several_mutations_do_not_starve_each_other_of_connections(ask: Ask) -> None:
    text = """mutation ($one: SaveContactInput!, $two: SaveContactInput!) {
        one: saveContact(input: $one) { __typename ... on SaveContactSuccess { contact { client { legalName } } } }
        two: saveContact(input: $two) { __typename
          ... on SaveContactSuccess { contact { client { legalName } } } } }"""
    async with asyncio.timeout(PATIENCE_S):
        answers = await asyncio.gather(*(ask.full(BO, text, one=person(), two=person()) for _ in range(20)))
    assert not [answer for answer in answers if "errors" in answer]


async def test_a_fault_in_what_one_mutation_shows_does_not_hide_what_the_next_did(
    ask: Ask, database: Database, administrator: asyncpg.Connection
) -> None:
    _of_little_patience(database)
    text = """mutation ($one: UpdateClientInput!, $two: UpdateClientInput!) {
        one: updateClient(input: $one) { ... on UpdateClientSuccess { client { relationshipManager { code } } } }
        two: updateClient(input: $two) { ... on UpdateClientSuccess { client { version } } } }"""
    async with administrator.transaction():
        await administrator.execute("lock table bank.staff in access exclusive mode")
        body = await ask.full(BO, text, one=change(0), two=change(1))
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "TIMEOUT"
    assert error["path"] == ["one"]
    assert body["data"]["two"] == {"client": {"version": 2}}


async def test_a_change_whose_answer_was_lost_is_shown_when_it_is_asked_for_again(
    ask: Ask, database: Database, administrator: asyncpg.Connection
) -> None:
    _of_little_patience(database)
    given_input = change(0, city="X")
    text = UPDATE.replace("branch { code }", "branch { code } contacts { totalCount }")
    async with administrator.transaction():
        await administrator.execute("lock table bank.contact in access exclusive mode")
        error = await ask.error(BO, text, input=given_input)
    assert error["extensions"]["code"] == "TIMEOUT"
    payload = await sent(ask, BO, text, given_input)
    assert (payload["client"]["version"], payload["client"]["city"]) == (2, "X")


def _of_little_patience(database: Database) -> None:
    database._statement_timeout_ms = 1000
    for door in database._answering.values():
        door._statement_timeout_ms = 1000
