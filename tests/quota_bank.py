"""Limits in every unit of a bank: its own, clients', products', segments'; and something booked on each."""

from __future__ import annotations

import asyncpg
from limit_bank import TOPS, top

_TOP = """
    insert into bank.limit_node (branch_id, id, kind, name, parent_branch_id, parent_id, currency, sanctioned_minor,
        dealt_minor, sharing, valid_from, valid_until, status, created_by, approved_by)
    values ($1, $2, $3, $3 || $1::int, $4, $5, 'CNY', $6, $7, 'RING_FENCED', '2020-01-01', '2035-12-31', 'ACTIVE',
        'founder', 'second')
"""
_CLIENTS = """
    insert into bank.limit_node (branch_id, id, kind, name, parent_branch_id, parent_id, client_id, currency,
        sanctioned_minor, addition_minor, addition_from, addition_until, collateral_cap_minor, tolerance, sharing,
        parent_rate, valid_from, valid_until, status, created_by, approved_by)
    select c.branch_id, md5('client' || c.id)::uuid, 'CLIENT', 'of a client', c.branch_id, t.id, c.id,
        case when c.n % 3 = 0 then 'JPY' else 'CNY' end, 1000000 * c.n, c.n, '2020-01-01', '2030-01-01', 5000000,
        0.05, case when c.n % 2 = 0 then 'SHARED' else 'RING_FENCED' end, case when c.n % 3 = 0 then 4.7 else 1 end,
        '2020-01-01', '2030-12-31', case when c.n = 5 then 'FROZEN' else 'ACTIVE' end, 'founder', 'second'
    from (select client.*, row_number() over (order by branch_id, id) as n from bank.client) c
    join bank.limit_node t on t.branch_id = c.branch_id and t.kind = 'BRANCH'
    where c.n <> 2
"""
_PRODUCTS = """
    insert into bank.limit_node (branch_id, id, kind, name, parent_branch_id, parent_id, client_id, facility_id,
        product, currency, sanctioned_minor, reinstatement, valid_from, valid_until, status, created_by,
        approved_by)
    select c.branch_id, md5('product' || c.id)::uuid, 'FACILITY', 'of a product', c.branch_id, c.id, c.client_id,
        (select min(f.id::text)::uuid from bank.facility f where f.branch_id = c.branch_id
            and f.client_id = c.client_id), 'TERM_LOAN', c.currency, 400000, 'NON_REVOLVING', '2020-01-01',
        '2030-12-31', 'ACTIVE', 'founder', 'second'
    from bank.limit_node c where c.kind = 'CLIENT'
"""
_SEGMENTS = """
    insert into bank.limit_node (branch_id, id, kind, name, parent_branch_id, parent_id, segment_dimension,
        segment_value, currency, sanctioned_minor, sharing, valid_from, valid_until, status, created_by)
    select t.branch_id, md5('segment' || t.branch_id || s.value)::uuid, 'SUBLIMIT', 'of a segment', t.branch_id,
        t.id, 'relationshipType', s.value, 'CNY', 700000, 'RING_FENCED', '2020-01-01', '2030-12-31', 'DRAFT',
        'founder'
    from bank.limit_node t cross join (values ('STABLE'), ('GROWTH')) s (value) where t.kind = 'BRANCH'
"""
_COMMITMENTS = """
    insert into bank.limit_commitment (branch_id, id, node_id, client_id, product, currency, status,
        earmarked_minor, reserved_minor, utilised_minor, granted_minor, expires_at, syndication_id, overridden_by,
        opened_on, moved_on)
    select n.branch_id, md5(k.status || n.id)::uuid, n.id, n.client_id, 'TERM_LOAN', n.currency, k.status, k.e, k.r,
        k.u, 1000, k.expires_at, case k.status when 'RESERVED' then md5('deal')::uuid end,
        case k.status when 'UTILISED' then 'bo' end, '2024-01-01', '2024-02-01'
    from bank.limit_node n
    cross join (values
        ('EARMARKED', 100, 0, 0, timestamptz '2024-03-01Z'), ('RESERVED', 0, 200, 0, null),
        ('UTILISED', 0, 50, 300, null), ('CANCELLED', 0, 0, 0, null)
    ) k (status, e, r, u, expires_at)
    where n.kind in ('CLIENT', 'FACILITY')
"""
_MOVEMENTS = """
    insert into bank.limit_movement (branch_id, id, commitment_id, node_id, operation, amount_minor, currency,
        value_date, actor, idempotency_key, payload_sha256, reason, before, after, recorded_at)
    select k.branch_id, md5('moved' || k.id)::uuid, k.id, k.node_id, o.operation, 1000, k.currency, '2024-01-01',
        E'"odd"\\t', E'k\\n' || k.id, 'p', E'\\u2028 because', '{"status": "a\\"b"}', '{"status": null}',
        '2024-01-01 12:00:00.000001Z'
    from bank.limit_commitment k
    join (values
        ('EARMARKED', 'EARMARK'), ('RESERVED', 'RESERVE'), ('UTILISED', 'UTILISE'), ('CANCELLED', 'CANCEL')
    ) o (status, operation) on o.status = k.status
"""
_REVERSED = """
    insert into bank.limit_movement (branch_id, id, commitment_id, node_id, operation, amount_minor, currency,
        value_date, actor, reverses_id)
    select m.branch_id, md5('undone' || m.id)::uuid, m.commitment_id, m.node_id, 'REVERSE', null, m.currency,
        '2024-02-01', 'x', m.id
    from bank.limit_movement m where m.operation = 'CANCEL'
"""
_POSTINGS = """
    insert into bank.limit_posting (branch_id, movement_id, node_id, bucket, delta_minor)
    select m.branch_id, m.id, up.id, b.bucket, b.delta
    from bank.limit_movement m
    join bank.limit_commitment k on k.branch_id = m.branch_id and k.id = m.commitment_id
    cross join lateral (values ('EARMARKED', k.earmarked_minor), ('RESERVED', k.reserved_minor),
        ('UTILISED', k.utilised_minor)) b (bucket, delta)
    cross join lateral (
        with recursive up as (
            select n.id, n.inner_parent_id from bank.limit_node n
            where (n.branch_id, n.id) = (m.branch_id, m.node_id)
            union all
            select n.id, n.inner_parent_id from up
            join bank.limit_node n on (n.branch_id, n.id) = (m.branch_id, up.inner_parent_id)
        )
        select up.id from up
    ) up
    where b.delta <> 0
"""
_BALANCES = """
    update bank.limit_node n set earmarked_minor = held.e, reserved_minor = held.r, utilised_minor = held.u,
        over_limit = true
    from (
        select p.branch_id, p.node_id,
            coalesce(sum(p.delta_minor) filter (where p.bucket = 'EARMARKED'), 0) as e,
            coalesce(sum(p.delta_minor) filter (where p.bucket = 'RESERVED'), 0) as r,
            coalesce(sum(p.delta_minor) filter (where p.bucket = 'UTILISED'), 0) as u
        from bank.limit_posting p group by p.branch_id, p.node_id
    ) held
    where held.branch_id = n.branch_id and held.node_id = n.id
"""


async def limit_everything(administrator: asyncpg.Connection) -> None:
    """Fill every table of limits for every branch."""
    for unit, (kind, above, sanctioned) in TOPS.items():
        dealt = sum(amount for _, parent, amount in TOPS.values() if parent == unit)
        above_id = None if above is None else top(above)
        await administrator.execute(_TOP, unit, top(unit), kind, above, above_id, sanctioned, dealt)
    for statement in (
        _CLIENTS,
        _PRODUCTS,
        _SEGMENTS,
        _COMMITMENTS,
        _MOVEMENTS,
        _REVERSED,
        _POSTINGS,
        _BALANCES,
    ):
        await administrator.execute(statement)
    # What segments have is in force where somebody may decide it; elsewhere it stays a draft.
    await administrator.execute(
        "update bank.limit_node set status = 'ACTIVE', approved_by = 'second' where segment_value = 'STABLE'"
    )
    await administrator.execute(
        "update bank.limit_node_version set valid_from = '2023-01-01', valid_until = 'infinity' "
        "where valid_until = 'infinity'"
    )
