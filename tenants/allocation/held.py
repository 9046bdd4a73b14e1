"""What each branch has committed, by the segment of whoever it is committed to.

A branch's own node holds what is committed under its segments' sublimits, and what is committed elsewhere: booked
on the node itself, or on nodes of clients, facilities and products. Elsewhere counts for the client's segment of
today. What a fence elsewhere holds and does not use counts as well, for nobody else can have it.
"""

from __future__ import annotations

UNSEGMENTED = "unsegmented"
"""The segment of clients of whom none was recorded; no sublimit is made for it."""

# PostgreSQL cannot tell how many rows of tables never counted meet, and would compare every one with every other.
ALL_AT_ONCE = "set local enable_nestloop = off"
ONE_BY_ONE = "set local enable_nestloop = on"

_HELD = f"""
segment_of as not materialized (
    select branch_id, client_id, value
    from bank.segment_history
    where dimension_code = $1 and valid_until = 'infinity'{{units}}
),
top as materialized (
    select branch_id, id, consumed_minor
    from bank.limit_node
    where kind = 'BRANCH' and status <> 'CLOSED' and currency = $2{{units}}
),
below as (
    select
        n.branch_id,
        n.id,
        coalesce(case when n.segment_dimension = $1 then n.segment_value end, s.value, '{UNSEGMENTED}') as segment,
        n.kind = 'SUBLIMIT' and n.segment_dimension = $1 and n.product is null
            and n.currency = $2 and n.status in ('ACTIVE', 'FROZEN') as may_be_quota,
        n.earmarked_minor + n.reserved_minor + n.utilised_minor + n.idle_fenced_minor as used,
        n.consumed_minor,
        n.sanctioned_minor,
        n.sharing = 'RING_FENCED' and n.status in ('ACTIVE', 'FROZEN', 'EXPIRED') as is_fenced,
        n.parent_rate
    from top
    join bank.limit_node n on n.branch_id = top.branch_id and n.inner_parent_id = top.id
    left join segment_of s on s.branch_id = n.branch_id and s.client_id = n.client_id
    where n.status <> 'CLOSED'
),
-- One sublimit of a segment is its quota, the first; any other is a node like the rest.
child as materialized (
    select *, may_be_quota and 1 = row_number() over (
        partition by branch_id, segment, may_be_quota order by id
    ) as is_quota
    from below
),
found as (
    select
        branch_id, segment,
        case when not is_quota then round(
            case when is_fenced then greatest(sanctioned_minor, used) else used end * parent_rate
        ) end as elsewhere,
        case when is_quota then id end as quota_id,
        case when is_quota then used + consumed_minor end as in_quota
    from child
    union all
    select
        c.branch_id,
        coalesce(s.value, '{UNSEGMENTED}'),
        c.earmarked_minor + c.reserved_minor + c.utilised_minor, null, null
    from top
    join bank.limit_commitment c on c.branch_id = top.branch_id and c.node_id = top.id
        and c.status in ('EARMARKED', 'RESERVED', 'UTILISED')
    left join segment_of s on s.branch_id = c.branch_id and s.client_id = c.client_id
    union all
    select branch_id, '{UNSEGMENTED}', consumed_minor, null, null from top where consumed_minor > 0
),
held as materialized (
    select
        branch_id,
        segment,
        coalesce(sum(elsewhere), 0)::bigint as elsewhere,
        (array_agg(quota_id) filter (where quota_id is not null))[1] as quota_id,
        coalesce(sum(in_quota), 0)::bigint as in_quota
    from found
    group by branch_id, segment
)
"""


def held(units: str = "") -> str:
    """CTEs over $1, the dimension, and $2, the currency; `held` has a row a branch and segment with anything.

    `units` is the parameter that lists the branches to look at; of all, where it is left out.
    """
    return _HELD.format(units=f" and branch_id = any ({units}::int[])" if units else "")
