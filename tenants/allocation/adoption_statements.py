"""The statements of an adoption: some units' at a time, but for what is asked about all of them."""

from __future__ import annotations

from collections.abc import Sequence

from tenants.allocation.held import UNSEGMENTED, held

TOPS = "('BANK', 'REGION', 'BRANCH')"

NARROW = "select set_config('app.branches', $1, true)"


def anew(text: str, units: Sequence[int]) -> str:
    """A statement over the rows of some units, to be planned for so many: else each is compared with every other.

    Not by `plan_cache_mode`, which would plan every look-up of a foreign key anew as well.
    """
    return f"{text}-- from unit {units[0]} on"


LOCK = f"""
select count(*) from (
    select 1 from bank.limit_node
    where branch_id = any ($2::int[]) and status <> 'CLOSED' and (kind in {TOPS} or segment_dimension = $1)
    order by branch_id, id
    for update
) as locked
"""

UNREADY = f"""
select unit.name, top.status, top.currency
from bank.unit
left join bank.limit_node as top on top.branch_id = unit.id and top.kind in {TOPS} and top.status <> 'CLOSED'
where top.id is null or top.status not in ('ACTIVE', 'FROZEN') or top.currency <> $1 or top.parent_rate <> 1
order by unit.id
limit 4
"""

# A segment that has commitments now and had no cell then gets one of nothing: it is among what has grown.
CELLS = f"""
with {held("$4")}
insert into bank.allocation_cell (
    branch_id, id, run_id, run_name, period_from, period_until, segment_dimension, segment_value, currency,
    committed_minor, asked_minor, granted_minor, sublimit_minor, held_back_by, explanation, node_id
)
select
    coalesce(p.unit_id, held.branch_id), app.limit_row_id(), $3, run.name, run.period_from, run.period_until, $1,
    coalesce(p.segment_value, held.segment), $2,
    coalesce(held.elsewhere + held.in_quota, 0), coalesce(p.asked_minor, 0), coalesce(p.granted_minor, 0),
    greatest(coalesce(p.granted_minor, 0) - coalesce(held.elsewhere, 0), 0), p.held_back_by, p.explanation,
    case
        when coalesce(p.segment_value, held.segment) <> '{UNSEGMENTED}'
            then coalesce(held.quota_id, app.limit_row_id())
    end
from (select * from bank.allocation_proposal where run_id = $3 and unit_id = any ($4::int[])) as p
full join held on held.branch_id = p.unit_id and held.segment = p.segment_value
join bank.allocation_run as run on run.id = $3
where p.unit_id is not null or held.elsewhere > 0 or held.quota_id is not null
returning branch_id, node_id, segment_value, sublimit_minor
"""

GROWN = """
select unit.name, cell.segment_value, cell.granted_minor, cell.committed_minor
from bank.allocation_cell as cell
join bank.unit on unit.id = cell.branch_id
where cell.run_id = $1 and cell.granted_minor < cell.committed_minor
order by cell.branch_id, cell.segment_value
"""

SUPERSEDE = """
update bank.allocation_cell set status = 'SUPERSEDED'
where branch_id = any ($2::int[]) and run_id <> $1 and status = 'ADOPTED'
"""

