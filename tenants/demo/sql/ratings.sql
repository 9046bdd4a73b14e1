-- Rated when graded, and a year before that a little otherwise.
insert into bank.rating (
    branch_id, id, client_id, rated_on, model, probability_of_default, source, recorded_at
)
select
    branch_id,
    pg_temp.id('rating', n * 2 + latest),
    client_id,
    rated_on,
    'Corporate PD 3',
    round(
        (default_chance * case when latest = 1 then 1 else .8 + .5 * pg_temp.chance(n, 'rated before') end)::numeric, 6
    ),
    'demo',
    rated_on + time '18:00'
from draft_behaviour
cross join generate_series(0, 1) as latest
cross join lateral (
    select date '2024-12-15' - floor(300 * pg_temp.chance(n, 'graded'))::int - 365 * (1 - latest) as rated_on
) as rated
where status <> 'PROSPECT' and (latest = 1 or rated_on > relationship_since)
order by branch_id, n, latest;
