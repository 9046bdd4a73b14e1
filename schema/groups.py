"""Rows in groups: by what, which of the groups, in which order, how many; and the one SQL statement for it."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Integer,
    Numeric,
    Select,
    Subquery,
    UnaryExpression,
    and_,
    cast,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.types import TypeEngine

from schema.binding import Binding
from schema.group_keys import GroupKey, KeyedRows
from schema.measures import Bind, Measure, measure_shape, measure_sql, measure_values
from schema.relations import Hides, nobody

Conditions = Callable[[FromClause], list[ColumnElement[bool]]]
"""Which rows of a table are meant."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A group's measure compared; amounts in minor units.

    By "eq", "ne", "gt", "gte", "lt" or "lte" with a value, by "in" or "not_in" with a tuple, by "is_null" with
    whether it is.
    """

    measure: Measure
    how: str
    value: Any


@dataclass(frozen=True, slots=True)
class Combined:
    """Conditions on groups: all hold ("and"), at least one ("or"), not all ("not")."""

    how: str
    parts: tuple[Having, ...]


Having = Compared | Combined


@dataclass(frozen=True, slots=True)
class GroupOrder:
    """One key of an ordering of groups: a measure, or the key with this number."""

    by: Measure | int
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Grouping:
    """What a caller asked of a list's groups; ties are decided by the keys, those without a value last."""

    keys: tuple[GroupKey, ...]
    having: Having | None
    order: tuple[GroupOrder, ...]
    size: int

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions whose segments the rows are grouped by."""
        return tuple(key.dimension for key in self.keys if key.dimension is not None)


def grouped(
    grouping: Grouping,
    bound_type: Binding,
    conditions: Conditions,
    measures: Sequence[Measure] = (),
    bind: Bind = literal,
    hides: Hides = nobody,
) -> Select[Any]:
    """The groups of the rows that meet the conditions, in order: columns k0, k1, … of keys, m0, … of measures.

    Rows are aggregated first; what is asked of groups is asked of the result, so nothing is computed twice.
    `bind` is called as `values_of` lists the values. The statement may be made lateral or correlated: whatever
    else `conditions` speak of belongs to the statement around it.
    """
    rows = KeyedRows(bound_type, hides)
    keys = [rows.key(key) for key in grouping.keys]
    needed = _needed(grouping, measures)
    by = [expression.label(f"g{n}") for n, (expression, _) in enumerate(keys)]
    made = [measure_sql(of, bound_type, rows.table, bind).label(f"a{n}") for n, of in enumerate(needed)]
    groups = select(*by, *made).select_from(rows.joined).where(*conditions(rows.table))
    found = groups.group_by(*(expression for expression, _ in keys)).correlate_except(*rows.tables).subquery()
    joined: FromClause = found
    shown = []
    for n, (_, lookup) in enumerate(keys):
        own = found.c[f"g{n}"]
        if lookup:
            joined = joined.join(lookup.table, lookup.on == own, isouter=True)
        shown.append((lookup.value if lookup else own).label(f"k{n}"))
    wanted = [found.c[f"a{needed.index(of)}"].label(f"m{n}") for n, of in enumerate(measures)]
    statement = select(*shown, *wanted).select_from(joined)
    if grouping.having:
        statement = statement.where(_holds(grouping.having, found, needed, bind))
    statement = statement.order_by(*_order(grouping, [s.element for s in shown], found, needed))
    return statement.limit(bind(grouping.size, Integer()))


def values_of(grouping: Grouping, measures: Sequence[Measure] = ()) -> list[Any]:
    """The values that `grouped` binds, in its order."""
    values = [value for of in _needed(grouping, measures) for value in measure_values(of)]
    values += [_parameter(part)[0] for part in _compared(grouping.having) if part.how != "is_null"]
    return [*values, grouping.size]


def shape_of(grouping: Grouping, measures: Sequence[Measure] = ()) -> tuple[Any, ...]:
    """What the statement's text depends on: all but the values, and which of the measures are the same."""
    needed = _needed(grouping, measures)
    order = tuple(
        (key.by if isinstance(key.by, int) else ("measure", needed.index(key.by)), *_way(key))
        for key in grouping.order
    )
    return (
        grouping.keys,
        tuple(measure_shape(of) for of in needed),
        tuple(needed.index(of) for of in measures),
        _having_shape(grouping.having, needed),
        order,
    )


