"""Where a draw is booked: the leaf, the nodes above it, locked in one fixed order.

Whoever books locks all nodes that it needs in one statement in the order of their keys, then shares of caps, then
the commitment; nobody locks otherwise, so nobody waits in a circle. Every path ends at its tenant's top node: the
bookings of one branch follow each other, and branches never wait for each other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from domain.limits.nodes import CapShare, Commitment, LimitNode, NodeKey
from domain.refusals import Refusal, RefusalCode, not_found
from tenants.at_once import AtOnce, NotAtOnce
from tenants.limits.rows import COMMITMENT_COLUMNS, NODE_COLUMNS, commitment_of, key_of, node_of, share_of
from tenants.segments.statements import with_segments
from tenants.transaction import Transaction

ClientKey = tuple[int, UUID]


@dataclass(frozen=True, slots=True)
class Counted:
    """What falls under caps: a client's product in a currency, for how long; of a commitment that is there."""

    client_id: UUID
    product: str | None
    currency: str
    tenor_months: int | None = None
    commitment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """The way from a leaf to its tenant's top, read and not locked; and what else a booking there has to know."""

    nodes: tuple[LimitNode, ...]
    moment: dt.datetime
    is_due: bool
    """Whether earmarks of the branch have passed their time: what they hold is to be swept first."""
    earmark_days: int
    longest_earmark_days: int
    draws_beyond_reservation: bool
    counted: Counted | None = None
    """Of a path from a commitment's node: what of it falls under caps."""

    @property
    def keys(self) -> tuple[NodeKey, ...]:
        """From the leaf upwards."""
        return tuple(node.key for node in self.nodes)


_FROM_THE_LEAF = f"""
path as (
    select n.id, n.inner_parent_id, 0 as depth
    from leaf join bank.limit_node n on n.branch_id = $1 and n.id = leaf.id
    union all
    select above.id, above.inner_parent_id, path.depth + 1
    from path join bank.limit_node above on above.branch_id = $1 and above.id = path.inner_parent_id
)
select {NODE_COLUMNS}, path.depth, n.client_id, n.product, n.segment_value, known.*, policy.earmark_days,
    policy.longest_earmark_days, policy.draws_beyond_reservation, policy.segment_dimension, app.moment() as moment,
    exists (
        select from bank.limit_commitment k
        where k.branch_id = $1 and k.status = 'EARMARKED' and k.expires_at <= app.moment()
    ) as is_due
from bank.limit_policy policy
cross join known
left join (path join bank.limit_node n on n.branch_id = $1 and n.id = path.id) on true
order by path.depth
"""

_OPEN = "n.status in ('ACTIVE', 'FROZEN', 'EXPIRED')"
# Nearest first; of several at one distance the one that is valid on the day, of this product, the oldest.
_BY_CLIENT = f"""
with recursive leaf as materialized (
    select found.id, found.nearness
    from (
        select n.id, 0 as nearness, n.product, n.valid_from, n.valid_until from bank.limit_node n
        where n.branch_id = $1 and n.id = $4
        union all
        select n.id, case n.kind when 'CLIENT' then 2 else 1 end, n.product, n.valid_from, n.valid_until
        from bank.limit_node n
        where $4::uuid is null and n.branch_id = $1 and n.client_id = $2 and {_OPEN}
            and (n.kind = 'CLIENT' or n.kind in ('FACILITY', 'SUBLIMIT') and n.product = $3)
        union all
        select n.id, 3, n.product, n.valid_from, n.valid_until from bank.limit_node n
        where $4::uuid is null and n.branch_id = $1 and n.kind in ('BANK', 'REGION', 'BRANCH')
            and n.status <> 'CLOSED'
    ) found
    order by found.nearness, ($5::date between found.valid_from and found.valid_until) desc,
        found.product is null, found.id
    limit 1
), known as (
    select (select true from bank.client c where c.branch_id = $1 and c.id = $2) as is_client,
        (select nearness from leaf) as nearness,
        $4::uuid is not null and exists (
            select from bank.limit_node n where n.branch_id = $1 and n.client_id = $2 and {_OPEN}
                and (n.kind = 'CLIENT' or n.kind in ('FACILITY', 'SUBLIMIT') and n.product = $3)
        ) as has_own,
        (select nearness from leaf) in (0, 3) and exists (
            select from bank.limit_node n
            where n.branch_id = $1 and n.segment_value is not null and n.status <> 'CLOSED'
        ) as has_segments,
        app.rules_stamp() as stamp
), {_FROM_THE_LEAF}
"""
_BY_COMMITMENT = f"""
with recursive leaf as materialized (
    select k.node_id as id from bank.limit_commitment k where k.branch_id = $1 and k.id = $2
), known as (
    select k.client_id as of_client, k.product as of_product, k.currency as of_currency, k.tenor_months
    from bank.limit_commitment k where k.branch_id = $1 and k.id = $2
), {_FROM_THE_LEAF}
"""
_BY_NODE = f"""
with recursive leaf as materialized (select $2::uuid as id), known as (select true as is_there), {_FROM_THE_LEAF}
"""
# In front of it stand the rules in force: a client's segment is what it is now.
_OF_SEGMENT = f"""
select n.id from bank.limit_node n
join client_segment s on s.branch_id = $1 and s.client_id = $2 and s.dimension = n.segment_dimension
    and s.value = n.segment_value
where n.branch_id = $1 and n.segment_dimension = $3 and n.client_id is null and {_OPEN}
    and (n.product is null or n.product = $4)
order by ($5::date between n.valid_from and n.valid_until) desc, n.product is null, n.id
limit 1
"""

