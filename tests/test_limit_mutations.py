"""Booking on limits by mutations: who may, what is answered, what a refusal says would be possible."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from conftest import Ask
from limit_bank import MILLION, add_node, node, open_limits
from mutation_requests import BO, EAST, HQ, OFFICER, READERS, REFUSAL, SELLER, fresh, gid, refused, sent
from small_bank import BEIJING, SHANGHAI, _id, client_id

from domain.access import Caller, Role
from schema.ids import encode

MOVEMENT = """movement { id operation amount { amount currency } valueDate actor idempotencyKey payloadSha256 reason
    node { name } reverses { id } postings { nodes { bucket delta { amount } node { name } } }
    commitment { id status expiresAt syndicationId overriddenBy client { id } earmarked { amount }
      reserved { amount } utilised { amount } } }"""
LIMIT = "... on LimitRefused { available { amount currency } binding bindingNode { id name } }"
BOOKINGS = (
    "earmarkQuota",
    "extendEarmark",
    "reserveQuota",
    "utiliseQuota",
    "repayQuota",
    "releaseQuota",
    "writeOffQuota",
    "reverseMovement",
    "syndicateQuota",
    "overrideQuota",
)
JIANGSU_CLIENT = 3


def booking(name: str) -> str:
    """The mutation of this name."""
    capital = name[0].upper() + name[1:]
    return f"""mutation ($input: {capital}Input!) {{ {name}(input: $input) {{ {REFUSAL} {LIMIT}
        ... on {capital}Success {{ {MOVEMENT} }} }} }}"""


def yuan(amount: str, currency: str = "CNY") -> dict[str, str]:
    return {"amount": amount, "currency": currency}


def draw(amount: str = "1000.00", index: int = 0, **said: Any) -> dict[str, Any]:
    """A client's draw, as earmark, reservation and override take it."""
    return {
        "idempotencyKey": fresh(),
        "clientId": gid(index),
        "product": "TERM_LOAN",
        "amount": yuan(amount),
    } | said


def on(commitment: dict[str, Any], amount: str | None = None, **said: Any) -> dict[str, Any]:
    """What is asked of a commitment."""
    asked = {"idempotencyKey": fresh(), "commitmentId": commitment["id"]} | said
    return asked if amount is None else asked | {"amount": yuan(amount)}


