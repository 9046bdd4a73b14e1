-- Thirteen months up to December 2024. Who leaves takes its money away in the last three.
with month as materialized (
    select
        behaving.*,
        k,
        (date '2023-12-01' + make_interval(months => k))::date as month,
        case
            when k < 10 or not (leaves or wavers) then 1
            when leaves then .28 + .16 * pg_temp.chance(n, 'how fast')
            else .56 + .10 * pg_temp.chance(n, 'how fast')
        end as loyalty,
        .92 + .16 * pg_temp.chance(n * 16 + k, 'month') as luck,
        .2 + .6 * pg_temp.chance(n, 'share of its turnover') as share_here,
        case status when 'DORMANT' then .05 else 1 end as activity
    from draft_behaviour as behaving
    cross join generate_series(0, 12) as k
    where status in ('ACTIVE', 'DORMANT')
        and relationship_since < (date '2024-01-01' + make_interval(months => k))::date
),
moved as materialized (
    select
        month.*,
        round(revenue * (.02 + .05 * pg_temp.chance(n, 'balance')) * loyalty * luck * activity * 100)::bigint
            as balance_minor,
        round(revenue / 12 * share_here * luck * activity * (.4 + .6 * loyalty) * 100)::bigint as turnover_minor,
        least(
            line_minor,
            floor(drawn_minor * (1 + (12 - k) * (.01 + .015 * (leaves or wavers)::int)))::bigint
        ) as used_minor,
        case when leaves and pg_temp.chance(n, 'dear') < .65 or pg_temp.chance(n, 'dear') > .95 then 55 else -35 end
            + floor(75 * pg_temp.chance(n, 'peers'))::int as over_peers_bps
    from month
)
insert into bank.client_month (
    branch_id, id, client_id, month, currency, average_balance_minor, inflow_minor, outflow_minor, limit_minor,
    utilised_minor, net_interest_minor, fees_minor, cost_minor, expected_loss_minor, capital_held_minor,
    rate_over_peers_bps, source, recorded_at
)
select
    branch_id,
    pg_temp.id('month', n * 16 + k),
    client_id,
    month,
    'CNY',
    balance_minor,
    round(turnover_minor * (.97 + .06 * luck))::bigint,
    turnover_minor,
    line_minor,
    used_minor,
    -- What it pays above the transfer price for credit, and what its deposits are worth.
    round(
        (
            coalesce(used_minor, 0)
                * (
                    .014 + over_peers_bps / 10000.0
                    + case grade when 'A' then .002 when 'B' then .010 else .024 end
                    + case size_class when 'LARGE' then -.007 when 'MEDIUM' then -.001 when 'SMALL' then .003 else .005 end
                )
            + balance_minor * .009
        ) / 12
    )::bigint,
    round(turnover_minor * .0003)::bigint,
    case size_class when 'MICRO' then 12000 when 'SMALL' then 60000 when 'MEDIUM' then 250000 else 900000 end,
    round(coalesce(used_minor, 0) * default_chance * .45 / 12)::bigint,
    round(coalesce(used_minor, 0) * (.03 + least(default_chance, .1)))::bigint,
    case when used_minor > 0 then over_peers_bps end,
    'demo',
    (month + interval '1 month 4 days')::date + time '06:00'
from moved
order by branch_id, n, k;
