"""Keeping limits by mutations: four eyes, whose limits, what a change may not do."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from conftest import Ask
from limit_bank import open_limits, top
from mutation_requests import BO, EAST, HQ, OFFICER, READERS, REFUSAL, fresh, gid, refused, sent
from small_bank import BEIJING, JIANGSU, SHANGHAI, _id
from test_limit_mutations import LIMIT, book, draw, yuan

from domain.access import Caller, Role
from schema.ids import encode

NODE = """node { id kind name status version sanctioned { amount } addition { amount } additionUntil validUntil
    tolerance parentRate frozenAs raisedAlone { amount } proposed proposedBy proposedUntil
    effective { amount } headroom { amount } createdBy approvedBy
    parent { id } unit { code } client { id } children { totalCount } }"""
CHANGES = (
    "approveLimitNode",
    "activateLimitNode",
    "adjustLimit",
    "grantAddition",
    "freezeLimit",
    "unfreezeLimit",
    "closeLimit",
    "moveLimitNode",
    "revalueLimit",
)
SECOND = Caller("rhea", Role.REGIONAL_MANAGER, office="EAST")
TOP = encode("LimitNode", (SHANGHAI, top(SHANGHAI)))


def change(name: str) -> str:
    """The mutation of this name."""
    capital = name[0].upper() + name[1:]
    conflict = "... on Conflict { current { id ... on LimitNode { version } } }"
    conflict = "" if name == "createLimitNode" else conflict
    return f"""mutation ($input: {capital}Input!) {{ {name}(input: $input) {{ {REFUSAL} {LIMIT} {conflict}
        ... on {capital}Success {{ {NODE} }} }} }}"""


def new(**said: Any) -> dict[str, Any]:
    """A limit of 1,000,000 for the first client."""
    return {
        "idempotencyKey": fresh(),
        "kind": "CLIENT",
        "name": "Huangpu Shipping",
        "parentId": TOP,
        "clientId": gid(0),
        "sanctioned": yuan("1000000.00"),
        "validFrom": "2026-01-01",
        "validUntil": "2026-12-31",
    } | said


def of(node: dict[str, Any], **said: Any) -> dict[str, Any]:
    """What is asked of a limit."""
    return {"idempotencyKey": fresh(), "nodeId": node["id"]} | said


async def kept(ask: Ask, caller: Caller, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """The limit as it was changed."""
    payload = await sent(ask, caller, change(name), given)
    assert "node" in payload, payload
    node: dict[str, Any] = payload["node"]
    return node


async def in_force(ask: Ask, **said: Any) -> dict[str, Any]:
    """A limit that has come into force."""
    node = await kept(ask, BO, "createLimitNode", new(**said))
    node = await kept(ask, SECOND, "approveLimitNode", of(node, expectedVersion=node["version"]))
    return await kept(ask, BO, "activateLimitNode", of(node, expectedVersion=node["version"]))


@pytest.fixture
async def limits(ask: Ask, administrator: asyncpg.Connection) -> Ask:
    """The small bank with its units' own limits."""
    await open_limits(administrator)
    await administrator.execute(
        "insert into bank.delegated_authority (role, amount_minor, currency) "
        "values ('BRANCH_MANAGER', 1000, 'CNY') "
        "on conflict (role) do update set amount_minor = 1000"
    )
    return ask


