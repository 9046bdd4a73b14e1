"""Rule sets in the graph: read, checked, compared; and from draft to force by mutations."""

from __future__ import annotations

import copy
import itertools
import json
from typing import Any

import asyncpg
import pytest
from both_ways import AskBothWays
from conftest import Ask
from mutation_requests import BO, HQ, READERS, REFUSAL, fresh, gid, refused, sent
from small_bank import SmallBank

from domain.access import Caller, Role
from schema.ids import encode
from tenants.database import Database
from tenants.organisation import Directory
from tenants.segments.shipped import ensure_defaults, shipped_rule_sets

SECOND = Caller("hugo", Role.HEADQUARTERS_ADMINISTRATOR)
THIRD = Caller("hilda", Role.HEADQUARTERS_ADMINISTRATOR)
SHIPPED = {one.code: one.rule_set for one in shipped_rule_sets()}
NAMES = sorted(SHIPPED)


@pytest.fixture
async def ask_both(database: Database, directory: Directory) -> AskBothWays:
    async with database.transaction(await directory.operator(), write=True) as transaction:
        await ensure_defaults(transaction)
    return AskBothWays(database, directory)


async def test_dimensions_and_their_rule_sets_are_read_in_one_statement(ask_both: AskBothWays) -> None:
    found = await ask_both(
        BO,
        """{ dimensions { nodes { code name overridable ruleSets { nodes { number status body createdBy note
          dimension { code } unit { code } effectiveFrom effectiveUntil simulation { moved } } } } } }""",
    )
    nodes = found["dimensions"]["nodes"]
    assert [node["code"] for node in nodes] == NAMES
    for node in nodes:
        (rules,) = node["ruleSets"]["nodes"]
        assert rules["body"] == SHIPPED[node["code"]]
        assert (rules["number"], rules["status"], rules["unit"]) == (1, "ACTIVE", None)
    assert len(ask_both.statements) == 1


ODD = copy.deepcopy(SHIPPED["valueTier"]) | {"values": ["V1", "V2", "V3", "V4"]}
ODD["rules"].reverse()
SIMULATION = {
    "clients": 7,
    "moved": 2,
    "day": "2024-12-31",
    "against": {"number": 1, "unitCode": None},
    "matrix": [
        {
            "from": "V1",
            "to": "V2",
            "clients": 2,
            "exposure": [{"amount": "1200.50", "currency": "CNY"}, {"amount": "3", "currency": "JPY"}],
        },
        {"from": None, "to": "V3", "clients": 5, "exposure": []},
    ],
    "byBranch": [
        {
            "branchCode": "310000",
            "branchName": 'Shanghai "Bund" 分行',
            "clients": 3,
            "moved": 2,
            "exposure": [],
        }
    ],
    "warnings": ["no rule gives V4", "说明, [1]"],
}
INSERT = """insert into bank.rule_set (dimension_code, number, status, body, created_by, edited_by, simulated_by,
    simulated_at) values ('valueTier', 2, 'SIMULATED', $1, 'hana', 'hana', 'hana', now()) returning id"""
KEEP = "insert into bank.rule_set_simulation (rule_set_id, found) values ($1, $2)"


async def kept(administrator: asyncpg.Connection) -> str:
    """The id of a simulated rule set."""
    number = await administrator.fetchval(INSERT, json.dumps(ODD))
    await administrator.execute(KEEP, number, json.dumps(SIMULATION))
    return encode("RuleSet", (number,))


async def test_a_simulation_is_shown_as_it_was_kept(
    ask_both: AskBothWays, administrator: asyncpg.Connection
) -> None:
    known = await kept(administrator)
    found = await ask_both(
        HQ,
        """query ($id: ID!) { ruleSet(id: $id) { simulation { clients moved day against { number unitCode }
          matrix { from to clients exposure { amount currency } } warnings
          byBranch { branchCode branchName clients moved exposure { __typename } } } } }""",
        id=known,
    )
    assert found["ruleSet"]["simulation"] == SIMULATION


