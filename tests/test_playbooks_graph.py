"""Playbooks and tasks in the graph: read by the staff, completed by the branch, written by headquarters."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Ask
from graphql import parse, validate
from mutation_requests import (
    BO,
    EVENT,
    HQ,
    JUN,
    OFFICER,
    REFUSAL,
    SELLER,
    UPDATE,
    change,
    event,
    fresh,
    gid,
    refused,
    sent,
)
from playbook_bank import DAY, become, classify, furnish, writing
from small_bank import SmallBank

from domain.access import Caller, Role
from schema.graph import graph
from tenants.database import Database
from tenants.playbooks.shipped import shipped_playbooks
from tenants.segments.settling import settle
from tenants.segments.shipped import ensure_defaults

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "playbooks.md"
SECOND = Caller("henry", Role.HEADQUARTERS_ADMINISTRATOR)
TASK = "task { id status version overdue doneAt doneBy outcome dueOn playbook { value number } }"
PLAYBOOK = """playbook { id value number status version name ownerLevel pricingLatitudeBps securityNote
    products { nodes { product } } items { nodes { code everyMonths } } }"""


def mutation(name: str, shown: str) -> str:
    capital = name[0].upper() + name[1:]
    return f"""mutation ($input: {capital}Input!) {{ {name}(input: $input) {{ {REFUSAL}
        ... on {capital}Success {{ {shown} }} }} }}"""


COMPLETE, REOPEN = mutation("completeTask", TASK), mutation("reopenTask", TASK)
DRAFT, EDIT, ACTIVATE = (mutation(f"{verb}Playbook", PLAYBOOK) for verb in ("draft", "edit", "activate"))
CLIENT = """query ($id: ID!) { client(id: $id) {
    playbook { relationshipType number name ownerLevel pricingLatitudeBps requiredSecurity
      products(first: 1) { nodes { product } } items { totalCount } playbook { status activatedBy } }
    tasks { nodes { id itemCode status dueOn overdue version assignee { code } client { id } } } } }"""
LATE = """{ tasks(where: { overdue: { eq: true } }) { nodes { itemCode client { id } }
    groups(by: [{ field: KIND }]) { key { kind } aggregates { count } } } }"""


@pytest.fixture
async def bank(database: Database) -> Database:
    """The small bank with playbooks in force, and two clients at risk: Shanghai's first and Jiangsu's first."""
    await furnish(database)
    async with writing(database) as transaction:
        await classify(transaction, 0, "AT_RISK")
        await classify(transaction, 3, "AT_RISK")
        await become(transaction, DAY + dt.timedelta(days=16))
    return database


async def tasks_of(ask: Ask, caller: Caller, index: int = 0) -> dict[str, Any]:
    """A client's tasks that are not cancelled, by the code of their item; of what repeats, the last."""
    client = (await ask(caller, CLIENT, id=gid(index)))["client"]
    return {t["itemCode"]: t for t in client["tasks"]["nodes"] if t["status"] != "CANCELLED"}


def about(task: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"idempotencyKey": fresh(), "taskId": task["id"], "expectedVersion": task["version"]} | more


@pytest.mark.usefixtures("bank")
async def test_a_clients_playbook_and_tasks_are_for_the_staff_who_see_the_client(ask: Ask) -> None:
    client = (await ask(SELLER, CLIENT, id=gid(0)))["client"]
    assert client["playbook"] == {
        "relationshipType": "AT_RISK",
        "number": 1,
        "name": "Clients at risk",
        "ownerLevel": "BRANCH_MANAGER",
        "pricingLatitudeBps": -100,
        "requiredSecurity": "ADDITIONAL",
        "products": {"nodes": [{"product": "GUARANTEED_LOAN"}]},
        "items": {"totalCount": 5},
        "playbook": {"status": "ACTIVE", "activatedBy": "branchgraph (shipped)"},
    }
    first = client["tasks"]["nodes"][0]
    assert (first["itemCode"], first["dueOn"], first["overdue"]) == ("STRICT_REVIEW", "2025-04-10", True)
    assert first["assignee"] is None
    assert [t["assignee"] for t in client["tasks"]["nodes"] if t["itemCode"] == "MONTHLY_WATCH"] == [
        {"code": "M4"}
    ]
    for caller, clients in ((BO, [gid(0)]), (HQ, [gid(0), gid(3)]), (SmallBank.beijing, [])):
        late = (await ask(caller, LATE))["tasks"]
        assert {task["client"]["id"] for task in late["nodes"]} == set(clients)
        kinds = {group["key"]["kind"]: group["aggregates"]["count"] for group in late["groups"]}
        assert kinds == ({"REVIEW": 2 * len(clients)} if clients else {})
    # The company is a client of two branches, and reads of neither how it is managed.
    everything = "{ playbooks { totalCount } tasks { totalCount } viewer { companies { playbook { name } "
    everything += "tasks { totalCount } } } }"
    company = {"playbook": None, "tasks": {"totalCount": 0}}
    assert await ask(SmallBank.huaxia, everything) == {
        "playbooks": {"totalCount": 0},
        "tasks": {"totalCount": 0},
        "viewer": {"companies": [company, company]},
    }


