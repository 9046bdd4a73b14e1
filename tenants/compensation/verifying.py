"""Recomputes every balance of every fund from its movements, and names what differs."""

from __future__ import annotations

from sqlalchemy import select, text

from domain.compensation.kinds import FundBucket
from domain.compensation.ledger import Difference, Posted, differences
from tenants.compensation.books import account_of
from tenants.database import Transaction
from tenants.tables import compensation_account, compensation_posting

# A claim's amount is what was posted for it, and a loan's claims are what it has claimed.
_CLAIMS = """
select 'claim ' || claim.id as what, expected.kind as kind, expected.cached, expected.replayed
from bank.compensation_claim as claim
left join lateral (
    select coalesce(sum(delta_minor) filter (where bucket = 'RESERVED'), 0)::bigint as reserved,
        coalesce(sum(delta_minor) filter (where bucket = 'PAID'), 0)::bigint as paid,
        coalesce(sum(delta_minor) filter (where bucket = 'RECOVERED'), 0)::bigint as recovered
    from bank.compensation_movement as movement
    join bank.compensation_posting as posting
        on posting.branch_id = movement.branch_id and posting.movement_id = movement.id
    where movement.branch_id = claim.branch_id and movement.claim_id = claim.id
) as posted on true
cross join lateral (values
    ('reserved', case when claim.status = 'APPROVED' then claim.amount_minor else 0 end, posted.reserved),
    ('paid', case when claim.status = 'PAID' then claim.amount_minor else 0 end, posted.paid),
    ('recovered', claim.recovered_minor, posted.recovered)
) as expected (kind, cached, replayed)
where expected.cached <> expected.replayed
union all
select 'enrolment ' || enrolment.id, 'claimed', enrolment.claimed_minor, coalesce(claimed.amount, 0)::bigint
from bank.compensation_enrolment as enrolment
left join (
    select branch_id, enrolment_id, sum(amount_minor - recovered_minor) as amount
    from bank.compensation_claim
    where status <> 'REJECTED'
    group by branch_id, enrolment_id
) as claimed on claimed.branch_id = enrolment.branch_id and claimed.enrolment_id = enrolment.id
where enrolment.claimed_minor <> coalesce(claimed.amount, 0)
order by 1, 2
"""


async def verify(transaction: Transaction) -> list[Difference]:
    """Every cached figure that is not what the movements make it; none, as long as the books are right.

    In headquarters' scope, in one snapshot (repeatable read), or while nothing moves.
    """
    a, p = compensation_account, compensation_posting
    cached = {(row["fund_id"], row["funder"]): account_of(row) for row in await transaction.rows(select(a))}
    posted = [
        Posted((row["fund_id"], row["funder"]), FundBucket(row["bucket"]), row["delta_minor"])
        for row in await transaction.rows(select(p.c.fund_id, p.c.funder, p.c.bucket, p.c.delta_minor))
    ]
    found = list(differences(cached, posted))
    rows = await transaction.rows(text(_CLAIMS))
    found += [Difference(f"{row['what']}: {row['kind']}", row["cached"], row["replayed"]) for row in rows]
    return found
