-- How each client behaves, drafted once for all that shows it: balances, talks, complaints, wishes.
--
-- `leaves`: it is on its way to another bank, and most of what tells so is there. `wavers`: some of it is.
-- The probability of default follows from soundness within the bounds of the grade: A up to 1 %, B to 5 %, C above.
create temp table draft_behaviour on commit drop as
with lent as materialized (
    select
        n,
        sum(limit_minor) filter (where facility_status = 'ACTIVE')::bigint as line_minor,
        sum(outstanding_minor) filter (where facility_status = 'ACTIVE')::bigint as drawn_minor,
        max(pg_temp.today() - stops_on) filter (where undrawn is null) as days_stopped
    from draft_facility
    join standing using (facility_no)
    group by n
)
select
    draft_client.n,
    company,
    branch_id,
    client_id,
    relationship_manager_id,
    relationship_since,
    grade,
    size_class,
    trade,
    soundness,
    status,
    revenue,
    line_minor,
    drawn_minor,
    coalesce(days_stopped, 0) as days_stopped,
    case grade
        when 'A' then .01 - .0095 * (soundness - .60) / .38
        when 'B' then .05 - .0398 * (soundness - .05) / .55
        else .052 + .25 * (.05 - soundness) / .03 * (.4 + .6 * pg_temp.chance(company, 'how weak'))
    end as default_chance,
    status = 'ACTIVE' and pg_temp.chance(n, 'leaves') < .15 as leaves,
    status = 'ACTIVE' and pg_temp.chance(n, 'leaves') between .15 and .23 as wavers
from draft_client
left join lent using (n);

analyze draft_behaviour;