async def test_a_limit_is_drafted_by_one_approved_by_another_and_changed_as_it_was_read(limits: Ask) -> None:
    draft = await kept(limits, BO, "createLimitNode", new(tolerance="0.05"))
    assert (draft["status"], draft["createdBy"], draft["unit"], draft["client"]) == (
        "DRAFT",
        "bo",
        {"code": "310000"},
        {"id": gid(0)},
    )
    assert (draft["parent"], draft["effective"], draft["tolerance"]) == (
        {"id": TOP},
        {"amount": "0.00"},
        "0.050000",
    )
    version = draft["version"]
    own = await refused(limits, BO, change("approveLimitNode"), of(draft, expectedVersion=version))
    assert own == ("SECOND_PERSON_NEEDED", ["input", "nodeId"])
    approved = await kept(limits, SECOND, "approveLimitNode", of(draft, expectedVersion=version))
    assert (approved["status"], approved["approvedBy"]) == ("APPROVED", "rhea")
    stale = await sent(limits, BO, change("activateLimitNode"), of(draft, expectedVersion=version))
    assert (stale["code"], stale["current"]) == (
        "CONFLICT",
        {"id": draft["id"], "version": approved["version"]},
    )
    active = await kept(limits, BO, "activateLimitNode", of(draft, expectedVersion=approved["version"]))
    assert (active["status"], active["headroom"]) == ("ACTIVE", {"amount": "1000000.00"})
    adjusted = await kept(
        limits,
        BO,
        "adjustLimit",
        of(active, expectedVersion=active["version"], sanctioned=yuan("900000.00"), validUntil="2026-06-30"),
    )
    assert (adjusted["sanctioned"], adjusted["validUntil"], adjusted["name"]) == (
        {"amount": "900000.00"},
        "2026-06-30",
        "Huangpu Shipping",
    )
    days = {"from": "2026-01-01", "until": "2026-01-31"}
    more = await kept(limits, BO, "grantAddition", of(active, amount=yuan("5.00"), **days))
    assert (more["addition"], more["additionUntil"], more["effective"]) == (
        {"amount": "5.00"},
        "2026-01-31",
        {"amount": "900005.00"},
    )


async def test_what_is_raised_beyond_ones_authority_is_proposed_and_approved_by_a_second_person(
    limits: Ask,
) -> None:
    node = await in_force(limits)
    days = {"from": "2026-01-01", "until": "2026-01-31"}
    more = yuan("1000010.01")
    waits = await kept(limits, BO, "adjustLimit", of(node, expectedVersion=node["version"], sanctioned=more))
    assert (waits["sanctioned"], waits["raisedAlone"]) == ({"amount": "1000000.00"}, {"amount": "0.00"})
    assert (waits["proposedBy"], waits["proposedUntil"]) == ("bo", "2026-02-14")
    assert waits["proposed"] == {"operation": "ADJUST", "after": {"sanctioned": 100001001}}
    assert waits["version"] == node["version"] + 1
    seen = of(node, expectedVersion=waits["version"])
    own = await refused(limits, BO, change("approveLimitNode"), seen)
    assert own == ("SECOND_PERSON_NEEDED", ["input", "nodeId"])
    done = await kept(limits, SECOND, "approveLimitNode", seen | {"idempotencyKey": fresh()})
    assert (done["sanctioned"], done["proposed"], done["proposedBy"]) == (
        {"amount": "1000010.01"},
        None,
        None,
    )
    # Within what is delegated one is enough, and what one has raised counts the next time.
    for amount, raised in (("6.00", "6.00"), ("10.00", "10.00"), ("10.01", "10.00")):
        asked = of(node, amount=yuan(amount), **days)
        after = await kept(limits, BO, "grantAddition", asked)
        assert (after["raisedAlone"], after["proposed"] is None) == ({"amount": raised}, amount != "10.01")
    assert after["addition"] == {"amount": "10.00"}
    # Headquarters does not raise a unit's own limit by more than that alone, either.
    top_ = {"id": TOP}
    waits = await kept(
        limits, HQ, "adjustLimit", of(top_, expectedVersion=1, sanctioned=yuan("300000000.01"))
    )
    assert (waits["sanctioned"], waits["proposedBy"]) == ({"amount": "100000000.00"}, "hana")
    theirs = of(top_, expectedVersion=waits["version"])
    assert (await refused(limits, SECOND, change("approveLimitNode"), theirs))[0] == "BEYOND_AUTHORITY"
    assert (await refused(limits, HQ, change("approveLimitNode"), theirs))[0] == "SECOND_PERSON_NEEDED"
    helga = Caller("helga", Role.HEADQUARTERS_ADMINISTRATOR)
    done = await kept(limits, helga, "approveLimitNode", theirs | {"idempotencyKey": fresh()})
    assert done["sanctioned"] == {"amount": "300000000.01"}
    ledger = """query ($id: ID!) { node(id: $id) { ... on LimitNode {
        movements(first: 2) { nodes { operation actor reason } } } } }"""
    told = (await limits(HQ, ledger, id=TOP))["node"]["movements"]["nodes"]
    assert told == [
        {"operation": "ADJUST", "actor": "helga", "reason": "proposed by hana"},
        {"operation": "PROPOSE", "actor": "hana", "reason": None},
    ]


