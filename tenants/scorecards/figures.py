"""What the bank knows of every branch at the end of a period, in one statement over all branches.

What is owed on a past day is reckoned back: what is owed now, and what has been repaid since. What has no history
(limits exceeded, the supervisor's loan class) is known of the latest period only. Read in headquarters' scope.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import text

from domain.scorecards.kinds import ScorePeriod
from domain.scorecards.models import Figure, ScorecardForm
from domain.scorecards.periods import first_day_of, is_end_of
from tenants.database import Transaction

# A share of nothing is not known, and so null: never 0.
_FIGURES = """
with repaid as (
    select branch_id, facility_id, sum(principal_minor) as later_minor
    from bank.posting
    where paid_on > :day
    group by branch_id, facility_id
), unpaid as (
    select branch_id, facility_id, min(due_on) as due_on
    from bank.posting
    where due_on < :day and (paid_on is null or paid_on > :day)
    group by branch_id, facility_id
), covered as (
    select branch_id, facility_id
    from bank.compensation_enrolment
    where enrolled_on <= :day and status = 'ENROLLED'
), typed as (
    select branch_id, client_id, value
    from bank.segment_history
    where dimension_code = 'relationshipType'
        and valid_from <= :moment and valid_until > :moment
), lent as (
    select facility.branch_id, facility.product, client.size_class, region_class.economic_tier, typed.value as type,
        facility.outstanding_minor + coalesce(repaid.later_minor, 0) as owed,
        facility.guaranteed_minor as guaranteed,
        covered.facility_id is not null as is_covered,
        coalesce(:day - unpaid.due_on, 0) as days_past_due,
        :is_latest and facility.loan_class in ('SUBSTANDARD', 'DOUBTFUL', 'LOSS') as is_classed
    from bank.facility
    join bank.client on client.branch_id = facility.branch_id and client.id = facility.client_id
    left join repaid on repaid.branch_id = facility.branch_id and repaid.facility_id = facility.id
    left join unpaid on unpaid.branch_id = facility.branch_id and unpaid.facility_id = facility.id
    left join covered on covered.branch_id = facility.branch_id and covered.facility_id = facility.id
    left join typed on typed.branch_id = facility.branch_id and typed.client_id = facility.client_id
    left join bank.region_class on region_class.region_code = client.region_code
    where facility.currency = :currency and facility.disbursed_on <= :day
        and facility.outstanding_minor + coalesce(repaid.later_minor, 0) > 0
), lending as (
    select branch_id,
        sum(owed) as owed,
        sum(owed) filter (where days_past_due > :non_performing or is_classed) as non_performing,
        sum(owed) filter (where days_past_due > :past_due) as past_due,
        sum(least(coalesce(guaranteed, 0), owed)) as guaranteed,
        sum(owed) filter (where product = 'GREEN_LOAN') as green,
        sum(owed) filter (where product = 'IP_PLEDGED_LOAN') as ip_pledged,
        sum(owed) filter (where product = 'SUPPLY_CHAIN_FINANCE') as supply_chain,
        sum(owed) filter (where type = 'GROWTH') as growth,
        sum(owed) filter (where type is not null) as typed,
        sum(owed) filter (where size_class in ('SMALL', 'MICRO')) as small,
        sum(owed) filter (where size_class is not null) as sized,
        sum(owed) filter (where economic_tier in ('KEY', 'UNDERDEVELOPED')) as developing,
        sum(owed) filter (where economic_tier is not null) as tiered,
        sum(owed) filter (where is_covered) as covered
    from lent
    group by branch_id
), earned as (
    select branch_id,
        sum(net_interest_minor + fees_minor - cost_minor - expected_loss_minor) as contribution,
        sum(capital_held_minor) as capital,
        sum(fees_minor) as fees,
        sum(net_interest_minor + fees_minor) as income
    from bank.client_month
    where month between :first_day and :day and currency = :currency
        and net_interest_minor + fees_minor + cost_minor + expected_loss_minor + capital_held_minor is not null
    group by branch_id
), asked as (
    select branch_id, count(*) as tasks,
        count(*) filter (where due_on < :day and (done_at is null or done_at > :moment)) as late
    from bank.task
    where status <> 'CANCELLED' and created_at <= :moment and (done_at is null or done_at >= :first_day)
    group by branch_id
), reported as (
    select client.branch_id, count(*) as clients, count(*) filter (where exists (
        select from bank.financial_statement
        where financial_statement.branch_id = client.branch_id and financial_statement.client_id = client.id
            and financial_statement.period_months = 12 and financial_statement.period_end <= :day
            and financial_statement.period_end > :day - make_interval(months => :statement_months)
    )) as stated
    from bank.client
    where client.status = 'ACTIVE' and client.relationship_since <= :day
    group by client.branch_id
), booked as (
    select branch_id, count(*) as bookings, count(*) filter (where operation = 'OVERRIDE') as overrides
    from bank.limit_movement
    where operation in ('RESERVE', 'OVERRIDE') and value_date between :first_day and :day
    group by branch_id
), limited as (
    select branch_id, count(*) as limits, count(*) filter (where over_limit) as exceeded
    from bank.limit_node
    where :is_latest and status in ('ACTIVE', 'FROZEN')
    group by branch_id
), fund as (
    select exists (select from bank.compensation_fund where active_terms_id is not null) as is_there
)
select unit.id as branch_id,
    exceeded::numeric / nullif(limits, 0) as "limitBreachShare",
    overrides::numeric / nullif(bookings, 0) as "overrideShare",
    late::numeric / nullif(tasks, 0) as "lateTaskShare",
    stated::numeric / nullif(clients, 0) as "statementShare",
    coalesce(non_performing, 0) / nullif(owed, 0) as "nonPerformingShare",
    coalesce(past_due, 0) / nullif(owed, 0) as "pastDueShare",
    coalesce(guaranteed, 0) / nullif(owed, 0) as "guaranteedShare",
    contribution * 12 / nullif(capital, 0) as "returnOnCapital",
    fees / nullif(income, 0) as "feeShare",
    coalesce(green, 0) / nullif(owed, 0) as "greenShare",
    coalesce(ip_pledged, 0) / nullif(owed, 0) as "ipPledgedShare",
    coalesce(supply_chain, 0) / nullif(owed, 0) as "supplyChainShare",
    coalesce(growth, 0) / nullif(typed, 0) as "growthClientShare",
    coalesce(small, 0) / nullif(sized, 0) as "smallFirmShare",
    coalesce(developing, 0) / nullif(tiered, 0) as "developingRegionShare",
    case when is_there then coalesce(covered, 0) / nullif(owed, 0) end as "fundCoveredShare"
