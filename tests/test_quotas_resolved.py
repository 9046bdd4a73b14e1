"""What `app.quota` answers is what `domain.limits.formulas.resolve` reckons, on limits drawn at random."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from limit_bank import DAY, add_node, open_limits, top
from small_bank import SHANGHAI

from domain.limits.formulas import Quota, resolve
from domain.limits.guards import currency_refused, first, no_room, not_standing
from domain.limits.movements import Place
from domain.limits.nodes import Balance, LimitNode, NodeKind, NodeStatus, Sharing
from domain.money import Money

CLIENTS = 60
RATES = [Decimal(1), Decimal(1), Decimal("7.123456789"), Decimal("0.05"), Decimal("0.333333333")]
CURRENCIES = ["CNY", "USD", "JPY", "KWD"]
KINDS = [
    [NodeKind.CLIENT],
    [NodeKind.FACILITY, NodeKind.CLIENT],
    [NodeKind.CLIENT, NodeKind.SUBLIMIT],
    [NodeKind.FACILITY, NodeKind.CLIENT, NodeKind.SUBLIMIT],
]
PRODUCT = "WORKING_CAPITAL"
ASKED = 700


def drawn(random: Random, kind: NodeKind) -> LimitNode:
    """A limit of a few hundred minor units, about as much of which is held."""
    addition = random.choice([0, 0, random.randrange(1, 2_000)])
    return LimitNode(
        key=(SHANGHAI, UUID(int=random.getrandbits(128))),
        kind=kind,
        name=f"{kind} {random.randrange(10**6)}",
        parent=None,
        currency=random.choice(CURRENCIES),
        sanctioned=random.randrange(0, 5_000),
        valid_from=DAY - dt.timedelta(days=0 if random.random() < 0.9 else -1),
        valid_until=DAY + dt.timedelta(days=random.randrange(2, 60)),
        addition=addition,
        addition_from=DAY - dt.timedelta(days=random.randrange(-1, 3)) if addition else None,
        addition_until=DAY + dt.timedelta(days=1) if addition else None,
        collateral_cap=random.choice([None, None, random.randrange(0, 5_000)]),
        regulatory_cap=random.choice([None, None, random.randrange(0, 5_000)]),
        sharing=random.choice(list(Sharing)),
        parent_rate=random.choice(RATES),
        status=random.choice([*[NodeStatus.ACTIVE] * 20, NodeStatus.FROZEN]),
        over_limit=True,
        balance=Balance(*(random.choice([0, random.randrange(0, 900)]) for _ in range(3))),
        idle_fenced=random.choice([0, random.randrange(0, 600)]),
        consumed=random.choice([0, 0, random.randrange(0, 300)]),
    )


async def put(administrator: asyncpg.Connection, node: LimitNode, above: UUID, client: UUID | None) -> None:
    """The limit's row."""
    await add_node(
        administrator,
        SHANGHAI,
        0,
        node.sanctioned,
        kind=node.kind,
        parent=above,
        id=node.key[1],
        name=node.name,
        client_id=client,
        product=PRODUCT if node.kind is NodeKind.FACILITY else None,
        **_columns(node),
    )


def _columns(node: LimitNode) -> dict[str, Any]:
    return {
        "currency": node.currency,
        "addition_minor": node.addition,
        "addition_from": node.addition_from,
        "addition_until": node.addition_until,
        "collateral_cap_minor": node.collateral_cap,
        "regulatory_cap_minor": node.regulatory_cap,
        "sharing": node.sharing,
        "parent_rate": node.parent_rate,
        "valid_from": node.valid_from,
        "valid_until": node.valid_until,
        "status": node.status,
        "over_limit": True,
        "earmarked_minor": node.balance.earmarked,
        "reserved_minor": node.balance.reserved,
        "utilised_minor": node.balance.utilised,
        "idle_fenced_minor": node.idle_fenced,
        "consumed_minor": node.consumed,
    }


