-- Few complain; who leaves complains more often, and waits longer for an answer.
insert into bank.complaint (
    branch_id, id, client_id, received_on, resolved_on, subject, reference, created_at
)
select
    branch_id,
    pg_temp.id('complaint', n),
    client_id,
    received_on,
    case
        when received_on + patience <= pg_temp.today() then received_on + patience
    end,
    pg_temp.pick('{Transfer came late,Fee not agreed,Loan took too long,Wrong statement,Unfriendly service}',
        pg_temp.chance(n, 'complains of')),
    'C-' || lpad(n::text, 8, '0'),
    received_on + time '15:00'
from draft_behaviour
cross join lateral (
    select
        pg_temp.today() - 3 - case
            when leaves then floor(75 * pg_temp.chance(n, 'complained on'))::int
            else floor(360 * pg_temp.chance(n, 'complained on'))::int
        end as received_on,
        2 + floor(pg_temp.cube(pg_temp.chance(n, 'patience')) * 40)::int
            + case when leaves then 60 else 0 end as patience
) as complained
where status = 'ACTIVE' and received_on > relationship_since
    and pg_temp.chance(n, 'complains') < case when leaves then .50 when wavers then .10 else .05 end
order by branch_id, n;
