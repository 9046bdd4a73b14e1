"""What may still be lent, as callers see it: one statement for any number of clients, the same both ways."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from both_ways import AskBothWays
from graphql import parse, validate
from limit_bank import DAY, MILLION, add_node, open_limits, top
from mutation_requests import BO, EAST, HQ, gid
from segment_rules import put_in_force
from small_bank import SHANGHAI, SmallBank, client_id

from schema.graph import graph
from schema.ids import encode
from tenants.database import Database
from tenants.organisation import Directory

DOCUMENT = Path(__file__).parent.parent / "docs" / "quotas.md"
QUOTA = """available { amount currency } allowed refusal binding bindingNode { id name } asOf
    trace { level name kind currency effective { amount } committed { amount currency } headroom { amount }
      binds }"""
OF_CLIENT = f"""query ($id: ID!, $product: Product, $amount: MoneyInput, $asOf: Date) {{
    client(id: $id) {{ quota(product: $product, amount: $amount, asOf: $asOf) {{ {QUOTA} }} }}
    quota(clientId: $id, product: $product, amount: $amount, asOf: $asOf) {{ {QUOTA} }} }}"""
ALLOWED = "query ($id: ID!, $amount: MoneyInput) { quota(clientId: $id, amount: $amount) { allowed } }"
OF_ALL = f"{{ clients(first: 50) {{ nodes {{ id quota(product: TERM_LOAN) {{ {QUOTA} }} }} }} }}"
PARTS = "granted { amount } committed { amount } earmarked { amount } reserved { amount } utilised { amount }"
OF_UNIT = f"""query ($code: String!, $asOf: Date) {{ unit(code: $code) {{ quota(asOf: $asOf) {{ asOf currency
    {PARTS}
    available {{ amount }}
    byProduct {{ product granted {{ amount }} reserved {{ amount }} utilised {{ amount currency }} }}
    bySegment {{ segment {PARTS} available {{ amount }} }} }} }} }}"""


@pytest.fixture
async def asks(database: Database, directory: Directory, administrator: asyncpg.Connection) -> AskBothWays:
    """The small bank with limits."""
    await open_limits(administrator)
    return AskBothWays(database, directory)


async def quota(asks: AskBothWays, caller: Any, index: int, **said: Any) -> Any:
    """A client's quota, which is the same over its row as at the root."""
    answered = await asks(caller, OF_CLIENT, id=gid(index), **said)
    assert answered["quota"] == (answered["client"] or {}).get("quota")
    return answered["quota"]


async def test_a_client_draws_on_its_nearest_limit_and_is_told_what_binds(
    asks: AskBothWays, administrator: asyncpg.Connection
) -> None:
    of_branch = await quota(asks, BO, 0)
    # Of its 100 m, 10 m are its sub-branch's.
    assert of_branch["available"] == {"amount": "90000000.00", "currency": "CNY"}
    assert (of_branch["allowed"], of_branch["binding"], of_branch["asOf"]) == (None, "BRANCH 4", "2026-01-15")
    assert of_branch["bindingNode"]["id"] == encode("LimitNode", (SHANGHAI, top(SHANGHAI)))
    own = client_id(0)
    _, line = await add_node(administrator, SHANGHAI, 1, 30 * MILLION, client_id=own)
    await add_node(
        administrator,
        SHANGHAI,
        2,
        50 * MILLION,
        kind="FACILITY",
        parent=line,
        client_id=own,
        product="TERM_LOAN",
    )
    asked = {"product": "TERM_LOAN", "amount": {"amount": "30000000.01", "currency": "CNY"}}
    told = await quota(asks, BO, 0, **asked)
    assert (told["available"]["amount"], told["allowed"], told["refusal"], told["binding"]) == (
        "30000000.00",
        False,
        "EXCEEDS_AVAILABLE",
        "CLIENT 1",
    )
    assert [(level["level"], level["name"], level["kind"], level["binds"]) for level in told["trace"]] == [
        (1, "FACILITY 2", "FACILITY", False),
        (2, "CLIENT 1", "CLIENT", True),
        (3, "BRANCH 4", "BRANCH", False),
    ]
    assert told["trace"][0]["effective"] == {"amount": "50000000.00"}
    other = await quota(asks, BO, 0, product="MORTGAGE", amount={"amount": "1", "currency": "USD"})
    assert (other["trace"][0]["name"], other["allowed"], other["refusal"]) == (
        "CLIENT 1",
        False,
        "CURRENCY_DIFFERS",
    )
    # Who may not see the client is told nothing, and so is the client itself.
    assert await quota(asks, SmallBank.beijing, 0) is None
    assert (await asks(SmallBank.huaxia, OF_ALL))["clients"]["nodes"][0]["quota"] is None
    for amount in ("0", "-1", "0.001", "99999999999999999999"):
        error = await asks.error(BO, ALLOWED, id=gid(0), amount={"amount": amount, "currency": "CNY"})
        assert error["extensions"]["code"] == "BAD_USER_INPUT", amount


