"""Headquarters moves units and steers imports; sight and sums follow at once, and the tree stays a tree."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import asyncpg
import pytest
from conftest import Ask
from small_bank import BEIJING, EAST, NORTH, PUDONG, SHANGHAI, SmallBank, client_id

from domain.access import OFFICE_ROLES, Caller, Role
from domain.imports import MAY_FOLLOW, ImportStatus
from schema.graph import Engine
from schema.ids import encode

HQ = SmallBank.headquarters
NORTHERNER = Caller("nora", Role.REGIONAL_MANAGER, office="NORTH")
_keys = itertools.count()
MOVE = """mutation ($input: MoveUnitInput!) { moveUnit(input: $input) { __typename
    ... on UserError { code message path }
    ... on Conflict { current { id ... on OrganisationUnit { version parent { code } } } }
    ... on MoveUnitSuccess { unit { code version parent { code } ancestors { code } } } } }"""
STEER = """mutation ($input: ImportStatusInput!) { importStatus(input: $input) { __typename
    ... on UserError { code message path } ... on Conflict { current { ... on ImportJob { status version } } }
    ... on ImportStatusSuccess { job { id status version } } } }"""


def move(unit: str, under: str, version: int = 1, key: str = "") -> dict[str, Any]:
    return {
        "idempotencyKey": key or f"move-{next(_keys)}",
        "unitCode": unit,
        "newParentCode": under,
        "expectedVersion": version,
    }


async def moved(ask: Ask, **given_input: Any) -> dict[str, Any]:
    payload = (await ask(HQ, MOVE, input=given_input))["moveUnit"]
    assert isinstance(payload, dict)
    return payload


async def names(ask: Ask, caller: Caller) -> int:
    return int((await ask(caller, "{ clients { totalCount } }"))["clients"]["totalCount"])


async def exposure(ask: Ask, code: str) -> str:
    query = "query ($code: String!) { unit(code: $code) { exposure { amount } } }"
    (owed,) = (await ask(HQ, query, code=code))["unit"]["exposure"]
    return str(owed["amount"])


async def test_a_move_changes_sight_and_sums_at_once(ask: Ask) -> None:
    assert (await names(ask, SmallBank.east), await names(ask, NORTHERNER)) == (5, 2)
    # 0, 1 and 2 are Shanghai's and Pudong's, 3 and 4 Jiangsu's.
    assert (await exposure(ask, "EAST"), await exposure(ask, "NORTH")) == ("12000000.05", "10400000.02")
    payload = await moved(ask, **move("310000", "NORTH"))
    assert payload["unit"] == {
        "code": "310000",
        "version": 2,
        "parent": {"code": "NORTH"},
        "ancestors": [{"code": "NORTH"}, {"code": "HQ"}],
    }
    # Its sub-branch went with it.
    assert (await names(ask, SmallBank.east), await names(ask, NORTHERNER)) == (2, 5)
    assert (await exposure(ask, "EAST"), await exposure(ask, "NORTH")) == ("7200000.02", "15200000.05")
    own = encode("Client", (PUDONG, client_id(2)))
    seen = [
        await ask(c, "query ($i: ID!) { node(id: $i) { id } }", i=own) for c in (SmallBank.east, NORTHERNER)
    ]
    assert seen == [{"node": None}, {"node": {"id": own}}]
    assert await names(ask, SmallBank.shanghai) == 3


REFUSED = [
    ("HQ", "EAST", 1, "ROOT_STAYS", "newParentCode"),
    ("EAST", "EAST", 1, "WOULD_CREATE_CYCLE", "newParentCode"),
    ("EAST", "310000", 1, "WOULD_CREATE_CYCLE", "newParentCode"),
    ("EAST", "310000-01", 1, "WOULD_CREATE_CYCLE", "newParentCode"),
    ("NORTH", "310000", 1, "KIND_NOT_ALLOWED_THERE", "newParentCode"),
    ("310000-01", "EAST", 1, "KIND_NOT_ALLOWED_THERE", "newParentCode"),
    ("320000", "310000", 1, "KIND_NOT_ALLOWED_THERE", "newParentCode"),
    ("WEST", "HQ", 1, "NOT_FOUND", "unitCode"),
    ("", "HQ", 1, "NOT_FOUND", "unitCode"),
    ("EAST", "WEST", 1, "NOT_FOUND", "newParentCode"),
    ("320000", "NORTH", 2, "CONFLICT", "expectedVersion"),
    ("320000", "NORTH", 0, "CONFLICT", "expectedVersion"),
    ("320000", "NORTH", -1, "CONFLICT", "expectedVersion"),
]


async def test_the_table_of_moves_that_are_refused(ask: Ask, administrator: asyncpg.Connection) -> None:
    before = await administrator.fetch("select id, parent_id, version from bank.unit order by id")
    for unit, under, version, code, path in REFUSED:
        payload = await moved(ask, **move(unit, under, version))
        assert (payload["code"], payload["path"]) == (code, ["input", path]), (unit, under)
        if code == "CONFLICT":
            assert payload["current"]["version"] == 1
    assert await administrator.fetch("select id, parent_id, version from bank.unit order by id") == before


async def test_a_move_happens_once_per_key(ask: Ask) -> None:
    there = move("320000", "NORTH", key="there")
    first = await moved(ask, **there)
    assert await moved(ask, **there) == first
    await moved(ask, **move("320000", "EAST", version=2))
    again = await moved(ask, **there)
    assert again["unit"]["version"] == 3, "a replay moves nothing back"
    assert (await moved(ask, **move("310000", "NORTH", key="there")))["code"] == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.HEADQUARTERS_ADMINISTRATOR])
async def test_only_headquarters_administrators_move_and_steer(ask: Ask, role: Role) -> None:
    offices = dict.fromkeys(OFFICE_ROLES, "310000") | {Role.REGIONAL_MANAGER: "EAST"}
    office = {"office": offices[role]} if role in offices else {}
    company = {"client_registration": "CN:91310115MA1K35X12A"} if role is Role.CLIENT_USER else {}
    caller = Caller("x", role, **office, **company)
    job = encode("ImportJob", (1, client_id(0)))
    steer = {"idempotencyKey": "k", "importId": job, "expectedVersion": 1, "status": "PAUSED"}
    for text, given_input in ((MOVE, move("320000", "NORTH")), (STEER, steer)):
        error = await ask.error(caller, text, input=given_input)
        assert error["extensions"] == {"code": "FORBIDDEN"}


async def test_two_moves_that_would_close_a_circle_together_do_not(
    ask: Ask, administrator: asyncpg.Connection
) -> None:
    await administrator.execute(
        "insert into bank.unit (id, code, name, kind, parent_id) values (8, 'S', 'S', 'REGION', 1)"
    )
    ask.directory.forget()
    for _ in range(3):
        await asyncio.gather(
            ask.full(HQ, MOVE, input=move("EAST", "S")), ask.full(HQ, MOVE, input=move("S", "EAST"))
        )
        parents = dict(await administrator.fetch("select code, parent_id from bank.unit where id in (2, 8)"))
        assert parents in ({"EAST": 8, "S": 1}, {"EAST": 1, "S": 2})
        await administrator.execute("update bank.unit set parent_id = 1, version = 1 where id in (2, 8)")
        ask.directory.forget()


async def test_whoever_goes_round_the_application_is_refused_a_circle_by_the_database(
    administrator: asyncpg.Connection,
) -> None:
    for unit, parent in ((EAST, EAST), (EAST, SHANGHAI), (EAST, PUDONG), (1, PUDONG)):
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            await administrator.execute("update bank.unit set parent_id = $2 where id = $1", unit, parent)
        assert refused.value.constraint_name == "ck_unit_no_cycle"
    await administrator.execute("update bank.unit set parent_id = $2 where id = $1", BEIJING, EAST)
    assert await administrator.fetchval("select parent_id from bank.unit where id = $1", NORTH) == 1


@pytest.fixture
async def job(administrator: asyncpg.Connection) -> Any:
    return await administrator.fetchval(
        "insert into bank.import_job (branch_id, id, mapping, file_name, file_sha256, mapping_sha256, "
        "file_bytes, status) values (1, gen_random_uuid(), 'm', 'f', 's', 'm', 1, 'RUNNING') returning id"
    )


async def test_an_import_follows_its_table_of_statuses(
    ask: Ask, administrator: asyncpg.Connection, job: Any
) -> None:
    row_id = encode("ImportJob", (1, job))
    for now, wanted in itertools.product(ImportStatus, ImportStatus):
        await administrator.execute("update bank.import_job set status = $1, version = 5", now.value)
        given_input = {
            "idempotencyKey": f"s-{now}-{wanted}",
            "importId": row_id,
            "expectedVersion": 5,
            "status": wanted.value,
        }
        payload = (await ask(HQ, STEER, input=given_input))["importStatus"]
        if wanted in MAY_FOLLOW[now]:
            assert payload["job"] == {"id": row_id, "status": wanted.value, "version": 6}
        else:
            assert (payload["__typename"], payload["code"]) == ("StatusRefused", "STATUS_MAY_NOT_FOLLOW")
            assert payload["path"] == ["input", "status"]


async def test_an_import_that_went_on_since_is_a_conflict_and_one_that_is_none_is_not_found(
    ask: Ask, job: Any
) -> None:
    stale = {
        "idempotencyKey": "a",
        "importId": encode("ImportJob", (1, job)),
        "expectedVersion": 0,
        "status": "PAUSED",
    }
    payload = (await ask(HQ, STEER, input=stale))["importStatus"]
    assert payload["current"] == {"status": "RUNNING", "version": 1}
    nowhere = [encode("ImportJob", (branch, client_id(0))) for branch in (1, 4, 99)]
    answers = [
        await ask.full(HQ, STEER, input=stale | {"idempotencyKey": f"n{n}", "importId": row_id})
        for n, row_id in enumerate(nowhere)
    ]
    assert answers[0]["data"]["importStatus"]["code"] == "NOT_FOUND"
    assert answers == [answers[0]] * 3
    for row_id in ("junk", encode("Client", (1, job))):
        odd = (await ask(HQ, STEER, input=stale | {"idempotencyKey": "o", "importId": row_id}))[
            "importStatus"
        ]
        assert (odd["code"], odd["path"]) == ("INVALID_INPUT", ["input", "importId"])


async def test_the_tree_is_there_for_everybody_while_moves_are_under_way(ask: Ask) -> None:
    async def restless() -> None:
        while True:
            ask.directory.forget()
            await asyncio.sleep(0)

    async def looking() -> set[int]:
        return {len(await ask.directory.organisation()) for _ in range(20)}

    moving = asyncio.create_task(restless())
    try:
        assert await asyncio.gather(*(looking() for _ in range(5))) == [{7}] * 5
    finally:
        moving.cancel()


async def test_an_imports_error_file_is_shown_without_its_folder(
    ask: Ask, administrator: asyncpg.Connection
) -> None:
    await administrator.execute(
        """insert into bank.import_job (branch_id, id, mapping, file_name, file_sha256, mapping_sha256, file_bytes,
             status, error_file)
           select 1, gen_random_uuid(), 'sba_loans', 'loans.csv', n::text, '', 1, 'RUNNING', place
           from (values (1, '/srv/secret place/loans.csv.errors.csv'), (2, 'loans.errors.csv'), (3, null))
             as made (n, place)"""
    )
    for engine, statements in ((ask.engine, 1), (Engine(compiled=False), 2)):
        ask.engine = engine
        nodes = (await ask(HQ, "{ imports { nodes { errorFile } } }"))["imports"]["nodes"]
        assert {node["errorFile"] for node in nodes} == {"loans.csv.errors.csv", "loans.errors.csv", None}
        assert len(ask.statements) == statements
