"""Dealing shares of concentration caps to branches, in headquarters' scope.

Whoever deals locks the pools first, then shares, in the order of their keys; where something is still to be
counted, top nodes before either. A draw locks nodes and its own branch's shares, and never a pool: none is hot.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from domain.limits.caps import Dealt, Draw, Holding, chunk, deal
from domain.limits.nodes import Counts
from tenants.limits.counting import PoolKey, branches_with_uncounted, count, lock_tops
from tenants.transaction import Transaction

Wanted = dict[PoolKey, dict[int, int]]
"""How much which branch wants to draw on each pool."""

ELSEWHERE = 0
"""Stands for all branches whose shares are not looked at."""


@dataclass(frozen=True, slots=True)
class Brought:
    """Whether the draws have room now; `later` where patience may help. Else the least that any branch could reach
    in a cap, and that cap's name."""

    enough: bool = True
    later: bool = False
    reachable: int | None = None
    binding: str | None = None


@dataclass(slots=True)
class Pool:
    """A pool as it was locked, and the shares of it that have been looked at."""

    name: str
    currency: str
    ceiling: int
    dealt: int
    over_limit: bool
    fraction: Decimal
    holdings: dict[int, Holding] = field(default_factory=dict)

    def whole(self) -> dict[int, Holding]:
        """With the shares that were not looked at, as if all of them were used."""
        rest = self.dealt - sum(one.share for one in self.holdings.values())
        return self.holdings | ({ELSEWHERE: Holding(rest, rest)} if rest else {})


_FALLS = """
select counted.cap_id, counted.subject, cap.counts
from app.counted_caps($1, $2, $3, $4, $5, $6, $7) as counted
join bank.concentration_cap as cap on cap.id = counted.cap_id
"""
_CEILING = """
select coalesce(cap.ceiling_minor, floor(cap.ceiling_fraction * (
    select case cap.ceiling_of when 'TIER_1' then capital.tier_1_minor else capital.net_capital_minor end
    from bank.regulatory_capital as capital
    where capital.currency = cap.currency and capital.day <= app.today()
    order by capital.day desc limit 1
))::bigint, 0)
"""
_FOR_THE_BANK = "select id from bank.concentration_cap where status = 'ACTIVE' and per = 'BANK' order by id"
_OPEN = f"""
insert into bank.cap_pool (cap_id, subject, currency, ceiling_minor)
select cap.id, pair.subject, cap.currency, ({_CEILING})
from unnest($1::int[], $2::text[]) as pair (cap_id, subject)
join bank.concentration_cap as cap on cap.id = pair.cap_id
order by 1, 2
on conflict do nothing
"""
_LOCK_POOLS = """
select pool.*, cap.name, cap.deal_fraction
from bank.cap_pool as pool
join unnest($1::int[], $2::text[]) as pair (cap_id, subject)
    on pool.cap_id = pair.cap_id and pool.subject = pair.subject
join bank.concentration_cap as cap on cap.id = pool.cap_id
order by pool.cap_id, pool.subject
for update of pool
"""
_SET_CEILINGS = f"""
with due as materialized (
    select pool.cap_id, pool.subject, pool.ceiling_minor, pool.dealt_minor, pool.over_limit, cap.new_ceiling
    from bank.cap_pool as pool
    join (
        select cap.id, ({_CEILING}) as new_ceiling from bank.concentration_cap as cap
        where cap.status = 'ACTIVE' and cap.ceiling_fraction is not null
    ) as cap on cap.id = pool.cap_id
    where pool.ceiling_minor <> cap.new_ceiling
    order by pool.cap_id, pool.subject
    for update of pool
), changed as (
    update bank.cap_pool as pool
    set ceiling_minor = due.new_ceiling, over_limit = due.over_limit or due.dealt_minor > due.new_ceiling,
        version = pool.version + 1, updated_at = now()
    from due where pool.cap_id = due.cap_id and pool.subject = due.subject
    returning pool.cap_id, pool.subject, pool.over_limit
)
select cap_id, subject from changed where over_limit
"""
# A branch beside a pool: only its share; null: all shares.
_LOCK_SHARES = """
select share.*, share.dealt_at > clock_timestamp() - interval '300 milliseconds' as fresh
from bank.cap_share as share
join unnest($1::int[], $2::text[], $3::int[]) as pair (cap_id, subject, branch_id)
    on share.cap_id = pair.cap_id and share.subject = pair.subject
    and (pair.branch_id is null or share.branch_id = pair.branch_id)
order by share.branch_id, share.cap_id, share.subject
for no key update of share
"""
_WRITE_SHARES = """
with change as (
    select * from unnest($1::int[], $2::int[], $3::text[], $4::text[], $5::bigint[])
        as change (branch_id, cap_id, subject, currency, delta)
), changed as (
    update bank.cap_share as share
    set share_minor = share.share_minor + change.delta,
        dealt_at = case when change.delta > 0 then clock_timestamp() else share.dealt_at end
    from change
    where share.branch_id = change.branch_id and share.cap_id = change.cap_id and share.subject = change.subject
    returning share.branch_id, share.cap_id, share.subject
), made as (
    insert into bank.cap_share (branch_id, cap_id, subject, currency, share_minor, dealt_at)
    select branch_id, cap_id, subject, currency, delta, clock_timestamp() from change
    where not exists (
        select from bank.cap_share as share
        where share.branch_id = change.branch_id and share.cap_id = change.cap_id and share.subject = change.subject
    )
), told as (
    insert into bank.cap_deal (branch_id, id, cap_id, subject, delta_minor, currency, actor, reason)
    select branch_id, app.limit_row_id(), cap_id, subject, delta, currency, $6, $7 from change
)
select count(*) from changed
"""
_WRITE_POOLS = """
update bank.cap_pool as pool
set dealt_minor = pool.dealt_minor + change.delta, over_limit = change.over_limit,
    version = pool.version + 1, updated_at = now()
from unnest($1::int[], $2::text[], $3::bigint[], $4::boolean[]) as change (cap_id, subject, delta, over_limit)
where pool.cap_id = change.cap_id and pool.subject = change.subject
"""
_FLAG_SHARES = """
update bank.cap_share as share set over_limit = change.over_limit
from unnest($1::int[], $2::text[], $3::boolean[]) as change (cap_id, subject, over_limit)
where share.cap_id = change.cap_id and share.subject = change.subject and share.over_limit <> change.over_limit
"""


