"""Orderings: what rows are ordered by, as SQL; which rows come after a place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Numeric,
    SmallInteger,
    UnaryExpression,
    and_,
    false,
    literal,
    or_,
    select,
)
from sqlalchemy.types import TypeEngine

from schema.binding import Binding, ConnectionSource, ToOneSource, binding
from schema.measures import AggregateFunction, Bind, Measure, measure_shape, measure_sql, measure_values
from schema.relations import Hides, linked, nobody, rows_of

InScope = Callable[[FromClause], ColumnElement[bool] | None]
"""What the caller sees of a tenant table that is reached from outside of its branch; None for everything."""


@dataclass(frozen=True, slots=True)
class OrderKey:
    """What rows are ordered by; those without a value come last unless said otherwise.

    A column of the row; with a `path` of to-one relations (Python names), of the row that it leads to; with a
    `relation` to many rows at the end of the path, a measure of these.
    """

    column: str
    descending: bool = False
    nulls_first: bool = False
    path: tuple[str, ...] = ()
    relation: str | None = None
    measure: Measure | None = None

    @property
    def place(self) -> tuple[Any, ...]:
        """What is ordered by, whichever way."""
        return self.path, self.relation, self.measure, self.column

    @property
    def is_column(self) -> bool:
        """Whether the row itself has the value."""
        return not self.path and self.relation is None

    def label(self, number: int) -> str:
        """Under which name rows that are read carry the value of an ordering's key with this number."""
        return self.column if self.is_column else f"o{number}"

    def reversed(self) -> OrderKey:
        """The same the other way round."""
        return replace(self, descending=not self.descending, nulls_first=not self.nulls_first)


@dataclass(frozen=True, slots=True)
class Term:
    """A key of an ordering as SQL over some rows."""

    value: ColumnElement[Any]
    key: OrderKey
    nullable: bool

    def reversed(self) -> Term:
        """The same the other way round."""
        return replace(self, key=self.key.reversed())


def complete_order(binding: Binding, keys: tuple[OrderKey, ...]) -> tuple[OrderKey, ...]:
    """The ordering with the primary key behind it, so that no two rows are equal."""
    named = {key.column for key in keys if key.is_column}
    return keys + tuple(OrderKey(name) for name in binding.key if name not in named)


def default_order(names: tuple[str, ...]) -> tuple[OrderKey, ...]:
    """An ordering from its declaration: column names, "-" in front for descending."""
    return tuple(OrderKey(name.lstrip("-"), name.startswith("-")) for name in names)


def everywhere(_: FromClause) -> None:
    """For callers to whom every row is in sight."""
    return


def order_sql(
    key: OrderKey,
    bound_type: Binding,
    table: FromClause,
    bind: Bind = literal,
    in_scope: InScope = everywhere,
    hides: Hides = nobody,
) -> ColumnElement[Any]:
    """What a key orders by: a column of the row, or a scalar subquery correlated to it.

    `bind` is called as `order_values` lists the values.
    """
    return _value(key, key.path, bound_type, table, bind, in_scope, hides)


def _value(
    key: OrderKey,
    path: tuple[str, ...],
    bound_type: Binding,
    table: FromClause,
    bind: Bind,
    in_scope: InScope,
    hides: Hides,
) -> ColumnElement[Any]:
    name = path[0] if path else key.relation
    if name is None:
        column: ColumnElement[Any] = table.c[key.column]
        return column
    source = bound_type.sources[name]
    assert isinstance(source, ToOneSource | ConnectionSource)
    target = binding(source.target)
    related = rows_of(target, hides)
    if path:
        chosen = _value(key, path[1:], target, related, bind, in_scope, hides)
    else:
        assert key.measure is not None
        chosen = measure_sql(key.measure, target, related, bind)
    belongs = [*linked(source, table, related), *_seen(source, target, related, in_scope)]
    return select(chosen).select_from(related).where(*belongs).correlate(table).scalar_subquery()