async def test_a_freeze_by_headquarters_is_headquarters_to_end(limits: Ask) -> None:
    node = await in_force(limits)
    line = await in_force(limits, kind="FACILITY", product="TERM_LOAN", parentId=node["id"], name="Loans")
    await kept(limits, BO, "freezeLimit", of(node, reason="Late accounts."))
    frozen = await kept(limits, HQ, "freezeLimit", of(node, reason="A fraud."))
    assert (frozen["status"], frozen["frozenAs"]) == ("FROZEN", "HEADQUARTERS_ADMINISTRATOR")
    for caller in (BO, SECOND):
        for mutation, said in (
            ("unfreezeLimit", of(node)),
            ("closeLimit", of(node)),
            ("moveLimitNode", of(line, newParentId=TOP)),
        ):
            told = await refused(limits, caller, change(mutation), said)
            assert told[0] == "BEYOND_AUTHORITY", mutation
    # Nor does another limit of the same client come into force beside it.
    beside = await kept(limits, BO, "createLimitNode", new(kind="FACILITY", product="MORTGAGE"))
    beside = await kept(limits, SECOND, "approveLimitNode", of(beside, expectedVersion=beside["version"]))
    given = of(beside, expectedVersion=beside["version"])
    assert (await refused(limits, SECOND, change("activateLimitNode"), given))[0] == "BEYOND_AUTHORITY"
    again = await kept(limits, HQ, "unfreezeLimit", of(node))
    assert (again["status"], again["frozenAs"]) == ("ACTIVE", None)


async def test_nobody_approves_terms_of_his_own_nor_changes_what_was_approved(limits: Ask) -> None:
    draft = await kept(limits, BO, "createLimitNode", new())
    more = {"sanctioned": yuan("9000000.00")}
    theirs = of(draft, expectedVersion=draft["version"], **more)
    assert (await refused(limits, SECOND, change("adjustLimit"), theirs))[0] == "BEYOND_AUTHORITY"
    node = await kept(limits, SECOND, "approveLimitNode", of(draft, expectedVersion=draft["version"]))
    node = await kept(limits, BO, "adjustLimit", of(node, expectedVersion=node["version"], **more))
    assert (node["status"], node["approvedBy"]) == ("DRAFT", None)
    too_soon = of(node, expectedVersion=node["version"])
    assert (await refused(limits, BO, change("activateLimitNode"), too_soon))[0] == "STATUS_MAY_NOT_FOLLOW"
    # What was approved where it stood is approved again where it is to stand.
    line = new(kind="FACILITY", product="TERM_LOAN", parentId=node["id"], sanctioned=yuan("1.00"))
    line = await kept(limits, BO, "createLimitNode", line)
    theirs = of(line, newParentId=TOP)
    assert (await refused(limits, SECOND, change("moveLimitNode"), theirs))[0] == "BEYOND_AUTHORITY"
    await kept(limits, SECOND, "approveLimitNode", of(line, expectedVersion=line["version"]))
    moved = await kept(limits, BO, "moveLimitNode", of(line, newParentId=TOP))
    assert (moved["status"], moved["approvedBy"]) == ("DRAFT", None)


async def test_a_frozen_limit_takes_nothing_and_a_closed_one_holds_nothing(limits: Ask) -> None:
    node = await in_force(limits)
    frozen = await kept(limits, BO, "freezeLimit", of(node, reason="Fire in the yard."))
    assert frozen["status"] == "FROZEN"
    payload = await sent(limits, OFFICER, _reserve(), draw())
    assert (payload["code"], payload["__typename"]) == ("LIMIT_FROZEN", "LimitRefused")
    assert (await kept(limits, BO, "unfreezeLimit", of(node)))["status"] == "ACTIVE"
    held = (await book(limits, OFFICER, "reserveQuota", draw()))["commitment"]
    assert (await refused(limits, BO, change("closeLimit"), of(node)))[0] == "STILL_COMMITTED"
    given_back = {"idempotencyKey": fresh(), "commitmentId": held["id"]}
    await book(limits, OFFICER, "releaseQuota", given_back)
    assert (await kept(limits, BO, "closeLimit", of(node)))["status"] == "CLOSED"