async def test_a_rule_set_is_checked_and_compared_on_demand(
    ask_both: AskBothWays, administrator: asyncpg.Connection
) -> None:
    known = await kept(administrator)
    ask_both.compiles = False
    query = """query ($id: ID!, $from: ID) { ruleSet(id: $id) {
        findings { severity message path } differences(from: $from) { change text path } } }"""
    found = (await ask_both(HQ, query, id=known))["ruleSet"]
    assert [(one["severity"], one["path"]) for one in found["findings"]] == [
        ("WARNING", "values[3]"),
        ("WARNING", "rules[1].when"),
    ]
    assert "rule 2 (V1) is never reached" in found["findings"][1]["message"]
    assert [(one["change"], one["text"]) for one in found["differences"]] == [
        ("ADDED", "the value V4 is new"),
        ("MOVED", "rule 1 (V2) was rule 2"),
    ]
    assert (await ask_both(HQ, query, id=known, **{"from": known}))["ruleSet"]["differences"] == []
    body = await ask_both.full(HQ, query, id=known, **{"from": encode("RuleSet", (10**6,))})
    assert "`from` is not the id of a rule set" in body["errors"][0]["message"]


async def test_a_clients_own_users_see_no_rules(ask_both: AskBothWays) -> None:
    found = await ask_both(
        SmallBank.huaxia,
        '{ dimensions { totalCount } ruleSets { totalCount } dimension(code: "riskClass") { id } }',
    )
    assert found == {"dimensions": {"totalCount": 0}, "ruleSets": {"totalCount": 0}, "dimension": None}


# From draft to force

STATE = """ruleSet { id number status version note unit { code } activatedBy
    simulation { clients moved against { number unitCode } matrix { from to clients } } }"""


def mutation(name: str, shown: str = STATE) -> str:
    """The mutation of that name, showing what it made and every refusal."""
    capital = name[0].upper() + name[1:]
    return f"""mutation ($input: {capital}Input!) {{ {name}(input: $input) {{ {REFUSAL}
        ... on {capital}Success {{ {shown} }} }} }}"""


DRAFT, EDIT, SIMULATE = mutation("draftRuleSet"), mutation("editRuleSet"), mutation("simulateRuleSet")
ACTIVATE, ARCHIVE = mutation("activateRuleSet"), mutation("archiveRuleSet")
ADD = mutation("addDimension", "dimension { id code name overridable ruleSets { totalCount } }")
LATE: dict[str, Any] = {"field": "daysPastDue", "operator": "gt", "value": 0}
LOYALTY = {
    "version": 1,
    "dimension": "loyalty",
    "values": ["FIRM", "LEAVING"],
    "rules": [{"value": "LEAVING", "when": {"field": "nps", "operator": "lte", "value": 6}}],
    "default": {"value": "FIRM"},
}


def step(rule_set: dict[str, Any], **said: Any) -> dict[str, Any]:
    """The input of what is next for a rule set, as it was just read."""
    return {
        "idempotencyKey": fresh(),
        "ruleSetId": rule_set["id"],
        "expectedVersion": rule_set["version"],
    } | said


def drafted(dimension: str, **said: Any) -> dict[str, Any]:
    return {"idempotencyKey": fresh(), "dimension": dimension} | said


async def in_segment(ask: Ask, dimension: str, value: str) -> int:
    found = await ask(
        HQ,
        "query ($d: String!, $v: String!) { segment(dimension: $d, value: $v) { clients { totalCount } } }",
        d=dimension,
        v=value,
    )
    counted: int = found["segment"]["clients"]["totalCount"]
    return counted


async def movers(ask: Ask, caller: Caller, rule_set: str, **given: Any) -> list[str]:
    """The ids of the clients that a rule set would move."""
    found = await ask(
        caller,
        """query ($id: ID!, $first: Int! = 100, $after: ID, $to: String, $branch: String) { ruleSet(id: $id) {
          moving(first: $first, afterClient: $after, to: $to, branchCode: $branch) { client { id } from to } } }""",
        id=rule_set,
        **given,
    )
    moving = found["ruleSet"]["moving"]
    assert all((one["from"], one["to"]) == ("HIGH", "LOW") for one in moving)
    return [one["client"]["id"] for one in moving]


