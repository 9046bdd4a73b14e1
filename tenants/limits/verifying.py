"""The books recomputed from what the ledger says, set by set; every difference is named.

Balances are kept so that nobody has to add up; they are right where they are the sums of their postings. What is
kept of a node, a commitment and a share of a cap is compared with that, and each node with the nodes below it.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from tenants.limits.rows import key_of
from tenants.transaction import Transaction

STATEMENT_LIMIT_S = 300.0


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that is not what the ledger says: whose, which, what is kept and what it should be."""

    table: str
    key: tuple[int, UUID | str]
    name: str
    figure: str
    kept: int
    reckoned: int

    def __str__(self) -> str:
        whose = f"{self.table} {self.name} ({self.key[0]}, {self.key[1]})"
        return f"{whose}: {self.figure} is {self.kept}, should be {self.reckoned}"


_BUCKETS = """
select n.branch_id, n.id, n.name, f.figure, f.kept, f.reckoned
from bank.limit_node n
left join (
    select p.branch_id, p.node_id,
        sum(p.delta_minor) filter (where p.bucket = 'EARMARKED') as earmarked,
        sum(p.delta_minor) filter (where p.bucket = 'RESERVED') as reserved,
        sum(p.delta_minor) filter (where p.bucket = 'UTILISED') as utilised
    from bank.limit_posting p group by p.branch_id, p.node_id
) said on said.branch_id = n.branch_id and said.node_id = n.id
cross join lateral (values
    ('earmarked', n.earmarked_minor::numeric, coalesce(said.earmarked, 0)),
    ('reserved', n.reserved_minor, coalesce(said.reserved, 0)),
    ('utilised', n.utilised_minor, coalesce(said.utilised, 0))
) f (figure, kept, reckoned)
where f.kept <> f.reckoned
"""
# A commitment's postings are those on the node on which it was booked, wherever that node stands now.
_COMMITMENTS = """
select k.branch_id, k.id, coalesce(k.product, '') as name, f.figure, f.kept, f.reckoned
from bank.limit_commitment k
left join (
    select m.branch_id, m.commitment_id,
        sum(p.delta_minor) filter (where p.bucket = 'EARMARKED') as earmarked,
        sum(p.delta_minor) filter (where p.bucket = 'RESERVED') as reserved,
        sum(p.delta_minor) filter (where p.bucket = 'UTILISED') as utilised
    from bank.limit_movement m
    join bank.limit_posting p on p.branch_id = m.branch_id and p.movement_id = m.id and p.node_id = m.node_id
    where m.commitment_id is not null
    group by m.branch_id, m.commitment_id
) said on said.branch_id = k.branch_id and said.commitment_id = k.id
cross join lateral (values
    ('earmarked', k.earmarked_minor::numeric, coalesce(said.earmarked, 0)),
    ('reserved', k.reserved_minor, coalesce(said.reserved, 0)),
    ('utilised', k.utilised_minor, coalesce(said.utilised, 0))
) f (figure, kept, reckoned)
where f.kept <> f.reckoned
"""
# What a node adds to the one above it, rounded half to even as `formulas.contribution` does: PostgreSQL
# rounds a half away from nothing.
_CONVERTED = """
    case when c.parent_rate = 1 then {0}
        when abs(trunc({0} * c.parent_rate, 0) - {0} * c.parent_rate) = 0.5
            then 2 * round({0} * c.parent_rate / 2, 0)
        else round({0} * c.parent_rate, 0) end
"""
_HELD = """
    case when c.sharing = 'RING_FENCED' and c.status in ('ACTIVE', 'FROZEN', 'EXPIRED')
        then greatest(c.sanctioned_minor, c.held) else c.held end
"""
_BELOW = f"""
select n.branch_id, n.id, n.name, f.figure, f.kept, f.reckoned
from bank.limit_node n
left join (
    select c.branch_id, c.inner_parent_id, sum({_CONVERTED.format("c.total")}) as total,
        sum(({_CONVERTED.format(_HELD)}) - ({_CONVERTED.format("c.total")})) as idle
    from (
        select c.*, c.earmarked_minor + c.reserved_minor + c.utilised_minor::numeric as total,
            c.earmarked_minor + c.reserved_minor + c.utilised_minor + c.idle_fenced_minor::numeric as held
        from bank.limit_node c where c.inner_parent_id is not null
    ) c
    group by c.branch_id, c.inner_parent_id
) below on below.branch_id = n.branch_id and below.inner_parent_id = n.id
left join (
    select k.branch_id, k.node_id, sum(k.earmarked_minor + k.reserved_minor + k.utilised_minor) as total
    from bank.limit_commitment k group by k.branch_id, k.node_id
) own on own.branch_id = n.branch_id and own.node_id = n.id
cross join lateral (values
    ('idle behind fences', n.idle_fenced_minor::numeric, coalesce(below.idle, 0)),
    (
        'held there and below', n.earmarked_minor + n.reserved_minor + n.utilised_minor,
        coalesce(own.total, 0) + coalesce(below.total, 0)
    )
) f (figure, kept, reckoned)
where f.kept <> f.reckoned
union all
select n.branch_id, n.id, n.name, 'dealt to other units', n.dealt_minor, coalesce(below.dealt, 0)
from bank.limit_node n
left join (
    select c.parent_branch_id, c.parent_id,
        sum({_CONVERTED.format("(c.sanctioned_minor + c.addition_minor::numeric)")}) as dealt
    from bank.limit_node c
    where c.kind in ('BANK', 'REGION', 'BRANCH') and c.status in ('ACTIVE', 'FROZEN', 'EXPIRED')
    group by c.parent_branch_id, c.parent_id
) below on below.parent_branch_id = n.branch_id and below.parent_id = n.id
where n.dealt_minor <> coalesce(below.dealt, 0)
"""
_SHARES = """
select s.branch_id, s.cap_id, s.subject, cap.name, s.used_minor::numeric as kept,
    coalesce(said.used, 0) as reckoned
from bank.cap_share s
join bank.concentration_cap cap on cap.id = s.cap_id
left join (
    select p.branch_id, p.cap_id, p.subject, sum(p.delta_minor) as used
    from bank.cap_posting p group by p.branch_id, p.cap_id, p.subject
) said on said.branch_id = s.branch_id and said.cap_id = s.cap_id and said.subject = s.subject
where s.used_minor <> coalesce(said.used, 0)
"""


async def verify(transaction: Transaction) -> list[Difference]:
    """Every difference between what is kept and what the ledger says, over all that the scope shows.

    Empty where the books are right. Of one snapshot where the transaction only reads.
    """
    found: list[Difference] = []
    for table, statement in (("limit", _BUCKETS), ("limit", _BELOW), ("commitment", _COMMITMENTS)):
        for row in await transaction.connection.fetch(statement, timeout=STATEMENT_LIMIT_S):
            figures = row["figure"], int(row["kept"]), int(row["reckoned"])
            found.append(Difference(table, key_of(row["branch_id"], row["id"]), row["name"], *figures))
    for row in await transaction.connection.fetch(_SHARES, timeout=STATEMENT_LIMIT_S):
        whose = (row["branch_id"], f"{row['cap_id']} {row['subject']}".strip())
        figures = "used", int(row["kept"]), int(row["reckoned"])
        found.append(Difference("share of the cap", whose, row["name"], *figures))
    return sorted(found, key=lambda one: (one.table, str(one.key), one.figure))
