"""What passing days do to limits: additions end, validity ends."""

from __future__ import annotations

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
    """End the additions whose days are over, and what is valid no longer; a limit a transaction, shortly locked."""
    scope = await directory.operator()
    done, last = 0, _BEFORE_ALL
    while True:
        async with database.transaction(scope, fresh=True) as transaction:
            rows = await transaction.fetch(_AGED, (*last, AT_ONCE))
        if not rows:
            return Aged(done)
        for row in rows:
            last = key_of(row["branch_id"], row["id"])
            async with database.transaction(scope, write=True) as transaction:
                done += await _age(transaction, last)


async def _age(transaction: Transaction, key: NodeKey) -> bool:
    """Whether there was anything to be done; what is moved at this moment waits for the next time."""
    path = await path_of_node(transaction, key)
    if path is None:
        return False
    above = path.nodes[0].parent if path.nodes[0].is_top else None
    nodes = await lock_nodes(transaction, [*path.keys, *([above] if above else [])])
    standing = along(path, nodes)
    if standing is None:
        return False
    place = Place(standing, (), path.moment.date(), path.moment)
    booked = age(place, nodes.get(above) if above else None)
    if booked is None:
        return False
    await write(transaction, booked, Author(SHIPPED_BY), answers=False)
    return True
