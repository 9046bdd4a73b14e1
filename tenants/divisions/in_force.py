"""Which division of each region is in force, so that clients' facts and everything above follow at once."""

from __future__ import annotations

from sqlalchemy import select, text

from domain.divisions.models import DivisionKind
from tenants.database import Transaction
from tenants.divisions.computing import compute
from tenants.tables import division_model
from tenants.tables.divisions import IN_FORCE

# Only where it differs: a row that is written anew is a row that others wait for.
_LATEST = """
select distinct on (division.region_code) division.*
from bank.division join bank.division_model on division_model.id = division.model_id
where division_model.kind = '{kind}' and division_model.status = 'ACTIVE'
order by division.region_code, division.year desc
"""
_NAMED = """
update bank.region set {column} = latest.id
from bank.region as named left join ({latest}) as latest on latest.region_code = named.code
where region.code = named.code and region.{column} is distinct from latest.id
"""
_CLASSES = """
insert into bank.region_class (region_code, economic_tier, economic_index, credit_climate)
select region.code, economic.class_code, economic.index_value, credit.class_code
from bank.region
left join bank.division as economic on economic.id = region.economic_division_id
left join bank.division as credit on credit.id = region.credit_division_id
on conflict (region_code) do update
set economic_tier = excluded.economic_tier, economic_index = excluded.economic_index,
    credit_climate = excluded.credit_climate, updated_at = now()
where (region_class.economic_tier, region_class.economic_index, region_class.credit_climate)
    is distinct from (excluded.economic_tier, excluded.economic_index, excluded.credit_climate)
"""
_GONE_CLUSTERS = """
delete from bank.region_cluster
where not exists (
    select from bank.region
    join bank.division_cluster on division_cluster.division_id = region.industry_division_id
    where region.code = region_cluster.region_code
        and division_cluster.industry_scheme = region_cluster.industry_scheme
        and division_cluster.industry_code = region_cluster.industry_code
)
"""
_CLUSTERS = """
insert into bank.region_cluster (region_code, industry_scheme, industry_code, location_quotient)
select region.code, industry_scheme, industry_code, location_quotient
from bank.region
join bank.division_cluster on division_cluster.division_id = region.industry_division_id
on conflict (region_code, industry_scheme, industry_code) do update
set location_quotient = excluded.location_quotient
where region_cluster.location_quotient <> excluded.location_quotient
"""


async def recompute(transaction: Transaction) -> None:
    """Divide every region anew by the models in force, from what is known of it now."""
    active = select(division_model.c.id, division_model.c.kind).where(division_model.c.status == "ACTIVE")
    for row in await transaction.rows(active.order_by(division_model.c.id)):
        await compute(transaction, row["id"])
        await put_in_force(transaction, DivisionKind(row["kind"]))


async def put_in_force(transaction: Transaction, kind: DivisionKind) -> None:
    """Let the latest divisions of the active model of a kind count from now on."""
    latest = _LATEST.format(kind=kind.value)
    await transaction.rows(text(_NAMED.format(column=IN_FORCE[kind], latest=latest)))
    if kind is DivisionKind.INDUSTRY:
        await transaction.rows(text(_GONE_CLUSTERS))
        await transaction.rows(text(_CLUSTERS))
    else:
        await transaction.rows(text(_CLASSES))