@pytest.mark.usefixtures("bank")
async def test_a_branch_completes_its_tasks_and_takes_it_back(ask: Ask) -> None:
    watch = (await tasks_of(ask, SELLER))["MONTHLY_WATCH"]
    payload = await sent(ask, SELLER, COMPLETE, about(watch, outcome="  All paid.  "))
    assert payload["task"] | {"id": "", "doneAt": ""} == {
        "doneAt": "",
        "id": "",
        "status": "DONE",
        "version": 2,
        "overdue": False,
        "doneBy": "rita",
        "outcome": "All paid.",
        "dueOn": "2025-04-30",
        "playbook": {"value": "AT_RISK", "number": 1},
    }
    done = payload["task"]
    assert done["doneAt"].startswith("2025-04-16T")
    following = (await tasks_of(ask, SELLER))["MONTHLY_WATCH"]
    assert (following["dueOn"], following["status"]) == ("2025-05-30", "OPEN")
    assert await refused(ask, SELLER, COMPLETE, about(watch)) == ("CONFLICT", ["input", "expectedVersion"])
    told = ("STATUS_MAY_NOT_FOLLOW", ["input", "taskId"])
    assert await refused(ask, SELLER, COMPLETE, about(done)) == told
    assert await refused(ask, BO, REOPEN, about(following)) == told
    reopened = (await sent(ask, BO, REOPEN, about(done)))["task"]
    assert (reopened["status"], reopened["doneBy"], reopened["outcome"]) == ("OPEN", None, None)
    assert (await tasks_of(ask, SELLER))["MONTHLY_WATCH"]["id"] == watch["id"]
    # What followed comes back with it.
    await sent(ask, SELLER, COMPLETE, about(reopened))
    assert (await tasks_of(ask, SELLER))["MONTHLY_WATCH"]["id"] == following["id"]
    review = (await tasks_of(ask, OFFICER))["STRICT_REVIEW"]
    assert (await sent(ask, OFFICER, COMPLETE, about(review)))["task"]["status"] == "DONE"


@pytest.mark.usefixtures("bank")
async def test_nobody_completes_what_is_not_theirs(ask: Ask) -> None:
    task = (await tasks_of(ask, BO))["LIMIT_CUT"]
    missing = about(task) | {"taskId": task["id"][:-4] + "0000"}
    answers = [await ask.full(JUN, COMPLETE, input=about(task)), await ask.full(JUN, COMPLETE, input=missing)]
    assert answers[0] == answers[1]
    assert answers[0]["data"]["completeTask"]["code"] == "NOT_FOUND"
    assert await refused(ask, BO, COMPLETE, missing) == ("NOT_FOUND", ["input", "taskId"])
    assert await refused(ask, BO, COMPLETE, about(task, outcome="x" * 2001)) == (
        "INVALID_INPUT",
        ["input", "outcome"],
    )
    for caller in (HQ, SmallBank.analyst, SmallBank.huaxia):
        assert (await ask.error(caller, COMPLETE, input=about(task)))["extensions"] == {"code": "FORBIDDEN"}
    for caller in (BO, SmallBank.east, SmallBank.analyst, SmallBank.huaxia):
        given = {"idempotencyKey": fresh(), "value": "AT_RISK"}
        assert (await ask.error(caller, DRAFT, input=given))["extensions"] == {"code": "FORBIDDEN"}