def _seen(
    source: ToOneSource | ConnectionSource, target: Binding, related: FromClause, in_scope: InScope
) -> list[ColumnElement[bool]]:
    """Rows of the same branch as a row in sight are in sight; of others, the statement says so."""
    if not target.is_tenant or (source.on or {}).get("branch_id") == "branch_id":
        return []
    seen = in_scope(related)
    return [] if seen is None else [seen]


def terms(
    order: Sequence[OrderKey],
    bound_type: Binding,
    table: FromClause,
    bind: Bind = literal,
    in_scope: InScope = everywhere,
    hides: Hides = nobody,
) -> list[Term]:
    """The ordering over a table's rows, as SQL."""
    return [
        Term(order_sql(key, bound_type, table, bind, in_scope, hides), key, _is_nullable(key, bound_type))
        for key in order
    ]


def labelled_terms(order: Sequence[OrderKey], bound_type: Binding, found: FromClause) -> list[Term]:
    """The ordering over rows that carry its values already, by their labels."""
    return [Term(found.c[key.label(n)], key, _is_nullable(key, bound_type)) for n, key in enumerate(order)]


def _is_nullable(key: OrderKey, bound_type: Binding) -> bool:
    if key.path:
        return True
    if key.measure is not None:
        return key.measure.function not in (AggregateFunction.COUNT, AggregateFunction.COUNT_DISTINCT)
    return bool(bound_type.table.c[key.column].nullable)


def order_by(terms: Sequence[Term]) -> list[UnaryExpression[Any]]:
    """The ORDER BY clause; NULLS is left out where there are none, so that an index fits."""
    return [_clause(term) for term in terms]


def _clause(term: Term) -> UnaryExpression[Any]:
    clause = term.value.desc() if term.key.descending else term.value.asc()
    if not term.nullable:
        return clause
    return clause.nulls_first() if term.key.nulls_first else clause.nulls_last()


def beyond(terms: Sequence[Term], position: Sequence[Any], bind: Bind = literal) -> ColumnElement[bool]:
    """The rows that come after a position: greater in the first key that differs.

    `bind` is called once for each value that is not None, in order.
    """
    bound = [
        None if value is None else bind(value, parameter_type(term.value.type))
        for term, value in zip(terms, position, strict=True)
    ]
    alternatives = []
    for index, (term, value) in enumerate(zip(terms, bound, strict=True)):
        same = [_same(t.value, v) for t, v in zip(terms[:index], bound[:index], strict=True)]
        alternatives.append(and_(*same, _greater(term, value)))
    return or_(*alternatives)


def parameter_type(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type that a caller's value is compared as: one that holds what the column itself could not."""
    if isinstance(type_, SmallInteger):
        return BigInteger()
    return Numeric() if isinstance(type_, Numeric) else type_


def _same(value: ColumnElement[Any], other: ColumnElement[Any] | None) -> ColumnElement[bool]:
    return value.is_(None) if other is None else value == other


def _greater(term: Term, than: ColumnElement[Any] | None) -> ColumnElement[bool]:
    if than is None:
        return term.value.is_not(None) if term.key.nulls_first else false()
    further: ColumnElement[bool] = term.value < than if term.key.descending else term.value > than
    nulls_follow = term.nullable and not term.key.nulls_first
    return or_(further, term.value.is_(None)) if nulls_follow else further


@lru_cache(maxsize=1024)
def order_type(key: OrderKey, type_name: str) -> TypeEngine[Any]:
    """The SQL type of what a key orders by."""
    bound_type = binding(type_name)
    return order_sql(key, bound_type, bound_type.table).type


def order_values(order: Sequence[OrderKey]) -> list[Any]:
    """The values that `terms` binds, in its order."""
    return [value for key in order if key.measure for value in measure_values(key.measure)]


def order_shape(order: Sequence[OrderKey]) -> tuple[Any, ...]:
    """What the text of the SQL depends on: all but the values."""
    return tuple(
        (
            key.path,
            key.column,
            key.relation,
            key.measure and measure_shape(key.measure),
            key.descending,
            key.nulls_first,
        )
        for key in order
    )
