"""What a run is reckoned from, gathered from the bank by a handful of statements over all clients at once.

- Committed: the ledger's, by segment; of a branch that keeps no books of limits yet, what its clients owe.
- Demand: each client's limits today, more or less by as much as its utilisation has moved in three months, but by
  the run's `trendLimit` at most; never less than what is committed.
- Expected return: the contribution of the segment's borrowers over twelve months for each unit that they owe. The
  contribution is after 12 % a year on the capital held: it is the return on capital above that hurdle, spread over
  the credit that needs the capital. Where a segment of a branch has no borrower: of the segment in the whole bank,
  else of the branch, else of the bank.
- Tiers and weights: of the divisions in force; scores: each branch's latest scorecard.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.allocation.building import Asking, Ceilinged, Figures, Place
from domain.allocation.runs import ReturnSource
from domain.organisation import UnitKind
from tenants.allocation.held import ALL_AT_ONCE, ONE_BY_ONE, UNSEGMENTED, held
from tenants.database import Transaction

SIX_PLACES = Decimal("0.000001")
MOST_RETURN = Decimal(1)
"""No credit is expected to earn, or lose, more than itself in a year, whatever a few clients did."""

_PLACES = """
with recursive tree as (
    select id, array[id] as above from bank.unit where parent_id is null
    union all
    select unit.id, unit.id || tree.above from tree join bank.unit on unit.parent_id = tree.id
)
select unit.id, unit.code, unit.name, unit.kind, tree.above, unit.region_code,
    class.economic_tier as tier, policy.quota_weight, card.score
from tree
join bank.unit using (id)
left join bank.region on region.code = unit.region_code
left join bank.region_class as class on class.region_code = unit.region_code
left join bank.division on division.id = region.economic_division_id
left join bank.division_policy as policy
    on policy.model_id = division.model_id and policy.class_code = division.class_code
left join lateral (
    select score from bank.branch_scorecard
    where branch_id = unit.id and score is not null
    order by period_end desc
    limit 1
) as card on true
order by unit.id
"""

_CELLS = f"""
with {held()},
known as (
    select
        f.branch_id,
        coalesce(s.value, '{UNSEGMENTED}') as segment,
        sum(round(
            f.facility_limit_minor * (1 + least(greatest(coalesce(f.utilisation_change, 0), -$3::numeric), $3))
        )) as demand,
        sum(f.exposure_minor) as owed,
        sum(f.exposure_minor) filter (where f.contribution12m_minor is not null) as earning,
        sum(f.contribution12m_minor) filter (where f.exposure_minor > 0 and f.month_currency = $2) as earned
    from bank.client_fact f
    left join segment_of s on s.branch_id = f.branch_id and s.client_id = f.client_id
    where f.facility_currency = $2
    group by 1, 2
)
select
    branch_id,
    segment,
    coalesce(demand, 0)::bigint as demand,
    case
        when top.id is null then coalesce(owed, 0)
        else coalesce(held.elsewhere, 0) + coalesce(held.in_quota, 0)
    end::bigint as committed,
    top.id is not null and segment <> '{UNSEGMENTED}' and coalesce(held.in_quota, 0) = 0 as unused,
    coalesce(earning, 0)::bigint as earning,
    coalesce(earned, 0)::bigint as earned
from known
full join held using (branch_id, segment)
left join top using (branch_id)
where demand > 0 or owed > 0 or held.elsewhere > 0 or held.in_quota > 0
order by branch_id, segment
"""

# What cells can express; ceilings on industries, grades, products and tenors are kept where credit is drawn.
_CEILINGS = """
select
    cap.name,
    coalesce(cap.region_tiers, '{}') as tiers,
    cap.region_codes,
    coalesce(
        cap.ceiling_minor,
        floor(cap.ceiling_fraction * case cap.ceiling_of
            when 'NET_CAPITAL' then capital.net_capital_minor else capital.tier_1_minor end)
    )::bigint as at_most
