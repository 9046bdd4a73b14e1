"""What rows are grouped by: fields of their own, spans of time, fields of the rows that they belong to."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Date, DateTime, FromClause, and_, cast, func, literal_column

from schema.binding import Binding, ColumnSource, SegmentsSource, ToOneSource, binding
from schema.codes import described
from schema.measures import UNMEASURED
from schema.relations import Hides, linked, of_dimensions, rows_of
from schema.where import plain_annotation

MOST_KEYS = 5


class Bucket(StrEnum):
    """A span of time, known by its first day; named as date_trunc names it."""

    YEAR = "year"
    QUARTER = "quarter"
    MONTH = "month"
    WEEK = "week"
    DAY = "day"


described(
    Bucket,
    "Spans of time into which days and moments (UTC) are put; each is known by its first day.",
    {
        Bucket.YEAR: "From 1 January.",
        Bucket.QUARTER: "From the first day of January, April, July or October.",
        Bucket.MONTH: "From the first day of the month.",
        Bucket.WEEK: "From Monday, as ISO 8601 has it.",
        Bucket.DAY: "The day itself.",
    },
)


@dataclass(frozen=True, slots=True)
class GroupKey:
    """A field that rows are grouped by, reached over to-one relations; all by Python names.

    With a `dimension`, the field is that of the row's segments.
    """

    path: tuple[str, ...]
    field: str
    bucket: Bucket | None = None
    dimension: str | None = None

    @property
    def place(self) -> tuple[str, ...]:
        """Where the value stands in a group's key."""
        return *self.path, self.field, *([self.dimension] if self.dimension else [])


@dataclass(frozen=True, slots=True)
class Lookup:
    """A value that is looked up for each group, not for each row: where `on` equals what it is grouped by."""

    table: FromClause
    on: ColumnElement[Any]
    value: ColumnElement[Any]


@cache
def groupable(type_name: str) -> dict[str, Any]:
    """The fields of a bound type that rows can be grouped by, and what their values are, by Python name."""
    bound_type = binding(type_name)
    kinds = {
        name: plain_annotation(bound_type, name)
        for name, source in bound_type.sources.items()
        if isinstance(source, ColumnSource) and name not in UNMEASURED
    }
    return {name: kind for name, kind in kinds.items() if _is_groupable(kind)}


def _is_groupable(kind: Any) -> bool:
    plain = kind in (str, int, bool, dt.date, dt.datetime)
    return plain or (isinstance(kind, type) and issubclass(kind, enum.Enum))


@cache
def to_one_relations(type_name: str) -> dict[str, ToOneSource]:
    """A bound type's relations to one row, by Python name."""
    sources = binding(type_name).sources
    return {name: source for name, source in sources.items() if isinstance(source, ToOneSource)}


@cache
def segments_of(type_name: str) -> tuple[str, SegmentsSource] | None:
    """The field of a bound type that is its rows' segments, by Python name; None where it has none."""
    sources = binding(type_name).sources
    return next(((name, one) for name, one in sources.items() if isinstance(one, SegmentsSource)), None)


def key_type(type_name: str, key: GroupKey) -> str:
    """The bound type whose field a key of rows of a type is."""
    for name in key.path:
        type_name = to_one_relations(type_name)[name].target
    return type_name


class KeyedRows:
    """A type's table, joined to what its rows are grouped by."""

    def __init__(self, bound_type: Binding, hides: Hides) -> None:
        self._type = bound_type
        self._hides = hides
        self.table: FromClause = rows_of(bound_type, hides)
        self.joined: FromClause = self.table
        self.tables: list[FromClause] = [self.table]
        self._reached: dict[tuple[str, ...], tuple[Binding, FromClause, bool]] = {
            (): (bound_type, self.table, False)
        }

    def key(self, key: GroupKey) -> tuple[ColumnElement[Any], Lookup | None]:
        """What the rows are grouped by, and how the key's value is found afterwards where it is not that itself."""
        if key.dimension is not None:
            return self._segment(key, key.dimension), None
        if lookup := self._lookup(key):
            return lookup
        reached, table, _ = self._reach(key.path)
        source = reached.sources[key.field]
        assert isinstance(source, ColumnSource)
        return _in_bucket(table.c[source.name], key.bucket), None

    def _lookup(self, key: GroupKey) -> tuple[ColumnElement[Any], Lookup] | None:
        """A unique code of a reference table: then the rows' own foreign key makes the same groups, unjoined."""
        if len(key.path) != 1:
            return None
        relation = to_one_relations(self._type.type_name)[key.path[0]]
        target = binding(relation.target)
        source = target.sources[key.field]
        ((theirs, ours), *more) = relation.on.items()
        refers = {foreign.column for foreign in self._type.table.c[ours].foreign_keys}
        assert isinstance(source, ColumnSource)
        if more or target.is_tenant or target.table.c[theirs] not in refers:
            return None
        if not _is_unique(target, source.name):
            return None
        table = rows_of(target, self._hides)
        return self.table.c[ours], Lookup(table, table.c[theirs], table.c[source.name])

    def _segment(self, key: GroupKey, dimension: str) -> ColumnElement[Any]:
        parent, table, _ = self._reach(key.path)
        source = parent.sources[key.field]
        assert isinstance(source, SegmentsSource)
        other = rows_of(binding(source.target), self._hides)
        on = and_(*linked(source, table, other), of_dimensions(other, [dimension]))
        self.joined = self.joined.join(other, on, isouter=True)
        self.tables.append(other)
        value: ColumnElement[Any] = other.c.value
        return value

    def _reach(self, path: tuple[str, ...]) -> tuple[Binding, FromClause, bool]:
        if path not in self._reached:
            parent, table, may_miss = self._reach(path[:-1])
            relation = to_one_relations(parent.type_name)[path[-1]]
            target = binding(relation.target)
            assert not target.is_tenant or "branch_id" in relation.on, "a join must state the branch"
            other = rows_of(target, self._hides)
            # A row without the other belongs to a group, too: the one whose value is missing.
            may_miss = may_miss or not relation.required
            on = and_(*linked(relation, table, other))
            self.joined = self.joined.join(other, on, isouter=may_miss)
            self.tables.append(other)
            self._reached[path] = target, other, may_miss
        return self._reached[path]


def _is_unique(target: Binding, name: str) -> bool:
    column = target.table.c[name]
    return not column.nullable and (bool(column.unique) or target.key == (name,))


def _in_bucket(column: ColumnElement[Any], bucket: Bucket | None) -> ColumnElement[Any]:
    if bucket is None:
        return column
    # Without a zone: the session's must not decide in which span a day lies.
    moment = (
        func.timezone(literal_column("'UTC'"), column)
        if isinstance(column.type, DateTime)
        else cast(column, DateTime())
    )
    return cast(func.date_trunc(literal_column(f"'{bucket.value}'"), moment), Date())