async def test_the_quotas_of_many_clients_are_one_statement(
    asks: AskBothWays, administrator: asyncpg.Connection
) -> None:
    await add_node(administrator, SHANGHAI, 1, 30 * MILLION, client_id=client_id(1))
    for caller, count in ((HQ, 7), (EAST, 5), (BO, 3)):
        nodes = (await asks(caller, OF_ALL))["clients"]["nodes"]
        assert len(asks.statements) == 1
        assert len(nodes) == count
        assert {node["quota"]["available"]["amount"] for node in nodes} >= {"90000000.00", "30000000.00"}


async def test_a_unit_sums_what_its_branches_keep(
    asks: AskBothWays, administrator: asyncpg.Connection
) -> None:
    await administrator.execute(
        "update bank.limit_node set utilised_minor = $2, reserved_minor = 100 where id = $1",
        top(SHANGHAI),
        5 * MILLION,
    )
    branch = (await asks(BO, OF_UNIT, code="310000"))["unit"]["quota"]
    assert branch["granted"] == {"amount": "100000000.00"}
    assert branch["committed"] == {"amount": "5000001.00"}
    # Its own 84,999,999 (10 m are Pudong's) and Pudong's 10 m.
    assert branch["available"] == {"amount": "94999999.00"}
    region = (await asks(EAST, OF_UNIT, code="EAST"))["unit"]["quota"]
    bank = (await asks(HQ, OF_UNIT, code="HQ"))["unit"]["quota"]
    assert (region["granted"]["amount"], bank["granted"]["amount"]) == ("600000000.00", "1000000000.00")
    assert region["utilised"] == bank["utilised"] == {"amount": "5000000.00"}
    assert bank["available"] == {"amount": "994999999.00"}
    # Of the whole bank, a branch sees its own.
    assert (await asks(BO, OF_UNIT, code="HQ"))["unit"]["quota"] == branch
    assert len(asks.statements) == 1
    assert (await asks(SmallBank.huaxia, OF_UNIT, code="310000"))["unit"] == {"quota": None}
    # Of a product, what limits for it come to: not a client's own, and not one below another.
    of_product: dict[str, Any] = {"kind": "SUBLIMIT", "product": "MORTGAGE"}
    _, outer = await add_node(administrator, SHANGHAI, 1, 7_00, **of_product)
    await add_node(administrator, SHANGHAI, 2, 6_00, parent=outer, **of_product)
    await add_node(administrator, SHANGHAI, 3, 5_00, client_id=client_id(0), **of_product)
    (told,) = (await asks(BO, OF_UNIT, code="310000"))["unit"]["quota"]["byProduct"]
    assert (told["product"], told["granted"]) == ("MORTGAGE", {"amount": "7.00"})


async def test_limits_that_share_a_room_may_come_to_more_than_any_amount(
    asks: AskBothWays, administrator: asyncpg.Connection
) -> None:
    segment: dict[str, Any] = {"segment_dimension": "relationshipType", "segment_value": "GROWTH"}
    for number, product in enumerate((None, "MORTGAGE"), start=1):
        largest = 2**63 - 1
        await add_node(administrator, SHANGHAI, number, largest, kind="SUBLIMIT", product=product, **segment)
    for caller in (BO, HQ):
        (row,) = (await asks(caller, OF_UNIT, code="310000"))["unit"]["quota"]["bySegment"]
        assert row["granted"] == {"amount": "184467440737095516.14"}


