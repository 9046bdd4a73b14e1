"""Opening the books: every unit's own limit, and what has been lent already as commitments on the ledger.

Asked again, it adds what has come since and changes nothing else. A limit that is too small for what was lent is
over its limit from the beginning: nothing new, and nothing is made up.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from uuid_utils.compat import uuid7

from domain.limits.nodes import NodeKind
from domain.organisation import Organisation, Unit, UnitKind
from tenants.limits.reading import lock_nodes
from tenants.limits.rows import key_of
from tenants.limits.shipped import Sizing, shipped_sizing
from tenants.organisation import read_organisation
from tenants.tables.rules import SHIPPED_BY
from tenants.transaction import Transaction

KINDS = {
    UnitKind.HEADQUARTERS: NodeKind.BANK,
    UnitKind.REGION: NodeKind.REGION,
    UnitKind.BRANCH: NodeKind.BRANCH,
    UnitKind.SUB_BRANCH: NodeKind.BRANCH,
}
STATEMENT_LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Opened:
    """How many units' own limits and commitments were opened; how many facilities were left aside."""

    nodes: int
    commitments: int
    left_aside: int


_TOPS = """
select n.branch_id, n.id from bank.limit_node n
where n.kind in ('BANK', 'REGION', 'BRANCH') and n.status <> 'CLOSED'
"""
_GRANTED = """
select f.branch_id,
    sum(case when f.revolving or f.status = 'APPROVED' then greatest(f.limit_minor, f.outstanding_minor)
        else f.outstanding_minor end)::bigint as granted
from bank.facility f
where f.status in ('APPROVED', 'ACTIVE') and f.currency = $1
group by f.branch_id
"""
_OPEN = f"""
with made as (
    insert into bank.limit_node (branch_id, id, kind, name, parent_branch_id, parent_id, currency, sanctioned_minor,
        dealt_minor, sharing, valid_from, valid_until, status, created_by, approved_by)
    select u.branch_id, u.id, u.kind, unit.name, u.parent_branch_id, u.parent_id, $8, u.sanctioned, u.dealt,
        'RING_FENCED', $9, $10, 'ACTIVE', '{SHIPPED_BY}', $11
    from unnest($1::int[], $2::uuid[], $3::text[], $4::int[], $5::uuid[], $6::bigint[], $7::bigint[])
        u (branch_id, id, kind, parent_branch_id, parent_id, sanctioned, dealt)
    join bank.unit on unit.id = u.branch_id
    returning branch_id, id, sanctioned_minor, currency
)
insert into bank.limit_movement (branch_id, id, node_id, operation, amount_minor, currency, value_date, actor)
select branch_id, app.limit_row_id(), id, 'OPEN', sanctioned_minor, currency, app.today(), $11 from made
"""
# On the nearest limit of the client and product, else the client's, else the branch's own; only where everything on
# the way up is in one currency and nothing is fenced, so that what is posted is the same on every level.
_COMMIT = """
with recursive fresh as materialized (
    select f.branch_id, app.limit_row_id() as id, app.limit_row_id() as movement_id, f.id as facility_id,
        f.client_id, f.product, f.currency, f.outstanding_minor as utilised,
        case when f.revolving or f.status = 'APPROVED' then greatest(f.limit_minor - f.outstanding_minor, 0)
            else 0 end as reserved,
        nullif(f.term_months, 0) as tenor_months, f.matures_on,
        least(coalesce(f.disbursed_on, f.approved_on, app.today()), app.today()) as opened_on,
        (
            select n.id from bank.limit_node n
            where n.branch_id = f.branch_id and n.currency = f.currency
                and n.status in ('ACTIVE', 'FROZEN', 'EXPIRED')
                and (n.client_id = f.client_id and (n.kind = 'CLIENT' or n.product = f.product
                    and n.kind in ('FACILITY', 'SUBLIMIT')) or n.kind = 'BRANCH')
            order by n.kind = 'BRANCH', n.kind = 'CLIENT', n.id
            limit 1
        ) as node_id
    from bank.facility f
    where f.status in ('APPROVED', 'ACTIVE')
        and not exists (
            select from bank.limit_commitment k where k.branch_id = f.branch_id and k.facility_id = f.id
        )
), leaf as materialized (
    select distinct branch_id, node_id from fresh where node_id is not null
), path as (
    select leaf.branch_id, leaf.node_id as leaf, n.id, n.inner_parent_id,
        n.inner_parent_id is null or (n.sharing = 'SHARED' and n.parent_rate = 1) as is_plain
    from leaf join bank.limit_node n on n.branch_id = leaf.branch_id and n.id = leaf.node_id
    union all
    select path.branch_id, path.leaf, n.id, n.inner_parent_id,
        n.inner_parent_id is null or (n.sharing = 'SHARED' and n.parent_rate = 1)
    from path join bank.limit_node n on n.branch_id = path.branch_id and n.id = path.inner_parent_id
), plain as materialized (
    select branch_id, leaf from path group by branch_id, leaf having bool_and(is_plain)
), taken as materialized (
    select fresh.* from fresh
    join plain on plain.branch_id = fresh.branch_id and plain.leaf = fresh.node_id
    where fresh.utilised + fresh.reserved > 0
), promised as (
    insert into bank.limit_commitment (branch_id, id, node_id, client_id, product, currency, status,
        reserved_minor, utilised_minor, granted_minor, facility_id, tenor_months, opened_on, moved_on)
    select branch_id, id, node_id, client_id, product, currency,
        case when utilised > 0 then 'UTILISED' else 'RESERVED' end, reserved, utilised, reserved + utilised,
        facility_id, tenor_months, opened_on, app.today()
    from taken
    returning 1
), told as (
    insert into bank.limit_movement (branch_id, id, commitment_id, node_id, operation, amount_minor, currency,
        value_date, actor, reason)
    select branch_id, movement_id, id, node_id, 'OPEN', reserved + utilised, currency, app.today(), $1,
        'opening of the books'
    from taken
), entry as materialized (
    select path.branch_id, taken.movement_id, path.id as node_id, said.bucket, said.delta
    from taken
    join path on path.branch_id = taken.branch_id and path.leaf = taken.node_id
    cross join lateral (
        values ('RESERVED', taken.reserved), ('UTILISED', taken.utilised)
    ) said (bucket, delta)
    where said.delta <> 0
), posted as (
    insert into bank.limit_posting (branch_id, movement_id, node_id, bucket, delta_minor)
    select branch_id, movement_id, node_id, bucket, delta from entry
), more as (
    select branch_id, node_id, coalesce(sum(delta) filter (where bucket = 'RESERVED'), 0)::bigint as reserved,
        coalesce(sum(delta) filter (where bucket = 'UTILISED'), 0)::bigint as utilised
    from entry group by branch_id, node_id
), balanced as (
    update bank.limit_node n set reserved_minor = n.reserved_minor + more.reserved,
        utilised_minor = n.utilised_minor + more.utilised,
        over_limit = n.committed_minor + more.reserved + more.utilised > (1 + n.tolerance) * least(
            n.sanctioned_minor + case when app.today() between n.addition_from and n.addition_until
                then n.addition_minor else 0 end,
            n.collateral_cap_minor, n.regulatory_cap_minor),
        updated_at = now()
    from more where n.branch_id = more.branch_id and n.id = more.node_id
)
select (select count(*) from promised)::int as commitments,
    (select count(*) from fresh where utilised + reserved > 0)::int as wanted
"""
# Two who open at once follow each other: the second finds it done.
_ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtext('branchgraph opening of the books'))"
_TODAY = "select app.today() as day"