async def bring(transaction: Transaction, draws: Sequence[Draw], actor: str, reason: str) -> Brought:
    """Deal what the draws lack of every cap that they fall under: all, or nothing where one has too little."""
    wanted: Wanted = {}
    partial = all(draw.partial for draw in draws)
    for draw in draws:
        for key, amount in (await _wanted(transaction, draw)).items():
            of_pool = wanted.setdefault(key, {})
            of_pool[draw.branch_id] = of_pool.get(draw.branch_id, 0) + amount
    if not wanted:
        return Brought()
    return await redeal(transaction, wanted, actor, reason, partial=partial)


async def redeal(
    transaction: Transaction, wanted: Wanted, actor: str, reason: str, *, partial: bool = False
) -> Brought:
    """Bring the pools in order and deal of each what is wanted, if anything is: of all of them, or of none."""
    if branches := await branches_with_uncounted(transaction, wanted):
        await lock_tops(transaction, branches)
    await open_pools(transaction, wanted)
    if branches:
        await lock_pools(transaction, wanted)
        await count(transaction, wanted, actor)
    pools = await lock_pools(transaction, wanted)
    await _look_at_shares(transaction, pools, wanted)
    dealt = {
        key: deal(
            pool.ceiling, pool.whole(), wanted[key], chunk(pool.ceiling, pool.fraction), partial=partial
        )
        for key, pool in pools.items()
    }
    everybody = partial or all(one.enough for one in dealt.values())
    await _write(
        transaction,
        pools,
        {key: one for key, one in dealt.items() if everybody or not one.enough},
        actor,
        reason,
    )
    return _brought(pools, dealt)


async def count_on_the_books(
    transaction: Transaction, pools: Collection[PoolKey], actor: str, reason: str
) -> None:
    """Count in pools of the whole bank what stands on the books uncounted. The top nodes are locked already."""
    await open_pools(transaction, pools)
    await lock_pools(transaction, pools)
    await count(transaction, pools, actor)
    await redeal(transaction, {key: {} for key in pools}, actor, reason)


async def count_what_was_opened(transaction: Transaction, actor: str) -> None:
    """Count what has come onto the books without being drawn: facilities that were there before the ledger."""
    rows = await transaction.fetch(_FOR_THE_BANK, ())
    if rows:
        await lock_tops(transaction)
        await count_on_the_books(transaction, [(row["id"], "") for row in rows], actor, "opened on the books")


async def take_back(
    transaction: Transaction, key: PoolKey, branch_id: int, amount: int, actor: str, reason: str
) -> int | None:
    """Return so much of a branch's share to the pool; None, or else what is idle where that is less."""
    pools = await lock_pools(transaction, [key])
    if key not in pools:
        return 0
    await _look_at_shares(transaction, pools, {key: {branch_id: 0}})
    idle = pools[key].holdings.get(branch_id, Holding(0, 0)).idle
    if idle < amount:
        return idle
    await _write(transaction, pools, {key: Dealt({branch_id: -amount})}, actor, reason)
    return None