async def test_the_future_is_told_by_validity_and_the_past_by_the_ledger(
    asks: AskBothWays, administrator: asyncpg.Connection
) -> None:
    own = client_id(0)
    _, line = await add_node(
        administrator, SHANGHAI, 1, 30 * MILLION, client_id=own, valid_until=DAY + dt.timedelta(days=10)
    )
    await administrator.execute(
        """with booked as (
            insert into bank.limit_commitment (branch_id, id, node_id, client_id, product, currency, status,
                reserved_minor, granted_minor, opened_on, moved_on)
            values ($1, gen_random_uuid(), $2, $3, 'TERM_LOAN', 'CNY', 'RESERVED', 700, 700, $4, $4)
            returning branch_id, id, node_id
        ), moved as (
            insert into bank.limit_movement (branch_id, id, commitment_id, node_id, operation, amount_minor,
                currency, value_date, actor)
            select branch_id, gen_random_uuid(), id, node_id, 'RESERVE', 700, 'CNY', $4, 'x' from booked
            returning branch_id, id, node_id
        ), posted as (
            insert into bank.limit_posting (branch_id, movement_id, node_id, bucket, delta_minor)
            select moved.branch_id, moved.id, node.id, 'RESERVED', 700
            from moved cross join unnest(array[moved.node_id, $5::uuid]) as node (id)
        )
        update bank.limit_node set reserved_minor = 700 where id in ($2, $5)""",
        SHANGHAI,
        line,
        own,
        DAY,
        top(SHANGHAI),
    )
    today = await quota(asks, BO, 0)
    assert today["available"]["amount"] == "29999993.00"
    later = await quota(asks, BO, 0, asOf="2026-02-01")
    assert (later["available"]["amount"], later["binding"]) == ("0.00", "CLIENT 1")
    assert await quota(asks, BO, 0, asOf="2026-01-14") is None
    # On the next day the limit is cut, and the day before is told as it was.
    await administrator.execute("update bank.business_day set day = $1", DAY + dt.timedelta(days=1))
    await administrator.execute(
        """update bank.limit_node set sanctioned_minor = 1000, reserved_minor = 0, sharing = 'RING_FENCED'
        where id = $1""",
        line,
    )
    await administrator.execute(
        "update bank.limit_node set idle_fenced_minor = 300 where id = $1", top(SHANGHAI)
    )
    assert (await quota(asks, BO, 0))["available"]["amount"] == "10.00"
    assert await quota(asks, BO, 0, asOf="2026-01-15") == today
    unit = (await asks(BO, OF_UNIT, code="310000", asOf="2026-01-15"))["unit"]["quota"]
    assert (unit["asOf"], unit["reserved"], unit["byProduct"]) == (
        "2026-01-15",
        {"amount": "7.00"},
        [
            {
                "product": "TERM_LOAN",
                "granted": None,
                "reserved": {"amount": "7.00"},
                "utilised": {"amount": "0.00", "currency": "CNY"},
            }
        ],
    )


async def test_a_hold_whose_time_has_passed_is_not_counted_though_nobody_has_swept_it(
    asks: AskBothWays, administrator: asyncpg.Connection
) -> None:
    _, line = await add_node(administrator, SHANGHAI, 1, 1_000, client_id=client_id(0), earmarked_minor=900)
    await administrator.execute(
        "update bank.limit_node set earmarked_minor = 900 where id = $1", top(SHANGHAI)
    )
    held = """insert into bank.limit_commitment (branch_id, id, node_id, client_id, currency, status,
        earmarked_minor, granted_minor, opened_on, moved_on, expires_at)
        values ($1, gen_random_uuid(), $2, $3, 'CNY', 'EARMARKED', $4, $4, $5, $5, app.moment() + $6)"""
    for amount, left in ((400, dt.timedelta(seconds=-1)), (500, dt.timedelta(hours=1))):
        await administrator.execute(held, SHANGHAI, line, client_id(0), amount, DAY, left)
    told = await quota(asks, BO, 0)
    assert told["available"]["amount"] == "5.00"
    assert [level["committed"]["amount"] for level in told["trace"]] == ["5.00", "5.00"]
    unit = (await asks(BO, OF_UNIT, code="310000"))["unit"]["quota"]
    assert (unit["earmarked"], unit["committed"]) == ({"amount": "5.00"}, {"amount": "5.00"})