from bank.concentration_cap as cap
left join lateral (
    select * from bank.regulatory_capital where currency = cap.currency and day <= $2 order by day desc limit 1
) as capital on true
where cap.status = 'ACTIVE' and cap.per = 'BANK' and cap.currency = $1
    and cap.valid_from <= $2 and (cap.valid_until is null or cap.valid_until >= $2)
    and cap.industry_codes is null and cap.grades is null and cap.products is null
    and cap.tenor_from_months is null and cap.tenor_until_months is null
order by cap.id
"""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The figures, and the bank's day on which they were taken."""

    figures: Figures
    day: dt.date


async def gather(transaction: Transaction, dimension: str, currency: str, trend_limit: Decimal) -> Gathered:
    """Every branch's segments with what they hold, will want and earn; reads only."""
    day = (await transaction.fetch("select app.today()", ()))[0][0]
    rows = await transaction.fetch(_PLACES, ())
    await transaction.connection.execute(ALL_AT_ONCE)
    cells = await transaction.fetch(_CELLS, (dimension, currency, trend_limit))
    await transaction.connection.execute(ONE_BY_ONE)
    ceilings = await transaction.fetch(_CEILINGS, (currency, day))
    places = {row["id"]: _place(row) for row in rows}
    regions: dict[str, list[int]] = {}
    for row in rows:
        regions.setdefault(row["region_code"] or "", []).append(row["id"])
    return Gathered(
        Figures(
            places,
            _askings(cells),
            tuple(_ceiling(row, regions) for row in ceilings if row["at_most"] is not None),
        ),
        day,
    )


def _place(row: Any) -> Place:
    return Place(
        row["id"],
        row["code"],
        row["name"],
        UnitKind(row["kind"]),
        tuple(row["above"]),
        row["tier"],
        Decimal(1) if row["quota_weight"] is None else row["quota_weight"],
        row["score"],
    )


def _ceiling(row: Any, regions: dict[str, list[int]]) -> Ceilinged:
    units = [unit for code in row["region_codes"] or () for unit in regions.get(code, ())]
    # Regions without a branch of ours: nothing falls under it.
    of_nobody = (-1,) if row["region_codes"] and not units else ()
    return Ceilinged(row["name"], tuple(row["tiers"]), tuple(units) or of_nobody, row["at_most"])


def _askings(rows: list[Any]) -> tuple[Asking, ...]:
    by_segment, by_branch, bank = _Earned(), _Earned(), _Earned()
    for row in rows:
        for earned, key in ((by_segment, row["segment"]), (by_branch, row["branch_id"]), (bank, None)):
            earned.add(key, row)
    made = []
    for row in rows:
        cell = _Earned()
        cell.add(None, row)
        expected, source = _first(
            (cell.rate(None), ReturnSource.CELL),
            (by_segment.rate(row["segment"]), ReturnSource.SEGMENT),
            (by_branch.rate(row["branch_id"]), ReturnSource.BRANCH),
            (bank.rate(None), ReturnSource.BANK),
        )
        committed = row["committed"]
        demand = max(row["demand"], committed)
        made.append(
            Asking(row["branch_id"], row["segment"], committed, demand, expected, source, row["unused"])
        )
    return tuple(made)


class _Earned:
    """Contributions, and the credit that earned them, by some key."""

    def __init__(self) -> None:
        self._sums: dict[Any, tuple[int, int]] = {}

    def add(self, key: Any, row: Any) -> None:
        earned, earning = self._sums.get(key, (0, 0))
        self._sums[key] = (earned + row["earned"], earning + row["earning"])

    def rate(self, key: Any) -> Decimal | None:
        earned, earning = self._sums[key]
        if not earning:
            return None
        rate = (Decimal(earned) / earning).quantize(SIX_PLACES)
        return max(min(rate, MOST_RETURN), -MOST_RETURN)


def _first(*found: tuple[Decimal | None, ReturnSource]) -> tuple[Decimal, ReturnSource]:
    for rate, source in found:
        if rate is not None:
            return rate, source
    return Decimal(0), ReturnSource.NONE
