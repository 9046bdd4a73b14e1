"""Groups are derived over all branches; a branch sees of its own clients what their group is as a whole."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from both_ways import AskBothWays
from click.testing import CliRunner
from conftest import Ask
from connected_bank import (
    CONFIRM,
    DERIVE,
    END,
    PORTS,
    RECORD,
    confirmation,
    confirmed,
    guarantee,
    link,
    number,
)
from mutation_requests import BO, HQ, JUN, OFFICER, fresh, gid, refused, sent
from small_bank import HQ as HEADQUARTERS
from small_bank import SHANGHAI, SmallBank

from api.groups_command import groups_command
from domain.access import Caller, Role
from tenants.connected.deriving import derive
from tenants.credentials import Credentials
from tenants.database import Database
from tenants.organisation import Directory
from tenants.roles import Login

BEI, EAST = SmallBank.beijing, SmallBank.east
GROUPS = """{ clients(orderBy: {field: LEGAL_NAME}) { nodes { id
    group { number members worstLoanClass worstDaysPastDue exposure { amount currency } }
    facts { groupSize groupExposure { amount } groupLoanClass } } } }"""


async def groups_of(ask: Ask, caller: Caller) -> dict[str, Any]:
    nodes = (await ask(caller, GROUPS))["clients"]["nodes"]
    return {node["id"]: node["group"] for node in nodes if node["group"]}


async def derived(ask: Ask) -> dict[str, Any]:
    payload = await sent(ask, HQ, DERIVE, {"idempotencyKey": fresh()})
    return {name: value for name, value in payload["derivation"].items() if name.endswith("Count")}


async def test_a_group_over_branches_is_derived_kept_and_parted(
    ask: Ask, administrator: asyncpg.Connection
) -> None:
    """Huangpu (Shanghai) owns most of Huaxia, which Jiangsu, too, keeps; there Huaxia controls Beijing Telecom."""
    await administrator.execute("update bank.facility set loan_class = 'DOUBTFUL' where reference = 'F-5-0'")
    top = await confirmed(ask, BO, link(0, relatedNumber=number(1)))
    below = {"kind": "CONTROL", "share": None, "relatedNumber": number(5)}
    await confirmed(ask, JUN, link(4, **below))
    await confirmed(ask, JUN, guarantee(4, relatedNumber=number(3)))
    counts = {"linkCount": 3, "companyCount": 3, "groupCount": 1, "clientCount": 4, "changedCount": 4}
    assert await derived(ask) == counts
    assert await derived(ask) == counts | {"changedCount": 0}
    seen = await groups_of(ask, HQ)
    assert set(seen) == {gid(0), gid(1), gid(4), gid(5)}
    (whole,) = {repr(sorted(group.items(), key=str)): group for group in seen.values()}.values()
    owed = sum(2 * 400_000 * (index + 1) for index in (0, 1, 4, 5))
    assert whole["members"] == 3
    assert whole["exposure"] == {"amount": f"{owed}.04", "currency": "CNY"}
    assert whole["worstLoanClass"] == "DOUBTFUL"
    assert whole["worstDaysPastDue"] > 400
    # A branch sees the whole of it on its own clients, and nobody else's.
    assert await groups_of(ask, BEI) == {gid(5): whole}
    assert await groups_of(ask, SmallBank.huaxia) == {}
    found = (await ask(BEI, GROUPS))["clients"]["nodes"][0]["facts"]
    assert found == {"groupSize": 3, "groupExposure": {"amount": f"{owed}.04"}, "groupLoanClass": "DOUBTFUL"}
    # Without the link from the top there are two companies left, who stay what they were.
    end = {"idempotencyKey": fresh(), "linkId": top["id"], "expectedVersion": 2, "validUntil": "2020-01-02"}
    assert "link" in await sent(ask, BO, END, end)
    assert await derived(ask) == counts | {
        "linkCount": 2,
        "companyCount": 2,
        "clientCount": 3,
        "changedCount": 4,
    }
    left = await groups_of(ask, HQ)
    assert {group["number"] for group in left.values()} == {whole["number"]}
    assert set(left) == {gid(1), gid(4), gid(5)}
    for caller in (BO, SmallBank.analyst):
        error = await ask.error(caller, DERIVE, input={"idempotencyKey": fresh()})
        assert error["extensions"] == {"code": "FORBIDDEN"}
    # Whether guarantees connect is the rule's affair.
    await administrator.execute("update bank.connection_rule set guarantees_connect = true")
    assert (await derived(ask))["companyCount"] == 3


CONTROL = {"kind": "CONTROL", "share": None}


async def test_a_branch_learns_nothing_of_a_company_by_claiming_it_for_a_clients_group(ask: Ask) -> None:
    """Shanghai says that its client controls Beijing's, to read Beijing's figures as the group's less its own."""
    claim = (await sent(ask, BO, RECORD, link(0, **CONTROL, relatedNumber=number(5))))["link"]
    assert (await derived(ask))["linkCount"] == 0
    # A second word from the same branch is no better, at either end.
    assert "link" in await sent(ask, OFFICER, RECORD, link(0, **CONTROL, relatedNumber=number(5)))
    assert (await derived(ask))["groupCount"] == 0
    assert await groups_of(ask, BO) == await groups_of(ask, BEI) == {}
    # It takes somebody else at headquarters, once.
    assert (await ask.error(BO, CONFIRM, input=confirmation(claim)))["extensions"] == {"code": "FORBIDDEN"}
    same = Caller(BO.subject, Role.HEADQUARTERS_ADMINISTRATOR)
    alone = await refused(ask, same, CONFIRM, confirmation(claim))
    assert alone == ("SECOND_PERSON_NEEDED", ["input", "linkId"])
    stale = await refused(ask, HQ, CONFIRM, confirmation(claim, version=2))
    assert stale == ("CONFLICT", ["input", "expectedVersion"])
    held = (await sent(ask, HQ, CONFIRM, confirmation(claim)))["link"]
    assert held == {"id": claim["id"], "version": 2, "recordedBy": BO.subject, "confirmedBy": HQ.subject}
    again = await refused(ask, HQ, CONFIRM, confirmation(claim, 2))
    assert again == ("STATUS_MAY_NOT_FOLLOW", ["input", "linkId"])
    assert (await derived(ask))["clientCount"] == 2
    # What is ended is as confirmed as before; what is made to hold longer is claimed anew.
    for version, day, counted in ((2, "2099-01-01", 1), (3, "2098-01-01", 1), (4, "2098-01-02", 0)):
        end = confirmation(claim, version) | {"validUntil": day}
        assert "link" in await sent(ask, OFFICER, END, end)
        assert (await derived(ask))["linkCount"] == counted
    (seen,) = (
        await ask(BO, "{ clients(where: {links: {some: {confirmedBy: {isNull: true}}}}) { nodes { id } } }")
    )["clients"]["nodes"]
    assert seen == {"id": gid(0)}