async def book(ask: Ask, caller: Caller, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """The movement that was booked."""
    payload = await sent(ask, caller, booking(name), given)
    assert "movement" in payload, payload
    movement: dict[str, Any] = payload["movement"]
    return movement


@pytest.fixture
async def limits(ask: Ask, administrator: asyncpg.Connection) -> Ask:
    """The small bank with limits, one of 1 m for its first client."""
    await open_limits(administrator)
    await add_node(administrator, SHANGHAI, 1, 1 * MILLION, client_id=client_id(0))
    await administrator.execute(
        "insert into bank.delegated_authority (role, amount_minor, currency) "
        "values ('BRANCH_MANAGER', 1000, 'CNY') on conflict (role) do update set amount_minor = 1000"
    )
    return ask


def held(movement: dict[str, Any]) -> tuple[str, str, str, str]:
    one = movement["commitment"]
    return one["status"], *(one[name]["amount"] for name in ("earmarked", "reserved", "utilised"))


async def test_a_commitment_goes_from_hold_to_repayment_and_the_ledger_tells_of_it(
    limits: Ask, administrator: asyncpg.Connection
) -> None:
    own, fenced = client_id(0), {"kind": "FACILITY", "product": "MORTGAGE", "sharing": "RING_FENCED"}
    await administrator.execute(
        "update bank.limit_node set idle_fenced_minor = 900 where branch_id = $1", SHANGHAI
    )
    await add_node(
        administrator,
        SHANGHAI,
        2,
        900,
        parent=node(1),
        client_id=own,
        reinstatement="NON_REVOLVING",
        **fenced,
    )
    given = draw("600000.00", tenorMonths=12)
    first = await book(limits, SELLER, "earmarkQuota", given)
    assert held(first) == ("EARMARKED", "600000.00", "0.00", "0.00")
    assert first["postings"]["nodes"] == [
        {"bucket": "EARMARKED", "delta": {"amount": "600000.00"}, "node": {"name": name}}
        for name in ("BRANCH 4", "CLIENT 1")
    ]
    told = (
        first["actor"],
        first["idempotencyKey"],
        first["amount"],
        first["node"]["name"],
        first["valueDate"],
    )
    assert told == ("rita", given["idempotencyKey"], yuan("600000.00"), "CLIENT 1", "2026-01-15")
    assert len(first["payloadSha256"]) == 64
    hold = first["commitment"]
    late = on(hold, expiresAt="2026-07-15T00:00:00Z")
    too_late = await sent(limits, OFFICER, booking("extendEarmark"), late)
    assert (too_late["code"], too_late["path"]) == ("INVALID_INPUT", ["input", "expiresAt"])
    assert "until 2026-07-14 at most" in too_late["message"]
    extended = await book(limits, OFFICER, "extendEarmark", on(hold, expiresAt="2026-03-01T00:00:00Z"))
    assert extended["commitment"]["expiresAt"] == "2026-03-01T00:00:00+00:00"
    assert held(await book(limits, OFFICER, "reserveQuota", on(hold)))[:3] == (
        "RESERVED",
        "0.00",
        "600000.00",
    )
    drawn = await book(limits, OFFICER, "utiliseQuota", on(hold, "500000.00"))
    assert held(drawn) == ("UTILISED", "0.00", "100000.00", "500000.00")
    undone = await book(
        limits,
        OFFICER,
        "reverseMovement",
        {"idempotencyKey": fresh(), "movementId": drawn["id"], "reason": " Oops "},
    )
    assert (undone["operation"], undone["reason"], undone["reverses"]) == (
        "REVERSE",
        "Oops",
        {"id": drawn["id"]},
    )
    await book(limits, OFFICER, "utiliseQuota", on(hold, "500000.00"))
    await book(limits, OFFICER, "writeOffQuota", on(hold, "1.00"))
    await book(limits, OFFICER, "repayQuota", on(hold, "499999.00"))
    assert held(await book(limits, OFFICER, "releaseQuota", on(hold)))[1:] == ("0.00", "0.00", "0.00")
    # Sent again, the first is answered as the first time, as it stands now; with other words it is refused.
    again = await book(limits, SELLER, "earmarkQuota", given)
    assert (again["id"], again["postings"]) == (first["id"], first["postings"])
    other = given | {"amount": yuan("1")}
    assert (await refused(limits, SELLER, booking("earmarkQuota"), other))[0] == "IDEMPOTENCY_KEY_REUSED"
    # What the ledger says of the day is what is kept now: balances, idle fences, what is dealt and used up.
    mortgage = await book(limits, OFFICER, "reserveQuota", draw("7.00", product="MORTGAGE"))
    await book(limits, OFFICER, "utiliseQuota", on(mortgage["commitment"], "6.00"))
    await book(limits, OFFICER, "repayQuota", on(mortgage["commitment"], "5.00"))
    states = "select * from app.limit_states{}(array[4, 7, 2], '2026-01-15') order by branch_id, id"
    kept, told = [await administrator.fetch(states.format(then)) for then in ("", "_then")]
    assert kept == told
    assert [row["consumed_minor"] for row in kept if row["name"] == "FACILITY 2"] == [500]
    ledger = (
        "{ limitMovements(first: 20) { totalCount nodes { operation } } limitCommitments { totalCount } }"
    )
    seen = await limits(BO, ledger)
    assert [one["operation"] for one in seen["limitMovements"]["nodes"]] == [
        "REPAY",
        "UTILISE",
        "RESERVE",
        "RELEASE",
        "REPAY",
        "WRITE_OFF",
        "UTILISE",
        "REVERSE",
        "UTILISE",
        "RESERVE",
        "EXTEND",
        "EARMARK",
    ]
    assert (await limits(EAST, ledger))["limitMovements"]["totalCount"] == 12
    of_beijing = await limits(Caller("bei", Role.BRANCH_MANAGER, office="110000"), ledger)
    assert of_beijing["limitMovements"]["totalCount"] == of_beijing["limitCommitments"]["totalCount"] == 0


async def test_a_refusal_says_what_would_be_possible(limits: Ask) -> None:
    await book(limits, OFFICER, "reserveQuota", draw("400000.00"))
    payload = await sent(limits, OFFICER, booking("reserveQuota"), draw("600000.01"))
    assert (payload["code"], payload["path"]) == ("EXCEEDS_AVAILABLE", ["input", "amount"])
    assert (payload["available"], payload["binding"]) == (yuan("600000.00"), "CLIENT 1")
    assert payload["bindingNode"]["name"] == "CLIENT 1"
    part = await book(limits, OFFICER, "reserveQuota", draw("900000.00", partial=True))
    assert part["amount"] == yuan("600000.00")
    # Nothing is left: a manager decides within what is delegated, and says why.
    beyond = await book(limits, BO, "overrideQuota", draw("6.00", reason="A bridge for one week."))
    assert (beyond["operation"], beyond["commitment"]["overriddenBy"]) == ("OVERRIDE", "bo")
    # One after the other they are one decision: what is in force on the limit counts.
    payload = await sent(limits, BO, booking("overrideQuota"), draw("4.01", reason="More."))
    assert (payload["code"], payload["available"]) == ("BEYOND_AUTHORITY", yuan("4.00"))
    assert (payload["binding"], payload["bindingNode"]["name"]) == ("delegated authority", "CLIENT 1")
    await book(limits, BO, "overrideQuota", draw("4.00", reason="More."))
    none = await sent(limits, BO, booking("overrideQuota"), draw("0.01", reason="More."))
    assert none["available"] == yuan("0.00")
    # Given back it is free again.
    await book(limits, OFFICER, "releaseQuota", on(beyond["commitment"]))
    await book(limits, BO, "overrideQuota", draw("6.00", reason="Another bridge."))
    unnamed = await refused(limits, BO, booking("overrideQuota"), draw("10.00", reason="  "))
    assert unnamed == ("INVALID_INPUT", ["input", "reason"])


BAD: list[tuple[dict[str, Any], str, list[str]]] = [
    ({"amount": yuan("0")}, "INVALID_INPUT", ["amount", "amount"]),
    ({"amount": yuan("-5.00")}, "INVALID_INPUT", ["amount", "amount"]),
    ({"amount": yuan("9" * 28)}, "INVALID_INPUT", ["amount", "amount"]),
    ({"amount": yuan("0.001")}, "INVALID_INPUT", ["amount", "amount"]),
    ({"amount": yuan("1", "XXX")}, "INVALID_INPUT", ["amount", "currency"]),
    ({"amount": yuan("1", "USD")}, "CURRENCY_DIFFERS", ["amount"]),
    ({"tenorMonths": 0}, "INVALID_INPUT", ["tenorMonths"]),
    ({"clientId": "Client:1"}, "INVALID_INPUT", ["clientId"]),
    ({"clientId": None}, "INVALID_INPUT", ["clientId"]),
    ({"clientId": gid(5)}, "NOT_FOUND", ["clientId"]),
    ({"clientId": encode("Client", (SHANGHAI, _id(0, 9)))}, "NOT_FOUND", ["clientId"]),
    ({"nodeId": encode("LimitNode", (SHANGHAI, _id(0, 9)))}, "NOT_FOUND", ["nodeId"]),
    ({"nodeId": encode("LimitNode", (BEIJING, _id(0, 9)))}, "NOT_FOUND", ["nodeId"]),
]


async def test_what_cannot_be_meant_is_refused_with_its_place(limits: Ask) -> None:
    for given, code, path in BAD:
        told = await refused(limits, OFFICER, booking("reserveQuota"), draw() | given)
        assert told == (code, ["input", *path]), given
    # More digits than any amount has are no Decimal at all.
    error = await limits.error(OFFICER, booking("reserveQuota"), input=draw("9" * 40))
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    for key in ((BEIJING, _id(0, 9)), (SHANGHAI, _id(0, 9))):
        for name, type_name, field in (
            ("releaseQuota", "LimitCommitment", "commitmentId"),
            ("reverseMovement", "LimitMovement", "movementId"),
        ):
            asked = {"idempotencyKey": fresh(), field: encode(type_name, key)}
            asked |= {"reason": "why"} if field == "movementId" else {}
            assert await refused(limits, OFFICER, booking(name), asked) == ("NOT_FOUND", ["input", field]), (
                key
            )


async def test_a_deal_is_shared_by_branches_in_parts_that_sum_exactly(limits: Ask) -> None:
    def deal(*partners: tuple[str, str], amount: str = "100.00") -> dict[str, Any]:
        named = [{"clientId": client, "weight": weight} for client, weight in partners]
        return {"idempotencyKey": fresh(), "product": "TERM_LOAN", "amount": yuan(amount), "partners": named}

    shared = await book(limits, EAST, "syndicateQuota", deal((gid(0), "2"), (gid(JIANGSU_CLIENT), "1")))
    same = shared["commitment"]["syndicationId"]
    parts = await limits(
        EAST, "{ limitCommitments { nodes { syndicationId reserved { amount } branch { code } } } }"
    )
    assert sorted(
        (one["branch"]["code"], one["reserved"]["amount"]) for one in parts["limitCommitments"]["nodes"]
    ) == [
        ("310000", "66.67"),
        ("320000", "33.33"),
    ]
    assert {one["syndicationId"] for one in parts["limitCommitments"]["nodes"]} == {same}
    # All or nothing.
    too_much = deal((gid(0), "1"), (gid(JIANGSU_CLIENT), "1"), amount="4000000.00")
    assert (await refused(limits, EAST, booking("syndicateQuota"), too_much))[0] == "EXCEEDS_AVAILABLE"
    assert (await limits(EAST, "{ limitCommitments { totalCount } }"))["limitCommitments"]["totalCount"] == 2
    for partners, path in (
        ([(gid(0), "1")], ["partners"]),
        ([(gid(0), "1"), (gid(0), "1")], ["partners", "1", "clientId"]),
        ([(gid(0), "1"), (gid(1), "0")], ["partners", "1", "weight"]),
    ):
        told = await refused(limits, EAST, booking("syndicateQuota"), deal(*partners))
        assert told == ("INVALID_INPUT", ["input", *path])


async def test_who_may_not_book_is_told_so(limits: Ask) -> None:
    may = {
        "earmarkQuota": {SELLER, OFFICER, BO},
        "syndicateQuota": {EAST, HQ},
        "overrideQuota": {BO, EAST, HQ},
    }
    for name in BOOKINGS:
        capital = name[0].upper() + name[1:]
        query = f"mutation ($input: {capital}Input!) {{ {name}(input: $input) {{ __typename }} }}"
        given = _least(name)
        for caller in {SELLER, OFFICER, BO, EAST, HQ, *READERS} - may.get(name, {OFFICER, BO}):
            error = await limits.error(caller, query, input=given)
            assert error["extensions"]["code"] == "FORBIDDEN", (name, caller)
            assert OFFICER.role in error["message"] or name in may, error


def _least(name: str) -> dict[str, Any]:
    commitment = {"id": encode("LimitCommitment", (SHANGHAI, _id(0, 9)))}
    return {
        "earmarkQuota": draw(),
        "extendEarmark": on(commitment, expiresAt="2026-03-01T00:00:00Z"),
        "reverseMovement": {"idempotencyKey": fresh(), "movementId": "x", "reason": "y"},
        "syndicateQuota": {
            "idempotencyKey": fresh(),
            "product": "TERM_LOAN",
            "amount": yuan("1"),
            "partners": [],
        },
        "overrideQuota": draw(reason="x"),
    }.get(name, on(commitment, "1"))


async def test_limits_that_are_nearly_full_are_found_by_the_part_that_is_committed(
    limits: Ask, administrator: asyncpg.Connection
) -> None:
    await book(limits, OFFICER, "reserveQuota", draw("950000.00"))
    await add_node(administrator, SHANGHAI, 2, 0, client_id=client_id(1))
    full = """query ($full: Decimal!) {
        limitNodes(where: {committedFraction: {gte: $full}}) { nodes { name committedFraction } }
        clients(where: {limits: {some: {committedFraction: {between: {from: $full, to: "1"}}}}}) { totalCount }
        empty: limitNodes(where: {committedFraction: {isNull: true}}) { totalCount } }"""
    found = await limits(BO, full, full="0.95")
    assert found["limitNodes"]["nodes"] == [{"name": "CLIENT 1", "committedFraction": "0.950000"}]
    assert (found["clients"]["totalCount"], found["empty"]["totalCount"]) == (1, 1)
    assert len(limits.statements) == 1
    none = await limits(BO, full, full="0.950001")
    assert (none["limitNodes"]["nodes"], none["clients"]["totalCount"]) == ([], 0)