async def test_a_new_version_in_force_changes_the_tasks_of_its_clients_once(ask: Ask, bank: Database) -> None:
    before = await tasks_of(ask, BO)
    await sent(ask, BO, COMPLETE, about(before["LIMIT_CUT"]))
    drafted = (await sent(ask, HQ, DRAFT, {"idempotencyKey": fresh(), "value": "AT_RISK", "name": "Risks"}))[
        "playbook"
    ]
    assert (drafted["number"], drafted["status"], drafted["name"]) == (2, "DRAFT", "Risks")
    assert [item["code"] for item in drafted["items"]["nodes"]] == [
        *("STRICT_REVIEW", "LIMIT_CUT", "ADDITIONAL_SECURITY", "MONTHLY_WATCH", "SITE_VISIT")
    ]
    version = {"playbookId": drafted["id"], "expectedVersion": 1}
    kept = [("LIMIT_CUT", None), ("MONTHLY_WATCH", 2), ("WEEKLY_CALL", 1)]
    items = [
        {"code": code, "title": code, "kind": "CALL", "ownerLevel": "RELATIONSHIP_MANAGER", "firstDueDays": 7}
        | ({"everyMonths": months} if months else {})
        for code, months in kept
    ]
    edited = (
        await sent(ask, HQ, EDIT, {"idempotencyKey": fresh(), **version, "items": items, "products": []})
    )["playbook"]
    assert [(item["code"], item["everyMonths"]) for item in edited["items"]["nodes"]] == kept
    assert (edited["version"], edited["products"]["nodes"]) == (2, [])
    for wrong, told in (
        ({"expectedVersion": 1}, ("CONFLICT", ["input", "expectedVersion"])),
        ({"items": []}, ("INVALID_INPUT", ["input", "items"])),
        ({"items": [items[0], items[0]]}, ("INVALID_INPUT", ["input", "items"])),
        ({"name": " "}, ("INVALID_INPUT", ["input", "name"])),
        ({"strategy": None}, ("INVALID_INPUT", ["input", "strategy"])),
        ({"playbookId": gid(0)}, ("INVALID_INPUT", ["input", "playbookId"])),
        ({"playbookId": "Playbook:9999"}, ("NOT_FOUND", ["input", "playbookId"])),
    ):
        given = {"idempotencyKey": fresh(), **version, "expectedVersion": 2} | wrong
        assert await refused(ask, HQ, EDIT, given) == told, wrong
    for value, dimension, path in (
        ("NO_SUCH", "relationshipType", "value"),
        ("AT_RISK", "none", "dimension"),
    ):
        given = {"idempotencyKey": fresh(), "value": value, "dimension": dimension}
        assert await refused(ask, HQ, DRAFT, given) == ("NOT_FOUND", ["input", path])
    version = {"playbookId": drafted["id"], "expectedVersion": 2}
    assert await refused(ask, HQ, ACTIVATE, {"idempotencyKey": fresh(), **version}) == (
        "SECOND_PERSON_NEEDED",
        ["input", "playbookId"],
    )
    active = (await sent(ask, SECOND, ACTIVATE, {"idempotencyKey": fresh(), **version}))["playbook"]
    assert (active["status"], active["version"]) == ("ACTIVE", 3)
    told = ("STATUS_MAY_NOT_FOLLOW", ["input", "playbookId"])
    again = {"idempotencyKey": fresh(), "playbookId": drafted["id"], "expectedVersion": 3}
    assert await refused(ask, SECOND, ACTIVATE, again) == told
    assert await refused(ask, HQ, EDIT, again) == told
    # In force at once; the tasks follow beside the requests.
    assert (await tasks_of(ask, BO)).keys() == before.keys()
    await settle(bank, ask.directory, str)
    after = await tasks_of(ask, BO)
    # What was done stays done, what goes on keeps its day, what is new begins now, and the rest is cancelled.
    assert {code: (task["status"], task["dueOn"]) for code, task in after.items()} == {
        "LIMIT_CUT": ("DONE", "2025-04-15"),
        "MONTHLY_WATCH": ("OPEN", "2025-04-30"),
        "WEEKLY_CALL": ("OPEN", "2025-04-23"),
    }
    assert after["MONTHLY_WATCH"]["id"] == before["MONTHLY_WATCH"]["id"]
    versions = await ask(HQ, '{ playbooks(where: { value: { eq: "AT_RISK" } }) { nodes { number status } } }')
    assert versions["playbooks"]["nodes"] == [
        {"number": 2, "status": "ACTIVE"},
        {"number": 1, "status": "ARCHIVED"},
    ]
    async with writing(bank) as transaction:
        assert (await classify(transaction, 0, "AT_RISK")).made == 0


async def test_an_event_that_puts_a_client_at_risk_changes_its_tasks_with_it(
    ask: Ask, database: Database
) -> None:
    async with writing(database) as transaction:
        await ensure_defaults(transaction)
    await furnish(database)
    async with writing(database) as transaction:
        # Nothing is overdue yet.
        await become(transaction, dt.date(2024, 9, 15))
    assert await tasks_of(ask, SELLER) == {}
    await sent(ask, SELLER, UPDATE, change(employees=20))
    stable = await tasks_of(ask, SELLER)
    assert stable.keys() == {"REPAYMENT_REMINDER", "SERVICE_CALL", "CROSS_SELLING", "ANNUAL_REVIEW"}
    misuse = event(kind="MISUSE", occurredOn="2024-09-14", reference="B-2")
    for _ in range(2):
        await sent(ask, OFFICER, EVENT, misuse)
        client = (await ask(SELLER, CLIENT, id=gid(0)))["client"]
        assert client["playbook"]["relationshipType"] == "AT_RISK"
        tasks = [(task["itemCode"], task["status"]) for task in client["tasks"]["nodes"]]
        cancelled = {code for code, status in tasks if status == "CANCELLED"}
        assert cancelled == stable.keys()
        assert len(tasks) == len(stable) + 5


def test_every_operation_in_the_document_fits_the_schema() -> None:
    operations = re.findall(r"```graphql\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert len(operations) == 2
    assert [validate(graph()._schema, parse(operation)) for operation in operations] == [[], []]


def test_the_document_says_of_what_ships_what_is_so() -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in DOCUMENT.read_text().splitlines()]
    told = {row[0]: row[1:6] for row in rows if row and row[0].replace("_", "").isupper()}
    for one in shipped_playbooks():
        book = one.playbook
        owner, review, contact, latitude, security = told.pop(one.value)
        assert owner == book.owner_level.lower().replace("_", " ")
        assert review.split()[0] == str(book.review_every_months)
        assert contact == f"{book.contact_every_days} days"
        assert latitude.split(" bp")[0].replace("−", "-") == str(book.pricing_latitude_bps)
        assert security == book.required_security.lower()
    assert told == {}
