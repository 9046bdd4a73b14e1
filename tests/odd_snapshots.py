"""What was kept of two months' ends: of every unit's own limit and its segments', and how evenly all was spread."""

from __future__ import annotations

import asyncpg

_MONTHS = """
    insert into bank.quota_month (month_end, taken_on)
    values ('2023-12-31', '2024-01-01'), ('2024-01-31', '2024-02-01')
"""
_QUOTAS = """
    insert into bank.quota_snapshot (branch_id, id, month_end, node_id, kind, segment, product, currency,
        granted_minor, earmarked_minor, reserved_minor, utilised_minor, committed_minor)
    select n.branch_id, md5('kept' || n.id || m.month_end)::uuid, m.month_end, n.id, n.kind, n.segment_value,
        case when n.kind = 'SUBLIMIT' and n.branch_id % 2 = 0 then 'MORTGAGE' end, n.currency,
        case when n.status = 'ACTIVE' then n.sanctioned_minor else 0 end, n.branch_id, 200, 300, 600
    from bank.limit_node n cross join bank.quota_month m
    where n.kind in ('BANK', 'REGION', 'BRANCH') or n.kind = 'SUBLIMIT' and n.client_id is null
"""
_SPREADS = """
    insert into bank.allocation_snapshot (month_end, spread_of, spread_over, measure, currency, value, group_count,
        total_minor)
    select m.month_end, o.spread_of, 'BRANCH', k.measure, 'CNY', case o.spread_of when 'GRANTED' then 0.25 end, 4,
        case o.spread_of when 'GRANTED' then 1000 else 0 end
    from bank.quota_month m cross join (values ('GRANTED'), ('UTILISED')) o (spread_of)
    cross join (values ('HHI'), ('GINI')) k (measure)
"""


async def keep_everything(administrator: asyncpg.Connection) -> None:
    """Fill every table of month ends; limits are there already."""
    for statement in (_MONTHS, _QUOTAS, _SPREADS):
        await administrator.execute(statement)
