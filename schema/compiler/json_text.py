"""Pieces of JSON as SQL text, put together by `||`, which was measured to be the cheapest way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, String, Text, case, cast, func, literal_column
from sqlalchemy.sql.elements import Grouping


@dataclass(frozen=True, slots=True)
class Constant:
    """JSON that is the same in every row."""

    text: str


@dataclass(frozen=True, slots=True)
class Json:
    """An expression whose text is JSON, and never null."""

    sql: ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class Quoted:
    """An expression whose text needs nothing but quotes to be JSON: a code, a number, an id; never null."""

    sql: ColumnElement[Any]


Piece = Constant | Json | Quoted


def text_literal(value: str) -> ColumnElement[str]:
    """A constant of our own as an SQL literal; nothing that a caller sent may come here but GraphQL names."""
    return literal_column("'" + value.replace("'", "''") + "'", Text)


def escaped(value: ColumnElement[Any], *, nullable: bool) -> Json:
    """Any value as JSON, by PostgreSQL's own rules."""
    written = func.to_json(value)
    return Json(or_null(cast(written, Text)) if nullable else written)


def or_null(text: ColumnElement[Any]) -> ColumnElement[str]:
    """JSON text, or the word null."""
    return func.coalesce(text, text_literal("null"))


def quoted(piece: Quoted, *, nullable: bool) -> Piece:
    """The piece itself, or null where its value is missing."""
    if not nullable:
        return piece
    return Json(or_null(concatenated([text_literal('"'), piece.sql, text_literal('"')])))


def boolean(value: ColumnElement[bool], *, nullable: bool) -> Json:
    """`true`, `false`, and `null` where there may be one."""
    known = [(value, text_literal("true")), (~value, text_literal("false"))]
    if nullable:
        return Json(case(*known, else_=text_literal("null")))
    return Json(case(known[0], else_=text_literal("false")))


def json_object(pieces: Iterable[tuple[str, Piece]]) -> ColumnElement[str]:
    """The text of a JSON object with these keys, in this order. Keys are GraphQL names: they need no escaping."""
    parts: list[ColumnElement[Any]] = []
    pending = "{"
    for index, (key, piece) in enumerate(pieces):
        pending += ("," if index else "") + f'"{key}":'
        match piece:
            case Constant(text):
                pending += text
            case Json(sql):
                parts += [text_literal(pending), sql]
                pending = ""
            case Quoted(sql):
                parts += [text_literal(pending + '"'), sql]
                pending = '"'
    return concatenated([*parts, text_literal(pending + "}")])


def json_list(items: ColumnElement[Any]) -> ColumnElement[str]:
    """The text of a JSON list of items already joined by commas; of none, the empty list."""
    return concatenated([text_literal("["), func.coalesce(items, text_literal("")), text_literal("]")])


def concatenated(parts: Sequence[ColumnElement[Any]]) -> ColumnElement[str]:
    """The parts one after the other, in halves of halves, so that a long part is copied few times.

    Measured on 500 flat rows: a fifth less than `format()`, two fifths less than `row_to_json`.
    """
    if len(parts) == 1:
        return parts[0] if isinstance(parts[0].type, String) else cast(parts[0], Text)
    middle = len(parts) // 2
    return concatenated(parts[:middle]).concat(Grouping(concatenated(parts[middle:])))
