"""The normal executor's way to the companies that are connected with a client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Integer, literal, select, true

from schema.binding import RelatedSource, Row, binding
from schema.errors import BadInput
from schema.keys import keys_table
from schema.reading import Parent, is_hidden
from schema.relations import companies_related
from schema.request import Request

DEEPEST = 6
DEFAULT_DEPTH = 2
MOST_RELATED = 200
DEFAULT_RELATED = 50


def walk_asked(given: Mapping[str, Any]) -> tuple[int, int]:
    """How many links far to walk, and how many companies to show at most. Raises BadInput."""
    depth, first = given["depth"], given["first"]
    if not 1 <= depth <= DEEPEST:
        raise BadInput(f"`depth` is between 1 and {DEEPEST}")
    if not 0 <= first <= MOST_RELATED:
        raise BadInput(f"`first` is between 0 and {MOST_RELATED}")
    return depth, first


async def related(
    request: Request, source: RelatedSource, row: Row, given: Mapping[str, Any], width: int
) -> list[Row]:
    """The companies connected with a client, the nearest first. Raises BadInput."""
    depth, first = walk_asked(given)
    load = partial(_load, request, source, depth, first)
    found: list[Row] = await request.batch((source.target, depth, first), load).load(row.key)
    request.budget.spend(len(found), width)
    return found


async def _load(
    request: Request, source: RelatedSource, depth: int, first: int, clients: list[Parent]
) -> Sequence[list[Row]]:
    target = binding(source.target)
    found: list[list[Row]] = [[] for _ in clients]
    if is_hidden(request, target):
        return found
    wanted = keys_table([target.table.c[name].type for name in ("branch_id", "client_id")], clients)
    bounds = literal(depth, Integer()), literal(first, Integer())
    company = companies_related(target, (wanted.c.k0, wanted.c.k1), *bounds, "walked").lateral("company")
    order = [company.c[name] for name in target.key]
    statement = select(wanted.c.n, *company.c).select_from(wanted.join(company, true()))
    for record in await request.snapshot.rows(statement.order_by(wanted.c.n, *order)):
        found[record["n"] - 1].append(Row(target, record))
    return found
