"""What passing days do to limits: additions end, validity ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.limits.movements import Place
from domain.limits.nodes import NodeKey
from domain.limits.parameters import age
from tenants.database import Database
from tenants.limits.reading import along, lock_nodes, path_of_node
from tenants.limits.rows import key_of
from tenants.limits.writing import Author, write
from tenants.organisation import Directory
from tenants.tables.rules import SHIPPED_BY
from tenants.transaction import Transaction

AT_ONCE = 1_000
"""How many are found at once."""
LOCKED_AT_ONCE = 50
"""How many share a transaction: bookings of their branches wait for it, and each costs a commit."""

_AGED = """
select n.branch_id, n.id
from bank.limit_node n
where n.status <> 'CLOSED' and (n.branch_id, n.id) > ($1, $2)
    and (n.addition_until < app.today() or n.status = 'ACTIVE' and n.valid_until < app.today())
order by n.branch_id, n.id
limit $3
"""
_BEFORE_ALL: NodeKey = (0, UUID(int=0))


@dataclass(frozen=True, slots=True)
class Aged:
    """How many limits' terms time has changed."""

    limits: int

    def __str__(self) -> str:
        return f"{self.limits:,} limits aged"


async def age_limits(database: Database, directory: Directory) -> Aged:
    """End the additions whose days are over, and what is valid no longer; a few limits a transaction."""
    scope = await directory.operator()
    done, last = 0, _BEFORE_ALL
    while True:
        async with database.transaction(scope, fresh=True) as transaction:
            rows = await transaction.fetch(_AGED, (*last, AT_ONCE))
        if not rows:
            return Aged(done)
        keys = [key_of(row["branch_id"], row["id"]) for row in rows]
        last = keys[-1]
        for start in range(0, len(keys), LOCKED_AT_ONCE):
            async with database.transaction(scope, write=True) as transaction:
                done += await _age(transaction, keys[start : start + LOCKED_AT_ONCE])


async def _age(transaction: Transaction, keys: Sequence[NodeKey]) -> int:
    """How many had to be changed; what is moved at this moment waits for the next time."""
    found = [await path_of_node(transaction, key) for key in keys]
    paths = [path for path in found if path is not None]
    above = [path.nodes[0].parent for path in paths if path.nodes[0].is_top]
    wanted = [key for path in paths for key in path.keys] + [key for key in above if key]
    nodes = await lock_nodes(transaction, wanted)
    done = 0
    for path in paths:
        standing = along(path, nodes)
        if standing is None:
            continue
        parent = standing[0].parent if standing[0].is_top else None
        place = Place(standing, (), path.moment.date(), path.moment)
        booked = age(place, nodes.get(parent) if parent else None)
        if booked is None:
            continue
        await write(transaction, booked, Author(SHIPPED_BY), answers=False)
        nodes.update((change.key, change.after) for change in booked.changes)
        done += 1
    return done
