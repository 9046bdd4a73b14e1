"""The normal executor's way to answer a binding: one batched statement per field, however many parents."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    FromClause,
    Integer,
    Select,
    Text,
    and_,
    cast,
    func,
    literal,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.selectable import TableValuedAlias

from domain.conditions import Condition
from schema import ids
from schema.binding import (
    AsOfSource,
    Binding,
    ConnectionSource,
    ExpressionSource,
    Row,
    ToOneSource,
    binding,
)
from schema.condition_sql import SqlContext, to_sql
from schema.keys import keys_table
from schema.ordering import Term, beyond, labelled_terms, order_by, terms
from schema.paging import PageRequest
from schema.relations import rows_as_of
from schema.request import Request

Parent = tuple[Any, ...]
"""What a child's rows are found by: values of the parent row, in the order of the relation's columns."""


async def to_one(request: Request, source: ToOneSource, row: Row) -> Row | None:
    """The row that a to-one relation leads to; None where there is none or none in sight."""
    key = tuple(row.record[name] for name in source.on.values())
    if None in key:
        return None
    load = partial(_load_by_columns, request, binding(source.target), tuple(source.on))
    found: Row | None = await request.batch((source.target, tuple(source.on)), load).load(key)
    return found


async def by_key(request: Request, type_name: str, key: ids.Key) -> Row | None:
    """The row of a type with this primary key; None where there is none or none in sight."""
    return (await by_keys(request, binding(type_name), [key]))[0]


async def by_keys(request: Request, target: Binding, keys: Sequence[ids.Key]) -> list[Row | None]:
    """The rows with these primary keys, in their order; None where there is none or none in sight."""
    return await by_columns(request, target, target.key, keys)


async def by_columns(
    request: Request, target: Binding, names: tuple[str, ...], values: Sequence[Parent]
) -> list[Row | None]:
    """The rows that have these values in columns that are unique together; None where none is in sight."""
    load = partial(_load_by_columns, request, target, names)
    return await request.batch((target.type_name, names), load).load_many(values)


async def ancestors(request: Request, rows: list[Row]) -> list[list[Row]]:
    """The units above each unit, nearest first."""
    lines = [request.organisation.ancestors(row.record["id"]) for row in rows]
    wanted = sorted({unit_id for line in lines for unit_id in line})
    found = await by_keys(request, binding("OrganisationUnit"), [(unit_id,) for unit_id in wanted])
    units = dict(zip(wanted, found, strict=True))
    return [[unit for unit_id in line if (unit := units[unit_id])] for line in lines]


async def as_of(request: Request, source: AsOfSource, row: Row, day: dt.date) -> Row | None:
    """The row that a to-one relation leads to, as it was at the end of a day; None where there was none."""
    key = tuple(row.record[name] for name in source.on.values())
    load = partial(_load_as_of, request, source, day)
    found: Row | None = await request.batch((source.target, source.function, day), load).load(key)
    return found


async def expression(request: Request, source: ExpressionSource, name: str, row: Row) -> Any:
    """The value of an SQL expression over the row's table."""
    load = partial(_load_expression, request, row.binding, source)
    return await request.batch((row.binding.type_name, name), load).load(row.key)


def source_key(source: ConnectionSource) -> tuple[Any, ...]:
    """What makes two lists the same list."""
    return source.target, source.below, tuple((source.on or {"": ""}).items())


def parent_of(request: Request, source: ConnectionSource, row: Row | None) -> Parent:
    """By what the rows of a list are found, of the row that has it; nothing at the root."""
    if row is None:
        return ()
    if source.below:
        below = request.organisation.subtree(row.record["id"])
        return ("{" + ",".join(str(unit_id) for unit_id in below) + "}",)
    assert source.on is not None
    return tuple(row.record[name] for name in source.on.values())


async def _load_by_columns(
    request: Request, target: Binding, names: tuple[str, ...], keys: list[Parent]
) -> Sequence[Row | None]:
    if is_hidden(request, target):
        return [None for _ in keys]
    wanted = keys_table([target.table.c[name].type for name in names], keys)
    same = and_(*(target.table.c[name] == wanted.c[f"k{i}"] for i, name in enumerate(names)))
    statement = select(target.table).select_from(target.table.join(wanted, same))
    found = {
        tuple(record[name] for name in names): Row(target, record)
        for record in await request.snapshot.rows(statement)
    }
    return [found.get(key) for key in keys]


async def _load_as_of(
    request: Request, source: AsOfSource, day: dt.date, keys: list[Parent]
) -> Sequence[Row | None]:
    target = binding(source.target)
    if is_hidden(request, target):
        return [None for _ in keys]
    table = rows_as_of(source, literal(day, Date()), "then")
    wanted = keys_table([table.c[name].type for name in source.on], keys)
    same = and_(*(table.c[name] == wanted.c[f"k{i}"] for i, name in enumerate(source.on)))
    statement = select(wanted.c.n, *table.c).select_from(wanted.join(table, same))
    found = {record["n"]: Row(target, record) for record in await request.snapshot.rows(statement)}
    return [found.get(n) for n in range(1, len(keys) + 1)]