async def open_books(transaction: Transaction, sizing: Sizing | None = None) -> Opened:
    """Open what is missing. The transaction is headquarters', and its scope holds every unit."""
    nodes = await open_tops(transaction, sizing)
    commitments, left_aside = await open_commitments(transaction)
    return Opened(nodes, commitments, left_aside)


async def open_tops(transaction: Transaction, sizing: Sizing | None = None) -> int:
    """Give every unit its own limit, sized by what has been granted below it, where it has none; how many were.

    Nothing is opened below limits that the bank has made itself: those it deals by hand.
    """
    sizing = sizing or shipped_sizing()
    await transaction.fetch(_ONE_AT_A_TIME, ())
    organisation = await read_organisation(transaction)
    there = {row["branch_id"] for row in await transaction.fetch(_TOPS, ())}
    if there or not len(organisation):
        return 0
    granted = {
        row["branch_id"]: row["granted"] for row in await transaction.fetch(_GRANTED, (sizing.currency,))
    }
    day: dt.date = (await transaction.fetch(_TODAY, ()))[0]["day"]
    amounts, dealt = _sized(organisation, granted, sizing)
    ids = {unit.id: uuid7() for unit in _from_the_top(organisation)}
    units = list(_from_the_top(organisation))
    await transaction.connection.fetch(
        _OPEN,
        [unit.id for unit in units],
        [ids[unit.id] for unit in units],
        [KINDS[unit.kind].value for unit in units],
        [unit.parent_id for unit in units],
        [None if unit.parent_id is None else ids[unit.parent_id] for unit in units],
        [amounts[unit.id] for unit in units],
        [dealt[unit.id] for unit in units],
        sizing.currency,
        day.replace(month=1, day=1),
        dt.date(day.year + sizing.years, 12, 31),
        "operator",
        timeout=STATEMENT_LIMIT_S,
    )
    return len(units)


async def open_commitments(transaction: Transaction) -> tuple[int, int]:
    """Put what was lent and is not on the ledger yet on it; how many facilities were, how many left aside.

    What is owed is utilised; what may still be drawn of a revolving or approved facility is reserved.
    """
    await transaction.fetch(_ONE_AT_A_TIME, ())
    tops = [key_of(row["branch_id"], row["id"]) for row in await transaction.fetch(_TOPS, ())]
    await lock_nodes(transaction, tops)
    row = (await transaction.connection.fetch(_COMMIT, "operator", timeout=STATEMENT_LIMIT_S))[0]
    return row["commitments"], row["wanted"] - row["commitments"]


def _sized(
    organisation: Organisation, granted: dict[int, int], sizing: Sizing
) -> tuple[dict[int, int], dict[int, int]]:
    """What each unit's own limit comes to, and what of it is dealt to the units below."""
    amounts: dict[int, int] = {}
    dealt: dict[int, int] = {unit.id: 0 for unit in organisation}
    for unit in reversed(list(_from_the_top(organisation))):
        lends = unit.kind in (UnitKind.BRANCH, UnitKind.SUB_BRANCH)
        own = granted.get(unit.id, 0)
        room = sizing.branch_headroom if lends else sizing.upper_headroom
        wanted = Decimal(own) * (1 + room) if lends else Decimal(dealt[unit.id]) * room
        least = sizing.least_branch_minor if lends else 0
        step = Decimal(sizing.rounded_to_minor)
        rounded = int((max(wanted, Decimal(least)) / step).to_integral_value(ROUND_CEILING)) * int(step)
        amounts[unit.id] = rounded + dealt[unit.id]
        if unit.parent_id is not None:
            dealt[unit.parent_id] += amounts[unit.id]
    return amounts, dealt


def _from_the_top(organisation: Organisation) -> Iterable[Unit]:
    return sorted(organisation, key=lambda unit: (len(organisation.ancestors(unit.id)), unit.id))
