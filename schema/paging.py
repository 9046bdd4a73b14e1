"""Pages of a list: how many, from where, in which order; cursors that survive inserts."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    FromClause,
    Integer,
    SmallInteger,
    UnaryExpression,
    and_,
    false,
    or_,
)

from domain.conditions import Condition
from schema.binding import Binding, ConnectionSource, Row
from schema.errors import BadInput
from schema.scalars import parse_moment

DEFAULT_PAGE = 50
LARGEST_PAGE = 1000

CursorValue = int | str | bool | None | dt.date | dt.datetime | Decimal | UUID


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One column of an ordering; nulls come last unless said otherwise."""

    column: str
    descending: bool = False
    nulls_first: bool = False

    def reversed(self) -> OrderKey:
        """The same column the other way round."""
        return OrderKey(self.column, not self.descending, not self.nulls_first)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a caller asked of a list; hashable, so that a batch never mixes two requests."""

    size: int
    backward: bool
    order: tuple[OrderKey, ...]
    position: tuple[CursorValue, ...] | None
    until: tuple[CursorValue, ...] | None
    where: Condition | None


def page_size(first: int | None, last: int | None) -> tuple[int, bool]:
    """How many rows, and whether from the end. Raises BadInput."""
    if first is not None and last is not None:
        raise BadInput("ask for `first` or `last`, not for both")
    size = first if first is not None else last
    if size is None:
        return DEFAULT_PAGE, False
    if not 0 <= size <= LARGEST_PAGE:
        raise BadInput(f"`{'first' if last is None else 'last'}` must be between 0 and {LARGEST_PAGE}")
    return size, first is None


def complete_order(binding: Binding, keys: tuple[OrderKey, ...]) -> tuple[OrderKey, ...]:
    """The ordering with the primary key behind it, so that no two rows are equal."""
    named = {key.column for key in keys}
    return keys + tuple(OrderKey(name) for name in binding.key if name not in named)


def default_order(names: tuple[str, ...]) -> tuple[OrderKey, ...]:
    """An ordering from its declaration: column names, "-" in front for descending."""
    return tuple(OrderKey(name.lstrip("-"), name.startswith("-")) for name in names)


def list_name(source: ConnectionSource, where: Condition | None, row: Row | None) -> str:
    """What tells one list from another: whose rows, which relation, under which condition."""
    relation = sorted((source.on or {}).items())
    return f"{source.target}|{relation}|{source.below}|{row.key if row else None}|{where}"


def encode_cursor(of: str, order: tuple[OrderKey, ...], record: Mapping[str, Any]) -> str:
    """The place of a row in the list `of` under an ordering: a fingerprint of both, then the row's values."""
    values = [_written(record[key.column]) for key in order]
    body = orjson.dumps(values)
    return base64.urlsafe_b64encode(_fingerprint(of, order, body) + body).decode().rstrip("=")