def _way(key: GroupOrder) -> tuple[bool, bool]:
    return key.descending, key.nulls_first


def _needed(grouping: Grouping, measures: Sequence[Measure]) -> list[Measure]:
    """Every measure that is shown, compared or ordered by, once."""
    compared = (part.measure for part in _compared(grouping.having))
    ordered = (key.by for key in grouping.order if isinstance(key.by, Measure))
    return list(dict.fromkeys((*measures, *compared, *ordered)))


def _compared(having: Having | None) -> Iterator[Compared]:
    if isinstance(having, Compared):
        yield having
    elif having is not None:
        for part in having.parts:
            yield from _compared(part)


def _having_shape(having: Having | None, needed: list[Measure]) -> Any:
    match having:
        case Compared(measure, "is_null" as how, value):
            return needed.index(measure), how, value
        case Compared(measure, how, value):
            return needed.index(measure), how, value == ()
        case Combined(how, parts):
            return how, tuple(_having_shape(part, needed) for part in parts)
    return None


def _order(
    grouping: Grouping, keys: Sequence[ColumnElement[Any]], found: Subquery, needed: list[Measure]
) -> list[UnaryExpression[Any]]:
    clauses = []
    for key in grouping.order:
        value = keys[key.by] if isinstance(key.by, int) else found.c[f"a{needed.index(key.by)}"]
        clause = value.desc() if key.descending else value.asc()
        clauses.append(clause.nulls_first() if key.nulls_first else clause.nulls_last())
    named = {key.by for key in grouping.order}
    return clauses + [key.asc().nulls_last() for n, key in enumerate(keys) if n not in named]


def _holds(having: Having, found: Subquery, needed: list[Measure], bind: Bind) -> ColumnElement[bool]:
    match having:
        case Compared(measure=measure):
            return _compare(found.c[f"a{needed.index(measure)}"], having, bind)
        case Combined("not", parts):
            return not_(
                func.coalesce(and_(true(), *(_holds(p, found, needed, bind) for p in parts)), false())
            )
        case Combined("or", parts):
            return or_(false(), *(_holds(part, found, needed, bind) for part in parts))
        case Combined(parts=parts):
            return and_(true(), *(_holds(part, found, needed, bind) for part in parts))


_COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "in": lambda value, others: value == func.any(others),
    "not_in": lambda value, others: value != func.all(others),
}
_TYPES: dict[type, TypeEngine[Any]] = {
    int: BigInteger(),
    Decimal: Numeric(),
    dt.date: Date(),
    dt.datetime: DateTime(timezone=True),
}


def _compare(value: ColumnElement[Any], part: Compared, bind: Bind) -> ColumnElement[bool]:
    if part.how == "is_null":
        return value.is_(None) if part.value else value.is_not(None)
    given, type_ = _parameter(part)
    if given == []:
        type_ = ARRAY(value.type)
    other = bind(given, type_)
    made: ColumnElement[bool] = _COMPARED[part.how](
        value, cast(other, type_) if isinstance(given, list) else other
    )
    return made


def _parameter(part: Compared) -> tuple[Any, TypeEngine[Any]]:
    if not isinstance(part.value, tuple):
        return part.value, _TYPES[type(part.value)]
    # Of no values at all, the type is what they are compared with.
    kind = _TYPES[type(part.value[0])] if part.value else Numeric()
    return list(part.value), ARRAY(kind)