async def test_what_two_branches_say_of_both_ends_counts_as_far_as_they_agree(ask: Ask) -> None:
    assert "link" in await sent(ask, BO, RECORD, link(0, relatedNumber=number(5), share="0.9"))
    owned = link(5, direction="INWARD", relatedNumber=number(0), share="0.5")
    assert "link" in await sent(ask, BEI, RECORD, owned)
    assert await derived(ask) == {
        "linkCount": 2,
        "companyCount": 0,
        "groupCount": 0,
        "clientCount": 0,
        "changedCount": 0,
    }
    assert "link" in await sent(
        ask, BEI, RECORD, link(5, **CONTROL, direction="INWARD", relatedNumber=number(0))
    )
    assert "link" in await sent(ask, BO, RECORD, link(0, **CONTROL, relatedNumber=number(5)))
    assert (await derived(ask))["clientCount"] == 2
    assert set(await groups_of(ask, BEI)) == {gid(5)}


async def test_the_database_takes_from_a_branch_what_it_claims_and_nothing_as_confirmed(
    ask: Ask, credentials: Credentials, administrator: asyncpg.Connection
) -> None:
    await sent(ask, BO, RECORD, link(0))
    await confirmed(ask, BO, link(1, share="0.4"))
    portal = await asyncpg.connect(credentials.dsn(Login.PORTAL), timeout=20)
    copied = """insert into bank.client_link (branch_id, client_id, id, kind, direction, related_country,
        related_number, valid_from, source, reference, recorded_by, confirmed_by)
        select branch_id, id, gen_random_uuid(), 'CONTROL', 'OUTWARD', 'CN', '1', '2020-01-01', 'x', id::text, {}
        from bank.client"""
    try:
        await portal.execute(f"set app.branches = '{{{SHANGHAI}}}'")
        for statement in (
            copied.format("null, null"),
            copied.format("'bo', 'hanna'"),
            "update bank.client_link set confirmed_by = 'hanna' where confirmed_by is null",
            "update bank.client_link set recorded_by = null, confirmed_by = null",
            "update bank.client_link set related_number = '1' where confirmed_by is not null",
            "update bank.client_link set share = 0.3 where confirmed_by is not null",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="a branch only claims links"):
                await portal.execute(statement)
        await portal.execute("update bank.client_link set valid_until = '2030-01-01'")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="a branch only claims links"):
            await portal.execute("update bank.client_link set valid_until = null")
    finally:
        await portal.close()
    with pytest.raises(asyncpg.CheckViolationError, match="confirmed_by_another"):
        await administrator.execute("update bank.client_link set confirmed_by = recorded_by")