async def test_a_client_draws_on_its_segments_limit_by_the_rules_of_now(
    asks: AskBothWays, administrator: asyncpg.Connection
) -> None:
    await put_in_force(administrator)
    await administrator.execute("update bank.limit_policy set segment_dimension = 'scale'")
    told = await asks(BO, "query ($id: ID!) { client(id: $id) { segments { dimension value } } }", id=gid(1))
    (value,) = [one["value"] for one in told["client"]["segments"] if one["dimension"] == "scale"]
    of_segment = {"kind": "SUBLIMIT", "segment_dimension": "scale", "segment_value": value}
    await add_node(administrator, SHANGHAI, 1, 7_00, **of_segment)
    assert (await quota(asks, BO, 1))["trace"][0]["name"] == "SUBLIMIT 1"
    assert len(asks.statements) == 1
    # Its product's limit is nearer, its own nearer still.
    await add_node(administrator, SHANGHAI, 2, 6_00, product="MORTGAGE", **of_segment)
    assert (await quota(asks, BO, 1, product="MORTGAGE"))["binding"] == "SUBLIMIT 2"
    assert (await quota(asks, BO, 1, product="TERM_LOAN"))["binding"] == "SUBLIMIT 1"
    await add_node(administrator, SHANGHAI, 3, 5_00, client_id=client_id(1))
    assert (await quota(asks, BO, 1, product="MORTGAGE"))["binding"] == "CLIENT 3"
    # Rules that put it elsewhere take the limit from it at once.
    await administrator.execute("update bank.limit_node set status = 'CLOSED' where kind = 'CLIENT'")
    await administrator.execute(
        "update bank.client set registered_capital_minor = 1 where id = $1", client_id(1)
    )
    assert (await quota(asks, BO, 1))["binding"] == "BRANCH 4"
    # On the next day, the day before is told by the segment that was recorded.
    await administrator.execute("delete from bank.segment_history where client_id = $1", client_id(1))
    await administrator.execute(
        """insert into bank.segment_history (branch_id, id, client_id, dimension_code, value, rule_set_id,
            valid_from, cause)
        select $1, gen_random_uuid(), $2, 'scale', $3, min(id), app.moment(), 'CHANGE' from bank.rule_set""",
        SHANGHAI,
        client_id(1),
        value,
    )
    await administrator.execute("update bank.business_day set day = $1", DAY + dt.timedelta(days=1))
    assert (await quota(asks, BO, 1))["binding"] == "BRANCH 4"
    assert (await quota(asks, BO, 1, asOf=str(DAY)))["trace"][0]["name"] == "SUBLIMIT 1"


async def test_a_branch_sees_of_a_cap_its_name_and_its_own_share(
    asks: AskBothWays, administrator: asyncpg.Connection
) -> None:
    await administrator.execute(
        """with cap as (
            insert into bank.concentration_cap (name, per, ceiling_minor, currency, counts, status, valid_from,
                created_by, activated_by)
            values ('All lending', 'BANK', 100000, 'CNY', 'EXPOSURE', 'ACTIVE', '2020-01-01', 'one', 'two')
            returning id
        )
        insert into bank.cap_share (branch_id, cap_id, subject, currency, share_minor, used_minor)
        select $1, id, '', 'CNY', 5000, 1000 from cap""",
        SHANGHAI,
    )
    told = await quota(asks, BO, 0, amount={"amount": "40.01", "currency": "CNY"})
    assert (told["available"]["amount"], told["refusal"], told["binding"], told["bindingNode"]) == (
        "40.00",
        "CAP_EXCEEDED",
        "All lending",
        None,
    )
    assert [(level["name"], level["kind"], level["binds"]) for level in told["trace"]] == [
        ("BRANCH 4", "BRANCH", False),
        ("All lending", "CAP", True),
    ]
    assert told["trace"][1]["headroom"] == {"amount": "40.00"}
    # What it could have been dealt on an earlier day nobody knows: it is said that caps are left out.
    await administrator.execute("update bank.business_day set day = $1", DAY + dt.timedelta(days=1))
    for day, counts in ((None, True), (DAY, False)):
        asked = "query ($id: ID!, $asOf: Date) { quota(clientId: $id, asOf: $asOf) { countsCaps } }"
        said = await asks(BO, asked, id=gid(0), asOf=day and str(day))
        assert said["quota"] == {"countsCaps": counts}


def test_every_operation_of_the_document_fits_the_schema() -> None:
    written = re.findall(r"```graphql\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert len(written) >= 4
    schema = graph()._schema
    assert [error.message for text in written for error in validate(schema, parse(text))] == []
