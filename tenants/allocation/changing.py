"""A quota changed in mid-period: the segment's sublimit, its branch's own limit, and what units above have dealt.

What is reclaimed goes back to the bank's own limit, from which quotas are topped up: the budget stays what it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.allocation.runs import ChangeKind
from domain.allocation.words import money
from domain.refusals import Possible, Refusal, RefusalCode, not_found
from tenants.database import Transaction

# The quota, its branch's limit and all above, locked in the order in which everybody locks.
_LOCK = """
with recursive above as (
    select branch_id, id, parent_branch_id, parent_id, 0 as distance
    from bank.limit_node
    where branch_id = $1 and id = $2
    union all
    select n.branch_id, n.id, n.parent_branch_id, n.parent_id, above.distance + 1
    from above
    join bank.limit_node n on n.branch_id = above.parent_branch_id and n.id = above.parent_id
)
select
    n.branch_id, n.id, n.kind, n.name, n.status, n.currency, n.parent_rate, n.sharing, n.sanctioned_minor,
    n.addition_minor, n.dealt_minor, n.committed_minor, n.consumed_minor, n.idle_fenced_minor,
    least(n.collateral_cap_minor, n.regulatory_cap_minor) as most, above.distance
from above
join bank.limit_node n on n.branch_id = above.branch_id and n.id = above.id
order by n.branch_id, n.id
for update of n
"""

_WRITE = """
with wanted as materialized (
    select * from unnest($1::int[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[])
        as w (branch_id, id, sanctioned, dealt, idle)
),
before as materialized (
    select n.branch_id, n.id, n.sanctioned_minor
    from bank.limit_node as n join wanted using (branch_id, id)
),
changed as (
    update bank.limit_node as n
    set sanctioned_minor = w.sanctioned, dealt_minor = w.dealt, idle_fenced_minor = w.idle,
        version = n.version + 1, updated_at = now()
    from wanted as w
    where n.branch_id = w.branch_id and n.id = w.id
    returning n.branch_id, n.id, n.currency, n.sanctioned_minor
)
insert into bank.limit_movement (
    branch_id, id, node_id, operation, amount_minor, currency, value_date, actor, reason, before, after
)
select
    n.branch_id, app.limit_row_id(), n.id, $6, $7, n.currency, app.today(), $8, $9,
    jsonb_build_object('sanctioned', before.sanctioned_minor), jsonb_build_object('sanctioned', n.sanctioned_minor)
from changed as n
join before using (branch_id, id)
where before.sanctioned_minor <> n.sanctioned_minor
"""


@dataclass(slots=True)
class _Node:
    """A limit on the way from the quota to the bank, as it is being changed."""

    row: Any
    sanctioned: int
    dealt: int
    idle: int

    @property
    def is_top(self) -> bool:
        return self.row["kind"] in ("BANK", "REGION", "BRANCH")

    @property
    def taken(self) -> int:
        """All that stands against it."""
        row = self.row
        own: int = row["committed_minor"] - row["dealt_minor"] - row["idle_fenced_minor"]
        return own + self.dealt + self.idle

    @property
    def room(self) -> int:
        """What is left of it; below nothing where more stands against it than it is."""
        most: int = self.sanctioned + self.row["addition_minor"]
        return (most if self.row["most"] is None else min(most, self.row["most"])) - self.taken


async def change(
    transaction: Transaction, key: tuple[int, UUID], kind: ChangeKind, amount: int, actor: str, reason: str
) -> Refusal | None:
    """Take back or add an amount, all the way up; or say why not, with nothing written."""
    rows = await transaction.fetch(_LOCK, key)
    path = [_node(row) for row in sorted(rows, key=lambda row: row["distance"])]
    if not path:
        return not_found("limit")
    refusal = _unfit(path)
    if refusal is not None:
        return refusal
    _change(path, amount if kind is ChangeKind.TOP_UP else -amount)
    # The quota first: what it lacks tells more than what the bank does.
    for node in path:
        if node.room < 0:
            return _too_little(node, kind, amount)
    operation = "ALLOCATE" if kind is ChangeKind.TOP_UP else "RECLAIM"
    columns = (
        [node.row["branch_id"] for node in path],
        [node.row["id"] for node in path],
        [node.sanctioned for node in path],
        [node.dealt for node in path],
        [node.idle for node in path],
    )
    await transaction.fetch(_WRITE, (*columns, operation, amount, actor, reason))
    return None


def _node(row: Any) -> _Node:
    return _Node(row, row["sanctioned_minor"], row["dealt_minor"], row["idle_fenced_minor"])


def _change(path: list[_Node], amount: int) -> None:
    """By the same amount all the way up; the bank's own limit stays, and only what it has dealt changes."""
    below: _Node | None = None
    for node in path:
        if below is not None and below.is_top:
            node.dealt += amount
        elif below is not None:
            node.idle += _fence(below, below.sanctioned) - _fence(below, below.row["sanctioned_minor"])
        if node.row["kind"] != "BANK":
            node.sanctioned += amount
        below = node


def _fence(node: _Node, sanctioned: int) -> int:
    """What a sublimit takes out of the limit above it, beyond what is used there."""
    used: int = node.row["committed_minor"] - node.row["consumed_minor"]
    return max(sanctioned, used) if node.row["sharing"] == "RING_FENCED" else 0


def _unfit(path: list[_Node]) -> Refusal | None:
    for node in path:
        row = node.row
        if row["status"] != "ACTIVE":
            message = (
                f"the limit {row['name']} is {row['status']}: only quotas in force are changed in mid-period"
            )
            return Refusal(RefusalCode.LIMIT_NOT_ACTIVE, message)
        if row["parent_rate"] != 1:
            message = (
                f"the limit {row['name']} is in another currency than the one above it: adjust it by hand"
            )
            return Refusal(RefusalCode.CURRENCY_DIFFERS, message)
    return None


def _too_little(node: _Node, kind: ChangeKind, amount: int) -> Refusal:
    row = node.row
    currency, missing = row["currency"], -node.room
    possible = Possible(max(amount - missing, 0), currency, row["name"], (row["branch_id"], row["id"]))
    left = money(possible.available_minor, currency)
    if kind is ChangeKind.TOP_UP:
        message = f"{row['name']} has not so much left to deal: {left} are possible"
        return Refusal(RefusalCode.EXCEEDS_AVAILABLE, message, ("amount",), possible)
    message = f"{row['name']} has committed too much meanwhile: {left} can be taken back"
    return Refusal(RefusalCode.STILL_COMMITTED, message, (), possible)
