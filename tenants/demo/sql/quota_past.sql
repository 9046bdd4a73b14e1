-- What the units' own limits held at MONTH_END, so many MONTHS ago: what is owed now, and what has been repaid since of
-- loans that had been paid out. Limits were smaller, by a percent a month.
create temporary table limit_then on commit drop as
with repaid as (
    select posting.branch_id, posting.client_id, posting.facility_id, sum(posting.principal_minor) as minor
    from bank.posting
    where posting.paid_on > date 'MONTH_END' and posting.paid_on <= app.today()
    group by posting.branch_id, posting.client_id, posting.facility_id
), used as (
    select f.branch_id, f.currency, sum(
        case when f.status in ('APPROVED', 'ACTIVE') then f.outstanding_minor else 0 end + coalesce(repaid.minor, 0)
    )::bigint as minor
    from bank.facility f
    left join repaid on repaid.branch_id = f.branch_id and repaid.client_id = f.client_id
        and repaid.facility_id = f.id
    where f.disbursed_on <= date 'MONTH_END'
    group by f.branch_id, f.currency
)
select n.branch_id, n.id, n.parent_branch_id, n.parent_id, n.kind, n.client_id, n.product, n.segment_value,
    n.currency, n.status, n.parent_rate, n.reserved_minor, n.earmarked_minor, 0::bigint as idle_fenced_minor,
    coalesce(used.minor, 0) as utilised_minor,
    (n.sanctioned_minor / 100000000 * (100 - MONTHS) / 100 * 100000000)::bigint as effective_minor
from bank.limit_node n
left join used on used.branch_id = n.branch_id and used.currency = n.currency
where n.kind in ('BANK', 'REGION', 'BRANCH') and n.status = 'ACTIVE';

create temporary table industry_then on commit drop as
with repaid as (
    select posting.branch_id, posting.client_id, posting.facility_id, sum(posting.principal_minor) as minor
    from bank.posting
    where posting.paid_on > date 'MONTH_END' and posting.paid_on <= app.today()
    group by posting.branch_id, posting.client_id, posting.facility_id
)
select f.currency, left(client.industry_code, 1) as industry, sum(
    case when f.status in ('APPROVED', 'ACTIVE') then f.outstanding_minor else 0 end + coalesce(repaid.minor, 0)
)::bigint as utilised
from bank.facility f
join bank.client on client.branch_id = f.branch_id and client.id = f.client_id
left join repaid on repaid.branch_id = f.branch_id and repaid.client_id = f.client_id and repaid.facility_id = f.id
where f.disbursed_on <= date 'MONTH_END' and client.industry_code is not null
group by f.currency, left(client.industry_code, 1)
having sum(f.outstanding_minor) > 0
