"""Who asks for a change of limits, and what their role may decide alone."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from domain.access import Role
from domain.limits.authority import Authority
from domain.money import Money
from tenants.actions.once import Command
from tenants.limits.rows import key_of
from tenants.limits.writing import Author
from tenants.transaction import Transaction

_AUTHORITY = """
select a.amount_minor, a.currency, o.node_id, o.amount_minor as decided
from bank.delegated_authority a left join app.overridden($2, a.role, a.currency) o on true
where a.role = $1
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, on which day, under which key: what every movement keeps."""

    actor: str
    role: Role
    day: dt.date
    command: Command

    @property
    def author(self) -> Author:
        """As the ledger names it."""
        return Author(self.actor, self.command.key, self.command.payload_sha256)


async def authority_of(transaction: Transaction, asked: Asked, branch_id: int) -> Authority:
    """How much the role may decide alone, and what its overrides in force in a branch amount to on each limit."""
    rows = await transaction.fetch(_AUTHORITY, (asked.role.value, branch_id))
    if not rows:
        return Authority(asked.role.value, None)
    decided = {key_of(branch_id, row["node_id"]): row["decided"] for row in rows if row["node_id"]}
    return Authority(asked.role.value, Money(rows[0]["amount_minor"], rows[0]["currency"]), decided)