async def open_pools(transaction: Transaction, pools: Collection[PoolKey]) -> None:
    """Make the pools that are not there yet, each with the ceiling that its cap has today."""
    await transaction.fetch(_OPEN, _pairs(pools))


async def lock_pools(transaction: Transaction, pools: Collection[PoolKey]) -> dict[PoolKey, Pool]:
    """The pools that are there, locked in the order of their keys."""
    rows = await transaction.fetch(_LOCK_POOLS, _pairs(pools))
    return {
        (row["cap_id"], row["subject"]): Pool(
            row["name"],
            row["currency"],
            row["ceiling_minor"],
            row["dealt_minor"],
            row["over_limit"],
            row["deal_fraction"],
        )
        for row in rows
    }


async def set_ceilings(transaction: Transaction) -> list[PoolKey]:
    """Give every pool whose cap is a fraction the ceiling that follows from today's capital.

    Those that are over it now, or were, are to be dealt anew: they are returned.
    """
    rows = await transaction.fetch(_SET_CEILINGS, ())
    return [(row["cap_id"], row["subject"]) for row in rows]


async def _wanted(transaction: Transaction, draw: Draw) -> dict[PoolKey, int]:
    asked = (
        draw.branch_id,
        draw.client_id,
        draw.product,
        draw.currency,
        draw.tenor_months,
        draw.commitment_id,
        draw.day,
    )
    rows = await transaction.fetch(_FALLS, asked)
    found = {(row["cap_id"], row["subject"]): draw.counted(Counts(row["counts"])) for row in rows}
    return {key: amount for key, amount in found.items() if amount > 0}


async def _look_at_shares(
    transaction: Transaction, pools: Mapping[PoolKey, Pool], wanted: Mapping[PoolKey, Mapping[int, int]]
) -> None:
    """Lock the shares of those who want something, and everybody's where the pool's rest may not suffice."""
    looked: list[tuple[int, str, int | None]] = []
    for key, pool in pools.items():
        of_pool = wanted[key]
        scarce = pool.over_limit or pool.ceiling - pool.dealt < sum(of_pool.values())
        looked += [(*key, None)] if scarce else [(*key, branch) for branch in of_pool]
    if not looked:
        return
    columns: list[Any] = [list(column) for column in zip(*looked, strict=True)]
    for row in await transaction.fetch(_LOCK_SHARES, columns):
        holding = Holding(row["share_minor"], row["used_minor"], row["fresh"])
        pools[row["cap_id"], row["subject"]].holdings[row["branch_id"]] = holding


async def _write(
    transaction: Transaction,
    pools: Mapping[PoolKey, Pool],
    dealt: Mapping[PoolKey, Dealt],
    actor: str,
    reason: str,
) -> None:
    changes = [
        (branch, *key, pools[key].currency, delta)
        for key, one in dealt.items()
        for branch, delta in sorted(one.deltas.items())
    ]
    moved = [
        (*key, one.total, one.over_limit)
        for key, one in dealt.items()
        if one.total or one.over_limit != pools[key].over_limit
    ]
    if moved:
        await transaction.fetch(_WRITE_POOLS, [list(column) for column in zip(*moved, strict=True)])
    if changes:
        columns: list[Any] = [list(column) for column in zip(*changes, strict=True)]
        await transaction.fetch(_WRITE_SHARES, [*columns, actor, reason])
    flagged = [
        (*key, one.over_limit) for key, one in dealt.items() if one.over_limit != pools[key].over_limit
    ]
    flagged += [(*key, True) for key, one in dealt.items() if one.over_limit]
    if flagged:
        await transaction.fetch(_FLAG_SHARES, [list(column) for column in zip(*flagged, strict=True)])


def _brought(pools: Mapping[PoolKey, Pool], dealt: Mapping[PoolKey, Dealt]) -> Brought:
    short = {key: one for key, one in dealt.items() if not one.enough}
    if not short:
        return Brought()
    least, key = min((min(one.reachable.values(), default=0), key) for key, one in short.items())
    later = all(one.later for one in short.values())
    return Brought(enough=False, later=later, reachable=least, binding=pools[key].name)


def _pairs(pools: Collection[PoolKey]) -> list[Any]:
    ordered = sorted(pools)
    return [[cap_id for cap_id, _ in ordered], [subject for _, subject in ordered]]
