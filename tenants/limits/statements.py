"""The text of the one statement that writes a booking, put together of the sections that it needs.

`held` locks the nodes in their order; `ready` says whether everything is as it was decided upon; every other
section writes only then. With all values null nothing is held, nothing is ready, and nothing is written.
"""

from __future__ import annotations

from functools import lru_cache

from tenants.actions.once import KEEP

_NODES = """
wanted as materialized (
    select * from unnest(
        {0}::int[], {1}::uuid[], {2}::int[], {3}::bigint[], {4}::bigint[], {5}::boolean[], {6}::bigint[],
        {7}::bigint[], {8}::bigint[], {9}::bigint[], {10}::bigint[], {11}::boolean[]
    ) w (branch_id, id, version, lowest, highest, was_over, earmarked, reserved, utilised, idle_fenced, consumed,
        is_over)
), held as materialized (
    select n.branch_id, n.id from bank.limit_node n
    join wanted w on n.branch_id = w.branch_id and n.id = w.id
    where n.version = w.version and n.over_limit = w.was_over and n.committed_minor between w.lowest and w.highest
    order by n.branch_id, n.id
    for no key update of n
), {shares}ready as materialized (
    select (select count(*) from held) = cardinality({1}::uuid[]){shared} as is_ready
), balanced as (
    update bank.limit_node n set earmarked_minor = n.earmarked_minor + w.earmarked,
        reserved_minor = n.reserved_minor + w.reserved, utilised_minor = n.utilised_minor + w.utilised,
        idle_fenced_minor = n.idle_fenced_minor + w.idle_fenced, consumed_minor = n.consumed_minor + w.consumed,
        over_limit = w.is_over, updated_at = now(), last_movement_id = case
            when w.earmarked = 0 and w.reserved = 0 and w.utilised = 0 then n.last_movement_id else {12}::uuid
        end
    from ready, wanted w
    where ready.is_ready and n.branch_id = w.branch_id and n.id = w.id
    returning 1
)"""
# The function sees what was committed before the nodes were locked, since it needs their number: whoever puts a cap
# into force locks them too.
# A cap on loans counts nothing yet, but no more is promised than could be drawn (`formulas.cap_room`).
_SHARES = """
share as materialized (
    select found.* from (select count(*) as nodes from held) locked
    cross join lateral app.locked_caps({0} + 0 * locked.nodes::int, {1}, {2}, {3}, {4}, null, {5}) found
    where locked.nodes = cardinality({nodes}::uuid[])
), """
_SHARED = """ and not exists (
        select from share where share.over_limit or share.used_minor + {6}::bigint > share.share_minor
    )"""
_SHARES_TAKEN = """
capped as materialized (
    select app.take_share({0}, share.cap_id, share.subject, {6}::bigint)
    from ready, share where ready.is_ready and share.counts = 'EXPOSURE'
), counted as (
    insert into bank.cap_posting (branch_id, movement_id, cap_id, subject, commitment_id, delta_minor)
    select {0}::int, {7}::uuid, share.cap_id, share.subject, {8}::uuid, {6}::bigint
    from ready, share where ready.is_ready and share.counts = 'EXPOSURE'
)"""
_PROMISED = """
promise as (
    insert into bank.limit_commitment (branch_id, id, node_id, client_id, product, currency, status,
        earmarked_minor, reserved_minor, utilised_minor, granted_minor, expires_at, tenor_months, syndication_id,
        overridden_by, opened_on, moved_on)
    select {0}::int, {1}::uuid, {2}::uuid, {3}::uuid, {4}::text, {5}::text, {6}::text, {7}::bigint, {8}::bigint,
        {9}::bigint, {10}::bigint, {11}::timestamptz, {12}::int, {13}::uuid, {14}::text, {15}::date, {16}::date
    from ready where ready.is_ready
    returning 1
)"""
_CHANGED = """
promise as (
    update bank.limit_commitment k set status = {3}, earmarked_minor = {4}, reserved_minor = {5},
        utilised_minor = {6}, granted_minor = {7}, expires_at = {8}, overridden_by = {9}, moved_on = {10},
        version = k.version + 1, updated_at = now()
    from ready
    where ready.is_ready and k.branch_id = {0} and k.id = {1} and k.version = {2}
    returning 1
)"""
_TOLD = """
told as (
    insert into bank.limit_movement (branch_id, id, commitment_id, node_id, operation, amount_minor, currency,
        value_date, reason, reverses_id, before, after, actor, idempotency_key, payload_sha256)
    select m.*, {12}, {13}, {14}
    from ready, unnest(
        {0}::int[], {1}::uuid[], {2}::uuid[], {3}::uuid[], {4}::text[], {5}::bigint[], {6}::text[], {7}::date[],
        {8}::text[], {9}::uuid[], {10}::jsonb[], {11}::jsonb[]
    ) m
    where ready.is_ready
)"""
_POSTED = """
posted as (
    insert into bank.limit_posting (branch_id, movement_id, node_id, bucket, delta_minor)
    select {0}::int, {1}::uuid, p.node_id, p.bucket, p.delta
    from ready, unnest({2}::uuid[], {3}::text[], {4}::bigint[]) p (node_id, bucket, delta)
    where ready.is_ready
)"""
_CAPPED = """
capped as (
    update bank.cap_share s set used_minor = s.used_minor + c.delta
    from ready, unnest({3}::int[], {4}::text[], {5}::bigint[]) c (cap_id, subject, delta)
    where ready.is_ready and s.branch_id = {0} and s.cap_id = c.cap_id and s.subject = c.subject
), counted as (
    insert into bank.cap_posting (branch_id, movement_id, cap_id, subject, commitment_id, delta_minor)
    select {0}::int, {1}::uuid, c.cap_id, c.subject, {2}::uuid, c.delta
    from ready, unnest({3}::int[], {4}::text[], {5}::bigint[]) c (cap_id, subject, delta)
    where ready.is_ready
)"""
_KEPT = (
    f"kept as ({KEEP} select {{0}}::int, {{1}}::text, {{2}}::text, {{3}}::text, {{4}}::text, {{5}}::jsonb "
    "from ready where ready.is_ready)"
)
_SECTIONS = {
    "shares": _SHARES_TAKEN,
    "promised": _PROMISED,
    "changed": _CHANGED,
    "told": _TOLD,
    "posted": _POSTED,
    "capped": _CAPPED,
    "kept": _KEPT,
}


@lru_cache(maxsize=64)
def statement_of(sections: tuple[tuple[str, int], ...]) -> str:
    """The one statement, of the sections that are needed, each with how many values it takes."""
    numbered: dict[str, list[str]] = {}
    taken_up = 0
    for name, count in sections:
        numbered[name] = [f"${taken_up + place}" for place in range(1, count + 1)]
        taken_up += count
    shares = shared = ""
    if "shares" in numbered:
        shares = _SHARES.format(*numbered["shares"], nodes=numbered["nodes"][1])
        shared = _SHARED.format(*numbered["shares"])
    parts = [_NODES.format(*numbered["nodes"], shares=shares, shared=shared)]
    parts += [_SECTIONS[name].format(*numbered[name]) for name, _ in sections if name in _SECTIONS]
    promises = "(select count(*) from promise)" if {"promised", "changed"} & {*numbered} else "0"
    # Asked for, so that it is done.
    shares = ", (select count(*) from capped) as shares" if "shares" in numbered else ""
    told = f"(select is_ready from ready) as is_ready, {promises} as commitments{shares}"
    return f"with {', '.join(parts)} select {told}"