async def test_groups_are_derived_one_at_a_time_while_everybody_reads(
    ask: Ask,
    credentials: Credentials,
    administrator: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database, directory = ask.database, ask.directory
    await administrator.execute("update bank.facility set currency = 'USD' where reference like 'F-5-%'")
    await administrator.execute(
        """insert into bank.client_link (branch_id, client_id, id, kind, direction, related_country, related_number,
             valid_from, source, reference)
           select branch_id, id, gen_random_uuid(), 'CONTROL', 'INWARD', 'CN', $1, '2020-01-01', 'x', id::text
           from bank.client where registration_number = any ($2)""",
        PORTS,
        [number(5), number(6)],
    )
    monkeypatch.setenv("DATABASE_URL", credentials.url)
    command = await asyncio.to_thread(CliRunner().invoke, groups_command, ["derive"])
    assert command.exit_code == 0, command.output
    assert (
        "2 links make 1 groups of 3 companies; 2 clients are in one, for 2 something changed"
        in command.output
    )
    rows = await administrator.fetch("select exposure_minor, currency, members from bank.client_group")
    assert [tuple(row) for row in rows] == [(None, None, 3)] * 2
    # While it is derived anew, everybody reads what was there; a second derivation waits for the first.
    await administrator.execute("update bank.client_link set valid_until = '2020-01-02'")
    async with database.transaction(await directory.operator(), write=True) as transaction:
        assert (await derive(transaction, HEADQUARTERS, "test")).changed == 2
        assert set(await groups_of(ask, HQ)) == {gid(5), gid(6)}
        second = asyncio.create_task(derived(ask))
        await asyncio.sleep(0.1)
        assert not second.done()
    assert (await second)["changedCount"] == 0
    assert await groups_of(ask, HQ) == {}


# Walks

RELATED = """query ($id: ID!, $depth: Int! = 2, $first: Int! = 50) { client(id: $id) { related(depth: $depth,
    first: $first) { registrationNumber name distance kinds client { id } } } }"""


async def test_what_is_related_is_walked_in_both_directions_as_far_as_one_may_see(
    database: Database, directory: Directory
) -> None:
    ask = AskBothWays(database, directory)
    await _a_circle_over_branches(ask)

    async def walk(caller: Caller, index: int, **said: int) -> list[tuple[Any, ...]]:
        client = (await ask(caller, RELATED, id=gid(index), **said))["client"]
        return [
            (
                one["registrationNumber"],
                one["distance"],
                " ".join(one["kinds"]),
                (one["client"] or {}).get("id"),
            )
            for one in client["related"]
        ]

    ports = (PORTS, 1, "GUARANTEE", None)
    huaxia, instruments = (number(1), 1, "OWNERSHIP", gid(1)), (number(2), 2, "GUARANTEE GUARANTEE", gid(2))
    assert await walk(BO, 0) == [ports, huaxia, instruments]
    assert await walk(BO, 0, depth=1) == [ports, huaxia]
    assert await walk(BO, 0, first=1) == [ports]
    assert await walk(BO, 0, first=0) == []
    # Around the circle each is met once, by its shorter way.
    assert await walk(BO, 2, depth=6) == [
        (PORTS, 1, "GUARANTEE", None),
        (number(1), 1, "CONTROL", gid(1)),
        (number(0), 2, "CONTROL OWNERSHIP", gid(0)),
    ]
    # Jiangsu recorded that Huaxia owns Suzhou Silk: the region sees both branches' links, Shanghai its own.
    silk = (number(3), 2, "OWNERSHIP GUARANTEE", gid(3))
    assert set(await walk(EAST, 0)) == {ports, huaxia, instruments, silk}
    assert await walk(JUN, 3) == [(number(1), 1, "GUARANTEE", gid(4))]
    assert {one[0] for one in await walk(HQ, 3, depth=3)} == {number(1), number(0), number(2), PORTS}
    refusal = await ask.error(BO, RELATED, id=gid(0), depth=7)
    assert refusal["extensions"]["code"] == "BAD_USER_INPUT"
    assert (await ask.error(BO, RELATED, id=gid(0), first=201))["extensions"]["code"] == "BAD_USER_INPUT"


async def _a_circle_over_branches(ask: Ask) -> None:
    """Huangpu owns Huaxia, which controls Lujiazui Instruments, which the ports guarantee as they do Huangpu."""
    control = {"kind": "CONTROL", "share": None}
    inward = {"direction": "INWARD"}
    for caller, given in (
        (BO, link(0, relatedNumber=number(1))),
        (BO, link(2, relatedNumber=number(1), **control, **inward)),
        (BO, guarantee(0, **inward)),
        (BO, guarantee(2, **inward, validUntil="2031-01-01")),
        (BO, link(2, relatedNumber=number(0), **control, validFrom="2020-01-01", validUntil="2021-01-01")),
        (JUN, guarantee(4, relatedNumber=number(3))),
    ):
        assert "link" in await sent(ask, caller, RECORD, given)
