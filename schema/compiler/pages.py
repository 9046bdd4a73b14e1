"""Which rows a list holds and which of them its page shows, in their order; limits come before anything else."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    column,
    func,
    literal_column,
    select,
    true,
)

from schema.binding import ConnectionSource, binding
from schema.compiler import rows
from schema.compiler.building import Building, Sight
from schema.compiler.outline import Selected
from schema.compiler.reads import POSITION, SIZE, ListAsked
from schema.condition_sql import SqlContext, to_sql
from schema.ordering import Term, beyond, labelled_terms, order_by, terms
from schema.relations import linked, units_below
from tenants.tables import unit

ONE = literal_column("1", Integer)
PAGE_FIELDS = frozenset({"nodes", "edges", "pageInfo"})


def related(
    building: Building, source: ConnectionSource, parent: FromClause | None, table: FromClause
) -> list[ColumnElement[bool]]:
    """Which rows belong to the parent, and to the caller's branches where the parent does not say."""
    found = linked(source, parent, table) if parent is not None else []
    if parent is None or source.below or "branch_id" not in (source.on or {}) or "branch_id" not in parent.c:
        scope = building.in_scope(table)
        found += [] if scope is None else [scope]
    return found


def _of_parent(statement: Select[Any], parent: FromClause | None) -> Select[Any]:
    return statement if parent is None else statement.correlate(parent)


