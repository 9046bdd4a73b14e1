"""What can be changed, by whom, once: refusals are data, a repeated key is not a second change."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import asyncpg
import pytest
from conftest import Ask
from small_bank import BEIJING, CLIENTS, JIANGSU, PUDONG, SHANGHAI, SmallBank, _id, client_id, facility_id

from domain.access import Caller, Role
from schema.ids import encode
from tenants.database import Database

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
    ({"relationshipSince": "9999-12-31"}, "INVALID_INPUT", ["relationshipSince"]),
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


def other(type_name: str) -> list[str]:
    """A foreign row's id, a missing one's in the foreign branch, a missing one's in the caller's own."""
    mine = {"Client": client_id(5), "Contact": _id(0xCC, 5)}[type_name]
    return [encode(type_name, key) for key in ((BEIJING, mine), (BEIJING, _id(0, 9)), (SHANGHAI, _id(0, 9)))]


@pytest.mark.parametrize("name", ["update", "contact", "contact of", "statement", "event"])
async def test_a_foreign_row_is_refused_exactly_as_a_missing_one(ask: Ask, name: str) -> None:
    made: dict[str, tuple[str, Any, str]] = {
        "update": (UPDATE, lambda row_id: change(clientId=row_id), "Client"),
        "contact": (CONTACT, lambda row_id: person(clientId=row_id), "Client"),
        "contact of": (CONTACT, lambda row_id: person(contactId=row_id, expectedVersion=1), "Contact"),
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


# Contacts


async def test_a_contact_is_added_then_changed_in_part(ask: Ask) -> None:
    made = (await sent(ask, SELLER, CONTACT, person(phone="1", position="CFO", isPrimary=True)))["contact"]
    assert (made["name"], made["isPrimary"], made["version"], made["client"]) == (
        "Li Wei",
        True,
        1,
        {"id": gid(0)},
    )
    part = {"idempotencyKey": fresh(), "clientId": gid(0), "contactId": made["id"], "expectedVersion": 1}
    changed = (await sent(ask, BO, CONTACT, part | {"phone": None}))["contact"]
    assert changed == made | {"phone": None, "version": 2}, (
        "what was left out stays, the mark of a primary contact, too"
    )
    stale = await sent(ask, BO, CONTACT, part | {"idempotencyKey": fresh(), "phone": "2"})
    assert stale["code"] == "CONFLICT"
    assert stale["current"] == {"id": made["id"], "version": 2, "phone": None}


async def test_a_contact_needs_its_name_its_version_and_its_client(ask: Ask) -> None:
    own = encode("Contact", (SHANGHAI, _id(0xCC, 0)))
    table: list[tuple[dict[str, Any], str, str]] = [
        ({"name": None}, "INVALID_INPUT", "name"),
        ({"name": " "}, "INVALID_INPUT", "name"),
        ({"isPrimary": None}, "INVALID_INPUT", "isPrimary"),
        ({"contactId": own}, "INVALID_INPUT", "expectedVersion"),
        ({"contactId": own, "expectedVersion": None}, "INVALID_INPUT", "expectedVersion"),
        ({"contactId": own, "expectedVersion": 1, "name": None}, "INVALID_INPUT", "name"),
        ({"contactId": own, "expectedVersion": 1, "clientId": gid(1)}, "NOT_FOUND", "contactId"),
        ({"contactId": own, "expectedVersion": 0}, "CONFLICT", "expectedVersion"),
        ({"email": "x" * 255}, "INVALID_INPUT", "email"),
    ]
    for said, code, path in table:
        assert await refused(ask, BO, CONTACT, person(**said)) == (code, ["input", path]), said
    nameless = person()
    del nameless["name"]
    assert await refused(ask, BO, CONTACT, nameless) == ("INVALID_INPUT", ["input", "name"])


async def test_a_contact_that_has_left_is_removed_once(ask: Ask) -> None:
    added = person()
    made = (await sent(ask, SELLER, CONTACT, added))["contact"]
    leaving = {"idempotencyKey": fresh(), "contactId": made["id"], "expectedVersion": 1}
    assert await refused(ask, JUN, REMOVE, leaving) == ("NOT_FOUND", ["input", "contactId"])
    stale = await sent(ask, BO, REMOVE, leaving | {"idempotencyKey": fresh(), "expectedVersion": 7})
    assert (stale["code"], stale["current"]) == ("CONFLICT", {"id": made["id"], "version": 1})

    gone = await sent(ask, BO, REMOVE, leaving)

    assert gone["client"] == {"id": gid(0), "contacts": {"nodes": [{"name": "Contact 0"}]}}
    assert await sent(ask, BO, REMOVE, leaving) == gone, "the same key answers as the first time"
    again = leaving | {"idempotencyKey": fresh()}
    assert await refused(ask, BO, REMOVE, again) == ("NOT_FOUND", ["input", "contactId"])
    assert (await sent(ask, SELLER, CONTACT, added))["code"] == "NOT_FOUND", "its addition answers no more"


# Facts for judgement


async def test_a_correction_stands_beside_what_it_corrects(ask: Ask) -> None:
    first = await sent(ask, OFFICER, STATEMENT, figures(revenue="100.00", netIncome="-5.5"))
    assert first["statement"]["revenue"] == {"amount": "100.00", "currency": "CNY"}
    assert first["statement"]["netIncome"] == {"amount": "-5.50"}
    second = await sent(ask, OFFICER, STATEMENT, figures(revenue="101", audited=True))
    data = await ask(
        BO, "query ($id: ID!) { client(id: $id) { statements(first: 2) { nodes { id } } } }", id=gid(0)
    )
    ids = [node["id"] for node in data["client"]["statements"]["nodes"]]
    assert ids == [second["statement"]["id"], first["statement"]["id"]]


async def test_figures_and_events_that_cannot_be_are_refused(ask: Ask) -> None:
    foreign = encode("Facility", (SHANGHAI, facility_id(1)))
    table: list[tuple[str, dict[str, Any], str, list[str]]] = [
        (STATEMENT, figures(periodMonths=0), "INVALID_INPUT", ["periodMonths"]),
        (STATEMENT, figures(periodMonths=25), "INVALID_INPUT", ["periodMonths"]),
        (STATEMENT, figures(periodEnd="2026-01-16"), "INVALID_INPUT", ["periodEnd"]),
        (STATEMENT, figures(source=" "), "INVALID_INPUT", ["source"]),
        (STATEMENT, figures(currency="XXX"), "INVALID_INPUT", ["currency"]),
        (STATEMENT, figures(currency="XXX", revenue="1"), "INVALID_INPUT", ["currency"]),
        (STATEMENT, figures(totalAssets="0.001"), "INVALID_INPUT", ["totalAssets"]),
        (STATEMENT, figures(totalAssets="9" * 20), "INVALID_INPUT", ["totalAssets"]),
        (EVENT, event(occurredOn="2026-01-16"), "INVALID_INPUT", ["occurredOn"]),
        (EVENT, event(reference=""), "INVALID_INPUT", ["reference"]),
        (EVENT, event(note="x" * 2001), "INVALID_INPUT", ["note"]),
        (EVENT, event(amount={"amount": "-1", "currency": "CNY"}), "INVALID_INPUT", ["amount", "amount"]),
        (EVENT, event(amount={"amount": "1", "currency": "XXX"}), "INVALID_INPUT", ["amount", "currency"]),
        (EVENT, event(facilityId=foreign), "NOT_FOUND", ["facilityId"]),
        (EVENT, event(facilityId=gid(0)), "INVALID_INPUT", ["facilityId"]),
    ]
    for mutation, given_input, code, path in table:
        assert await refused(ask, OFFICER, mutation, given_input) == (code, ["input", *path]), path


async def test_an_event_is_recorded_once_per_source_and_reference(ask: Ask) -> None:
    own = encode("Facility", (SHANGHAI, facility_id(0)))
    first = await sent(
        ask, OFFICER, EVENT, event(facilityId=own, amount={"amount": "7", "currency": "JPY"}, note=None)
    )
    assert first["creditEvent"] | {"id": ""} == {
        "id": "",
        "kind": "DEFAULT",
        "amount": {"amount": "7"},
        "facility": {"id": own},
        "client": {"id": gid(0)},
    }
    assert await refused(ask, OFFICER, EVENT, event()) == ("ALREADY_REGISTERED", ["input", "reference"])
    assert "creditEvent" in await sent(ask, OFFICER, EVENT, event(kind="CHARGE_OFF", amount=None))


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
    async with asyncio.timeout(4):
        answers = await asyncio.gather(*(ask.full(BO, text, one=person(), two=person()) for _ in range(20)))
    assert not [answer for answer in answers if "errors" in answer]


async def test_a_fault_in_what_one_mutation_shows_does_not_hide_what_the_next_did(
    ask: Ask, database: Database, administrator: asyncpg.Connection
) -> None:
    database._statement_timeout_ms = 300
    text = """mutation ($one: UpdateClientInput!, $two: UpdateClientInput!) {
        one: updateClient(input: $one) { ... on UpdateClientSuccess { client { relationshipManager { code } } } }
        two: updateClient(input: $two) { ... on UpdateClientSuccess { client { version } } } }"""
    async with administrator.transaction():
        await administrator.execute("lock table bank.staff in access exclusive mode")
        body = await ask.full(BO, text, one=change(0), two=change(1))
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "TIMEOUT"
    assert error["path"] == ["one", "client", "relationshipManager"]
    assert body["data"]["two"] == {"client": {"version": 2}}


async def test_a_change_whose_answer_was_lost_is_shown_when_it_is_asked_for_again(
    ask: Ask, database: Database, administrator: asyncpg.Connection
) -> None:
    database._statement_timeout_ms = 300
    given_input = change(0, city="X")
    text = UPDATE.replace("branch { code }", "branch { code } contacts { totalCount }")
    async with administrator.transaction():
        await administrator.execute("lock table bank.contact in access exclusive mode")
        error = await ask.error(BO, text, input=given_input)
    assert error["extensions"]["code"] == "TIMEOUT"
    payload = await sent(ask, BO, text, given_input)
    assert (payload["client"]["version"], payload["client"]["city"]) == (2, "X")
