"""Sharing out credit in the graph: headquarters sees and does all of it, a branch sees its part of what holds."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from allocation_bank import PLAIN, furnish, parameters
from click.testing import CliRunner
from conftest import Ask
from graphql import parse, validate
from limit_bank import HANA
from mutation_requests import BO, HQ, READERS, REFUSAL, fresh, refused, sent
from small_bank import SmallBank

from api.allocation_command import allocation_command
from domain.access import Caller, Role
from schema.graph import graph
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.organisation import Directory

SECOND = Caller("henry", Role.HEADQUARTERS_ADMINISTRATOR)
NOTHING = {"amount": "0", "currency": "CNY"}
RUN = "run { id version status feasible explanation granted { amount } }"


LIMIT = "... on LimitRefused { available { amount } binding }"


def mutation(name: str, shown: str = RUN, more: str = "") -> str:
    field = name[0].lower() + name[1:]
    return f"""mutation ($input: {name}Input!) {{ {field}(input: $input) {{
        {REFUSAL} {more} ... on {name}Success {{ {shown} }} }} }}"""


CHANGE = "change { id version status kind amount { amount } branch { code } node { name } }"
DRAFT = mutation("DraftAllocation")
EDIT = mutation("EditAllocation")
SIMULATE, ADOPT, ARCHIVE = (
    mutation(name) for name in ("SimulateAllocation", "AdoptAllocation", "ArchiveAllocation")
)
RECLAIM = mutation("ProposeReclaim")
TOP_UP = mutation("TopUpQuota", CHANGE, LIMIT)
CARRY_OUT = mutation("CarryOutQuotaChange", CHANGE, LIMIT)
WITHDRAW = mutation("WithdrawQuotaChange", CHANGE)


@pytest.fixture
async def bank(database: Database, directory: Directory, administrator: asyncpg.Connection) -> Database:
    """The small bank with segments, contributions and limits."""
    async with database.transaction(await directory.operator(), write=True) as transaction:
        await furnish(transaction, administrator)
    return database


def a_year(name: str, millions: int, **more: Any) -> dict[str, Any]:
    return {
        "idempotencyKey": fresh(),
        "name": name,
        "budget": {"amount": f"{millions}000000", "currency": "CNY"},
        "periodFrom": "2026-01-01",
        "periodUntil": "2026-12-31",
    } | more


def about(run: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"idempotencyKey": fresh(), "runId": run["id"], "expectedVersion": run["version"]} | more


@pytest.mark.usefixtures("bank")
async def test_headquarters_drafts_simulates_compares_and_by_a_second_person_adopts(ask: Ask) -> None:
    plain = parameters(**PLAIN)
    run = (await sent(ask, HQ, DRAFT, a_year("Year", 35, parameters=plain)))["run"]
    run = (await sent(ask, HQ, EDIT, about(run, budget={"amount": "30000000", "currency": "CNY"})))["run"]
    assert await refused(ask, SECOND, ADOPT, about(run)) == ("STATUS_MAY_NOT_FOLLOW", ["input", "runId"])
    simulating = about(run)
    run = (await sent(ask, HQ, SIMULATE, simulating))["run"]
    assert (run["status"], run["feasible"], run["granted"]) == ("SIMULATED", True, {"amount": "30000000.00"})
    assert (await sent(ask, HQ, SIMULATE, simulating))["run"] == run
    other = (await sent(ask, HQ, DRAFT, a_year("Copy", 20, basedOnId=run["id"])))["run"]
    other = (await sent(ask, HQ, SIMULATE, about(other)))["run"]
    assert await refused(ask, HQ, ADOPT, about(run)) == ("SECOND_PERSON_NEEDED", ["input", "runId"])
    run = (await sent(ask, SECOND, ADOPT, about(run)))["run"]
    assert run["status"] == "ADOPTED"
    assert await refused(ask, HQ, ARCHIVE, about(run)) == ("STATUS_MAY_NOT_FOLLOW", ["input", "runId"])
    assert (await sent(ask, HQ, ARCHIVE, about(other, expectedVersion=1)))["code"] == "CONFLICT"
    seen = await ask.full(
        HQ,
        """query ($id: ID!) { allocationRun(id: $id) {
          constraints(where: { binding: { eq: true } }) { nodes { kind shadowPrice explanation } }
          branches { nodes { unit { code } asked { amount } granted { amount } proportional { amount }
            equalAwards { amount } equalLosses { amount } talmud { amount } explanation } }
          differences { nodes { unit { code } segment change { amount } toRun { name } } }
          cells { aggregates { granted(currency: "CNY") { sum { amount } } } } } }""",
        id=run["id"],
    )
    assert "errors" not in seen, seen["errors"]
    assert seen["extensions"]["plan"]["tier"] == "compiled"
    found = seen["data"]["allocationRun"]
    assert found["constraints"]["nodes"] == [
        {
            "kind": "BUDGET",
            "shadowPrice": "0.020000000",
            "explanation": "one more million of budget would earn CNY 20,000 a year",
        }
    ]
    assert found["cells"] == {"aggregates": {"granted": {"sum": {"amount": "30000000.00"}}}}
    assert found["differences"]["nodes"] == [
        {
            "unit": {"code": "110000"},
            "segment": "STRATEGIC",
            "change": {"amount": "-10000000.00"},
            "toRun": {"name": "Copy"},
        }
    ]
    beijing = next(one for one in found["branches"]["nodes"] if one["unit"]["code"] == "110000")
    assert {
        name: amount["amount"] for name, amount in beijing.items() if name not in ("unit", "explanation")
    } == {
        "asked": "26000000.00",
        "granted": "10000000.00",
        "proportional": "13928571.43",
        # All but Beijing get what they ask, by equal awards none more than the other.
        "equalAwards": "9000000.00",
        "equalLosses": "19000000.00",
        "talmud": "15000000.00",
    }
    assert beijing["explanation"] == (
        "asked CNY 26 m, gets CNY 10 m; CNY 16 m less in STRATEGIC and unsegmented, for want of budget: it is "
        "expected to earn 1.00 % to 2.00 %, and the last million earns 2.00 %"
    )


@pytest.mark.usefixtures("bank")
async def test_a_branch_sees_its_own_cells_of_what_was_adopted_and_nothing_of_what_was_only_simulated(
    ask: Ask,
) -> None:
    run = (await sent(ask, HQ, DRAFT, a_year("Year", 30, parameters=parameters(**PLAIN))))["run"]
    run = (await sent(ask, HQ, SIMULATE, about(run)))["run"]
    query = """{ allocationRuns { totalCount } allocationDifferences { totalCount }
      allocationCells { nodes { branch { code } segment asked { amount } granted { amount } explanation
        node { sanctioned { amount } } } } quotaChanges { nodes { id kind } } }"""
    hidden = {"allocationRuns": {"totalCount": 0}, "allocationDifferences": {"totalCount": 0}}
    nothing: dict[str, Any] = {"allocationCells": {"nodes": []}, "quotaChanges": {"nodes": []}}
    assert await ask(BO, query) == hidden | nothing
    assert "run" in await sent(ask, SECOND, ADOPT, about(run))
    seen = await ask(SmallBank.beijing, query)
    assert seen == hidden | {
        "allocationCells": {
            "nodes": [
                {
                    "branch": {"code": "110000"},
                    "segment": "STRATEGIC",
                    "asked": {"amount": "12000000.00"},
                    "granted": {"amount": "10000000.00"},
                    "explanation": "asked CNY 12 m, gets CNY 10 m: for want of budget: it is expected to earn "
                    "2.00 %, and the last million earns 2.00 %; nothing of the segment's own limit is in use: "
                    "what its clients hold stands under others, as their own",
                    "node": {"sanctioned": {"amount": "10000000.00"}},
                },
                {
                    "branch": {"code": "110000"},
                    "segment": "unsegmented",
                    "asked": {"amount": "14000000.00"},
                    "granted": {"amount": "0.00"},
                    "explanation": "asked CNY 14 m, gets CNY 0: for want of budget: it is expected to earn "
                    "1.00 %, and the last million earns 2.00 %",
                    "node": None,
                },
            ]
        },
        "quotaChanges": {"nodes": []},
    }
    assert await ask(SmallBank.huaxia, query) == hidden | nothing
    assert len((await ask(BO, query))["allocationCells"]["nodes"]) == 3


@pytest.mark.usefixtures("bank")
async def test_quotas_are_reclaimed_and_topped_up_by_two_people(
    ask: Ask, administrator: asyncpg.Connection
) -> None:
    run = (await sent(ask, HQ, DRAFT, a_year("Year", 30, parameters=parameters(**PLAIN))))["run"]
    run = (await sent(ask, HQ, SIMULATE, about(run)))["run"]
    assert await refused(ask, HQ, RECLAIM, {"idempotencyKey": fresh(), "runId": run["id"]}) == (
        "STATUS_MAY_NOT_FOLLOW",
        ["input", "runId"],
    )
    run = (await sent(ask, SECOND, ADOPT, about(run)))["run"]
    await administrator.execute("update bank.business_day set day = '2026-05-02'")
    assert "run" in await sent(ask, HQ, RECLAIM, {"idempotencyKey": fresh(), "runId": run["id"]})
    query = """{ quotaChanges(
      where: { kind: { eq: RECLAIM } }, orderBy: [{ field: AMOUNT, direction: DESC }], first: 1) {
      nodes { id version reason node { id } } } }"""
    (idle,) = (await ask(HQ, query))["quotaChanges"]["nodes"]
    assert idle["reason"].startswith("in use were 0.00 % in 2026-03 and 0.00 % in 2026-04")
    step = {"idempotencyKey": fresh(), "changeId": idle["id"], "expectedVersion": idle["version"]}
    assert await refused(ask, HQ, CARRY_OUT, step) == ("SECOND_PERSON_NEEDED", ["input", "changeId"])
    done = (await sent(ask, SECOND, CARRY_OUT, step | {"idempotencyKey": fresh()}))["change"]
    assert (done["status"], done["amount"], done["branch"]) == (
        "CARRIED_OUT",
        {"amount": "5000000.00"},
        {"code": "110000"},
    )
    more = {
        "nodeId": idle["node"]["id"],
        "amount": {"amount": "6000000", "currency": "CNY"},
        "reason": "a project",
    }
    asked = (await sent(ask, SECOND, TOP_UP, more | {"idempotencyKey": fresh()}))["change"]
    step = {"idempotencyKey": fresh(), "changeId": asked["id"], "expectedVersion": asked["version"]}
    refusal = await sent(ask, HANA, CARRY_OUT, step)
    assert (refusal["code"], refusal["available"]) == ("EXCEEDS_AVAILABLE", {"amount": "5000000.00"})
    assert refusal["binding"] == "BANK 1"
    withdrawn = await sent(ask, HQ, WITHDRAW, step | {"idempotencyKey": fresh()})
    assert withdrawn["change"]["status"] == "WITHDRAWN"


@pytest.mark.usefixtures("bank")
async def test_bad_input_and_who_may_not(ask: Ask) -> None:
    for given_input, told in (
        (a_year(" ", 1), ("INVALID_INPUT", ["input", "name"])),
        (a_year("x", 1, budget=NOTHING), ("INVALID_INPUT", ["input", "budget", "amount"])),
        (a_year("x", 1, parameters="{}"), ("INVALID_INPUT", ["input", "parameters"])),
        (a_year("x", 1, periodUntil="2025-01-01"), ("INVALID_INPUT", ["input", "periodUntil"])),
        (a_year("x", 1, basedOnId="Client:1"), ("INVALID_INPUT", ["input", "basedOnId"])),
        (a_year("x", 1, basedOnId="AllocationRun:99"), ("NOT_FOUND", ["input", "basedOnId"])),
    ):
        assert await refused(ask, HQ, DRAFT, given_input) == told
    gone = {"idempotencyKey": fresh(), "runId": "AllocationRun:99", "expectedVersion": 1}
    assert await refused(ask, HQ, SIMULATE, gone) == ("NOT_FOUND", ["input", "runId"])
    nowhere = [{"unit": "NOWHERE", "atMost": {"fraction": "0.5"}}]
    run = (await sent(ask, HQ, DRAFT, a_year("x", 30, parameters=parameters(units=nowhere))))["run"]
    assert await refused(ask, HQ, SIMULATE, about(run)) == ("INVALID_INPUT", ["input", "runId"])
    small = (await sent(ask, HQ, DRAFT, a_year("x", 30, parameters=parameters(**PLAIN))))["run"]
    more = {"idempotencyKey": fresh(), "reason": "x", "amount": {"amount": "1", "currency": "CNY"}}
    client = more | {"nodeId": "Client:1"}
    assert await refused(ask, HQ, TOP_UP, client) == ("INVALID_INPUT", ["input", "nodeId"])
    assert (await sent(ask, HQ, ARCHIVE, about(small)))["run"]["status"] == "ARCHIVED"
    for caller in (*READERS, BO):
        assert (await ask.error(caller, DRAFT, input=a_year("x", 1)))["extensions"] == {"code": "FORBIDDEN"}


@pytest.mark.usefixtures("bank")
async def test_commands_do_what_takes_longer_than_a_request_may(ask: Ask, credentials: Credentials) -> None:
    run = (await sent(ask, HQ, DRAFT, a_year("Year", 30, parameters=parameters(**PLAIN))))["run"]
    number = run["id"].partition(":")[2]
    environment = {"DATABASE_URL": credentials.url}

    def told(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(allocation_command, [*arguments], env=environment)
        return result.exit_code, result.output

    for arguments, code, said in (
        (["simulate", number, "--by", "hana"], 0, f"run {number} is simulated"),
        (["adopt", number, "--by", "hana"], 1, "whoever wrote a run does not adopt it"),
    ):
        found = await asyncio.to_thread(told, *arguments)
        assert found[0] == code
        assert said in found[1]


def test_every_operation_of_the_document_fits_the_schema() -> None:
    written = (Path(__file__).parents[1] / "docs" / "allocation.md").read_text(encoding="utf-8")
    operations = re.findall(r"```graphql\n(.*?)```", written, re.DOTALL)
    assert len(operations) == 4
    for operation in operations:
        assert validate(graph()._schema, parse(operation)) == []
