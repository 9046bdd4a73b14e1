-- Five fiscal years, 2019 to 2023. Totals are sums of their parts, so they add up exactly; the cash flows add up
-- to the change in cash, for which 2018 is made as well and left out. Amounts in yuan until the last step.
with year as materialized (
    select
        draft_client.*,
        year,
        pg_temp.chance(company * 8 + year - 2016, 'year') as luck,
        -- A firm stays in its stage in all but one year of fourteen.
        case
            when pg_temp.chance(company * 8 + year - 2016, 'leaves stage') < .93 then stage
            else pg_temp.pick(
                '{MATURE,GROWTH,SHAKE_OUT,DECLINE,INTRODUCTION}',
                pg_temp.chance(company * 8 + year - 2016, 'other stage')
            )
        end as stage_of_year,
        1 / (1 + yearly_growth) as back
    from draft_client
    cross join generate_series(2018, 2023) as year
),
sold as materialized (
    select
        year.*,
        (
            revenue * (.96 + .08 * luck)
            * case year
                when 2023 then 1
                when 2022 then back
                when 2021 then back * back
                when 2020 then back * back * back
                when 2019 then back * back * back * back
                else back * back * back * back * back
            end
            -- The year in which travellers stayed at home.
            * case when year = 2020 and trade in ('service', 'trade') then .88 when year = 2020 then .95 else 1 end
        )::bigint as sales,
        -- Between the weak and the rest there is a gap: who is not about to fail keeps decent books.
        least(
            greatest(
                case when grade = 'C' then soundness else greatest(soundness, .33 + .25 * soundness) end
                    + .10 * (luck - .5),
                .01
            ),
            .99
        ) as health
    from year
),
earned as materialized (
    select
        sold.*,
        (sales * (1 - margin * (.15 + 1.5 * health) - .10))::bigint as cost,
        (sales * (margin * (2.0 * health - .05) + .02 * (luck - .5)))::bigint as ebit,
        sales / turnover as size_of_assets
    from sold
),
kept as materialized (
    select
        earned.*,
        (size_of_assets * (.03 + .10 * health + .04 * luck))::bigint as cash,
        least(sales * receivable_days / 365 * (1.4 - .6 * health), size_of_assets * .30)::bigint as receivables,
        least(cost::float8 * inventory_days / 365 * (1.3 - .5 * health), size_of_assets * .30)::bigint as inventory,
        (size_of_assets * (.01 + .01 * luck))::bigint as prepaid,
        (size_of_assets * .03)::bigint as other_current,
        (size_of_assets * fixed)::bigint as fixed_assets
    from earned
),
owned as materialized (
    select
        kept.*,
        cash + receivables + inventory + prepaid + other_current as current_assets,
        cash + receivables + inventory + prepaid + other_current + fixed_assets as total_assets
    from kept
),
owing as materialized (
    select
        owned.*,
        (total_assets * (.05 + .50 * health + .03 * luck + .08 * least(fixed, 1)))::bigint as equity,
        least(total_assets * .18, size_of_assets * .14)::bigint as paid_in
    from owned
),
lent as materialized (
    select
        owing.*,
        total_assets - equity as total_liabilities,
        least(cost::float8 * .16 * (1.3 - .5 * health), (total_assets - equity) * .35)::bigint as payables,
        ((total_assets - equity) * (.04 + .04 * luck))::bigint as advances,
        ((total_assets - equity) * (.34 + .14 * (1 - health)))::bigint as borrowings
    from owing
),
paid as materialized (
    select
        lent.*,
        -- Plant and buildings are financed for longer than stock.
        payables + advances + (borrowings * (.35 + .35 * (1 - health)) * (1.1 - .9 * least(fixed, 1)))::bigint
            + ((total_liabilities - payables - advances - borrowings) * (.8 - .6 * least(fixed, 1)))::bigint as current_liabilities,
        (fixed_assets * .06)::bigint as depreciation,
        (borrowings * (.040 + .025 * (1 - health)))::bigint as interest
    from lent
),
taxed as materialized (
    select
        paid.*,
        ebit - interest as profit_before_tax,
        -- Corporate income tax 25 %, none on a loss.
        ebit - interest - greatest((ebit - interest) / 4, 0) as net_income,
        cash - lag(cash) over (partition by n order by year) as cash_change
    from paid
),
moved as materialized (
    select
        taxed.*,
        greatest(net_income + depreciation, sales / 50, 1) as own_funds,
        abs(cash_change) as cash_moved
    from taxed
),
-- The signs of the three flows are the stage (Dickinson 2011); financing is what is left.
operated as materialized (
    select
        moved.*,
        case stage_of_year
            when 'INTRODUCTION' then -greatest((sales * (.01 + .04 * luck))::bigint, 1)
            when 'GROWTH' then own_funds
            when 'DECLINE' then -greatest((own_funds * (.3 + .5 * luck))::bigint, 1)
            else own_funds + cash_moved
        end as operating,
        case stage_of_year
            when 'INTRODUCTION' then -(cash_moved + 1 + (sales * (.02 + .05 * luck))::bigint)
            when 'GROWTH' then -(own_funds + cash_moved + 1 + (sales * (.02 + .06 * luck))::bigint)
            when 'MATURE' then -greatest((own_funds * (.3 + .4 * luck))::bigint, 1)
            when 'DECLINE' then 1 + (sales * (.01 + .05 * luck))::bigint
            else greatest((own_funds * (.1 + .3 * luck))::bigint, 1)
        end as investing
    from moved
)
insert into bank.financial_statement (
    branch_id, id, client_id, period_end, period_months, currency, audited, source,
    revenue_minor, cost_of_sales_minor, ebit_minor, depreciation_minor, interest_expense_minor,
    profit_before_tax_minor, net_income_minor, cash_minor, receivables_minor, prepaid_minor, inventory_minor,
    current_assets_minor, total_assets_minor, payables_minor, advances_received_minor, current_liabilities_minor,
    borrowings_minor, total_liabilities_minor, retained_earnings_minor, equity_minor, operating_cash_flow_minor,
    investing_cash_flow_minor, financing_cash_flow_minor, recorded_at
)
select
    branch_id, pg_temp.id('statement', n * 8 + year - 2016), client_id, make_date(year, 12, 31), 12, 'CNY',
    size_class in ('LARGE', 'MEDIUM') or luck > .7, 'demo',
    sales * 100, cost * 100, ebit * 100, depreciation * 100, interest * 100,
    profit_before_tax * 100, net_income * 100, cash * 100, receivables * 100, prepaid * 100, inventory * 100,
    current_assets * 100, total_assets * 100, payables * 100, advances * 100, current_liabilities * 100,
    borrowings * 100, total_liabilities * 100, (equity - paid_in) * 100, equity * 100, operating * 100,
    investing * 100, (cash_change - operating - investing) * 100,
    make_date(year + 1, 4, 29) + time '09:00'
from operated
where year >= 2019
order by branch_id, n, year;
