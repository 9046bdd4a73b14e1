"""Quotas as SQL, and the normal executor's way to them: what both ways share of the functions over the limits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    FromClause,
    Text,
    case,
    cast,
    column,
    func,
    literal,
    literal_column,
    select,
    true,
)
from sqlalchemy.types import TypeEngine

from domain.facts import in_minor
from domain.refusals import Refusal
from schema.binding import NodeSource, Row, UnitQuotaSource, binding
from schema.errors import BadInput
from schema.keys import keys_table
from schema.lookups import identity
from schema.reading import Parent, is_hidden
from schema.request import Request
from tenants.tables import client as client_table
from tenants.tables.limits import limit_node, limit_policy
from tenants.tables.quotas import PARTS, client_quota, unit_quota
from tenants.tables.virtual import client_segment

QUOTA_TYPE = "Quota"
UNIT_QUOTA_TYPE = "UnitQuota"
CLIENT = NodeSource("Client")

Asked = tuple[str | None, int | None, str | None, dt.date | None]
"""The product, the amount and its currency, the day; as far as they are said."""
ASKED_TYPES: tuple[TypeEngine[Any], ...] = (Text(), BigInteger(), Text(), Date())


def quota_asked(given: Mapping[str, Any]) -> Asked:
    """What the arguments of a client's quota say. Raises BadInput."""
    product, money = given.get("product"), given.get("amount")
    if money is None:
        return (_code(product), None, None, given.get("asOf"))
    columns = in_minor({"amount": money["amount"]}, money["currency"])
    if isinstance(columns, Refusal):
        raise BadInput(f"`amount`: {columns.message}")
    if not columns["amount_minor"]:
        raise BadInput("`amount`: an amount is more than nothing")
    return (_code(product), columns["amount_minor"], money["currency"], given.get("asOf"))


def _code(value: Any) -> str | None:
    return None if value is None else str(getattr(value, "value", value))


def quota_rows(
    branch: ColumnElement[int],
    client: ColumnElement[Any],
    asked: Sequence[ColumnElement[Any]],
    names: tuple[str, str],
) -> tuple[FromClause, FromClause]:
    """What to select from, and in it the one row of a client's quota; the names are for the relations in it."""
    given = [cast(one, type_) for one, type_ in zip(asked, ASKED_TYPES, strict=True)]
    segment = select(_segment(branch, client).label("value")).offset(literal_column("0")).lateral(names[0])
    made = func.app.quota(branch, client, *given, segment.c.value)
    quota = made.table_valued(*(column(one.name, one.type) for one in client_quota.c)).lateral(names[1])
    return segment.join(quota, true()), quota


def _segment(branch: ColumnElement[int], client: ColumnElement[Any]) -> ColumnElement[Any]:
    """The client's segment in the dimension of limits; not worked out where its branch has limits for none."""
    node, policy, segment = limit_node.alias(), limit_policy.alias(), client_segment
    kept = select(node.c.id).where(
        node.c.branch_id == branch, node.c.segment_value.is_not(None), node.c.status != "CLOSED"
    )
    dimension = select(policy.c.segment_dimension).scalar_subquery()
    found = select(segment.c.value).where(
        segment.c.branch_id == branch, segment.c.client_id == client, segment.c.dimension == dimension
    )
    return case((kept.correlate_except(node).exists(), found.correlate_except(segment).scalar_subquery()))


def unit_quota_rows(unit: ColumnElement[int], day: ColumnElement[Any], names: tuple[str, str]) -> FromClause:
    """The one row of a unit's quota; what is not asked for of its parts, PostgreSQL does not work out."""
    made = func.app.unit_quota(unit, cast(day, Date))
    quota = made.table_valued(*(column(one.name, one.type) for one in unit_quota.c)).lateral(names[0])
    parts = (
        getattr(func.app, f"unit_quota_{name}")(quota.c.unit_id, quota.c.as_of, quota.c.currency).label(name)
        for name in PARTS
    )
    return select(*quota.c, *parts).lateral(names[1])


async def quota(request: Request, row: Row, given: Mapping[str, Any]) -> Row | None:
    """A client's quota. Raises BadInput."""
    return await _quota(request, row.key, quota_asked(given))


async def quota_of_id(request: Request, given: Mapping[str, Any]) -> Row | None:
    """The quota of the client with the id in `clientId`; None where there is none in sight. Raises BadInput."""
    key = identity(CLIENT, given["clientId"]).key
    asked = quota_asked(given)
    branch, client = key
    seen = request.scope.sees_everything or branch in request.scope.branches
    return await _quota(request, (branch, client), asked) if seen else None


async def _quota(request: Request, key: Parent, asked: Asked) -> Row | None:
    load = partial(_load_quotas, request, asked)
    found: Row | None = await request.batch((QUOTA_TYPE, asked), load).load(key)
    return found


async def _load_quotas(request: Request, asked: Asked, clients: list[Parent]) -> Sequence[Row | None]:
    target = binding(QUOTA_TYPE)
    if is_hidden(request, target):
        return [None for _ in clients]
    wanted = keys_table([client_table.c[name].type for name in ("branch_id", "id")], clients)
    client = client_table.alias("of")
    same = (client.c.branch_id == wanted.c.k0) & (client.c.id == wanted.c.k1)
    values = [literal(one, type_) for one, type_ in zip(asked, ASKED_TYPES, strict=True)]
    rows, found = quota_rows(client.c.branch_id, client.c.id, values, ("segment", "quota"))
    statement = select(wanted.c.n, *found.c).select_from(wanted.join(client, same).join(rows, true()))
    return _by_number(target.type_name, await request.snapshot.rows(statement), len(clients))


async def unit_quota_of(
    request: Request, source: UnitQuotaSource, row: Row, day: dt.date | None
) -> Row | None:
    """A unit's quota on a day; today's where none is said."""
    load = partial(_load_unit_quotas, request, source, day)
    found: Row | None = await request.batch((source.target, day), load).load((row.record["id"],))
    return found


async def _load_unit_quotas(
    request: Request, source: UnitQuotaSource, day: dt.date | None, units: list[Parent]
) -> Sequence[Row | None]:
    target = binding(source.target)
    if is_hidden(request, target):
        return [None for _ in units]
    wanted = keys_table([unit_quota.c.unit_id.type], units)
    found = unit_quota_rows(wanted.c.k0, literal(day, Date()), ("sums", "quota"))
    statement = select(wanted.c.n, *found.c).select_from(wanted.join(found, true()))
    return _by_number(target.type_name, await request.snapshot.rows(statement), len(units))


def _by_number(type_name: str, records: Sequence[Any], count: int) -> list[Row | None]:
    rows = {record["n"]: Row(binding(type_name), record) for record in records}
    return [rows.get(n) for n in range(1, count + 1)]
