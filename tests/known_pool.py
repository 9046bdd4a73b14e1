"""What exists in a bank, asked of the bank itself: ids of every type, codes, and cursors of every list."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import orjson
from compared_answers import Bank
from drawn_operations import literal
from drawn_values import Pool, Values, cursor_key
from graphql import GraphQLObjectType, GraphQLSchema, get_named_type
from small_bank import SmallBank

from schema.binding import bindings
from schema.ids import encode
from tenants.snapshot import Snapshot

ORDERS_PER_TYPE = 4


async def known_pool(bank: Bank, schema: GraphQLSchema, *, seed: int = 0) -> Pool:
    """The pool of a bank, as headquarters sees it: other callers' operations name what they may not see."""
    pool = Pool()
    scope = await bank.directory.scope(SmallBank.headquarters)
    snapshot = Snapshot(bank.database, scope, bank.directory.rules)
    pool.ids = {name: await _ids(snapshot, name) for name in bindings()}
    pool.dimensions = sorted((await snapshot.rulebook()).default)
    await snapshot.close()
    kinds = ("unit", "region", "dimension", "compensationFund")
    found = await _data(bank, f"{{ {' '.join(f'{kind}s {{ nodes {{ code }} }}' for kind in kinds)} }}")
    for kind in kinds:
        pool.codes[kind] = [node["code"] for node in found[f"{kind}s"]["nodes"]]
    values = Values(Random(seed), schema, pool, oddity=10**9)
    for name in bindings():
        if f"{name}Order" in schema.type_map:
            pool.orders[name] = [values.new_order(name) for _ in range(ORDERS_PER_TYPE)]
    for path, type_name in lists_of(schema):
        for order in [None, *pool.orders.get(type_name, [])]:
            key = cursor_key(".".join(path[-2:]), type_name, order)
            if key not in pool.cursors:
                pool.cursors[key] = list(_cursors(await _data(bank, _asking(path, order))))[:12]
    return pool


async def _ids(snapshot: Snapshot, type_name: str) -> list[str]:
    target = bindings()[type_name]
    rows = await snapshot.rows(target.table.select().order_by(*target.table.primary_key.columns))
    return [encode(type_name, tuple(row[name] for name in target.key)) for row in rows]


def lists_of(schema: GraphQLSchema) -> Iterator[tuple[list[str], str]]:
    """A way to every field that is a list: type and field in turns, from the root on.

    Lists lead on to their rows, and single rows (marked by "!") to those of types that no list has.
    """
    assert schema.query_type is not None
    unseen: list[tuple[GraphQLObjectType, list[str]]] = [(schema.query_type, [])]
    seen = {schema.query_type.name}
    while unseen:
        parent, way = unseen.pop(0)
        for name, field in parent.fields.items():
            target = get_named_type(field.type).name.removesuffix("Connection")
            path = [*way, parent.name, name]
            if get_named_type(field.type).name != target:
                yield path, target
            elif not way or field.args or f"{target}Connection" in schema.type_map:
                continue
            else:
                path[-1] += "!"
            row = schema.type_map[target]
            if target not in seen and isinstance(row, GraphQLObjectType):
                seen.add(target)
                unseen.append((row, path))


def _asking(path: list[str], order: Any) -> str:
    ordered = "" if order is None else f"(orderBy: {literal(order)})"
    query = f"{path[-1]}{ordered} {{ edges {{ cursor }} }}"
    return within(path, query)


def within(path: list[str], query: str) -> str:
    """What is asked at the end of the way to a list."""
    for name in reversed(path[1:-2:2]):
        # Of a few rows: there are many lists of each.
        query = (
            f"{name[:-1]} {{ {query} }}"
            if name.endswith("!")
            else f"{name}(first: 8) {{ nodes {{ {query} }} }}"
        )
    return f"{{ {query} }}"


def _cursors(found: Any) -> Iterator[str]:
    for key, value in found.items() if isinstance(found, dict) else enumerate(found or ()):
        if key == "cursor":
            yield value
        elif isinstance(value, dict | list):
            yield from _cursors(value)


async def _data(bank: Bank, query: str) -> Any:
    faults: list[BaseException] = []
    request = await bank.request(SmallBank.headquarters)
    body = orjson.loads(await bank.body(bank.engines[1], request, query, {}, faults))
    assert "errors" not in body, (query, body["errors"])
    return body["data"]
