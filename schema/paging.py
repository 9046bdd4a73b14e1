"""Pages of a list: how many, from where, in which order; cursors that survive inserts."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Integer, SmallInteger
from sqlalchemy.types import TypeEngine

from domain.conditions import Condition
from schema.binding import Binding, Row
from schema.errors import BadInput
from schema.ordering import OrderKey, order_type
from schema.scalars import parse_day, parse_moment, parse_text, write_moment

DEFAULT_PAGE = 50
LARGEST_PAGE = 1000

CursorValue = int | str | bool | None | dt.date | dt.datetime | Decimal | UUID


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


@lru_cache(maxsize=1024)
def mark_of(binding: Binding, order: tuple[OrderKey, ...]) -> str:
    """What tells a cursor of one type and ordering from that of another; no signature.

    A forged cursor moves the page's start and nothing else: what it may show is decided by the database.
    """
    return hashlib.blake2b(f"{binding.type_name}|{order}".encode(), digest_size=4).hexdigest()


def encode_cursor(binding: Binding, order: tuple[OrderKey, ...], record: Mapping[str, Any]) -> str:
    """The place of a row under an ordering: base64url of the JSON list of the ordering's mark and the row's values.

    The record carries the values by their labels.
    """
    values = [_written(record[key.label(n)]) for n, key in enumerate(order)]
    return _in_base64(orjson.dumps([mark_of(binding, order), *values]))


def decode_cursor(binding: Binding, order: tuple[OrderKey, ...], text: str) -> tuple[CursorValue, ...]:
    """The values in a cursor of this type and ordering. Raises BadInput otherwise."""
    try:
        body = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        mark, *values = orjson.loads(body)
        if mark != mark_of(binding, order) or _in_base64(body) != text:
            raise ValueError("of another ordering, or changed")
        return tuple(
            _read(order_type(key, binding.type_name), value) for key, value in zip(order, values, strict=True)
        )
    except (BadInput, ValueError, binascii.Error, TypeError, ArithmeticError):
        raise BadInput(
            "this is not a cursor of this list in this order: pass `endCursor` or an edge's `cursor` "
            "of the same field with the same `orderBy`"
        ) from None


def _in_base64(body: bytes) -> str:
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


def _written(value: Any) -> Any:
    """As PostgreSQL's to_json writes it; numbers that are no integers as text, since they are exact."""
    match value:
        case Decimal():
            return f"{value:f}"
        case UUID():
            return str(value)
        case dt.datetime():
            return write_moment(value)
        case dt.date():
            return value.isoformat()
    return value


_BITS: list[tuple[type, int]] = [(SmallInteger, 15), (BigInteger, 63), (Integer, 31)]
_NUMBER = re.compile(r"-?[0-9]{1,100}(?:\.[0-9]{1,100})?", re.ASCII)


def _read(type_: TypeEngine[Any], value: Any) -> CursorValue:
    if value is None:
        return None
    kind = type_.python_type
    if kind in (int, bool):
        if type(value) is not kind or (kind is int and not _fits(type_, value)):
            raise ValueError(value)
        return value  # type: ignore[no-any-return]
    text = parse_text(value)
    if kind is Decimal and not _NUMBER.fullmatch(text):
        raise ValueError(value)
    return _READERS.get(kind, str)(text)  # type: ignore[no-any-return]


_READERS: dict[type, Any] = {UUID: UUID, Decimal: Decimal, dt.date: parse_day, dt.datetime: parse_moment}


def _fits(type_: TypeEngine[Any], value: int) -> bool:
    bits: int = next(bits for kind, bits in _BITS if isinstance(type_, kind))
    return -(1 << bits) <= value < 1 << bits


@dataclass(frozen=True, slots=True)
class Edge:
    """A row and its place."""

    node: Row
    cursor: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, in the order asked for, whichever end it was read from."""

    binding: Binding
    rows: list[Row]
    request: PageRequest
    has_more: bool

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
        return encode_cursor(self.binding, self.request.order, row.record)
