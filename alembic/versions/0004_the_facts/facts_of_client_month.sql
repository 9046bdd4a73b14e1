create function app.facts_of_client_month(branches int[], clients uuid[])
returns table (
    branch_id int, client_id uuid, month_currency text, latest_month date, balance3m_minor bigint,
    balance12m_minor bigint, balance_change numeric, outflow_change numeric, utilisation_change numeric,
    rate_over_peers_bps numeric, contribution12m_minor bigint
)
stable parallel safe language sql
begin atomic
    select
        key.branch_id,
        key.client_id,
        latest.currency,
        latest.month,
        case when year.balances_3 = 3 then app.minor(round(year.balance_3 / 3)) end,
        case when year.balances_12 = 12 then app.minor(round(year.balance_12 / 12)) end,
        case
            when year.balances_3 = 3 and year.balances_12 = 12
                then app.fraction(4 * year.balance_3, year.balance_12) - 1
        end,
        case
            when year.outflows_3 = 3 and year.outflows_12 = 12
                then app.fraction(4 * year.outflow_3, year.outflow_12) - 1
        end,
        app.fraction(latest.utilised_minor, latest.limit_minor) - year.utilisation_before,
        latest.rate_over_peers_bps,
        case when year.contributions = year.months then app.minor(round(year.contribution)) end
    from unnest(branches, clients) as key (branch_id, client_id)
    left join lateral (
        select month.*
        from bank.client_month as month
        where month.branch_id = key.branch_id and month.client_id = key.client_id
        order by month.month desc
        limit 1
    ) as latest on true
    cross join lateral (
        select
            count(*) as months,
            count(month.average_balance_minor) filter (where month.is_recent) as balances_3,
            sum(month.average_balance_minor) filter (where month.is_recent) as balance_3,
            count(month.average_balance_minor) as balances_12,
            sum(month.average_balance_minor) as balance_12,
            count(month.outflow_minor) filter (where month.is_recent) as outflows_3,
            sum(month.outflow_minor) filter (where month.is_recent) as outflow_3,
            count(month.outflow_minor) as outflows_12,
            sum(month.outflow_minor) as outflow_12,
            max(app.fraction(month.utilised_minor, month.limit_minor))
                filter (where month.month = (latest.month - interval '3 months')::date) as utilisation_before,
            count(month.contribution) as contributions,
            sum(month.contribution) as contribution
        from (
            select
                of_year.*,
                of_year.month > (latest.month - interval '3 months')::date as is_recent,
                -- What capital must earn: 12 % a year.
                of_year.net_interest_minor::numeric + of_year.fees_minor - of_year.cost_minor
                    - of_year.expected_loss_minor - of_year.capital_held_minor * 0.12 / 12 as contribution
            from bank.client_month as of_year
            where of_year.branch_id = key.branch_id and of_year.client_id = key.client_id
                and of_year.month > (latest.month - interval '12 months')::date
                and of_year.currency = latest.currency
        ) as month
    ) as year;
end
