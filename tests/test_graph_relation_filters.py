"""`where` over relations: some, none, every, to-one; and never a look into another tenant."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from conftest import Ask
from small_bank import BEIJING, CLIENTS, JIANGSU, PUDONG, SHANGHAI, SmallBank, client_id, facility_id

from domain.access import Caller
from schema.ids import encode

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "conditions.md"
HQ = SmallBank.headquarters
CLIENTS_WHERE = "query ($where: ClientWhere) { clients(where: $where) { totalCount nodes { id } } }"
UNITS_WHERE = "query ($where: OrganisationUnitWhere) { units(where: $where) { totalCount nodes { code } } }"
INDEX = {encode("Client", (c[0], client_id(i))): i for i, c in enumerate(CLIENTS)}
ALL = set(range(7))
LATE = {"daysLate": {"gt": 0}}
ANY: dict[str, Any] = {}


@pytest.fixture
async def varied(administrator: asyncpg.Connection) -> None:
    """Client 0: a revolving facility. 1: one that is repaid. 2: no manager, no events. 3: a primary contact."""
    run = administrator.execute
    await run("update bank.facility set revolving = true where id = $1", facility_id(0))
    await run("update bank.facility set status = 'REPAID' where id = $1", facility_id(1))
    await run("update bank.client set relationship_manager_id = null where id = $1", client_id(2))
    await run("delete from bank.credit_event where client_id = $1", client_id(2))
    await run(
        "update bank.contact set is_primary = true, email = 'A@B.example' where client_id = $1", client_id(3)
    )
    await run("update bank.client set region_code = '310000' where id = $1", client_id(0))


async def clients(ask: Ask, caller: Caller, where: Any) -> set[int]:
    found = (await ask(caller, CLIENTS_WHERE, where=where))["clients"]
    indices = {INDEX[node["id"]] for node in found["nodes"]}
    assert found["totalCount"] == len(indices) == len(found["nodes"])
    return indices


async def units(ask: Ask, caller: Caller, where: Any) -> set[str]:
    found = (await ask(caller, UNITS_WHERE, where=where))["units"]
    assert found["totalCount"] == len(found["nodes"])
    return {node["code"] for node in found["nodes"]}


TABLE: list[tuple[Any, set[int]]] = [
    ({"facilities": None}, ALL),
    ({"facilities": {}}, ALL),
    ({"facilities": {"some": None}}, ALL),
    ({"facilities": {"some": ANY}}, ALL),
    ({"facilities": {"none": ANY}}, set()),
    ({"facilities": {"every": ANY}}, ALL),
    ({"facilities": {"some": {"revolving": {"eq": True}}}}, {0}),
    ({"facilities": {"none": {"revolving": {"eq": True}}}}, ALL - {0}),
    ({"facilities": {"every": {"status": {"eq": "ACTIVE"}}}}, ALL - {1}),
    ({"facilities": {"some": {"status": {"eq": "ACTIVE"}}, "none": {"revolving": {"eq": True}}}}, ALL - {0}),
    ({"facilities": {"some": {"limit": {"currency": "CNY", "gte": "6000000"}}}}, {5, 6}),
    ({"facilities": {"every": {"termMonths": {"gt": 1}}}}, set()),
    ({"facilities": {"every": {"not": {"termMonths": {"gt": 1}}}}}, ALL),
    ({"facilities": {"some": {"postings": {"some": LATE}}}}, ALL),
    ({"facilities": {"every": {"postings": {"some": LATE}}}}, set()),
    ({"facilities": {"some": {"postings": {"none": ANY}}}}, ALL),
    ({"facilities": {"some": {"client": {"creditGrade": {"eq": "C"}}}}}, {4}),
    ({"creditEvents": {"none": ANY}}, {2}),
    ({"creditEvents": {"every": {"kind": {"eq": "DEFAULT"}}}}, {2}),
    ({"creditEvents": {"some": {"facility": {"status": {"eq": "REPAID"}}}}}, {1}),
    ({"contacts": {"some": {"isPrimary": {"eq": True}}}}, {3}),
    ({"contacts": {"some": {"email": {"startsWith": "a@b."}}}}, {3}),
    (
        {"statements": {"some": {"revenue": {"currency": "CNY", "gt": "500000"}, "audited": {"eq": False}}}},
        {5, 6},
    ),
    ({"relationshipManager": ANY}, ALL - {2}),
    ({"not": {"relationshipManager": ANY}}, {2}),
    ({"relationshipManager": {"unit": {"code": {"eq": "320000"}}}}, {3, 4}),
    ({"not": {"relationshipManager": {"unit": {"code": {"eq": "320000"}}}}}, ALL - {3, 4}),
    ({"region": {"indicators": {"some": {"value": {"between": {"from": "4.5", "to": "5"}}}}}}, {0}),
    ({"region": {"name": {"eq": "Jiangsu"}}}, set()),
    ({"branch": {"kind": {"eq": "SUB_BRANCH"}}}, {2}),
    ({"branch": {"parent": {"code": {"eq": "EAST"}}}}, {0, 1, 3, 4}),
    ({"branch": {"staff": {"some": {"code": {"eq": f"M{PUDONG}"}}}}}, {0, 1, 2}),
    ({"branch": {"clients": {"some": {"creditGrade": {"eq": "C"}}}}}, {3, 4}),
    ({"or": [{"creditEvents": {"none": ANY}}, {"branch": {"code": {"eq": "110000"}}}]}, {2, 5, 6}),
    ({"facilities": {"some": {"id": [encode("Facility", (BEIJING, facility_id(5)))]}}}, {5}),
    ({"facilities": {"some": {"id": [encode("Facility", (SHANGHAI, facility_id(5)))]}}}, set()),
]


@pytest.mark.usefixtures("varied")
async def test_the_table_of_relations(ask: Ask) -> None:
    for where, expected in TABLE:
        assert await clients(ask, HQ, where) == expected, where


BELOW: list[tuple[Any, set[str]]] = [
    ({"clients": {"some": ANY}}, {"HQ", "EAST", "NORTH", "310000", "320000", "110000", "310000-01"}),
    ({"clients": {"some": {"creditGrade": {"isNull": True}}}}, {"HQ", "EAST", "320000"}),
    ({"clients": {"every": {"creditGrade": {"eq": "A"}}}}, {"310000-01"}),
    ({"facilities": {"some": {"reference": {"startsWith": "f-2-"}}}}, {"HQ", "EAST", "310000", "310000-01"}),
    ({"children": {"none": ANY}}, {"320000", "110000", "310000-01"}),
    ({"children": {"some": {"children": {"some": ANY}}}}, {"HQ", "EAST"}),
    ({"not": {"parent": ANY}}, {"HQ"}),
]


async def test_a_unit_relates_to_all_that_lies_below_it(ask: Ask) -> None:
    for where, expected in BELOW:
        assert await units(ask, HQ, where) == expected, where


async def test_nested_lists_take_relations_for_every_parent(ask: Ask) -> None:
    found = await ask(
        HQ,
        """{ units(where: {kind: {eq: REGION}}) { nodes { code
             clients(where: {facilities: {some: {postings: {some: {paidOn: {isNull: true}}}}}}) { totalCount }
             staff(where: {clients: {some: {creditGrade: {eq: A}}}}) { totalCount } } } }""",
    )
    assert [
        (unit["code"], unit["clients"]["totalCount"], unit["staff"]["totalCount"])
        for unit in found["units"]["nodes"]
    ] == [("EAST", 5, 2), ("NORTH", 2, 1)]


SEEN: list[tuple[str, Caller, set[int], set[str]]] = [
    ("headquarters", HQ, ALL, {"HQ", "EAST", "NORTH", "310000", "320000", "110000", "310000-01"}),
    ("a region", SmallBank.east, {0, 1, 2, 3, 4}, {"HQ", "EAST", "310000", "320000", "310000-01"}),
    ("a branch", SmallBank.shanghai, {0, 1, 2}, {"HQ", "EAST", "310000", "310000-01"}),
    ("another branch", SmallBank.jiangsu, {3, 4}, {"HQ", "EAST", "320000"}),
    ("a client", SmallBank.huaxia, {1, 4}, {"HQ", "EAST", "310000", "320000"}),
]


@pytest.mark.parametrize(("who", "caller", "own", "above"), SEEN, ids=[who for who, *_ in SEEN])
async def test_a_relation_never_looks_into_another_tenant(
    ask: Ask, who: str, caller: Caller, own: set[int], above: set[str]
) -> None:
    del who
    assert await clients(ask, caller, {"facilities": {"some": ANY}}) == own
    assert await units(ask, caller, {"clients": {"some": ANY}}) == above
    everyone = {"HQ", "EAST", "NORTH", "310000", "320000", "110000", "310000-01"}
    assert await units(ask, caller, {"clients": {"none": ANY}}) == everyone - above
    assert await units(ask, caller, {"facilities": {"every": {"termMonths": {"gt": 0}}}}) == everyone - above
    # Through the tree and down again: the neighbours' rows do not exist there either.
    neighbours = {"branch": {"parent": {"clients": {"some": {"creditGrade": {"isNull": True}}}}}}
    sees_suzhou = 3 in own
    assert await clients(ask, caller, neighbours) == ((own & {0, 1, 3, 4}) if sees_suzhou else set())
    for branch, index in ((JIANGSU, 3), (BEIJING, 5), (SHANGHAI, 0)):
        named = {"clients": {"some": {"id": [encode("Client", (branch, client_id(index)))]}}}
        assert bool(await units(ask, caller, named)) is (index in own)


async def test_the_sql_states_the_branch_at_every_level(ask: Ask) -> None:
    late = {"clients": {"some": {"facilities": {"some": {"postings": {"none": LATE}}}}}}
    await units(ask, SmallBank.shanghai, late)
    assert ask.statements
    for statement in ask.statements:
        for table in ("client", "facility", "posting"):
            found = re.findall(rf"bank\.{table} AS (\w+)", statement)
            assert found
            assert all(f"{alias}.branch_id = " in statement for alias in found), table


async def test_the_documents_example_is_answered(ask: Ask) -> None:
    (example,) = re.findall(r"```graphql\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert await ask(HQ, example) == {"clients": {"totalCount": 1}}
