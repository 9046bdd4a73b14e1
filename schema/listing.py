"""A list as its fields ask of it: its page, its measures and its groups, each read only when one does."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import FromClause, func, select

from domain.conditions import Condition
from schema import segment_reading
from schema.binding import ConnectionSource, Row, binding
from schema.groups import Grouping, grouped
from schema.measures import ROWS, AggregateFunction, Measure, measure_sql
from schema.paging import Page, PageRequest
from schema.reading import (
    Parent,
    conditions,
    for_each_parent,
    is_hidden,
    load_pages,
    parent_of,
    parents_table,
    source_key,
)
from schema.request import Request

_NONE = {AggregateFunction.COUNT: 0, AggregateFunction.COUNT_DISTINCT: 0}
"""What is measured of no rows; all else is null."""


class Listing:
    """A list of one parent: of everything in scope at the root (`row` None), else of the row's own.

    What is read is asked for at once, and awaited later: so the questions of all parents meet in one statement.
    """

    def __init__(
        self, request: Request, source: ConnectionSource, asked: PageRequest, row: Row | None, *, fields: int
    ) -> None:
        """`fields` says how many fields are selected below, for the budget."""
        self._request = request
        self._source = source
        self._asked = asked
        self._parent = parent_of(request, source, row)
        self._fields = fields
        self._page: Page | None = None

    @property
    def nodes(self) -> Awaitable[list[Row]]:
        """The page's rows."""
        return self._of_page("nodes")

    @property
    def edges(self) -> Awaitable[list[Any]]:
        """The page's rows with their cursors."""
        return self._of_page("edges")

    @property
    def page_info(self) -> Awaitable[Page]:
        """The page, which tells of itself."""
        return self._of_page("page_info")

    def count(self) -> Awaitable[int]:
        """How many rows the whole list has."""
        return self.measured(ROWS)

    def measured(self, of: Measure) -> Awaitable[Any]:
        """A measure of the whole list's rows; amounts in minor units."""
        what = (source_key(self._source), self._asked.where, "measures")
        load = partial(_load_measures, self._request, self._source, self._asked.where)
        return self._request.batch(what, load).load((self._parent, of))

    async def groups(self, grouping: Grouping, *, fields: int) -> list[Group]:
        """The whole list's rows in groups; `fields` says how many are selected below, for the budget."""
        await segment_reading.check(self._request, grouping.dimensions)
        what = (source_key(self._source), self._asked.where, grouping, fields, "groups")
        load = partial(_load_groups, self._request, self._source, self._asked.where, grouping, fields)
        keys = await self._request.batch(what, load).load(self._parent)
        self._request.budget.spend(len(keys), fields)
        return [Group(self, grouping, key) for key in keys]

    async def measured_group(self, grouping: Grouping, key: tuple[Any, ...], of: Measure) -> Any:
        """A measure of one group's rows; of all groups at once."""
        what = (source_key(self._source), self._asked.where, grouping, "measures of groups")
        load = partial(_load_group_measures, self._request, self._source, self._asked.where, grouping)
        found = await self._request.batch(what, load).load((self._parent, of))
        return found[key]

    def _of_page(self, name: str) -> Awaitable[Any]:
        what = (source_key(self._source), self._asked, self._fields)
        load = partial(load_pages, self._request, self._source, self._asked, self._fields)
        return self._shown(self._request.batch(what, load).load(self._parent), name)

    async def _shown(self, loading: Awaitable[list[Row]], name: str) -> Any:
        rows = await loading
        if self._page is None:
            kept = rows[: self._asked.size]
            # Not where they are loaded: what a batch reads once, every alias of the list completes anew.
            self._request.budget.spend(len(kept), self._fields)
            ordered = kept[::-1] if self._asked.backward else kept
            target = binding(self._source.target)
            self._page = Page(target, ordered, self._asked, len(rows) > self._asked.size)
        return getattr(self._page, name)


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of a list that have one key in common."""

    listing: Listing
    grouping: Grouping
    key: tuple[Any, ...]

    def measured(self, of: Measure) -> Awaitable[Any]:
        """A measure of the group's rows; amounts in minor units."""
        return self.listing.measured_group(self.grouping, self.key, of)


async def _load_measures(
    request: Request, source: ConnectionSource, where: Condition | None, keys: list[tuple[Parent, Measure]]
) -> Sequence[Any]:
    target = binding(source.target)
    if is_hidden(request, target):
        return [_NONE.get(of.function) for _, of in keys]
    parents, measures = _distinct(keys)
    wanted = parents_table(source, target, parents)
    columns = [measure_sql(of, target, target.table).label(f"m{n}") for n, of in enumerate(measures)]
    chosen = select(*columns).select_from(target.table)
    chosen = chosen.where(*conditions(request, source, where, wanted, target.table))
    found = await request.snapshot.rows(for_each_parent(chosen, wanted, lambda _: []))
    of_parent = {parents[record["n"] - 1]: record for record in found}
    return [of_parent[parent][f"m{measures.index(of)}"] for parent, of in keys]


async def _load_groups(
    request: Request,
    source: ConnectionSource,
    where: Condition | None,
    grouping: Grouping,
    fields: int,
    parents: list[Parent],
) -> Sequence[list[tuple[Any, ...]]]:
    # One group more than is affordable tells that there are too many.
    most = request.budget.rows_of(fields) + 1
    found = await _grouped(request, source, where, grouping, parents, (), most)
    if sum(map(len, found)) == most:
        request.budget.spend(most, fields)
    return [list(groups) for groups in found]


async def _load_group_measures(
    request: Request,
    source: ConnectionSource,
    where: Condition | None,
    grouping: Grouping,
    keys: list[tuple[Parent, Measure]],
) -> Sequence[dict[tuple[Any, ...], Any]]:
    parents, measures = _distinct(keys)
    found = await _grouped(request, source, where, grouping, parents, measures, None)
    of_parent = dict(zip(parents, found, strict=True))
    places = {of: f"m{n}" for n, of in enumerate(measures)}
    return [{key: record[places[of]] for key, record in of_parent[parent].items()} for parent, of in keys]


async def _grouped(
    request: Request,
    source: ConnectionSource,
    where: Condition | None,
    grouping: Grouping,
    parents: list[Parent],
    measures: Sequence[Measure],
    most: int | None,
) -> list[dict[tuple[Any, ...], Any]]:
    """Each parent's groups by their keys, in order, with the measures m0, m1, …"""
    target = binding(source.target)
    if is_hidden(request, target):
        return [{} for _ in parents]
    wanted = parents_table(source, target, parents)

    def belonging(table: FromClause) -> Any:
        return conditions(request, source, where, wanted, table)

    groups = grouped(grouping, target, belonging, measures, hides=partial(is_hidden, request)).subquery(
        "groups"
    )
    # Numbered in the order in which they come, since a parent's groups lose it when they are joined.
    placed = select(groups, func.row_number().over().label("place"))
    statement = for_each_parent(placed, wanted, lambda found: [found.c.place])
    found: list[dict[tuple[Any, ...], Any]] = [{} for _ in parents]
    for record in await request.snapshot.rows(statement if most is None else statement.limit(most)):
        key = tuple(record[f"k{n}"] for n in range(len(grouping.keys)))
        found[record["n"] - 1][key] = record
    return found


def _distinct(keys: list[tuple[Parent, Measure]]) -> tuple[list[Parent], list[Measure]]:
    parents = dict.fromkeys(parent for parent, _ in keys)
    return list(parents), list(dict.fromkeys(of for _, of in keys))
