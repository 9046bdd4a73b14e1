-- Some talks in the last year, the latest within three months where a client is looked after; now and then a survey.
insert into bank.interaction (
    branch_id, id, client_id, kind, occurred_on, subject, nps, staff_id, reference, created_at
)
select
    branch_id,
    pg_temp.id('interaction', n * 8 + k),
    client_id,
    kind,
    occurred_on,
    case kind
        when 'SURVEY' then 'Yearly survey'
        else pg_temp.pick('{Business plan,New equipment,Renewal of a line,Repayment,Settlement accounts,Visit}',
            pg_temp.chance(n * 8 + k, 'subject'))
    end,
    case
        when kind = 'SURVEY' and leaves then floor(8 * pg_temp.chance(n, 'nps'))::int
        when kind = 'SURVEY' then 5 + floor(6 * pg_temp.chance(n, 'nps'))::int
    end,
    relationship_manager_id,
    'I-' || lpad(n::text, 8, '0') || '-' || k,
    occurred_on + time '11:00'
from draft_behaviour
cross join lateral generate_series(0, floor(3 * pg_temp.chance(n, 'talks'))::int) as k
cross join lateral (
    select
        case
            when k = 0 and (leaves and pg_temp.chance(n, 'forgotten') < .85 or pg_temp.chance(n, 'forgotten') < .10)
                then 95 + floor(120 * pg_temp.chance(n, 'last talk'))::int
            when k = 0 then floor(85 * pg_temp.chance(n, 'last talk'))::int
            else 215 + 40 * k
        end as days_ago,
        case
            when pg_temp.chance(n * 8 + k, 'kind of talk') < .12 or k = 0 and leaves and pg_temp.chance(n, 'asked') < .4
                then 'SURVEY'
            else pg_temp.pick('{VISIT,VISIT,CALL,CALL,CALL,MAIL,MEETING}', pg_temp.chance(n * 8 + k, 'way of talk'))
        end as kind
) as talk
cross join lateral (select pg_temp.today() - days_ago as occurred_on) as talked
where status in ('ACTIVE', 'PROSPECT') and occurred_on > relationship_since
order by branch_id, n, k;
