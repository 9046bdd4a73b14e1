"""Who would move if a model came into force: the regions and clusters that change, their clients and exposure."""

from __future__ import annotations

from sqlalchemy import delete, text

from domain.divisions.models import DivisionKind
from tenants.database import Transaction
from tenants.divisions.computing import compute
from tenants.tables import division_move, division_move_exposure
from tenants.tables.divisions import IN_FORCE

_WOULD_BE = """
select distinct on (region_code) id, region_code, class_code
from bank.division
where model_id = :model
order by region_code, year desc
"""
_CLASSES = """
with would_be as ({would_be})
insert into bank.division_move (model_id, from_model_id, region_code, from_class, to_class, clients)
select :model, :known, region.code, now_is.class_code, would_be.class_code, coalesce(counted.clients, 0)
from bank.region
left join would_be on would_be.region_code = region.code
left join bank.division as now_is on now_is.id = region.{column}
left join (
    select region_code, count(*)::int as clients from bank.client group by region_code
) as counted on counted.region_code = region.code
where now_is.class_code is distinct from would_be.class_code
"""
_CLUSTERS = """
with would_be as ({would_be}), after as (
    select cluster.* from would_be join bank.division_cluster as cluster on cluster.division_id = would_be.id
), before as (
    select cluster.*
    from bank.region join bank.division_cluster as cluster on cluster.division_id = region.{column}
)
insert into bank.division_move (
    model_id, from_model_id, region_code, industry_scheme, industry_code, from_class, to_class, clients
)
select :model, :known, region_code, industry_scheme, industry_code, before.class_code, after.class_code,
    coalesce(counted.clients, 0)
from before
full join after using (region_code, industry_scheme, industry_code)
left join (
    select region_code, industry_scheme, industry_code, count(*)::int as clients
    from bank.client
    group by region_code, industry_scheme, industry_code
) as counted using (region_code, industry_scheme, industry_code)
where before.class_code is distinct from after.class_code
"""
_EXPOSURE = """
insert into bank.division_move_exposure (move_id, model_id, currency, exposure_minor)
select move.id, move.model_id, facility.currency, sum(facility.outstanding_minor)
from bank.division_move as move
join bank.client on client.region_code = move.region_code and (
    move.industry_code is null
    or (client.industry_scheme, client.industry_code) = (move.industry_scheme, move.industry_code)
)
join bank.facility on facility.branch_id = client.branch_id and facility.client_id = client.id
    and facility.outstanding_minor > 0
where move.model_id = :model
group by move.id, move.model_id, facility.currency
"""


async def simulate(transaction: Transaction, model_id: int, kind: DivisionKind, *, known: int | None) -> None:
    """Divide every region by the model, and write down what differs from the model in force (`known`)."""
    await forget_moves(transaction, model_id)
    await compute(transaction, model_id)
    template = _CLUSTERS if kind is DivisionKind.INDUSTRY else _CLASSES
    moves = template.format(would_be=_WOULD_BE, column=IN_FORCE[kind])
    await transaction.rows(text(moves).bindparams(model=model_id, known=known))
    await transaction.rows(text(_EXPOSURE).bindparams(model=model_id))


async def forget_moves(transaction: Transaction, model_id: int) -> None:
    """What an earlier simulation has found is no more."""
    for table in (division_move_exposure, division_move):
        await transaction.rows(delete(table).where(table.c.model_id == model_id))