from bank.unit
cross join fund
left join lending on lending.branch_id = unit.id
left join earned on earned.branch_id = unit.id
left join asked on asked.branch_id = unit.id
left join reported on reported.branch_id = unit.id
left join booked on booked.branch_id = unit.id
left join limited on limited.branch_id = unit.id
where unit.kind in ('BRANCH', 'SUB_BRANCH')
order by unit.id
"""

PLACES = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Known:
    """What the bank knows of a branch; what it does not is None."""

    branch_id: int
    figures: Mapping[Figure, Decimal | None]


async def figures(
    transaction: Transaction, form: ScorecardForm, period: ScorePeriod, end: dt.date, today: dt.date
) -> list[Known]:
    """Every branch's figures for the period that ends on `end`."""
    assert is_end_of(end, period)
    asked = text(_FIGURES).bindparams(
        day=end,
        first_day=first_day_of(end, period),
        moment=dt.datetime.combine(end, dt.time(23, 59, 59), dt.UTC),
        currency=form.currency,
        non_performing=form.non_performing_days,
        past_due=form.past_due_days,
        statement_months=form.statement_months,
        is_latest=is_latest(end, today),
    )
    rows = await transaction.rows(asked)
    return [Known(row["branch_id"], {one: _rounded(row[one.value]) for one in Figure}) for row in rows]


def is_latest(end: dt.date, today: dt.date) -> bool:
    """Whether the period ended within the past month: then what has no history is still that of its end."""
    return end <= today < end + dt.timedelta(days=31)


def _rounded(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(PLACES)