class PageRows:
    """The rows of one list: a row's own, or all in scope at the root."""

    def __init__(self, building: Building, field: Selected, parent: FromClause | None) -> None:
        self.building = building
        self.field = field
        self.parent = parent
        self.asked: ListAsked = building.reads[field.place].asked
        self.source = self.asked.source
        self.target = binding(self.source.target)
        self.page = self.asked.page
        self.size = building.argument(field.place, SIZE, Integer())
        self.has_more_wanted = any(
            info.name in ("hasNextPage", "hasPreviousPage")
            for below in field.fields
            if below.name == "pageInfo"
            for info in below.fields
        )

    def rows_of(self, table: FromClause) -> list[ColumnElement[bool]]:
        """Which rows of the table are in the list, on whatever page."""
        return [*related(self.building, self.source, self.parent, table), *self._where(table)]

    def _where(self, table: FromClause) -> list[ColumnElement[bool]]:
        if self.page.where is None:
            return []
        context = SqlContext(
            bind=self.building.arguments(self.field.place, self.asked.where_at),
            in_scope=self.building.in_scope,
            hides=self.building.hides,
        )
        return [to_sql(self.page.where, self.target, table, context)]

    def of_parent(self, statement: Select[Any]) -> Select[Any]:
        """The statement, which may speak of the parent's row."""
        return _of_parent(statement, self.parent)

    def count(self) -> ColumnElement[Any]:
        """How many rows the whole list has."""
        if self._found is not None:
            return select(func.count()).select_from(self._found).scalar_subquery()
        table = self.building.table(self.target)
        counted = select(func.count()).select_from(table).where(*self.rows_of(table))
        return self.of_parent(counted).scalar_subquery()

    def shown(self) -> Select[Any]:
        """The page's rows in the direction of reading, and one more where it matters whether there is one."""
        limit = self.size + ONE if self.has_more_wanted else self.size
        if self._found is not None:
            return self._limited(self._found, limit)
        if self._branch_by_branch():
            return self._merged(limit)
        table = self.building.table(self.target)
        return self.of_parent(self._first_of(table, self.rows_of(table), limit))

    @cached_property
    def _columns(self) -> list[str]:
        """The columns that the page is made of: what is shown of its rows, and what orders them."""
        names = {key.column for key in self.page.order if key.is_column}
        for below in self.field.fields:
            shown = [below] if below.name == "nodes" else below.fields if below.name == "edges" else ()
            for part in shown:
                names |= rows.columns_for(self.target, part.fields)
        return [column.name for column in self.target.table.c if column.name in names]

    @cached_property
    def _found(self) -> CTE | None:
        """All rows of a list that is both counted and shown, where a condition leaves few of them; else None.

        Who finds the rows once need not find them again to count them.
        """
        asked = {below.name for below in self.field.fields}
        few = self.page.where is not None and self.building.audience.sight is not Sight.ALL
        if self.parent is not None or not few or "totalCount" not in asked or not asked & PAGE_FIELDS:
            return None
        table = self.building.table(self.target)
        return self._with_order(table, self.rows_of(table)).cte(self.building.name("c"))

    def _first_of(
        self, table: FromClause, conditions: list[ColumnElement[bool]], limit: ColumnElement[int]
    ) -> Select[Any]:
        """The rows of the page, in the direction of reading."""
        if all(key.is_column for key in self.page.order):
            order = labelled_terms(self.page.order, self.target, table)
            chosen = self._shown(table).where(*conditions, *self._between(order))
            return chosen.order_by(*order_by(self._read_in(order))).limit(limit)
        # What is worked out for a row is worked out once, however often the page speaks of it.
        known = self.of_parent(self._with_order(table, conditions))
        return self._limited(self.building.subquery(known), limit)

    def _shown(self, table: FromClause) -> Select[Any]:
        return select(*(table.c[name] for name in self._columns))

    def _with_order(self, table: FromClause, conditions: list[ColumnElement[bool]]) -> Select[Any]:
        """Rows with all that they are ordered by."""
        bind = self.building.arguments(self.field.place, self.asked.order_at)
        order = terms(self.page.order, self.target, table, bind, self.building.in_scope, self.building.hides)
        worked_out = [
            term.value.label(key.label(n))
            for n, (key, term) in enumerate(zip(self.page.order, order, strict=True))
            if not key.is_column
        ]
        return self._shown(table).add_columns(*worked_out).where(*conditions)

    def _limited(self, known: FromClause, limit: ColumnElement[int]) -> Select[Any]:
        order = labelled_terms(self.page.order, self.target, known)
        chosen = select(*known.c).where(*self._between(order))
        return chosen.order_by(*order_by(self._read_in(order))).limit(limit)

    def _read_in(self, order: list[Term]) -> list[Term]:
        return [term.reversed() for term in order] if self.page.backward else order

    def _branch_by_branch(self) -> bool:
        """Whether the page is the best of each branch's own: a branch has an index for it, the whole has none."""
        first = self.page.order[0]
        if not self.target.is_tenant or not all(key.is_column for key in self.page.order):
            return False
        if self.source.below:
            return True
        several = self.parent is None and self.building.audience.sight is not Sight.ONE
        return several and first.column != "branch_id"

    def _merged(self, limit: ColumnElement[int]) -> Select[Any]:
        branches = self._branches()
        table = self.building.table(self.target)
        own = [table.c.branch_id == branches.c.id, *self._where(table)]
        if self.source.below and (scope := self.building.in_scope(table)) is not None:
            own.append(scope)
        first = self._first_of(table, own, limit).correlate(branches, *self._parents())
        each = first.lateral(self.building.name("l"))
        order = self._read_in(labelled_terms(self.page.order, self.target, each))
        best = select(*each.c).select_from(branches.join(each, true()))
        return self.of_parent(best.order_by(*order_by(order)).limit(limit))

    def _parents(self) -> list[FromClause]:
        return [] if self.parent is None else [self.parent]

    def _branches(self) -> FromClause:
        if self.parent is not None:
            return units_below(self.parent.c.id)
        if self.building.audience.sight is Sight.ALL:
            return unit.alias(self.building.name("t"))
        seen = func.unnest(self.building.branches()).table_valued(column("id", Integer))
        return seen.render_derived(self.building.name("t"))

    def _between(self, order: list[Term]) -> list[ColumnElement[bool]]:
        """Beyond the cursor `after`, and before the cursor `before`."""
        found = []
        for position, at, towards in (
            (self.page.position, POSITION, order),
            (self.page.until, self.asked.until_at, [term.reversed() for term in order]),
        ):
            if position is not None:
                found.append(beyond(towards, position, self.building.arguments(self.field.place, at)))
        return found
