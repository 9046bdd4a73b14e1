"""Amounts of money in the graph, and what is owed added up."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import strawberry
from sqlalchemy import ARRAY, Integer, Uuid, and_, cast, column, func, literal, select
from sqlalchemy.sql.selectable import TableValuedAlias

from domain.money import Money as ExactMoney
from schema.binding import Row
from schema.request import Request
from tenants.tables import facility


@strawberry.type(description="An exact amount of one currency.")
class Money:
    """What `domain.money.Money` looks like in the graph."""

    amount: Decimal = strawberry.field(description="In major units, with all the currency's decimal places.")
    currency: str = strawberry.field(description="ISO 4217 code.")


async def exposure_of_clients(request: Request, clients: list[Row]) -> list[list[ExactMoney]]:
    """What each client owes, by currency."""
    keys = _numbered(
        (literal([c.record["branch_id"] for c in clients], ARRAY(Integer)), Integer()),
        (literal([c.record["id"] for c in clients], ARRAY(Uuid)), Uuid()),
    )
    same = and_(facility.c.branch_id == keys.c.k0, facility.c.client_id == keys.c.k1)
    return await _outstanding(request, keys, same, len(clients))


async def exposure_of_units(request: Request, units: list[Row]) -> list[list[ExactMoney]]:
    """What is owed to each unit and the units below it, by currency; of what the caller may see."""
    pairs = [
        (number, branch_id)
        for number, row in enumerate(units, start=1)
        for branch_id in _seen_below(request, row.record["id"])
    ]
    keys = _numbered(
        (literal([number for number, _ in pairs], ARRAY(Integer)), Integer()),
        (literal([branch_id for _, branch_id in pairs], ARRAY(Integer)), Integer()),
    )
    return await _outstanding(request, keys, facility.c.branch_id == keys.c.k1, len(units), of=keys.c.k0)


def _seen_below(request: Request, unit_id: int) -> list[int]:
    seen = set(request.scope.branches)
    return [branch_id for branch_id in request.organisation.subtree(unit_id) if branch_id in seen]


def _numbered(*arrays: tuple[Any, Any]) -> TableValuedAlias:
    columns = [column(f"k{i}", type_) for i, (_, type_) in enumerate(arrays)]
    values = [cast(array, ARRAY(type_)) for array, type_ in arrays]
    return func.unnest(*values).table_valued(*columns, with_ordinality="n", name="k").render_derived()


async def _outstanding(
    request: Request, keys: TableValuedAlias, same: Any, parents: int, of: Any = None
) -> list[list[ExactMoney]]:
    parent = (keys.c.n if of is None else of).label("parent")
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
