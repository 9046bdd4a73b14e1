"""A list as JSON: the page of a connection, its cursors, its count, its measures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Numeric,
    Subquery,
    Text,
    case,
    cast,
    false,
    func,
    literal_column,
    select,
)

from schema.compiler import groups, rows
from schema.compiler.building import Building
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
from schema.compiler.pages import ONE, PAGE_FIELDS, PageRows
from schema.compiler.reads import MARK
from schema.compiler.values import escaped
from schema.ordering import labelled_terms, order_by

_BASE64_TO_URL: tuple[ColumnElement[str], ...] = (
    literal_column("E'+/=\\n'", Text),
    literal_column("'-_'", Text),
)


def connection(building: Building, field: Selected, parent: FromClause | None) -> ColumnElement[str]:
    """The text of a connection's object: of a row's own rows, or of all in scope at the root."""
    made = _Connection(PageRows(building, field, parent))
    whole = select(element(json_object(made.member(n, below) for n, below in enumerate(field.fields))))
    if made.page is not None:
        whole = whole.select_from(made.page)
    return made.rows.of_parent(whole).scalar_subquery()


class _Connection:
    """The page in one row, every part of it in one value; and what is said of it."""

    def __init__(self, rows: PageRows) -> None:
        self.rows = rows
        self.page: Subquery | None = None
        if any(below.name in PAGE_FIELDS for below in rows.field.fields):
            self.page = self._paged()

    def member(self, n: int, below: Selected) -> tuple[str, Piece]:
        """A member of the connection's object: its field with this number."""
        return below.key, self._piece(n, below)

    def _piece(self, n: int, below: Selected) -> Piece:
        match below.name:
            case "__typename":
                return Constant(f'"{self.rows.target.type_name}Connection"')
            case "totalCount":
                return Json(self.rows.count())
            case "nodes" | "edges":
                return Json(self._listed(self._part(f"rows{n}")))
            case "pageInfo":
                return Json(json_object(self._page_info(below)))
        return groups.piece(self.rows.building, below, self.rows.rows_of, self.rows.of_parent)

    def _paged(self) -> Subquery:
        page = self.rows.building.subquery(self.rows.shown())
        if self.rows.page.backward:
            order = labelled_terms(self.rows.page.order, self.rows.target, page)
            page = self.rows.building.subquery(select(*page.c).order_by(*order_by(order)))
        columns = [self._gathered(name, element(made)).label(name) for name, made in self._parts(page)]
        return self.rows.building.subquery(self.rows.of_parent(select(*columns).select_from(page)))

    def _gathered(self, name: str, made: ColumnElement[str]) -> ColumnElement[Any]:
        """A part of every row in one value: an array where the extra row or single places are needed."""
        if self.rows.has_more_wanted or name == "places":
            # Where nothing is selected it is a literal, whose type PostgreSQL does not guess here.
            return func.array_agg(cast(made, Text), type_=ARRAY(Text))
        return func.string_agg(made, element("','"))

    def _parts(self, page: Subquery) -> Iterator[tuple[str, Sql]]:
        for n, below in enumerate(self.rows.field.fields):
            match below.name:
                case "nodes":
                    yield f"rows{n}", self._node(page, below)
                case "edges":
                    yield f"rows{n}", json_object((part.key, self._edge(page, part)) for part in below.fields)
        if any(below.name == "pageInfo" for below in self.rows.field.fields):
            yield "places", self._place(page)

    def _node(self, page: Subquery, below: Selected) -> Sql:
        return rows.row_object(self.rows.building, self.rows.target, page, below.fields)

    def _edge(self, page: Subquery, part: Selected) -> Piece:
        match part.name:
            case "__typename":
                return Constant(f'"{self.rows.target.type_name}Edge"')
            case "cursor":
                return Quoted(_cursor(self._place(page)))
        return Json(self._node(page, part))

    def _place(self, page: Subquery) -> Sql:
        """The JSON list that a row's cursor holds."""
        mark = self.rows.building.argument(self.rows.field.place, MARK, Text())
        parts: list[Sql] = ["'[\"'", mark, "'\"'"]
        for term in labelled_terms(self.rows.page.order, self.rows.target, page):
            exact = isinstance(term.value.type, Numeric)
            value = cast(term.value, Text) if exact else term.value
            parts += ["','", escaped(value, nullable=term.nullable).sql]
        return concatenated([*parts, "']'"])

    def _part(self, name: str) -> ColumnElement[Any]:
        assert self.page is not None
        return self.page.c[name]

    def _ends(self, array: ColumnElement[Any]) -> tuple[ColumnElement[int], ColumnElement[int]]:
        """Where the page's first and last row stand in an array that may hold one row more than the page."""
        length = func.cardinality(array)
        if self.rows.page.backward:
            return func.greatest(length - self.rows.size, literal_column("0")) + ONE, length
        return ONE, func.least(length, self.rows.size)

    def _listed(self, gathered: ColumnElement[Any]) -> Sql:
        if self.rows.has_more_wanted:
            first, last = self._ends(gathered)
            gathered = func.array_to_string(gathered[first:last], element("','"))
        return json_list(gathered)

    def _page_info(self, field: Selected) -> Iterator[tuple[str, Piece]]:
        for info in field.fields:
            yield info.key, self._page_fact(info.name)

    def _page_fact(self, name: str) -> Piece:
        places = self._part("places")
        first, last = self._ends(places)
        more = func.coalesce(func.cardinality(places) > self.rows.size, false())
        match name:
            case "hasNextPage" if self.rows.page.backward:
                return _known(self.rows.page.until is not None)
            case "hasPreviousPage" if not self.rows.page.backward:
                return _known(self.rows.page.position is not None)
            case "hasNextPage" | "hasPreviousPage":
                return Json(case((more, element("'true'")), else_=element("'false'")))
            case "startCursor" | "endCursor":
                # A page of no rows may still have read the one that tells whether there are more.
                place = places[first if name == "startCursor" else last]
                return Json(or_null(_quoted(_cursor(case((self.rows.size > literal_column("0"), place))))))
        return Constant('"PageInfo"')


def _known(answer: bool) -> Constant:
    return Constant("true" if answer else "false")


def _cursor(place: Sql) -> ColumnElement[Any]:
    """base64url without padding, as `schema.paging.encode_cursor` writes it."""
    written = func.encode(func.convert_to(element(place), element("'UTF8'")), element("'base64'"))
    return func.translate(written, *_BASE64_TO_URL, type_=Text)


def _quoted(text: ColumnElement[Any]) -> Sql:
    return concatenated(["'\"'", text, "'\"'"])
