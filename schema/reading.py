"""The normal executor's way to answer a binding: one batched statement per field, however many parents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    and_,
    cast,
    column,
    func,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.selectable import TableValuedAlias

from schema import ids
from schema.binding import Binding, ConnectionSource, ExpressionSource, Row, ToOneSource, binding
from schema.errors import BadInput
from schema.filters import to_sql
from schema.paging import Page, PageRequest, beyond, ordering
from schema.request import Request
from tenants.roles import Login

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
    load = partial(_load_by_columns, request, target, target.key)
    return await request.batch((target.type_name, target.key), load).load_many(keys)


async def expression(request: Request, source: ExpressionSource, name: str, row: Row) -> Any:
    """The value of an SQL expression over the row's table."""
    load = partial(_load_expression, request, row.binding, source)
    return await request.batch((row.binding.type_name, name), load).load(row.key)


async def page(
    request: Request, source: ConnectionSource, asked: PageRequest, row: Row | None, *, of: str, fields: int
) -> Page:
    """One page of a list: of everything in scope at the root (`row` None), else of the row's own.

    `of` is the list's name, for its cursors; `fields` how many fields are selected below, for the budget.
    """
    parent = _parent_of(request, source, row)
    load = partial(_load_pages, request, source, asked, fields)
    rows: list[Row] = await request.batch((source_key(source), asked, fields), load).load(parent)
    kept = rows[: asked.size]
    # Not where they are loaded: what a batch reads once, every alias of the list completes anew.
    request.budget.spend(len(kept), fields)
    return Page(
        of,
        kept[::-1] if asked.backward else kept,
        asked,
        len(rows) > asked.size,
        partial(_count, request, source, asked, parent),
    )


def source_key(source: ConnectionSource) -> tuple[Any, ...]:
    """What makes two lists the same list."""
    return source.target, source.below, tuple((source.on or {"": ""}).items())


async def _count(request: Request, source: ConnectionSource, asked: PageRequest, parent: Parent) -> int:
    everything = replace(asked, position=None, until=None, order=(), size=0, backward=False)
    load = partial(_load_counts, request, source, everything)
    counted: int = await request.batch((source_key(source), everything, "count"), load).load(parent)
    return counted


def _parent_of(request: Request, source: ConnectionSource, row: Row | None) -> Parent:
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
    if _hidden(request, target):
        return [None for _ in keys]
    wanted = keys_table([target.table.c[name].type for name in names], keys)
    same = and_(*(target.table.c[name] == wanted.c[f"k{i}"] for i, name in enumerate(names)))
    statement = select(target.table).select_from(target.table.join(wanted, same))
    found = {
        tuple(record[name] for name in names): Row(target, record)
        for record in await request.snapshot.rows(statement)
    }
    return [found.get(key) for key in keys]


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


async def _load_pages(
    request: Request, source: ConnectionSource, asked: PageRequest, fields: int, parents: list[Parent]
) -> Sequence[list[Row]]:
    target = binding(source.target)
    if _hidden(request, target):
        return [[] for _ in parents]
    order = tuple(key.reversed() for key in asked.order) if asked.backward else asked.order
    wanted = _parents_table(source, target, parents)
    chosen = select(target.table).where(*_conditions(request, source, asked, wanted))
    for position, towards in ((asked.position, asked.order), (asked.until, _reversed(asked.order))):
        if position is not None:
            chosen = chosen.where(beyond(target.table, towards, position))
    chosen = chosen.order_by(*ordering(target.table, order)).limit(asked.size + 1)
    statement = _for_each_parent(chosen, wanted, lambda found: ordering(found, order))
    # One row more than is affordable tells that there are too many; the database need not send the others.
    most = request.budget.rows_of(fields) + 1
    records = await request.snapshot.rows(statement.limit(min(most, len(parents) * (asked.size + 1))))
    if len(records) == most:
        request.budget.spend(most, fields)
    pages: list[list[Row]] = [[] for _ in parents]
    for record in records:
        pages[record["n"] - 1].append(Row(target, record))
    return pages


async def _load_counts(
    request: Request, source: ConnectionSource, asked: PageRequest, parents: list[Parent]
) -> Sequence[int]:
    if _hidden(request, binding(source.target)):
        return [0 for _ in parents]
    wanted = _parents_table(source, binding(source.target), parents)
    table = binding(source.target).table
    counted = (
        select(func.count().label("count"))
        .select_from(table)
        .where(*_conditions(request, source, asked, wanted))
    )
    statement = _for_each_parent(counted, wanted, lambda _: [])
    counts = {record["n"]: record["count"] for record in await request.snapshot.rows(statement)}
    return [counts[n] for n in range(1, len(parents) + 1)]


def _hidden(request: Request, target: Binding) -> bool:
    return target.hidden_from_clients and request.scope.login is Login.CLIENT


def _for_each_parent(
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


def _parents_table(
    source: ConnectionSource, target: Binding, parents: list[Parent]
) -> TableValuedAlias | None:
    if source.below:
        return keys_table([Text()], parents)
    if source.on is None:
        return None
    return keys_table([target.table.c[name].type for name in source.on], parents)


def _conditions(
    request: Request, source: ConnectionSource, asked: PageRequest, wanted: TableValuedAlias | None
) -> list[ColumnElement[bool]]:
    """Which rows belong: the relation, the tenant, and what the caller asked for."""
    target = binding(source.target)
    table = target.table
    conditions: list[ColumnElement[bool]] = []
    if wanted is not None and source.below:
        conditions.append(table.c.branch_id == func.any(cast(wanted.c.k0, ARRAY(Integer))))
    elif wanted is not None and source.on is not None:
        conditions += [table.c[name] == wanted.c[f"k{i}"] for i, name in enumerate(source.on)]
    # The policy is the net; this gives the plan, and says at every level whose rows are meant.
    if target.is_tenant and not request.scope.sees_everything:
        branches = literal(list(request.scope.branches), ARRAY(Integer))
        conditions.append(table.c.branch_id == func.any(branches))
    if asked.where is not None:
        conditions.append(to_sql(table, asked.where, partial(_has_id, target)))
    return conditions


def _has_id(target: Binding, table: FromClause, given: tuple[str, ...]) -> ColumnElement[bool]:
    keys = [ids.decode(text) for text in given]
    own = [found.key for found in keys if found.type_name == target.type_name]
    if not all(fits(target, key) for key in own):
        raise BadInput("`id` lists something that is not an id of this API")
    wanted = keys_table([target.table.c[name].type for name in target.key], own, "wanted_ids")
    columns = [wanted.c[f"k{i}"] for i in range(len(target.key))]
    return tuple_(*(table.c[name] for name in target.key)).in_(select(*columns))


def fits(target: Binding, key: ids.Key) -> bool:
    """Whether a decoded key has the shape of this type's primary key."""
    kinds = tuple(target.table.c[name].type.python_type for name in target.key)
    return tuple(type(part) for part in key) == kinds


def keys_table(types: list[Any], keys: list[Parent], name: str = "k") -> TableValuedAlias:
    """The keys as a relation k(k0, k1, …, n), n counting from 1."""
    arrays = [
        cast(literal([key[i] for key in keys], ARRAY(type_)), ARRAY(type_)) for i, type_ in enumerate(types)
    ]
    columns = [column(f"k{i}", type_) for i, type_ in enumerate(types)]
    return func.unnest(*arrays).table_valued(*columns, with_ordinality="n", name=name).render_derived()


def _reversed(order: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(key.reversed() for key in order)
