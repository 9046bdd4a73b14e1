"""How quotas were used in the last months: by the snapshots of their ends; by the ledger where none was taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from domain.allocation.reclaiming import Month
from tenants.database import Transaction

NodeKey = tuple[int, UUID]

# Of a month that nobody has taken: utilised is what was posted with a value date until its end, granted what the
# terms said then.
_MONTHS = """
with quota as materialized (
    select c.branch_id, c.node_id, n.name, n.currency, n.sanctioned_minor, n.committed_minor
    from bank.allocation_cell c
    join bank.limit_node n on n.branch_id = c.branch_id and n.id = c.node_id and n.status = 'ACTIVE'
    where c.run_id = $1 and c.status = 'ADOPTED'
),
month as (
    select (date_trunc('month', app.today()) - make_interval(months => k))::date as first_day
    from generate_series(1, $2::int) as k
)
select
    quota.*, month.first_day as month,
    coalesce(taken.granted_minor, version.sanctioned_minor + version.addition_minor) as granted,
    coalesce(taken.utilised_minor, used.minor, 0)::bigint as utilised
from quota
cross join month
join bank.limit_node_version as version
    on version.branch_id = quota.branch_id and version.node_id = quota.node_id
    and version.valid_from < month.first_day + interval '1 month'
    and version.valid_until >= month.first_day + interval '1 month'
left join bank.quota_snapshot as taken
    on taken.branch_id = quota.branch_id and taken.node_id = quota.node_id
    and taken.month_end = (month.first_day + interval '1 month' - interval '1 day')::date
left join lateral (
    select sum(p.delta_minor) as minor
    from bank.limit_posting as p
    join bank.limit_movement as m on m.branch_id = p.branch_id and m.id = p.movement_id
    where taken.id is null and p.branch_id = quota.branch_id and p.node_id = quota.node_id and p.bucket = 'UTILISED'
        and m.value_date < month.first_day + interval '1 month'
) as used on true
order by quota.branch_id, quota.node_id, month.first_day
"""


@dataclass(frozen=True, slots=True)
class Used:
    """A quota as it is now, and its last months in order."""

    name: str
    currency: str
    granted: int
    committed: int
    months: tuple[Month, ...]


async def last_months(transaction: Transaction, run_id: int, count: int) -> Mapping[NodeKey, Used]:
    """The segments' quotas of the run in force, with so many whole months as there were terms for."""
    found: dict[NodeKey, Used] = {}
    for row in await transaction.fetch(_MONTHS, (run_id, count)):
        key = (row["branch_id"], row["node_id"])
        month = Month(row["month"], row["granted"], row["utilised"])
        known = found.get(key)
        months = (*known.months, month) if known else (month,)
        found[key] = Used(
            row["name"], row["currency"], row["sanctioned_minor"], row["committed_minor"], months
        )
    return found
