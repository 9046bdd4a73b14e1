"""Month ends: what every unit had been granted and held, and how evenly it was spread.

A month is taken after it has ended by the bank's day, once, in one transaction. It is read from the terms that were
kept and from what had been posted by its last day's end: whoever takes it later, takes the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.concentration import MEASURES, SpreadOf, SpreadOver
from domain.money import LARGEST_MINOR
from tenants.database import Database
from tenants.organisation import Directory
from tenants.segments.recording import FOR_ALL_CLIENTS, STATEMENT_LIMIT_S
from tenants.transaction import Transaction

# Not at once: what was begun before midnight is recorded there, and may be committed a little later.
_MISSING = """
select month.last
from (
    select (first + interval '1 month' - interval '1 day')::date as last
    from generate_series(
        date_trunc('month', (select min(valid_from) from bank.limit_node_version) at time zone 'UTC'),
        app.today()::timestamp - interval '1 month',
        interval '1 month'
    ) as first
) as month
where (month.last + 1)::timestamp at time zone 'UTC' + interval '5 minutes' <= app.moment()
and not exists (select from bank.quota_month m where m.month_end = month.last)
order by month.last
"""
_BEGIN = """
insert into bank.quota_month (month_end, taken_on) values ($1, app.today())
on conflict (month_end) do nothing
returning month_end
"""
# A statement that makes a table takes no parameters.
_STATES = """
create temporary table limit_then on commit drop as
select * from app.limit_states_then('{BRANCHES}', 'MONTH_END') where status <> 'CLOSED'
"""
# By the letter of the industry's section; what is not known to be of an industry is of none.
_INDUSTRIES = """
create temporary table industry_then on commit drop as
select held.currency, left(client.industry_code, 1) as industry, sum(posting.delta_minor)::bigint as utilised
from bank.limit_movement movement
join bank.limit_posting posting on posting.branch_id = movement.branch_id and posting.movement_id = movement.id
    and posting.node_id = movement.node_id and posting.bucket = 'UTILISED'
join bank.limit_commitment held on held.branch_id = movement.branch_id and held.id = movement.commitment_id
join bank.client client on client.branch_id = held.branch_id and client.id = held.client_id
where movement.branch_id = any ('{BRANCHES}') and client.industry_code is not null
and movement.recorded_at < (date 'MONTH_END' + 1)::timestamp at time zone 'UTC'
group by held.currency, left(client.industry_code, 1)
having sum(posting.delta_minor) > 0
"""
# What a unit's own limit holds counts for the units above as well, at each step in the currency of the one above.
_QUOTAS = """
with recursive up (branch_id, id, parent_branch_id, parent_id, rate, earmarked, reserved, utilised, committed) as (
    select s.branch_id, s.id, s.parent_branch_id, s.parent_id, s.parent_rate, s.earmarked_minor::numeric,
        s.reserved_minor::numeric, s.utilised_minor::numeric,
        s.earmarked_minor::numeric + s.reserved_minor + s.utilised_minor + s.idle_fenced_minor
    from limit_then s
    where s.kind in ('BANK', 'REGION', 'BRANCH')
    union all
    select above.branch_id, above.id, above.parent_branch_id, above.parent_id, above.parent_rate,
        up.earmarked * up.rate, up.reserved * up.rate, up.utilised * up.rate, up.committed * up.rate
    from up
    join limit_then above on above.branch_id = up.parent_branch_id and above.id = up.parent_id
), held as (
    select up.branch_id, up.id, app.half_even(sum(up.earmarked)) as earmarked,
        app.half_even(sum(up.reserved)) as reserved, app.half_even(sum(up.utilised)) as utilised,
        app.half_even(sum(up.committed)) as committed
    from up
    group by up.branch_id, up.id
    union all
    select s.branch_id, s.id, s.earmarked_minor, s.reserved_minor, s.utilised_minor,
        s.earmarked_minor + s.reserved_minor + s.utilised_minor + s.idle_fenced_minor
    from limit_then s
    where s.kind = 'SUBLIMIT' and s.segment_value is not null and s.client_id is null
)
insert into bank.quota_snapshot (
    branch_id, id, month_end, node_id, kind, segment, product, currency,
    granted_minor, earmarked_minor, reserved_minor, utilised_minor, committed_minor
)
select s.branch_id, app.limit_row_id(), $1, s.id, s.kind, case when s.kind = 'SUBLIMIT' then s.segment_value end,
    case when s.kind = 'SUBLIMIT' then s.product end, s.currency, s.effective_minor, held.earmarked, held.reserved,
    held.utilised, held.committed