_LOCK = f"""
select {NODE_COLUMNS} from bank.limit_node n
join unnest($1::int[], $2::uuid[]) wanted (branch_id, id) on n.branch_id = wanted.branch_id and n.id = wanted.id
order by n.branch_id, n.id
for no key update of n
"""
_CAPS = "select * from app.locked_caps($1, $2, $3, $4, $5, $6, $7)"
_ALL_CAPS = """
select count(*) from (
    select 1 from bank.cap_share share
    join (
        select distinct draw.branch_id, counted.cap_id, counted.subject
        from unnest($1::int[], $2::uuid[], $3::text[], $4::text[], $5::int[], $6::uuid[])
            draw (branch_id, client_id, product, currency, tenor_months, commitment_id)
        cross join lateral app.counted_caps(
            draw.branch_id, draw.client_id, draw.product, draw.currency, draw.tenor_months, draw.commitment_id, $7
        ) counted
    ) wanted on wanted.branch_id = share.branch_id and wanted.cap_id = share.cap_id
        and wanted.subject = share.subject
    order by share.branch_id, share.cap_id, share.subject
    for no key update of share
) locked
"""
_COMMITMENT = f"""
select {COMMITMENT_COLUMNS} from bank.limit_commitment k where k.branch_id = $1 and k.id = $2 for no key update
"""


async def path_of_draw(
    transaction: Transaction, client: ClientKey, product: str | None, node: NodeKey | None, day: dt.date
) -> Path | Refusal:
    """The path from the node on which a client draws: the one that is asked for, or the nearest of its own."""
    branch_id, client_id = client
    if node is not None and node[0] != branch_id:
        return not_found("limit", "nodeId")
    asked = (branch_id, client_id, product, node and node[1], day)
    rows = await transaction.fetch(_BY_CLIENT, asked)
    first = rows[0]
    if not first["is_client"]:
        return not_found("client", "clientId")
    if first["depth"] is None:
        return not_found("limit", "nodeId") if node else _no_limit()
    if node is not None and (refusal := _not_for(client_id, product, rows)):
        return refusal
    if first["has_segments"] and not _is_some_clients(rows):
        dimension = first["segment_dimension"]
        of_segment = await _leaf_of_segment(transaction, client, product, dimension, first["stamp"], day)
        if of_segment is not None and node is None:
            return await path_of_node(transaction, of_segment) or _no_limit()
        if of_segment is not None and of_segment[1] not in [row["id"] for row in rows]:
            message = "the branch has a limit for this client's segment: leave this out to draw on that"
            return Refusal(RefusalCode.NO_LIMIT, message, ("nodeId",))
    return _path(rows) or _no_limit()


async def path_of_commitment(transaction: Transaction, commitment: NodeKey) -> Path | None:
    """The path from the node on which a commitment was booked; None where there is none in sight."""
    rows = await transaction.fetch(_BY_COMMITMENT, commitment)
    path = _path(rows) if rows else None
    if path is None:
        return None
    row = rows[0]
    client_id = UUID(int=row["of_client"].int)
    counted = Counted(client_id, row["of_product"], row["of_currency"], row["tenor_months"], commitment[1])
    return replace(path, counted=counted)


async def path_of_node(transaction: Transaction, node: NodeKey) -> Path | None:
    """The path from a node; None where there is none in sight."""
    return _path(await transaction.fetch(_BY_NODE, node))