async def test_limits_beside_each_other_give_and_a_limit_moves_with_what_it_holds(limits: Ask) -> None:
    first = await in_force(limits)
    second = await in_force(limits, name="Huaxia", clientId=gid(1))
    moved = {"idempotencyKey": fresh(), "fromNodeId": first["id"], "toNodeId": second["id"]}
    gave = await kept(limits, BO, "transferLimit", moved | {"amount": yuan("1.00")})
    assert gave["sanctioned"] == {"amount": "999999.00"}
    line = await in_force(limits, kind="FACILITY", product="TERM_LOAN", parentId=first["id"], name="Loans")
    apart = moved | {"idempotencyKey": fresh(), "fromNodeId": line["id"], "amount": yuan("1.00")}
    assert (await refused(limits, BO, change("transferLimit"), apart))[0] == "NOT_SIBLINGS"
    await book(limits, OFFICER, "reserveQuota", draw("500.00"))
    # Above it the client's own limit would not bind it: that is a raise, of the whole.
    out = of(line, newParentId=TOP)
    assert (await refused(limits, BO, change("moveLimitNode"), out))[0] == "BEYOND_AUTHORITY"
    above = await kept(limits, HQ, "moveLimitNode", out)
    assert above["raisedAlone"] == {"amount": "1000000.00"}
    assert above["parent"] == {"id": TOP}
    seen = (
        await limits(
            BO,
            "query ($id: ID!) { node(id: $id) { ... on LimitNode { reserved { amount } } } }",
            id=first["id"],
        )
    )["node"]
    assert seen == {"reserved": {"amount": "0.00"}}
    same = await refused(limits, HQ, change("revalueLimit"), of(line, rate="7.1"))
    assert same == ("INVALID_INPUT", ["input", "rate"])
    dollars = {
        "sanctioned": yuan("10.00", "USD"),
        "parentRate": "7",
        "kind": "SUBLIMIT",
        "product": "MORTGAGE",
        "clientId": None,
    }
    abroad = await in_force(limits, **dollars, sharing="RING_FENCED", name="Abroad")
    # At a rate of next to nothing whatever is lent would take nothing out of the branch's own limit.
    alone = await refused(limits, BO, change("revalueLimit"), of(abroad, rate="0.000000001"))
    assert alone[0] == "BEYOND_AUTHORITY"
    assert (await kept(limits, HQ, "revalueLimit", of(abroad, rate="7.1")))["parentRate"] == "7.100000000"


async def test_what_cannot_be_meant_of_a_limit_is_refused_with_its_place(limits: Ask) -> None:
    for given, code, path in (
        ({"sanctioned": yuan("-1")}, "INVALID_INPUT", ["sanctioned", "amount"]),
        ({"sanctioned": yuan("9" * 28)}, "INVALID_INPUT", ["sanctioned", "amount"]),
        ({"collateralCap": yuan("1", "USD")}, "INVALID_INPUT", ["collateralCap", "currency"]),
        ({"tolerance": "1.1"}, "INVALID_INPUT", ["tolerance"]),
        ({"parentRate": "0"}, "INVALID_INPUT", ["parentRate"]),
        ({"name": " "}, "INVALID_INPUT", ["name"]),
        ({"validUntil": "2025-12-31"}, "INVALID_INPUT", ["validUntil"]),
        ({"unitCode": "310000"}, "INVALID_INPUT", ["unitCode"]),
        ({"parentId": encode("LimitNode", (BEIJING, top(BEIJING)))}, "NOT_FOUND", ["parentId"]),
        ({"parentId": encode("LimitNode", (SHANGHAI, _id(0, 9)))}, "NOT_FOUND", ["parentId"]),
        ({"parentId": None}, "INVALID_INPUT", ["parentId"]),
        ({"clientId": gid(5)}, "NOT_FOUND", ["clientId"]),
        ({"validUntil": "2036-01-01"}, "OUTLASTS_PARENT", ["validUntil"]),
    ):
        told = await refused(limits, BO, change("createLimitNode"), new() | given)
        assert (told[0], told[1][1 : 1 + len(path)]) == (code, path), given
    wide = await kept(
        limits, BO, "createLimitNode", new(sharing="RING_FENCED", sanctioned=yuan("90000000.01"))
    )
    wide = await kept(limits, SECOND, "approveLimitNode", of(wide, expectedVersion=wide["version"]))
    payload = await sent(limits, BO, change("activateLimitNode"), of(wide, expectedVersion=wide["version"]))
    assert (payload["code"], payload["available"]) == ("BEYOND_PARENT", yuan("90000000.00"))


