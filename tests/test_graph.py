"""Who sees what through the graph: headquarters, a region, a branch and a client, each exactly what is theirs."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from both_ways import AskBothWays as Ask
from small_bank import BEIJING, CLIENTS, JIANGSU, PUDONG, SHANGHAI, UNITS, SmallBank, client_id, facility_id

from domain.access import Caller, Role
from schema.ids import encode
from tenants.database import Database
from tenants.organisation import Directory

HQ, EAST, SHANGHAI_BRANCH = SmallBank.headquarters, SmallBank.east, SmallBank.shanghai
HUAXIA = SmallBank.huaxia
PUDONG_MANAGER = Caller("pu", Role.RELATIONSHIP_MANAGER, office="310000-01")
OFFICER = Caller("ollie", Role.CREDIT_OFFICER, office="310000")
AUDITOR = Caller("audrey", Role.AUDITOR)


@pytest.fixture
def ask(database: Database, directory: Directory) -> Ask:
    """Both engines: what is told here holds for either."""
    return Ask(database, directory)


# Which clients, by their place in CLIENTS, each persona sees.
SIGHT: list[tuple[Caller, set[int]]] = [
    (HQ, {0, 1, 2, 3, 4, 5, 6}),
    (SmallBank.analyst, {0, 1, 2, 3, 4, 5, 6}),
    (AUDITOR, {0, 1, 2, 3, 4, 5, 6}),
    (EAST, {0, 1, 2, 3, 4}),
    (SHANGHAI_BRANCH, {0, 1, 2}),
    (OFFICER, {0, 1, 2}),
    (PUDONG_MANAGER, {2}),
    (SmallBank.jiangsu, {3, 4}),
    (SmallBank.beijing, {5, 6}),
    (HUAXIA, {1, 4}),
]
personas = pytest.mark.parametrize(
    ("caller", "seen"), SIGHT, ids=[f"{caller.role}-{caller.subject}" for caller, _ in SIGHT]
)


def gid(index: int) -> str:
    return encode("Client", (CLIENTS[index][0], client_id(index)))


def yuan(amount_minor: int) -> list[dict[str, str]]:
    return [{"amount": f"{amount_minor / 100:.2f}", "currency": "CNY"}]


def owed(*indices: int) -> list[dict[str, str]]:
    """What these clients of the small bank owe together."""
    return yuan(sum(800_000_00 * (index + 1) + 1 for index in indices))


EVERYTHING = """
{ clients { totalCount nodes { id branch { code }
    facilities { totalCount nodes { id client { id } branch { code }
      postings { totalCount nodes { id client { id } facility { id } } }
      creditEvents { totalCount nodes { id } } } }
    statements { totalCount nodes { id client { id } } }
    contacts { totalCount nodes { id client { id } } }
    creditEvents { totalCount nodes { id client { id } facility { id } } } } }
  facilities { totalCount nodes { id } } }