async def lock_nodes(transaction: Transaction, keys: Collection[NodeKey]) -> dict[NodeKey, LimitNode]:
    """The nodes as they are now, locked until the transaction's end; to be called once in a transaction."""
    wanted = sorted(set(keys))
    rows = await transaction.fetch(_LOCK, ([key[0] for key in wanted], [key[1] for key in wanted]))
    return {node.key: node for node in map(node_of, rows)}


async def lock_caps(
    transaction: Transaction, branch_id: int, counted: Counted, day: dt.date
) -> tuple[CapShare, ...]:
    """The branch's shares of the caps that a draw falls under, locked; after the nodes."""
    asked = (
        branch_id,
        counted.client_id,
        counted.product,
        counted.currency,
        counted.tenor_months,
        counted.commitment_id,
        day,
    )
    return tuple(map(share_of, await transaction.fetch(_CAPS, asked)))


async def lock_caps_of_all(
    transaction: Transaction, draws: Sequence[tuple[int, Counted]], day: dt.date
) -> None:
    """Lock the shares of draws, each beside its branch, in the order of their keys, as whoever deals does."""
    rows = [
        (branch_id, one.client_id, one.product, one.currency, one.tenor_months, one.commitment_id)
        for branch_id, one in draws
    ]
    await transaction.fetch(_ALL_CAPS, (*map(list, zip(*rows, strict=True)), day))


async def lock_commitment(transaction: Transaction, key: NodeKey) -> tuple[Commitment, int | None] | None:
    """The commitment as it is now, with its tenor in months, locked; after the nodes and the caps."""
    rows = await transaction.fetch(_COMMITMENT, key)
    return (commitment_of(rows[0]), rows[0]["tenor_months"]) if rows else None


def along(path: Path, nodes: Mapping[NodeKey, LimitNode]) -> tuple[LimitNode, ...] | None:
    """The path's nodes as they were found when locked; None where one has been moved meanwhile."""
    found = tuple(nodes[key] for key in path.keys if key in nodes)
    moved = [node.parent for node in found] != [node.parent for node in path.nodes]
    return None if moved or len(found) != len(path.nodes) else found


async def _leaf_of_segment(
    transaction: Transaction, client: ClientKey, product: str | None, dimension: str, stamp: str, day: dt.date
) -> NodeKey | None:
    if transaction.rules is None:
        raise RuntimeError("a transaction of the database knows the rules in force")
    known = transaction.rules.known()
    if isinstance(transaction, AtOnce) and (known is None or known.stamp != stamp):
        raise NotAtOnce
    rulebook = await transaction.rules.of(transaction, stamp)
    text = with_segments(_OF_SEGMENT, rulebook, frozenset({dimension}))
    rows = await transaction.fetch(text, (*client, dimension, product, day))
    return key_of(client[0], rows[0]["id"]) if rows else None


def _is_some_clients(rows: list[Any]) -> bool:
    """Whether the way goes over a client's own limit."""
    return any(row["client_id"] is not None and row["kind"] != "GROUP" for row in rows)


def _not_for(client_id: UUID, product: str | None, rows: list[Any]) -> Refusal | None:
    """Why a client may not draw on the limit that was named: it is another's, or would evade the client's own.

    Whose it is, the nearest on the way up says that is some client's; a group's is its members'.
    """
    of_clients = (row["client_id"] for row in rows if row["client_id"] is not None and row["kind"] != "GROUP")
    whose = next(of_clients, None)
    if whose is None and rows[0]["has_own"]:
        message = "this client has a limit of its own: leave this out to draw on that"
    elif whose not in (None, client_id) or rows[0]["product"] not in (None, product):
        message = "this limit is for another client or product: leave it out to draw on the client's own"
    else:
        return None
    return Refusal(RefusalCode.NO_LIMIT, message, ("nodeId",))


def _path(rows: list[Any]) -> Path | None:
    if rows[0]["depth"] is None:
        return None
    first = rows[0]
    return Path(
        tuple(map(node_of, rows)),
        first["moment"],
        first["is_due"],
        first["earmark_days"],
        first["longest_earmark_days"],
        first["draws_beyond_reservation"],
    )


def _no_limit() -> Refusal:
    message = (
        "nothing limits what this client may draw, so nothing may be drawn: open a limit for the branch first"
    )
    return Refusal(RefusalCode.NO_LIMIT, message, ("clientId",))