async def _load_expression(
    request: Request, target: Binding, source: ExpressionSource, keys: list[Parent]
) -> Sequence[Any]:
    wanted = keys_table([target.table.c[name].type for name in target.key], keys)
    same = and_(*(target.table.c[name] == wanted.c[f"k{i}"] for i, name in enumerate(target.key)))
    statement = select(wanted.c.n, source.sql(target.table).label("value")).select_from(
        target.table.join(wanted, same)
    )
    found = {record["n"]: record["value"] for record in await request.snapshot.rows(statement)}
    return [found.get(n) for n in range(1, len(keys) + 1)]


async def load_pages(
    request: Request, source: ConnectionSource, asked: PageRequest, fields: int, parents: list[Parent]
) -> Sequence[list[Row]]:
    """The rows of each parent's page, from whichever end it is read, and one more where there are more."""
    target = binding(source.target)
    if is_hidden(request, target):
        return [[] for _ in parents]
    wanted = parents_table(source, target, parents)
    chosen, places = _placed_rows(request, source, asked, wanted)
    if asked.position is not None:
        chosen = chosen.where(beyond(places, asked.position))
    if asked.until is not None:
        chosen = chosen.where(beyond([term.reversed() for term in places], asked.until))
    order = tuple(key.reversed() for key in asked.order) if asked.backward else asked.order
    towards = [term.reversed() for term in places] if asked.backward else places
    chosen = chosen.order_by(*order_by(towards)).limit(asked.size + 1)
    statement = for_each_parent(chosen, wanted, lambda rows: order_by(labelled_terms(order, target, rows)))
    # One row more than is affordable tells that there are too many; the database need not send the others.
    most = request.budget.rows_of(fields) + 1
    records = await request.snapshot.rows(statement.limit(min(most, len(parents) * (asked.size + 1))))
    if len(records) == most:
        request.budget.spend(most, fields)
    pages: list[list[Row]] = [[] for _ in parents]
    for record in records:
        pages[record["n"] - 1].append(Row(target, record))
    return pages


def _placed_rows(
    request: Request, source: ConnectionSource, asked: PageRequest, wanted: TableValuedAlias | None
) -> tuple[Select[Any], list[Term]]:
    """All rows of the list, carrying what they are ordered by, and that ordering over them."""
    target = binding(source.target)
    table = target.table
    places = terms(
        asked.order, target, table, in_scope=partial(_in_scope, request), hides=partial(is_hidden, request)
    )
    elsewhere = [
        term.value.label(term.key.label(n)) for n, term in enumerate(places) if not term.key.is_column
    ]
    belonging = conditions(request, source, asked.where, wanted, table)
    chosen = select(table, *elsewhere).where(*belonging)
    if not elsewhere:
        return chosen, places
    # The offset is a fence: each row's subqueries are evaluated once, whatever is then asked of their values.
    fenced = chosen.offset(literal_column("0")).correlate_except(table).subquery("placed")
    return select(fenced), labelled_terms(asked.order, target, fenced)


def is_hidden(request: Request, target: Binding) -> bool:
    """Whether the caller may see no row of the type at all."""
    return target.is_hidden_from(request.scope.login)


def for_each_parent(
    chosen: Select[Any],
    wanted: TableValuedAlias | None,
    order: Callable[[FromClause], list[Any]],
) -> Select[Any]:
    """The chosen rows of every parent, each with its parent's number `n` (1 where there are none)."""
    if wanted is None:
        return chosen.add_columns(literal(1).label("n"))
    found = chosen.lateral("found")
    joined = wanted.join(found, true())
    return select(wanted.c.n, found).select_from(joined).order_by(wanted.c.n, *order(found))


def parents_table(
    source: ConnectionSource, target: Binding, parents: list[Parent]
) -> TableValuedAlias | None:
    """The parents as a relation k(k0, k1, …, n), n counting from 1; None at the root."""
    if source.below:
        return keys_table([Text()], parents)
    if source.on is None:
        return None
    return keys_table([target.table.c[name].type for name in source.on], parents)


def conditions(
    request: Request,
    source: ConnectionSource,
    where: Condition | None,
    wanted: TableValuedAlias | None,
    table: FromClause,
) -> list[ColumnElement[bool]]:
    """Which rows of the table belong: the relation, the tenant, and what the caller asked for."""
    target = binding(source.target)
    found: list[ColumnElement[bool]] = []
    if wanted is not None and source.below:
        found.append(table.c.branch_id == func.any(cast(wanted.c.k0, ARRAY(Integer))))
    elif wanted is not None and source.on is not None:
        found += [table.c[name] == wanted.c[f"k{i}"] for i, name in enumerate(source.on)]
    if target.is_tenant and (scope := _in_scope(request, table)) is not None:
        found.append(scope)
    if where is not None:
        context = SqlContext(in_scope=partial(_in_scope, request), hides=partial(is_hidden, request))
        found.append(to_sql(where, target, table, context))
    return found


def _in_scope(request: Request, table: FromClause) -> ColumnElement[bool] | None:
    """The policy is the net; this gives the plan, and says at every level whose rows are meant."""
    if request.scope.sees_everything:
        return None
    branches = literal(list(request.scope.branches), ARRAY(Integer))
    in_sight: ColumnElement[bool] = table.c.branch_id == func.any(branches)
    return in_sight