async def test_a_rule_set_goes_from_draft_to_force_by_two_people_and_the_next_answer_follows(
    ask_both: AskBothWays, database: Database, directory: Directory
) -> None:
    ask = Ask(database, directory, ask_both.engine)
    everybody = await in_segment(ask, "riskClass", "HIGH")
    assert everybody == 7
    made = (await sent(ask, HQ, DRAFT, drafted("riskClass", note=" stricter ")))["ruleSet"]
    assert (made["number"], made["status"], made["note"], made["unit"]) == (2, "DRAFT", "stricter", None)
    always = {"value": "LOW", "when": {"allOf": []}}
    body = SHIPPED["riskClass"] | {"rules": [always, *SHIPPED["riskClass"]["rules"]]}
    made = (await sent(ask, HQ, EDIT, step(made, body=body)))["ruleSet"]
    assert made["note"] == "stricter"
    assert await refused(ask, SECOND, ACTIVATE, step(made)) == ("NOT_SIMULATED", [])
    made = (await sent(ask, HQ, SIMULATE, step(made)))["ruleSet"]
    assert made["status"] == "SIMULATED"
    assert made["simulation"] == {
        "clients": everybody,
        "moved": everybody,
        "against": {"number": 1, "unitCode": None},
        "matrix": [{"from": "HIGH", "to": "LOW", "clients": everybody}],
    }
    assert await movers(ask, HQ, made["id"], first=3) == [gid(0), gid(1), gid(3)]
    assert await movers(ask, HQ, made["id"], after=gid(3), to="LOW") == [gid(4), gid(5), gid(6), gid(2)]
    assert await movers(ask, BO, made["id"], branch="310000") == [gid(0), gid(1)]
    assert await movers(ask, BO, made["id"], to="MID") == []
    assert await in_segment(ask, "riskClass", "LOW") == 0
    assert await refused(ask, HQ, ACTIVATE, step(made)) == ("SECOND_PERSON_NEEDED", [])
    past = step(made, effectiveFrom="2000-01-01")
    assert await refused(ask, SECOND, ACTIVATE, past) == ("INVALID_INPUT", ["input", "effectiveFrom"])
    given = step(made)
    made = (await sent(ask, SECOND, ACTIVATE, given))["ruleSet"]
    assert (made["status"], made["activatedBy"]) == ("ACTIVE", "hugo")
    assert await in_segment(ask, "riskClass", "LOW") == everybody
    assert (await sent(ask, SECOND, ACTIVATE, given))["ruleSet"] == made
    assert await refused(ask, HQ, EDIT, step(made, body=body)) == (
        "STATUS_MAY_NOT_FOLLOW",
        ["input", "ruleSetId"],
    )
    assert await refused(ask, HQ, ARCHIVE, step(made)) == ("LAST_RULES", ["input", "ruleSetId"])
    assert await refused(ask, HQ, SIMULATE, step(made, expectedVersion=1)) == (
        "CONFLICT",
        ["input", "expectedVersion"],
    )


async def test_headquarters_adds_a_dimension_and_a_region_its_own_rules_without_a_release(
    ask_both: AskBothWays, database: Database, directory: Directory
) -> None:
    ask = Ask(database, directory, ask_both.engine)
    new = {"idempotencyKey": fresh(), "code": "loyalty", "name": "Loyalty", "overridable": True}
    added = await sent(ask, HQ, ADD, new)
    assert added["dimension"]["ruleSets"] == {"totalCount": 0}
    again = await refused(ask, HQ, ADD, new | {"idempotencyKey": fresh()})
    assert again == ("ALREADY_REGISTERED", ["input", "code"])
    assert (await refused(ask, HQ, DRAFT, drafted("loyalty")))[0] == "INVALID_INPUT"
    for unit, value in ((None, "FIRM"), ("EAST", "LEAVING")):
        body = LOYALTY | {"default": {"value": value}}
        made = (await sent(ask, HQ, DRAFT, drafted("loyalty", unitCode=unit, body=body)))["ruleSet"]
        assert made["unit"] == (unit and {"code": unit})
        made = (await sent(ask, HQ, SIMULATE, step(made)))["ruleSet"]
        made = (await sent(ask, SECOND, ACTIVATE, step(made)))["ruleSet"]
    assert (await in_segment(ask, "loyalty", "FIRM"), await in_segment(ask, "loyalty", "LEAVING")) == (2, 5)
    for alone in (HQ, SECOND):
        assert await refused(ask, alone, ARCHIVE, step(made)) == ("SECOND_PERSON_NEEDED", [])
    await sent(ask, THIRD, ARCHIVE, step(made))
    assert await in_segment(ask, "loyalty", "FIRM") == 7


