create function app.facts_of_financial_statement(branches int[], clients uuid[])
returns table (
    branch_id int, client_id uuid, statement_currency text, statement_period_end date, statement_count int,
    revenue_minor bigint, total_assets_minor bigint, revenue_growth numeric, revenue_cagr3y numeric,
    revenue_variation numeric, gross_margin numeric, ebit_margin numeric, net_margin numeric,
    profit_before_tax_margin numeric, liabilities_to_assets numeric, equity_ratio numeric, current_ratio numeric,
    debt_to_ebitda numeric, ebitda_positive boolean, interest_cover numeric, interest_cover_previous numeric,
    z_score numeric, operating_cash_flow_sign smallint, investing_cash_flow_sign smallint,
    financing_cash_flow_sign smallint
)
stable parallel safe language sql
begin atomic
    select
        key.branch_id,
        key.client_id,
        latest.currency,
        latest.period_end,
        coalesce(latest.years, 0),
        latest.revenue_minor,
        latest.total_assets_minor,
        app.fraction(latest.revenue_minor, latest.revenue_before) - 1,
        case
            when latest.revenue_minor >= 0 and latest.revenue_3_before > 0
                then round(power(latest.revenue_minor::numeric / latest.revenue_3_before, 1.0 / 3), 6) - 1
        end,
        latest.variation,
        app.fraction(latest.revenue_minor::numeric - latest.cost_of_sales_minor, latest.revenue_minor),
        app.fraction(latest.ebit_minor, latest.revenue_minor),
        app.fraction(latest.net_income_minor, latest.revenue_minor),
        app.fraction(latest.profit_before_tax_minor, latest.revenue_minor),
        app.fraction(latest.total_liabilities_minor, latest.total_assets_minor),
        app.fraction(latest.equity_minor, latest.total_assets_minor),
        app.fraction(latest.current_assets_minor, latest.current_liabilities_minor),
        app.fraction(latest.borrowings_minor, latest.ebitda),
        latest.ebitda > 0,
        app.fraction(latest.ebit_minor, latest.interest_expense_minor),
        latest.cover_before,
        round(
            (
                6.56 * (latest.current_assets_minor::numeric - latest.current_liabilities_minor)
                + 3.26 * latest.retained_earnings_minor
                + 6.72 * latest.ebit_minor
            ) / case when latest.total_assets_minor > 0 then latest.total_assets_minor end
            + 1.05 * latest.equity_minor
                / case when latest.total_liabilities_minor > 0 then latest.total_liabilities_minor end,
            6
        ),
        sign(latest.operating_cash_flow_minor::numeric)::smallint,
        sign(latest.investing_cash_flow_minor::numeric)::smallint,
        sign(latest.financing_cash_flow_minor::numeric)::smallint
    from unnest(branches, clients) as key (branch_id, client_id)
    left join lateral (
        select
            aged.*,
            aged.ebit_minor::numeric + aged.depreciation_minor as ebitda,
            count(*) over ()::int as years,
            -- Of the same currency as the latest; years are told by the month in which they end.
            max(aged.revenue_minor) filter (where aged.months_before = 12 and aged.in_currency) over ()
                as revenue_before,
            max(aged.revenue_minor) filter (where aged.months_before = 36 and aged.in_currency) over ()
                as revenue_3_before,
            max(app.fraction(aged.ebit_minor, aged.interest_expense_minor))
                filter (where aged.months_before = 12) over () as cover_before,
            case
                when count(aged.revenue_minor) filter (where aged.place <= 5 and aged.in_currency) over () >= 3
                    then app.fraction(
                        stddev_pop(aged.revenue_minor) filter (where aged.place <= 5 and aged.in_currency) over (),
                        avg(aged.revenue_minor) filter (where aged.place <= 5 and aged.in_currency) over ()
                    )
            end as variation
        from (
            select
                annual.*,
                max(annual.month_no) over () - annual.month_no as months_before,
                annual.currency = first_value(annual.currency) over (order by annual.month_no desc) as in_currency,
                row_number() over (order by annual.month_no desc) as place
            from (
                -- Of a year that was restated, what was recorded last.
                select distinct on (month_no)
                    statement.*,
                    (extract(year from statement.period_end) * 12 + extract(month from statement.period_end))::int
                        as month_no
                from bank.financial_statement as statement
                where statement.branch_id = key.branch_id and statement.client_id = key.client_id
                    and statement.period_months = 12 and isfinite(statement.period_end)
                order by month_no desc, statement.recorded_at desc, statement.period_end desc, statement.id desc
            ) as annual
        ) as aged
        order by aged.place
        limit 1
    ) as latest on true;
end
