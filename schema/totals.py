"""The normal executor's way to sums of amounts: one statement for all parents, one Money per currency."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Integer, and_, func, select

from domain.money import Money
from schema.binding import Row, TotalSource, binding
from schema.keys import keys_table
from schema.request import Request


async def load(source: TotalSource, request: Request, rows: list[Row]) -> list[list[Money]]:
    """The total of each row's relation, by currency; of what the caller may see."""
    target = binding(source.of.target)
    if target.is_hidden_from(request.scope.login):
        return [[] for _ in rows]
    table = target.table
    if source.of.below:
        pairs = [
            (number, branch_id)
            for number, row in enumerate(rows, start=1)
            for branch_id in _seen_below(request, row.record["id"])
        ]
        keys = keys_table([Integer(), Integer()], pairs)
        same, parent = table.c.branch_id == keys.c.k1, keys.c.k0
    else:
        assert source.of.on is not None
        theirs, ours = list(source.of.on), list(source.of.on.values())
        wanted = [tuple(row.record[name] for name in ours) for row in rows]
        keys = keys_table([table.c[name].type for name in theirs], wanted)
        same = and_(*(table.c[name] == keys.c[f"k{i}"] for i, name in enumerate(theirs)))
        parent = keys.c.n
    return await _summed(request, source, keys.join(table, same), parent.label("parent"), len(rows))


def _seen_below(request: Request, unit_id: int) -> list[int]:
    seen = set(request.scope.branches)
    return [branch_id for branch_id in request.organisation.subtree(unit_id) if branch_id in seen]


async def _summed(
    request: Request, source: TotalSource, joined: Any, parent: Any, parents: int
) -> list[list[Money]]:
    table = binding(source.of.target).table
    currency = table.c[source.amount.currency]
    # sum(bigint) is numeric: it cannot overflow, and comes back as an exact integer.
    statement = (
        select(parent, currency.label("currency"), func.sum(table.c[source.amount.minor]).label("minor"))
        .select_from(joined)
        .group_by(parent, currency)
        .order_by(parent, currency)
    )
    found: dict[int, list[Money]] = defaultdict(list)
    for record in await request.snapshot.rows(statement):
        found[record["parent"]].append(Money(int(record["minor"]), record["currency"]))
    return [found[number] for number in range(1, parents + 1)]