def decode_cursor(
    of: str, binding: Binding, order: tuple[OrderKey, ...], text: str
) -> tuple[CursorValue, ...]:
    """The values in a cursor of this very list and ordering. Raises BadInput otherwise.

    The fingerprint is no signature: a forged cursor moves the page's start and nothing else, since what it
    may show is decided by the database.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        mark, body = raw[:8], raw[8:]
        if mark != _fingerprint(of, order, body):
            raise ValueError("of another list, or changed")
        values = orjson.loads(body)
        return tuple(
            _read(binding.table.c[key.column], value) for key, value in zip(order, values, strict=True)
        )
    except (BadInput, ValueError, binascii.Error, TypeError, ArithmeticError):
        raise BadInput(
            "this is not a cursor of this list in this order: pass `endCursor` or an edge's `cursor` "
            "of the same field with the same `orderBy`"
        ) from None


def ordering(table: FromClause, order: tuple[OrderKey, ...]) -> list[UnaryExpression[Any]]:
    """The ORDER BY clause; NULLS is left out where there are none, so that an index fits."""
    clauses = []
    for key in order:
        column = table.c[key.column]
        clause = column.desc() if key.descending else column.asc()
        if column.nullable:
            clause = clause.nulls_first() if key.nulls_first else clause.nulls_last()
        clauses.append(clause)
    return clauses


def beyond(
    table: FromClause, order: tuple[OrderKey, ...], position: tuple[CursorValue, ...]
) -> ColumnElement[bool]:
    """The rows that come after a position: greater in the first key that differs."""
    alternatives = []
    for index, (key, value) in enumerate(zip(order, position, strict=True)):
        same = [_same(table.c[k.column], v) for k, v in zip(order[:index], position[:index], strict=True)]
        alternatives.append(and_(*same, _greater(table.c[key.column], key, value)))
    return or_(*alternatives)


def _same(column: ColumnElement[Any], value: CursorValue) -> ColumnElement[bool]:
    return column.is_(None) if value is None else column == value


def _greater(column: Any, key: OrderKey, value: CursorValue) -> ColumnElement[bool]:
    if value is None:
        return column.is_not(None) if key.nulls_first else false()
    further: ColumnElement[bool] = column < value if key.descending else column > value
    nulls_follow = column.nullable and not key.nulls_first
    return or_(further, column.is_(None)) if nulls_follow else further


def _fingerprint(of: str, order: tuple[OrderKey, ...], body: bytes) -> bytes:
    named = f"{of}|{order}|".encode()
    return hashlib.blake2b(named + body, digest_size=8).digest()


def _written(value: Any) -> Any:
    if isinstance(value, Decimal | UUID):
        return str(value)
    return value.isoformat() if isinstance(value, dt.date) else value


_READERS: dict[type, Callable[[Any], CursorValue]] = {
    int: int,
    bool: bool,
    UUID: UUID,
    Decimal: Decimal,
    dt.date: dt.date.fromisoformat,
    dt.datetime: parse_moment,
}
_BITS: list[tuple[type, int]] = [(SmallInteger, 15), (BigInteger, 63), (Integer, 31)]


def _read(column: Column[Any], value: Any) -> CursorValue:
    if value is None:
        return None
    kind = column.type.python_type
    if kind is str:
        if not isinstance(value, str) or "\0" in value:
            raise ValueError(value)
        return value
    read = _READERS[kind](value)
    if isinstance(read, int) and kind is int:
        bits = next(bits for type_, bits in _BITS if isinstance(column.type, type_))
        if not -(2**bits) <= read < 2**bits:
            raise ValueError(value)
    return read


@dataclass(frozen=True, slots=True)
class Edge:
    """A row and its place."""

    node: Row
    cursor: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, in the order asked for, whichever end it was read from."""

    of: str
    rows: list[Row]
    request: PageRequest
    has_more: bool
    count: Callable[[], Any]

    @property
    def nodes(self) -> list[Row]:
        """The rows."""
        return self.rows

    @property
    def edges(self) -> list[Edge]:
        """The rows with their cursors."""
        return [Edge(row, self._cursor(row)) for row in self.rows]

    @property
    def page_info(self) -> Page:
        """The page tells of itself."""
        return self

    @property
    def start_cursor(self) -> str | None:
        """The first row's cursor."""
        return self._cursor(self.rows[0]) if self.rows else None

    @property
    def end_cursor(self) -> str | None:
        """The last row's cursor."""
        return self._cursor(self.rows[-1]) if self.rows else None

    @property
    def has_next_page(self) -> bool:
        """Whether rows follow. Reading backward, the row that `before` names does."""
        return self.request.until is not None if self.request.backward else self.has_more

    @property
    def has_previous_page(self) -> bool:
        """Whether rows precede. Reading forward, the row that `after` names does."""
        return self.has_more if self.request.backward else self.request.position is not None

    def _cursor(self, row: Row) -> str:
        return encode_cursor(self.of, self.request.order, row.record)