# What a fence holds and nobody uses: before and after, for the sum that stands in the branch's own limit.
SUBLIMITS = """
with cell as materialized (
    select
        c.branch_id, c.node_id, c.segment_value, c.sublimit_minor as wanted,
        n.id is not null as is_known,
        n.id is null or (n.sanctioned_minor, n.sharing) <> (c.sublimit_minor, $2) as changes,
        n.sanctioned_minor, n.sharing,
        coalesce(n.earmarked_minor + n.reserved_minor + n.utilised_minor, 0) as total,
        coalesce(n.idle_fenced_minor, 0) as idle
    from unnest($8::int[], $9::uuid[], $10::text[], $11::bigint[])
        as c (branch_id, node_id, segment_value, sublimit_minor)
    left join bank.limit_node as n on n.branch_id = c.branch_id and n.id = c.node_id
),
changed as (
    update bank.limit_node as n
    set sanctioned_minor = cell.wanted, sharing = $2, period_id = $1, over_limit = false,
        version = n.version + cell.changes::int, updated_at = now()
    from cell
    where n.branch_id = cell.branch_id and n.id = cell.node_id
),
made as (
    insert into bank.limit_node (
        branch_id, id, kind, name, parent_branch_id, parent_id, segment_dimension, segment_value, period_id,
        currency, sanctioned_minor, sharing, valid_from, valid_until, status, created_by, approved_by
    )
    select
        cell.branch_id, cell.node_id, 'SUBLIMIT', cell.segment_value, cell.branch_id, top.id, $3,
        cell.segment_value, $1, $4, cell.wanted, $2, greatest(top.valid_from, least(app.today(), top.valid_until)),
        top.valid_until, 'ACTIVE', $5, $6
    from cell
    join bank.limit_node as top on top.branch_id = cell.branch_id and top.kind = 'BRANCH' and top.status <> 'CLOSED'
    where not cell.is_known
),
written as (
    insert into bank.limit_movement (
        branch_id, id, node_id, operation, amount_minor, currency, value_date, actor, reason, before, after
    )
    select
        branch_id, app.limit_row_id(), node_id, 'ALLOCATE', wanted, $4, app.today(), $6, $7,
        case when is_known then jsonb_build_object('sanctioned', sanctioned_minor) end,
        jsonb_build_object('sanctioned', wanted)
    from cell
    where changes
)
select
    branch_id,
    sum(
        case when $2 = 'RING_FENCED' then greatest(wanted, total + idle) - total else idle end
        - case when sharing = 'RING_FENCED' then greatest(sanctioned_minor, total + idle) - total else idle end
    )::bigint as more_idle
from cell
group by branch_id
"""

UNITS = f"""
select
    top.branch_id, top.parent_branch_id, unit.name, top.addition_minor,
    least(top.collateral_cap_minor, top.regulatory_cap_minor) as most,
    top.committed_minor - top.dealt_minor as taken
from bank.limit_node as top
join bank.unit on unit.id = top.branch_id
where top.kind in {TOPS} and top.status <> 'CLOSED'
"""

OWN = "select branch_id, sum(granted_minor)::bigint as own from bank.allocation_cell where run_id = $1 group by 1"

DEAL = f"""
with wanted as materialized (
    select * from unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[])
        as w (branch_id, sanctioned, dealt, more_idle)
),
before as materialized (
    select n.branch_id, n.id, n.sanctioned_minor
    from bank.limit_node as n join wanted using (branch_id)
    where n.kind in {TOPS} and n.status <> 'CLOSED'
),
changed as (
    update bank.limit_node as n
    set sanctioned_minor = w.sanctioned, dealt_minor = w.dealt, period_id = $5, over_limit = false,
        idle_fenced_minor = n.idle_fenced_minor + w.more_idle, version = n.version + 1, updated_at = now()
    from wanted as w
    where n.branch_id = w.branch_id and n.branch_id = any ($1::int[]) and n.kind in {TOPS} and n.status <> 'CLOSED'
    returning n.branch_id, n.id, n.sanctioned_minor, n.currency
)
insert into bank.limit_movement (
    branch_id, id, node_id, operation, amount_minor, currency, value_date, actor, reason, before, after
)
select
    n.branch_id, app.limit_row_id(), n.id, 'ALLOCATE', n.sanctioned_minor, n.currency, app.today(), $6, $7,
    jsonb_build_object('sanctioned', before.sanctioned_minor), jsonb_build_object('sanctioned', n.sanctioned_minor)
from changed as n
join before using (branch_id, id)
where before.sanctioned_minor <> n.sanctioned_minor
"""