async def test_where_a_limit_may_not_stand_is_told(limits: Ask) -> None:
    node = await in_force(limits)
    own, elsewhere = node["id"], encode("LimitNode", (JIANGSU, top(JIANGSU)))
    for parent, code in ((own, "WOULD_CREATE_CYCLE"), (elsewhere, "KIND_NOT_ALLOWED_THERE")):
        told = await refused(limits, SECOND, change("moveLimitNode"), of(node, newParentId=parent))
        assert told[0] == code
    lost = new(kind="BRANCH", unitCode="320000", parentId=own, clientId=None, sharing="RING_FENCED")
    assert (await refused(limits, HQ, change("createLimitNode"), lost))[0] == "KIND_NOT_ALLOWED_THERE"


async def test_a_branch_does_not_touch_its_own_units_limit_nor_anothers(limits: Ask) -> None:
    more = of({"id": TOP}, expectedVersion=1, sanctioned=yuan("200000000.00"))
    code, _ = await refused(limits, BO, change("adjustLimit"), more)
    assert code != "CONFLICT"
    for node in (encode("LimitNode", (BEIJING, top(BEIJING))), encode("LimitNode", (SHANGHAI, _id(0, 9)))):
        for name in CHANGES:
            asked = _least(name, node)
            assert await refused(limits, BO, change(name), asked) == ("NOT_FOUND", ["input", "nodeId"]), (
                name,
                id,
            )
    raised = await kept(limits, HQ, "adjustLimit", more | {"idempotencyKey": fresh()})
    assert raised["sanctioned"] == {"amount": "200000000.00"}
    too_much = of({"id": TOP}, expectedVersion=raised["version"], sanctioned=yuan("700000000.00"))
    assert (await refused(limits, HQ, change("adjustLimit"), too_much))[0] == "BEYOND_PARENT"
    # What is frozen above is frozen below, and undone together.
    region = {"id": encode("LimitNode", (2, top(2)))}
    await kept(limits, HQ, "freezeLimit", of(region, reason="Flood."))
    query = "{ limitNodes(where: { status: { eq: FROZEN } }) { totalCount } }"
    assert (await limits(EAST, query))["limitNodes"]["totalCount"] == 4
    await kept(limits, HQ, "unfreezeLimit", of(region))
    assert (await limits(EAST, query))["limitNodes"]["totalCount"] == 0


async def test_no_change_is_carried_out_on_a_limit_that_was_read_before_another(limits: Ask) -> None:
    node = await in_force(limits)
    beside = await in_force(limits, clientId=gid(1), name="Beside it")
    transfer = {"fromNodeId": node["id"], "toNodeId": beside["id"], "amount": yuan("1")}
    asked = [(name, _least(name, node["id"])) for name in CHANGES]
    for name, given in (*asked, ("transferLimit", {"idempotencyKey": fresh()} | transfer)):
        seen = given | {"expectedVersion": node["version"] - 1}
        told = await sent(limits, BO, change(name), seen)
        assert (told["code"], told["path"]) == ("CONFLICT", ["input", "expectedVersion"]), name
        assert told["current"] == {"id": node["id"], "version": node["version"]}
    frozen = of(node, reason="x", expectedVersion=node["version"])
    assert (await kept(limits, BO, "freezeLimit", frozen))["status"] == "FROZEN"


async def test_who_may_not_keep_limits_is_told_so(limits: Ask) -> None:
    for name in CHANGES:
        for caller in (OFFICER, *READERS):
            error = await limits.error(caller, change(name), input=_least(name, TOP))
            assert error["extensions"]["code"] == "FORBIDDEN", name


def _least(name: str, node: str) -> dict[str, Any]:
    said: dict[str, dict[str, Any]] = {
        "approveLimitNode": {"expectedVersion": 1},
        "activateLimitNode": {"expectedVersion": 1},
        "adjustLimit": {"expectedVersion": 1},
        "grantAddition": {"amount": yuan("1"), "from": "2026-01-01", "until": "2026-01-31"},
        "freezeLimit": {"reason": "x"},
        "moveLimitNode": {"newParentId": TOP},
        "revalueLimit": {"rate": "1"},
    }
    return of({"id": node}, **said.get(name, {}))


def _reserve() -> str:
    return (
        f"""mutation ($input: ReserveQuotaInput!) {{ reserveQuota(input: $input) {{ {REFUSAL} {LIMIT} }} }}"""
    )
