-- Headquarters' group-by as somebody would type it: the rows and nothing around them.
select u.code, g.status, g.count, g.limit_minor, g.outstanding_minor
from (
    select
        branch_id, status, count(*) as count,
        sum(limit_minor) filter (where currency = 'CNY') as limit_minor,
        sum(outstanding_minor) filter (where currency = 'CNY') as outstanding_minor
    from bank.facility
    group by branch_id, status
) as g
join bank.unit as u on u.id = g.branch_id
order by u.code, g.status
