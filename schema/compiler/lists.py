"""A list as JSON: its page in order, its cursors, its count; limits come before anything else is joined."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    FromClause,
    Integer,
    Numeric,
    Select,
    Subquery,
    Text,
    case,
    cast,
    column,
    false,
    func,
    literal_column,
    select,
    true,
)

from schema.binding import ConnectionSource, binding
from schema.compiler import groups, rows
from schema.compiler.building import Building, Sight
from schema.compiler.json_text import (
    Constant,
    Json,
    Piece,
    Quoted,
    Sql,
    concatenated,
    element,
    json_list,
    json_object,
    or_null,
)
from schema.compiler.outline import Selected
from schema.compiler.reads import MARK, POSITION, SIZE, ListAsked
from schema.compiler.values import escaped
from schema.condition_sql import SqlContext, to_sql
from schema.ordering import Term, beyond, labelled_terms, order_by, terms
from schema.relations import linked, units_below
from tenants.tables import unit

_ONE = literal_column("1", Integer)
PAGE_FIELDS = frozenset({"nodes", "edges", "pageInfo"})
_BASE64_TO_URL: tuple[ColumnElement[str], ...] = (literal_column("E'+/=\\n'", Text), literal_column("'-_'", Text))


def connection(building: Building, field: Selected, parent: FromClause | None) -> ColumnElement[str]:
    """The text of a connection's object: of a row's own rows, or of all in scope at the root."""
    made = _List(building, field, parent)
    whole = select(element(json_object(made.piece(n, below) for n, below in enumerate(field.fields))))
    if made.paged is not None:
        whole = whole.select_from(made.paged)
    return _of_parent(whole, parent).scalar_subquery()


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


class _List:
    """One list's rows, as every part of its connection needs them."""

    def __init__(self, building: Building, field: Selected, parent: FromClause | None) -> None:
        self.building = building
        self.field = field
        self.parent = parent
        self.asked: ListAsked = building.reads[field.place].asked
        self.source = self.asked.source
        self.target = binding(self.source.target)
        self.page = self.asked.page
        self.size = building.argument(field.place, SIZE, Integer())
        self._has_more_wanted = any(
            info.name in ("hasNextPage", "hasPreviousPage")
            for below in field.fields
            if below.name == "pageInfo"
            for info in below.fields
        )
        self.paged: Subquery | None = None
        if any(below.name in PAGE_FIELDS for below in field.fields):
            self.paged = self._paged()
        else:
            building.table(self.target)

    def piece(self, n: int, below: Selected) -> tuple[str, Piece]:
        """A member of the connection's object: its field with this number."""
        return below.key, self._piece(n, below)

    def _piece(self, n: int, below: Selected) -> Piece:
        match below.name:
            case "__typename":
                return Constant(f'"{self.target.type_name}Connection"')
            case "totalCount":
                return Json(self._count())
            case "nodes" | "edges":
                return Json(self._listed(self._part(f"rows{n}")))
            case "pageInfo":
                return Json(json_object(self._page_info(below)))
        return groups.piece(self.building, below, self.rows_of, self.of_parent)

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

    def _count(self) -> ColumnElement[Any]:
        if self._found is not None:
            return select(func.count()).select_from(self._found).scalar_subquery()
        table = self.building.table(self.target)
        counted = select(func.count()).select_from(table).where(*self.rows_of(table))
        return self.of_parent(counted).scalar_subquery()

    # The page: its rows first, limited; then one row that holds every part of it as an array.

    def _paged(self) -> Subquery:
        page = self.building.subquery(self._page_rows())
        if self.page.backward:
            order = labelled_terms(self.page.order, self.target, page)
            page = self.building.subquery(select(*page.c).order_by(*order_by(order)))
        columns = [self._gathered(name, element(made)).label(name) for name, made in self._parts(page)]
        return self.building.subquery(self.of_parent(select(*columns).select_from(page)))

    def _gathered(self, name: str, made: ColumnElement[str]) -> ColumnElement[Any]:
        """A part of every row in one value: an array where the extra row or single places are needed."""
        if self._has_more_wanted or name == "places":
            # Where nothing is selected it is a literal, whose type PostgreSQL does not guess here.
            return func.array_agg(cast(made, Text), type_=ARRAY(Text))
        return func.string_agg(made, element("','"))

    def _parts(self, page: Subquery) -> Iterator[tuple[str, Sql]]:
        for n, below in enumerate(self.field.fields):
            match below.name:
                case "nodes":
                    yield f"rows{n}", self._node(page, below)
                case "edges":
                    yield f"rows{n}", json_object((part.key, self._edge(page, part)) for part in below.fields)
        if any(below.name == "pageInfo" for below in self.field.fields):
            yield "places", self._place(page)

    def _node(self, page: Subquery, below: Selected) -> Sql:
        return rows.row_object(self.building, self.target, page, below.fields)

    def _edge(self, page: Subquery, part: Selected) -> Piece:
        match part.name:
            case "__typename":
                return Constant(f'"{self.target.type_name}Edge"')
            case "cursor":
                return Quoted(_cursor(self._place(page)))
        return Json(self._node(page, part))

    def _place(self, page: Subquery) -> Sql:
        """The JSON list that a row's cursor holds."""
        mark = self.building.argument(self.field.place, MARK, Text())
        parts: list[Sql] = ["'[\"'", mark, "'\"'"]
        for term in labelled_terms(self.page.order, self.target, page):
            exact = isinstance(term.value.type, Numeric)
            value = cast(term.value, Text) if exact else term.value
            parts += ["','", escaped(value, nullable=term.nullable).sql]
        return concatenated([*parts, "']'"])

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

    def _page_rows(self) -> Select[Any]:
        limit = self.size + _ONE if self._has_more_wanted else self.size
        if self._found is not None:
            return self._limited(self._found, limit)
        if self._branch_by_branch():
            return self._merged(limit)
        table = self.building.table(self.target)
        return self.of_parent(self._first_of(table, self.rows_of(table), limit))

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
        order = terms(self.page.order, self.target, table, bind, self.building.in_scope)
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

    # The connection: one row of arrays, of which the page's extra row is cut off.

    def _part(self, name: str) -> ColumnElement[Any]:
        assert self.paged is not None
        return self.paged.c[name]

    def _ends(self, array: ColumnElement[Any]) -> tuple[ColumnElement[int], ColumnElement[int]]:
        """Where the page's first and last row stand in an array that may hold one row more than the page."""
        length = func.cardinality(array)
        if self.page.backward:
            return func.greatest(length - self.size, literal_column("0")) + _ONE, length
        return _ONE, func.least(length, self.size)

    def _listed(self, gathered: ColumnElement[Any]) -> Sql:
        if self._has_more_wanted:
            first, last = self._ends(gathered)
            gathered = func.array_to_string(gathered[first:last], element("','"))
        return json_list(gathered)

    def _page_info(self, field: Selected) -> Iterator[tuple[str, Piece]]:
        for info in field.fields:
            yield info.key, self._page_fact(info.name)

    def _page_fact(self, name: str) -> Piece:
        places = self._part("places")
        first, last = self._ends(places)
        more = func.coalesce(func.cardinality(places) > self.size, false())
        match name:
            case "hasNextPage" if self.page.backward:
                return _known(self.page.until is not None)
            case "hasPreviousPage" if not self.page.backward:
                return _known(self.page.position is not None)
            case "hasNextPage" | "hasPreviousPage":
                return Json(case((more, element("'true'")), else_=element("'false'")))
            case "startCursor" | "endCursor":
                # A page of no rows may still have read the one that tells whether there are more.
                place = places[first if name == "startCursor" else last]
                return Json(or_null(_quoted(_cursor(case((self.size > literal_column("0"), place))))))
        return Constant('"PageInfo"')


def _known(answer: bool) -> Constant:
    return Constant("true" if answer else "false")


def _cursor(place: Sql) -> ColumnElement[Any]:
    """base64url without padding, as `schema.paging.encode_cursor` writes it."""
    written = func.encode(func.convert_to(element(place), element("'UTF8'")), element("'base64'"))
    return func.translate(written, *_BASE64_TO_URL, type_=Text)


def _quoted(text: ColumnElement[Any]) -> Sql:
    return concatenated(["'\"'", text, "'\"'"])