def expected(quota: Quota) -> dict[str, Any]:
    """The quota as the function's row tells it."""
    return {
        "available_minor": quota.available,
        "currency": quota.currency,
        "allowed": quota.allowed and quota.currency == "CNY",
        "binding": quota.binding,
        "node_id": quota.binding_node and quota.binding_node[1],
        "trace": [
            {
                "level": n,
                "name": level.name,
                "kind": level.kind,
                "currency": level.currency,
                "effective": money(level.effective, level.currency),
                "committed": money(level.committed, level.currency),
                "headroom": money(level.headroom, level.currency),
                "binds": level.binds,
            }
            for n, level in enumerate(quota.trace, start=1)
        ],
    }


def refused(path: list[LimitNode]) -> str | None:
    """What a reservation would be refused with."""
    place = Place(tuple(path), (), DAY, dt.datetime.combine(DAY, dt.time(), dt.UTC))
    guards = currency_refused("CNY", path[0].currency), not_standing(path, DAY), no_room(place, ASKED)
    refusal = first(*guards)
    return refusal.code if refusal else None


def money(minor: int, currency: str) -> dict[str, str]:
    return {"amount": f"{Money(minor, currency).amount:f}", "currency": currency}


async def test_the_databases_quota_is_the_domains(administrator: asyncpg.Connection) -> None:
    random = Random(5)
    await open_limits(administrator)
    uppermost = replace(
        drawn(random, NodeKind.BRANCH),
        key=(SHANGHAI, top(SHANGHAI)),
        currency="CNY",
        sharing=Sharing.RING_FENCED,
        sanctioned=4_000,
        addition=0,
        collateral_cap=None,
        regulatory_cap=None,
        status=NodeStatus.ACTIVE,
        valid_from=DAY,
    )
    columns = _columns(uppermost) | {"sanctioned_minor": 4_000, "name": uppermost.name, "dealt_minor": 0}
    changes = ", ".join(f"{name} = ${n}" for n, name in enumerate(columns, 2))
    await administrator.execute(
        f"update bank.limit_node set {changes} where id = $1",
        top(SHANGHAI),
        *columns.values(),
    )
    paths: dict[UUID, list[LimitNode]] = {}
    for number in range(CLIENTS):
        client = UUID(int=number + 1)
        await administrator.execute(
            """insert into bank.client
            (branch_id, id, registration_country, registration_number, legal_name, currency)
            values ($1, $2, 'CN', $3, 'x', 'CNY')""",
            SHANGHAI,
            client,
            f"R{number}",
        )
        path = [drawn(random, kind) for kind in random.choice(KINDS)] + [uppermost]
        path = [replace(node, parent=above.key) for node, above in pairwise(path)] + [uppermost]
        for node in reversed(path[:-1]):
            assert node.parent is not None
            await put(administrator, node, node.parent[1], None if node.kind is NodeKind.SUBLIMIT else client)
        paths[client] = path
    rows = await administrator.fetch(
        """select asked.id, quota.* from unnest($1::uuid[]) as asked (id)
        cross join lateral app.quota($2, asked.id, $3, $4, 'CNY', null, null) quota""",
        list(paths),
        SHANGHAI,
        PRODUCT,
        ASKED,
    )
    assert len(rows) == CLIENTS
    for row in rows:
        found = {name: row[name] for name in ("available_minor", "currency", "allowed", "binding", "node_id")}
        path = paths[row["id"]]
        trace = orjson.loads(row["trace"])
        assert found | {"trace": trace} == expected(resolve(path, (), ASKED, DAY)), path
        assert row["refusal"] == refused(path), path
    available = [row["available_minor"] for row in rows]
    assert 10 < sum(value > 0 for value in available) < CLIENTS
    assert {row["allowed"] for row in rows} == {True, False}
    assert len({row["refusal"] for row in rows}) > 5