from limit_then s
join held on held.branch_id = s.branch_id and held.id = s.id
where s.status not in ('DRAFT', 'APPROVED')
"""
# Branches with their sub-branches; segments of which branches keep sublimits; industries that owe something.
_SPREADS = """
select 'BRANCH' as over, q.currency, q.branch_id::text as of, q.granted_minor as granted,
    q.utilised_minor as utilised
from bank.quota_snapshot q
join limit_then s on s.branch_id = q.branch_id and s.id = q.node_id
left join limit_then above on above.branch_id = s.parent_branch_id and above.id = s.parent_id
where q.month_end = $1 and q.kind = 'BRANCH' and above.kind is distinct from 'BRANCH'
union all
select 'SEGMENT', q.currency, q.segment, sum(q.granted_minor), sum(q.utilised_minor)
from bank.quota_snapshot q
where q.month_end = $1 and q.kind = 'SUBLIMIT'
group by q.currency, q.segment
union all
select 'INDUSTRY', i.currency, i.industry, null, i.utilised from industry_then i
order by 1, 2, 3
"""
_KEEP = """
insert into bank.allocation_snapshot
    (month_end, spread_of, spread_over, measure, currency, value, group_count, total_minor)
select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::int[], $8::bigint[])
"""


@dataclass(frozen=True, slots=True)
class MonthTaken:
    """A month, and of how many limits something was kept."""

    month_end: dt.date
    limits: int

    def __str__(self) -> str:
        return f"{self.month_end:%Y-%m}: {self.limits:,} limits"


async def take_missing_months(database: Database, directory: Directory) -> list[MonthTaken]:
    """Take every month that has ended and was not taken, the earliest first; each is a transaction of its own."""
    scope = await directory.operator()
    async with database.transaction(scope, fresh=True) as transaction:
        missing = [row["last"] for row in await transaction.fetch(_MISSING, ())]
    taken = []
    for month_end in missing:
        async with database.transaction(scope, write=True) as transaction:
            limits = await take_month(transaction, sorted(scope.branches), month_end)
        if limits is not None:
            taken.append(MonthTaken(month_end, limits))
    return taken


async def take_month(transaction: Transaction, branches: Sequence[int], month_end: dt.date) -> int | None:
    """Take a month; of how many limits. None where somebody else has: who is at it now is waited for."""
    await transaction.connection.execute(FOR_ALL_CLIENTS)
    if not await begin_month(transaction, month_end):
        return None
    for statement in (_STATES, _INDUSTRIES):
        made = statement.replace("BRANCHES", ",".join(map(str, branches))).replace(
            "MONTH_END", f"{month_end}"
        )
        await transaction.connection.execute(made, timeout=STATEMENT_LIMIT_S)
    return await keep_month(transaction, month_end)


async def begin_month(transaction: Transaction, month_end: dt.date) -> bool:
    """Whether the month is this transaction's to take."""
    begun = await transaction.connection.fetchval(_BEGIN, month_end, timeout=STATEMENT_LIMIT_S)
    return begun is not None


async def keep_month(transaction: Transaction, month_end: dt.date) -> int:
    """Keep what stands in `limit_then` and `industry_then`, which are gone afterwards; of how many limits."""
    connection = transaction.connection
    kept = await connection.execute(_QUOTAS, month_end, timeout=STATEMENT_LIMIT_S)
    rows = await connection.fetch(_SPREADS, month_end, timeout=STATEMENT_LIMIT_S)
    spreads = _spreads([(row["over"], row["currency"], row["granted"], row["utilised"]) for row in rows])
    columns = [list(column) for column in zip(*spreads, strict=True)] if spreads else [[] for _ in range(7)]
    await connection.execute(_KEEP, month_end, *columns)
    await connection.execute("drop table limit_then, industry_then")
    return int(kept.rsplit(" ", 1)[1])


def _spreads(
    rows: Sequence[tuple[str, str, int | Decimal | None, int | Decimal | None]],
) -> list[tuple[object, ...]]:
    """Every measure of what is spread over each kind of group, currency by currency.

    Limits that share a room may be granted more together than any amount can be: the total stops there.
    """
    amounts: dict[tuple[SpreadOf, SpreadOver, str], list[int]] = {}
    for over, currency, granted, utilised in rows:
        for spread_of, amount in ((SpreadOf.GRANTED, granted), (SpreadOf.UTILISED, utilised)):
            if amount is not None:
                amounts.setdefault((spread_of, SpreadOver(over), currency), []).append(int(amount))
    return [
        (spread_of, over, measure, currency, reckon(found), len(found), min(sum(found), LARGEST_MINOR))
        for (spread_of, over, currency), found in amounts.items()
        for measure, reckon in MEASURES.items()
    ]