async def test_what_is_no_rule_set_or_not_allowed_is_refused_with_the_way_out(
    ask_both: AskBothWays, database: Database, directory: Directory
) -> None:
    ask = Ask(database, directory, ask_both.engine)
    wrong = SHIPPED["riskClass"] | {"rules": [{"value": "HIGH", "when": LATE | {"field": "daysPastDu"}}]}
    for said, code, path in [
        (drafted("colour"), "NOT_FOUND", ["input", "dimension"]),
        (drafted("riskClass", unitCode="310000"), "OVERRIDE_NOT_ALLOWED", ["input", "unitCode"]),
        (drafted("valueTier", unitCode="nowhere"), "NOT_FOUND", ["input", "unitCode"]),
        (drafted("riskClass", body={"version": 2}), "INVALID_INPUT", ["input", "body"]),
        (drafted("riskClass", body=LOYALTY), "INVALID_INPUT", ["input", "body", "dimension"]),
        (drafted("riskClass", note="x" * 501), "INVALID_INPUT", ["input", "note"]),
    ]:
        assert await refused(ask, HQ, DRAFT, said) == (code, path)
    made = (await sent(ask, HQ, DRAFT, drafted("riskClass", body=wrong)))["ruleSet"]
    payload = await sent(ask, HQ, SIMULATE, step(made))
    assert payload["code"] == "RULES_HAVE_ERRORS"
    assert "did you mean daysPastDue" in payload["message"]
    assert await refused(ask, HQ, SIMULATE, step(made, ruleSetId="Client:1")) == (
        "INVALID_INPUT",
        ["input", "ruleSetId"],
    )
    archived = (await sent(ask, HQ, ARCHIVE, step(made)))["ruleSet"]
    assert archived["status"] == "ARCHIVED"
    asked: list[tuple[str, dict[str, Any]]] = [
        (ADD, {"idempotencyKey": fresh(), "code": "colour", "name": "Colour"}),
        (DRAFT, drafted("riskClass")),
        (EDIT, step(made, body={})),
        *((each, step(made)) for each in (SIMULATE, ACTIVATE, ARCHIVE)),
    ]
    for (query, given), caller in itertools.product(asked, (BO, READERS[0])):
        error = await ask.error(caller, query, input=given)
        assert error["extensions"]["code"] == "FORBIDDEN"


async def test_a_migration_matrix_counts_the_clients_in_sight_between_two_days(
    ask_both: AskBothWays, administrator: asyncpg.Connection
) -> None:
    await administrator.execute(
        """delete from bank.segment_history;
        insert into bank.segment_history (branch_id, client_id, id, dimension_code, value, rule_set_id, valid_from,
          valid_until, cause)
        select branch_id, id, id, 'riskClass', 'LOW', 1, timestamptz '2024-01-01Z',
          timestamptz '2024-02-01Z', 'CHANGE' from bank.client
        union all
        select branch_id, id, gen_random_uuid(), 'riskClass', case when branch_id = 4 then 'HIGH' else 'LOW' end, 1,
          '2024-02-01Z', 'infinity', 'CHANGE' from bank.client"""
    )
    query = """query ($to: Date!) {
        segmentMigrations(dimension: "riskClass", from: "2024-01-15", to: $to) { from to clients __typename } }"""

    async def cells(caller: Caller, until: str) -> list[tuple[str | None, str | None, int]]:
        found = await ask_both(caller, query, to=until)
        return [(one["from"], one["to"], one["clients"]) for one in found["segmentMigrations"]]

    assert await cells(HQ, "2024-02-01") == [("LOW", "HIGH", 2), ("LOW", "LOW", 5)]
    assert len(ask_both.statements) == 1
    assert await cells(HQ, "2024-01-31") == [("LOW", "LOW", 7)]
    assert await cells(HQ, "2023-12-31") == [("LOW", None, 7)]
    assert await cells(BO, "2024-02-01") == [("LOW", "HIGH", 2), ("LOW", "LOW", 1)]
    assert await cells(SmallBank.huaxia, "2024-02-01") == []
    body = await ask_both.full(HQ, query.replace("riskClass", "colour"), to="2024-02-01")
    assert "no dimension with rules in force" in body["errors"][0]["message"]