"""


@personas
async def test_each_persona_sees_its_own_rows_of_every_type_and_no_other(
    ask: Ask, caller: Caller, seen: set[int]
) -> None:
    data = await ask(caller, EVERYTHING)
    assert data["clients"]["totalCount"] == len(seen)
    assert {node["id"] for node in data["clients"]["nodes"]} == {gid(index) for index in seen}
    assert data["facilities"]["totalCount"] == 2 * len(seen)
    for node in data["clients"]["nodes"]:
        first, second = node["facilities"]["nodes"]
        assert node["facilities"]["totalCount"] == 2
        assert (first["postings"]["totalCount"], second["postings"]["totalCount"]) == (3, 0)
        assert [len(f["creditEvents"]["nodes"]) for f in (first, second)] == [1, 0]
        (statement,), (contact,) = node["statements"]["nodes"], node["contacts"]["nodes"]
        (event,) = node["creditEvents"]["nodes"]
        of_client = [first, second, *first["postings"]["nodes"], statement, contact, event]
        assert all(fact["client"] == {"id": node["id"]} for fact in of_client)
        assert event["facility"] == {"id": first["id"]}
        assert {posting["facility"]["id"] for posting in first["postings"]["nodes"]} == {first["id"]}


@personas
async def test_exposure_adds_up_what_the_caller_sees_and_nothing_else(
    ask: Ask, caller: Caller, seen: set[int]
) -> None:
    data = await ask(
        caller,
        "{ units { nodes { code exposure { amount currency } } } clients { nodes { id exposure { amount } } } }",
    )
    below = {"HQ": set(range(7)), "EAST": {0, 1, 2, 3, 4}, "NORTH": {5, 6}, "310000": {0, 1, 2}}
    below |= {"310000-01": {2}, "320000": {3, 4}, "110000": {5, 6}}
    for unit in data["units"]["nodes"]:
        mine = below[unit["code"]] & seen
        assert unit["exposure"] == (owed(*mine) if mine else []), unit["code"]
    exposures = {node["id"]: node["exposure"] for node in data["clients"]["nodes"]}
    assert exposures == {gid(index): [{"amount": owed(index)[0]["amount"]}] for index in seen}


@personas
async def test_the_tree_and_the_regions_are_everybodys(ask: Ask, caller: Caller, seen: set[int]) -> None:
    del seen
    data = await ask(
        caller,
        """{ units { totalCount nodes { code name kind parent { code } ancestors { code }
               region { code indicators { nodes { indicator value unit year region { code } } } }
               children { totalCount nodes { code } } } }
             regions { nodes { code country units { nodes { code } } } } }""",
    )
    units = {unit["code"]: unit for unit in data["units"]["nodes"]}
    codes = {row_id: code for row_id, code, *_ in UNITS}
    assert list(units) == sorted(codes.values())
    for _, code, name, kind, parent, region in UNITS:
        unit = units[code]
        assert (unit["name"], unit["kind"]) == (name, kind)
        assert (unit["parent"] or {}).get("code") == codes.get(parent or 0)
        assert (unit["region"] or {}).get("code") == region
    assert [a["code"] for a in units["310000-01"]["ancestors"]] == ["310000", "EAST", "HQ"]
    assert units["HQ"]["ancestors"] == []
    assert [c["code"] for c in units["EAST"]["children"]["nodes"]] == ["310000", "320000"]
    assert units["310000-01"]["children"] == {"totalCount": 0, "nodes": []}
    assert units["310000"]["region"]["indicators"]["nodes"] == [
        {"indicator": "gdp_growth", "value": "5", "unit": "%", "year": 2023, "region": {"code": "310000"}}
    ]
    assert [r["code"] for r in data["regions"]["nodes"]] == ["110000", "310000", "320000"]
    assert [u["code"] for u in data["regions"]["nodes"][1]["units"]["nodes"]] == ["310000", "310000-01"]


STAFF_SEEN = [
    (HQ, {"M4", "M5", "M6", "M7"}),
    (EAST, {"M4", "M5", "M7"}),
    (SHANGHAI_BRANCH, {"M4", "M7"}),
    (PUDONG_MANAGER, {"M7"}),
    # A client sees the people who look after it, no one else in the same offices.
    (HUAXIA, {"M4", "M5"}),
]


@pytest.mark.parametrize(("caller", "staff"), STAFF_SEEN, ids=[c.subject for c, _ in STAFF_SEEN])
async def test_staff_are_seen_with_their_branch(
    ask: Ask, administrator: asyncpg.Connection, caller: Caller, staff: set[str]
) -> None:
    data = await ask(
        caller,
        """{ unit(code: "HQ") { staff { totalCount nodes { code unit { code } role active
               clients { nodes { id relationshipManager { code } } } } } } }""",
    )
    found = data["unit"]["staff"]
    assert {person["code"] for person in found["nodes"]} == staff
    assert found["totalCount"] == len(staff)
    for person in found["nodes"]:
        assert all(c["relationshipManager"] == {"code": person["code"]} for c in person["clients"]["nodes"])
    await administrator.execute(
        "insert into bank.staff (branch_id, id, code, name, role) "
        f"values ({SHANGHAI}, gen_random_uuid(), 'ZZ', 'Nobody of theirs', 'CREDIT_OFFICER')"
    )
    again = await ask(caller, '{ unit(code: "HQ") { staff { nodes { code } } } }')
    newcomer = {"ZZ"} if caller in (HQ, EAST, SHANGHAI_BRANCH) else set()
    assert {person["code"] for person in again["unit"]["staff"]["nodes"]} == staff | newcomer


VIEWERS: list[tuple[Caller, int, str | None, int]] = [
    (HQ, 4, None, 0),
    (SmallBank.analyst, 4, None, 0),
    (EAST, 3, "EAST", 0),
    (SHANGHAI_BRANCH, 2, "310000", 0),
    (PUDONG_MANAGER, 1, "310000-01", 0),
    (HUAXIA, 2, None, 2),
]


@pytest.mark.parametrize(
    ("caller", "branches", "office", "companies"), VIEWERS, ids=[v[0].subject for v in VIEWERS]
)
async def test_the_viewer_is_told_who_it_is(
    ask: Ask, caller: Caller, branches: int, office: str | None, companies: int
) -> None:
    data = await ask(caller, "{ viewer { subject role branchCount office { code } companies { id } } }")
    viewer = data["viewer"]
    assert (viewer["subject"], viewer["role"]) == (caller.subject, caller.role.value)
    assert viewer["branchCount"] == branches
    assert viewer["office"] == (office and {"code": office})
    assert len(viewer["companies"]) == companies
    if companies:
        assert {company["id"] for company in viewer["companies"]} == {gid(1), gid(4)}


@pytest.mark.parametrize(
    ("caller", "code", "below", "own"),
    [
        (HQ, "HQ", set(range(7)), set()),
        (HQ, "EAST", {0, 1, 2, 3, 4}, set()),
        (HQ, "310000", {0, 1, 2}, {0, 1}),
        (EAST, "NORTH", set(), set()),
        (EAST, "HQ", {0, 1, 2, 3, 4}, set()),
        (SHANGHAI_BRANCH, "310000", {0, 1, 2}, {0, 1}),
        (SHANGHAI_BRANCH, "310000-01", {2}, {2}),
        (SHANGHAI_BRANCH, "320000", set(), set()),
        (PUDONG_MANAGER, "310000", {2}, set()),
        (HUAXIA, "310000", {1}, {1}),
        (HUAXIA, "110000", set(), set()),
    ],
)
async def test_a_units_clients_and_facilities_are_those_below_or_its_own_alone(
    ask: Ask, caller: Caller, code: str, below: set[int], own: set[int]
) -> None:
    data = await ask(
        caller,
        """query ($code: String!) { unit(code: $code) {
             said: clients { totalCount nodes { id } }
             below: clients(includeBelow: true) { totalCount nodes { id } }
             own: clients(includeBelow: false) { totalCount nodes { id } }
             debts: facilities { totalCount } ownDebts: facilities(includeBelow: false) { totalCount } } }""",
        code=code,
    )
    unit = data["unit"]
    for name, expected in (("said", below), ("below", below), ("own", own)):
        assert {node["id"] for node in unit[name]["nodes"]} == {gid(index) for index in expected}, name
        assert unit[name]["totalCount"] == len(expected), name
    assert unit["debts"]["totalCount"] == 2 * len(below)
    assert unit["ownDebts"]["totalCount"] == 2 * len(own)


async def test_lookups_by_code_and_id_answer_null_for_what_is_not_there(ask: Ask) -> None:
    facility = encode("Facility", (BEIJING, facility_id(5)))
    data = await ask(
        HQ,
        """query ($client: ID!, $facility: ID!) {
             unit(code: "EAST") { name } nowhere: unit(code: "WEST") { name } empty: unit(code: "") { name }
             region(code: "310000") { name } noRegion: region(code: "999999") { name }
             client(id: $client) { legalName } facility(id: $facility) { reference client { legalName } } }""",
        client=gid(4),
        facility=facility,
    )
    assert data == {
        "unit": {"name": "East China"},
        "nowhere": None,
        "empty": None,
        "region": {"name": "Shanghai"},
        "noRegion": None,
        "client": {"legalName": "华夏钢铁有限公司"},
        "facility": {"reference": "F-5-0", "client": {"legalName": CLIENTS[5][2]}},
    }


async def test_values_are_shown_exactly(ask: Ask, administrator: asyncpg.Connection) -> None:
    await administrator.execute(
        "update bank.client set registered_capital_minor = 9223372036854775807 where id = $1", client_id(0)
    )
    await administrator.execute(
        "update bank.facility set annual_rate = 0.043500, currency = 'JPY' where client_id = $1", client_id(0)
    )
    await administrator.execute("update bank.region_indicator set value = 0.0000001")
    data = await ask(
        SHANGHAI_BRANCH,
        """query ($id: ID!) { client(id: $id) { registeredCapital { amount currency } creditGrade createdAt
             facilities(first: 1) { nodes { annualRate limit { amount currency } guaranteed { amount }
               maturesOn postings { nodes { dueOn paidOn daysLate principal { amount } interest { amount } } } } } }
           region(code: "310000") { indicators { nodes { value } } } }""",
        id=gid(0),
    )
    client = data["client"]
    assert client["registeredCapital"] == {"amount": "92233720368547758.07", "currency": "CNY"}
    assert client["createdAt"].endswith("+00:00")
    (facility,) = client["facilities"]["nodes"]
    assert facility["annualRate"] == "0.043500"
    assert facility["limit"] == {"amount": "100000000", "currency": "JPY"}
    assert facility["guaranteed"] is None
    assert facility["maturesOn"] == "2027-01-01"
    assert [p["daysLate"] for p in facility["postings"]["nodes"]] == [1, 20, None]
    assert facility["postings"]["nodes"][0] == {
        "dueOn": "2024-03-30",
        "paidOn": "2024-03-31",
        "daysLate": 1,
        "principal": {"amount": "25000.00"},
        "interest": {"amount": "5000.00"},
    }
    assert data["region"]["indicators"]["nodes"] == [{"value": "0.0000001"}]


async def test_debts_in_two_currencies_are_not_added(ask: Ask, administrator: asyncpg.Connection) -> None:
    await administrator.execute(
        "update bank.facility set currency = 'JPY', outstanding_minor = 7 where id = $1", facility_id(2, 1)
    )
    query = "{ unit(code: %s) { exposure { amount currency } clients { nodes { exposure { amount currency } } } } }"
    data = await ask(PUDONG_MANAGER, query.replace("%s", '"310000-01"'))
    both = [{"amount": "1200000.00", "currency": "CNY"}, {"amount": "7", "currency": "JPY"}]
    assert data["unit"] == {"exposure": both, "clients": {"nodes": [{"exposure": both}]}}


async def import_job(administrator: asyncpg.Connection, branch: int, name: str) -> str:
    made = await administrator.fetchval(
        "insert into bank.import_job (branch_id, id, mapping, file_name, file_sha256, mapping_sha256, "
        "file_bytes, status, bytes_done) "
        "values ($1, gen_random_uuid(), 'loans', $2, $2, 'm', 9007199254740993, 'RUNNING', 5) returning id",
        branch,
        name,
    )
    return encode("ImportJob", (branch, made))


IMPORTS: list[tuple[Caller, set[str]]] = [
    (HQ, {"hq.csv", "sh.csv", "js.csv"}),
    (EAST, {"sh.csv", "js.csv"}),
    (SHANGHAI_BRANCH, {"sh.csv"}),
    (PUDONG_MANAGER, set()),
    (HUAXIA, set()),
]


@pytest.mark.parametrize(("caller", "files"), IMPORTS, ids=[caller.subject for caller, _ in IMPORTS])
async def test_imports_are_seen_where_they_belong_and_by_no_client(
    ask: Ask, administrator: asyncpg.Connection, caller: Caller, files: set[str]
) -> None:
    jobs = {
        name: await import_job(administrator, branch, name)
        for branch, name in ((1, "hq.csv"), (SHANGHAI, "sh.csv"), (JIANGSU, "js.csv"))
    }
    data = await ask(caller, "{ imports { totalCount nodes { fileName fileBytes bytesDone status } } }")
    assert {node["fileName"] for node in data["imports"]["nodes"]} == files
    assert data["imports"]["totalCount"] == len(files)
    assert all(node["fileBytes"] == "9007199254740993" for node in data["imports"]["nodes"])
    for name, row_id in jobs.items():
        both = await ask(
            caller, "query ($i: ID!) { node(id: $i) { id } importStatus(id: $i) { fileName } }", i=row_id
        )
        seen: dict[str, Any] = {"node": {"id": row_id}, "importStatus": {"fileName": name}}
        assert both == (seen if name in files else {"node": None, "importStatus": None})


async def test_a_sub_branch_reports_to_its_branch_and_not_to_its_neighbour(ask: Ask) -> None:
    query = "query ($id: ID!) { client(id: $id) { branch { code parent { code } } } }"
    seen = {"client": {"branch": {"code": "310000-01", "parent": {"code": "310000"}}}}
    assert await ask(SHANGHAI_BRANCH, query, id=encode("Client", (PUDONG, client_id(2)))) == seen
    assert await ask(SmallBank.jiangsu, query, id=encode("Client", (PUDONG, client_id(2)))) == {
        "client": None
    }
