"""Amounts of money in the graph, and what is owed added up."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import strawberry
from sqlalchemy import Integer, Uuid, and_, func, select
from sqlalchemy.sql.selectable import TableValuedAlias

from domain.money import Money as ExactMoney
from schema.binding import Row
from schema.reading import keys_table
from schema.request import Request
from tenants.tables import facility


@strawberry.type(description="An exact amount of one currency.")
class Money:
    """What `domain.money.Money` looks like in the graph."""

    amount: Decimal = strawberry.field(description="In major units, with all the currency's decimal places.")
    currency: str = strawberry.field(description="ISO 4217 code.")


async def exposure_of_clients(request: Request, clients: list[Row]) -> list[list[ExactMoney]]:
    """What each client owes, by currency."""
    keys = keys_table([Integer(), Uuid()], [client.key for client in clients])
    same = and_(facility.c.branch_id == keys.c.k0, facility.c.client_id == keys.c.k1)
    return await _outstanding(request, keys, same, len(clients), of=keys.c.n)


async def exposure_of_units(request: Request, units: list[Row]) -> list[list[ExactMoney]]:
    """What is owed to each unit and the units below it, by currency; of what the caller may see."""
    pairs = [
        (number, branch_id)
        for number, row in enumerate(units, start=1)
        for branch_id in _seen_below(request, row.record["id"])
    ]
    keys = keys_table([Integer(), Integer()], pairs)
    return await _outstanding(request, keys, facility.c.branch_id == keys.c.k1, len(units), of=keys.c.k0)


def _seen_below(request: Request, unit_id: int) -> list[int]:
    seen = set(request.scope.branches)
    return [branch_id for branch_id in request.organisation.subtree(unit_id) if branch_id in seen]


async def _outstanding(
    request: Request, keys: TableValuedAlias, same: Any, parents: int, *, of: Any
) -> list[list[ExactMoney]]:
    parent = of.label("parent")
    # sum(bigint) is numeric: it cannot overflow, and comes back as an exact integer.
    owed = func.sum(facility.c.outstanding_minor).label("minor")
    statement = (
        select(parent, facility.c.currency, owed)
        .select_from(keys.join(facility, same))
        .group_by(parent, facility.c.currency)
        .order_by(parent, facility.c.currency)
    )
    found: dict[int, list[ExactMoney]] = defaultdict(list)
    for record in await request.snapshot.rows(statement):
        found[record["parent"]].append(ExactMoney(int(record["minor"]), record["currency"]))
    return [found[number] for number in range(1, parents + 1)]
