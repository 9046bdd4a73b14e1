"""Earmarks whose time has passed give back what they hold: by a job, and by whatever books next in their branch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.limits.booking import expire
from domain.limits.movements import Place
from domain.limits.nodes import LimitNode, NodeKey
from domain.refusals import Refusal
from tenants.limits.reading import Counted, lock_caps, lock_caps_of_all, lock_commitment, lock_nodes
from tenants.limits.rows import key_of
from tenants.limits.writing import Author, write
from tenants.tables.rules import SHIPPED_BY
from tenants.transaction import Transaction

AT_ONCE = 200
"""How many earmarks one transaction sweeps; a job goes on until there are none."""

_DUE = """
select k.branch_id, k.id, k.node_id, k.client_id, k.product, k.currency, k.tenor_months
from bank.limit_commitment k
where k.branch_id = any ($1::int[]) and k.status = 'EARMARKED' and k.expires_at <= $2
order by k.branch_id, k.expires_at, k.id
limit $3
"""
_PATHS = """
with recursive path as (
    select n.branch_id, n.id as leaf, n.id, n.inner_parent_id, 0 as depth
    from unnest($1::int[], $2::uuid[]) wanted (branch_id, id)
    join bank.limit_node n on n.branch_id = wanted.branch_id and n.id = wanted.id
    union all
    select path.branch_id, path.leaf, above.id, above.inner_parent_id, path.depth + 1
    from path join bank.limit_node above on above.branch_id = path.branch_id and above.id = path.inner_parent_id
)
select branch_id, leaf, id from path order by branch_id, leaf, depth
"""
_MOMENT = "select app.today() as day, app.moment() as moment"


@dataclass(frozen=True, slots=True)
class Due:
    """An earmark whose time has passed, with the way from its node to the tenant's top."""

    commitment: NodeKey
    counted: Counted
    path: tuple[NodeKey, ...]

    @property
    def draw(self) -> tuple[int, Counted]:
        """What of it falls under caps, beside its branch."""
        return self.commitment[0], self.counted


async def expire_due(
    transaction: Transaction, branches: Sequence[int], now: dt.datetime | None = None
) -> int:
    """Sweep the branches' due earmarks, some hundred at most; how many were. By default of this moment."""
    clock = (await transaction.fetch(_MOMENT, ()))[0]
    moment = now or clock["moment"]
    due = await find_due(transaction, branches, moment)
    if due:
        nodes = await lock_nodes(transaction, [key for one in due for key in one.path])
        await lock_caps_of_all(transaction, [one.draw for one in due], clock["day"])
        return await sweep(transaction, due, nodes, clock["day"], moment)
    return 0


async def find_due(transaction: Transaction, branches: Sequence[int], moment: dt.datetime) -> list[Due]:
    """The due earmarks of the branches, not locked, those that are due longest first."""
    rows = await transaction.fetch(_DUE, (list(branches), moment, AT_ONCE))
    leaves = sorted({key_of(row["branch_id"], row["node_id"]) for row in rows})
    steps = await transaction.fetch(_PATHS, ([leaf[0] for leaf in leaves], [leaf[1] for leaf in leaves]))
    paths: dict[NodeKey, list[NodeKey]] = {}
    for step in steps:
        leaf = key_of(step["branch_id"], step["leaf"])
        paths.setdefault(leaf, []).append(key_of(step["branch_id"], step["id"]))
    found = []
    for row in rows:
        key = key_of(row["branch_id"], row["id"])
        client_id = UUID(int=row["client_id"].int)
        counted = Counted(client_id, row["product"], row["currency"], row["tenor_months"], key[1])
        found.append(Due(key, counted, tuple(paths[key_of(row["branch_id"], row["node_id"])])))
    return found


async def sweep(
    transaction: Transaction,
    due: Sequence[Due],
    nodes: dict[NodeKey, LimitNode],
    day: dt.date,
    moment: dt.datetime,
) -> int:
    """Expire the earmarks; how many were.

    Their shares of caps are locked, and their paths' nodes, which `nodes` holds as they are.
    """
    swept = 0
    for one in due:
        path = tuple(nodes[key] for key in one.path if key in nodes)
        if [node.parent for node in path[:-1]] != list(one.path[1:]):
            continue  # Moved since it was found: it waits for the next sweep.
        caps = await lock_caps(transaction, one.commitment[0], one.counted, day)
        found = await lock_commitment(transaction, one.commitment)
        if found is None:
            continue
        booked = expire(Place(path, caps, day, moment), found[0])
        if isinstance(booked, Refusal):
            continue  # Reserved, released or extended by somebody else in between.
        await write(transaction, booked, Author(SHIPPED_BY), answers=False)
        nodes.update((change.key, change.after) for change in booked.changes)
        swept += 1
    return swept
