"""The mutations as callers send them: the documents, inputs that are good, and what is answered."""

from __future__ import annotations

import itertools
from typing import Any

import asyncpg
from conftest import Ask
from small_bank import CLIENTS, SmallBank, client_id

from domain.access import Caller, Role
from schema.ids import encode

HQ, EAST, BO, JUN = SmallBank.headquarters, SmallBank.east, SmallBank.shanghai, SmallBank.jiangsu
SELLER = Caller("rita", Role.RELATIONSHIP_MANAGER, office="310000")
OFFICER = Caller("ollie", Role.CREDIT_OFFICER, office="310000")
READERS = [SmallBank.analyst, Caller("audrey", Role.AUDITOR), SmallBank.huaxia]
GOOD = "91310000132149237G"
_keys = itertools.count()

REFUSAL = "__typename ... on UserError { code message path }"
CLIENT = """client { id legalName version registeredCapital { amount currency } city employees status
    branch { code } }"""
REGISTER = f"""mutation ($input: RegisterClientInput!) {{ registerClient(input: $input) {{ {REFUSAL}
    ... on AlreadyRegistered {{ existing {{ id }} }} ... on RegisterClientSuccess {{ {CLIENT} }} }} }}"""
UPDATE = f"""mutation ($input: UpdateClientInput!) {{ updateClient(input: $input) {{ {REFUSAL}
    ... on Conflict {{ current {{ id ... on Client {{ version city }} }} }}
    ... on UpdateClientSuccess {{ {CLIENT} }} }} }}"""
CONTACT = f"""mutation ($input: SaveContactInput!) {{ saveContact(input: $input) {{ {REFUSAL}
    ... on Conflict {{ current {{ id ... on Contact {{ version phone }} }} }}
    ... on SaveContactSuccess {{ contact {{ id name position phone isPrimary version client {{ id }} }} }} }} }}"""
REMOVE = f"""mutation ($input: RemoveContactInput!) {{ removeContact(input: $input) {{ {REFUSAL}
    ... on Conflict {{ current {{ id ... on Contact {{ version }} }} }}
    ... on RemoveContactSuccess {{ client {{ id contacts {{ nodes {{ name }} }} }} }} }} }}"""
STATEMENT = f"""mutation ($input: RecordStatementInput!) {{ recordStatement(input: $input) {{ {REFUSAL}
    ... on RecordStatementSuccess {{ statement {{ id periodEnd revenue {{ amount currency }} netIncome {{ amount }}
      audited client {{ id }} }} }} }} }}"""
EVENT = f"""mutation ($input: RecordCreditEventInput!) {{ recordCreditEvent(input: $input) {{ {REFUSAL}
    ... on RecordCreditEventSuccess {{ creditEvent {{
      id kind amount {{ amount }} facility {{ id }} client {{ id }} }} }}
    }} }}"""


def fresh() -> str:
    return f"key-{next(_keys)}"


def gid(index: int) -> str:
    return encode("Client", (CLIENTS[index][0], client_id(index)))


def newcomer(**said: Any) -> dict[str, Any]:
    return {
        "idempotencyKey": fresh(),
        "branchCode": "310000",
        "registrationNumber": GOOD,
        "legalName": "Newcomer Co., Ltd.",
    } | said


def change(index: int = 0, **said: Any) -> dict[str, Any]:
    return {"idempotencyKey": fresh(), "clientId": gid(index), "expectedVersion": 1} | said


def person(**said: Any) -> dict[str, Any]:
    return {"idempotencyKey": fresh(), "clientId": gid(0), "name": "Li Wei"} | said


def figures(**said: Any) -> dict[str, Any]:
    return {
        "idempotencyKey": fresh(),
        "clientId": gid(0),
        "periodEnd": "2025-12-31",
        "currency": "CNY",
        "source": "audit",
    } | said


def event(**said: Any) -> dict[str, Any]:
    return {
        "idempotencyKey": fresh(),
        "clientId": gid(0),
        "kind": "DEFAULT",
        "occurredOn": "2025-12-31",
        "source": "bureau",
        "reference": "B-1",
    } | said


async def sent(ask: Ask, caller: Caller, mutation: str, given_input: dict[str, Any]) -> dict[str, Any]:
    (payload,) = (await ask(caller, mutation, input=given_input)).values()
    assert isinstance(payload, dict)
    return payload


async def refused(
    ask: Ask, caller: Caller, mutation: str, given_input: dict[str, Any]
) -> tuple[str, list[str]]:
    payload = await sent(ask, caller, mutation, given_input)
    assert payload["message"]
    return payload["code"], payload["path"]


async def clients_of(administrator: asyncpg.Connection) -> int:
    counted: int = await administrator.fetchval("select count(*) from bank.client")
    return counted
