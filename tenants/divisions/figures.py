"""What is known of the regions: published indicators, and what the bank's own portfolio shows of them.

Read in headquarters' scope: the portfolio is that of all branches.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

import asyncpg
from sqlalchemy import ARRAY, Text, bindparam, func, literal, select, text

from domain.divisions.climate import Portfolio
from domain.divisions.economic import Figure, Region
from domain.divisions.industry import Presence
from domain.divisions.models import (
    ClimateParameters,
    ClusterMeasure,
    EconomicParameters,
    IndustryParameters,
)
from tenants.database import Transaction
from tenants.tables import industry_indicator, region, region_indicator

# The bank's day is asked for once a statement, not once a row: it is a table's.
# A share of the country needs all of it: the amount and the clients of every industry in every region.
PRESENCE = """
select client.region_code, region.country, client.industry_scheme, client.industry_code,
    count(distinct (client.branch_id, client.id))::int as clients,
    coalesce(sum(facility.outstanding_minor), 0)::numeric as exposure
from bank.client
join bank.region on region.code = client.region_code
left join bank.facility on facility.branch_id = client.branch_id and facility.client_id = client.id
    and facility.currency = :currency and facility.outstanding_minor > 0
where client.status <> 'CLOSED' and client.industry_scheme is not null and client.industry_code is not null
group by 1, 2, 3, 4
"""

BORROWERS = """
select region_code,
    count(*)::int as borrowers,
    count(*) filter (where defaulted)::int as defaulted,
    count(credit_grade)::int as graded,
    count(*) filter (where credit_grade = 'A')::int as grade_a,
    count(*) filter (where credit_grade = 'C')::int as grade_c
from (
    select client.region_code, client.credit_grade, exists (
        select from bank.credit_event
        where credit_event.branch_id = client.branch_id and credit_event.client_id = client.id
            and credit_event.kind in ('DEFAULT', 'CHARGE_OFF')
            and credit_event.occurred_on > (select app.today()) - make_interval(months => :months)
            and credit_event.occurred_on <= (select app.today())
    ) as defaulted
    from bank.client
    where client.region_code is not null and exists (
        select from bank.facility
        where facility.branch_id = client.branch_id and facility.client_id = client.id
    )
) as borrower
group by region_code
"""

# Past due by the oldest instalment that nobody has paid; bad by its class, or without one after ninety days.
EXPOSURE = """
with lent as (
    select client.region_code, facility.currency, facility.outstanding_minor, facility.loan_class,
        (select app.today()) - unpaid.due_on as days_past_due
    from bank.facility
    join bank.client on client.branch_id = facility.branch_id and client.id = facility.client_id
    left join (
        select branch_id, facility_id, min(due_on) as due_on
        from bank.posting
        where paid_on is null
        group by branch_id, facility_id
    ) as unpaid on unpaid.branch_id = facility.branch_id and unpaid.facility_id = facility.id
    where facility.outstanding_minor > 0 and client.region_code is not null
)
select region_code, currency,
    count(*)::int as facilities,
    sum(outstanding_minor)::numeric as exposure,
    coalesce(sum(outstanding_minor) filter (where days_past_due > :days), 0)::numeric as past_due,
    coalesce(sum(outstanding_minor) filter (
        where loan_class in ('SUBSTANDARD', 'DOUBTFUL', 'LOSS') or days_past_due > 90
    ), 0)::numeric as non_performing
from lent
group by region_code, currency
"""


async def bank_day(transaction: Transaction) -> dt.date:
    """The day on which the bank is."""
    day: dt.date = await transaction.value(text("select app.today()"))
    return day


async def regions_by_year(transaction: Transaction, form: EconomicParameters) -> dict[int, list[Region]]:
    """Every region, in every year of which some indicator of the model is known, with its figures of that year."""
    wanted = {name for one in form.indicators for name in (one.indicator, one.per) if name}
    r, i = region, region_indicator
    regions = await transaction.rows(select(r.c.code, r.c.country, r.c.city_cluster).order_by(r.c.code))
    figures: dict[int, dict[str, dict[str, Figure]]] = {}
    known = (
        select(i).where(i.c.indicator == func.any(literal(sorted(wanted), ARRAY(Text)))).order_by(i.c.year)
    )
    for row in await transaction.rows(known):
        # PostgreSQL knows numbers that are none.
        if not row["value"].is_finite():
            continue
        of_year = figures.setdefault(row["year"], {})
        figure = Figure(row["value"], row["unit"])
        of_year.setdefault(row["region_code"], {})[row["indicator"]] = figure
    return {
        year: [
            Region(row["code"], row["country"], row["city_cluster"], of_year.get(row["code"], {}))
            for row in regions
        ]
        for year, of_year in figures.items()
    }


async def region_codes(transaction: Transaction) -> list[str]:
    """Every region's code."""
    return [row["code"] for row in await transaction.rows(select(region.c.code).order_by(region.c.code))]


async def portfolio_presences(transaction: Transaction, form: IndustryParameters) -> list[Presence]:
    """How large each industry is in each region by the bank's own portfolio."""
    rows = await transaction.rows(text(PRESENCE).bindparams(currency=form.currency or ""))
    by_clients = form.measure is ClusterMeasure.CLIENTS
    return [
        Presence(
            row["region_code"],
            row["country"],
            row["industry_scheme"],
            row["industry_code"],
            Decimal(row["clients"]) if by_clients else row["exposure"],
            row["clients"],
        )
        for row in rows
    ]


async def official_presences(transaction: Transaction, form: IndustryParameters) -> list[Presence]:
    """How large each industry is in each region by the latest published figures of the model's measure."""
    if form.official is None:
        return []
    i = industry_indicator
    latest = select(i.c.year).where(i.c.indicator == form.official).order_by(i.c.year.desc()).limit(1)
    rows = await transaction.rows(
        select(i.c.region_code, region.c.country, i.c.industry_scheme, i.c.industry_code, i.c.value)
        .join(region, region.c.code == i.c.region_code)
        .where(i.c.indicator == form.official, i.c.year == latest.scalar_subquery())
    )
    return [Presence(*row) for row in rows]


async def portfolios(transaction: Transaction, form: ClimateParameters) -> dict[str, Portfolio]:
    """Each region's borrowers and exposure, by code; regions without any are left out."""
    borrowers = await transaction.rows(text(BORROWERS).bindparams(bindparam("months", form.default_months)))
    exposures: dict[str, list[asyncpg.Record]] = {}
    for row in await transaction.rows(text(EXPOSURE).bindparams(bindparam("days", form.past_due_days))):
        exposures.setdefault(row["region_code"], []).append(row)
    return {
        row["region_code"]: Portfolio(
            row["borrowers"],
            row["defaulted"],
            row["graded"],
            row["grade_a"],
            row["grade_c"],
            *_in_main_currency(exposures.get(row["region_code"], [])),
        )
        for row in borrowers
    }


def _in_main_currency(rows: Iterable[asyncpg.Record]) -> tuple[int, int, int, str | None, int]:
    """Exposure, what of it is past due and bad, and the currency; how many facilities are in others.

    Amounts of several currencies have no sum without a rate: the one with the most facilities speaks for all.
    """
    ordered = sorted(rows, key=lambda row: (-row["facilities"], row["currency"]))
    if not ordered:
        return 0, 0, 0, None, 0
    first, *others = ordered
    amounts = (int(first[name]) for name in ("exposure", "past_due", "non_performing"))
    exposure, past_due, non_performing = amounts
    left_out = sum(row["facilities"] for row in others)
    return exposure, past_due, non_performing, first["currency"], left_out
