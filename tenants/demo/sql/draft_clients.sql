-- What is decided about each company before anything of it is written.
--
-- A company and what is hidden in it: `soundness` (0 to 1) makes its grade, its ratios and its punctuality.
-- Every thousandth client is the company before it again, kept by a branch of the next province.
create temp table draft_client on commit drop as
with company as materialized (
    select n, case when n % 1000 = 0 then n - 1 else n end as company
    from span
    cross join lateral generate_series(first_n, last_n) as n
),
seated as materialized (
    select
        company.*,
        province.*,
        least(floor(pg_temp.chance(company, 'place') * (sub_branches + 1.5))::int, sub_branches) as place
    from company
    cross join province_draw
    join province
        on province.province_no = width_bucket(pg_temp.chance(company, 'province'), province_draw.thresholds)
),
in_trade as materialized (
    select
        seated.*,
        industry.*,
        -- Strong provinces have larger firms, and power stations are not small.
        pg_temp.chance(company, 'size') + .08 * (strength - .4) + .15 * (industry_code = 'D44')::int as size_score,
        pg_temp.chance(company, 'within size') as within_size
    from seated
    join industry_draw on industry_draw.region_code = seated.region_code
    join industry
        on industry.industry_no = width_bucket(pg_temp.chance(company, 'industry'), industry_draw.thresholds)
),
sized as materialized (
    select
        in_trade.*,
        size.*,
        (revenue_from + (revenue_to - revenue_from) * pg_temp.cube(within_size))
            * (.8 + .4 * pg_temp.chance(company, 'revenue')) as revenue,
        least(
            greatest(
                pg_temp.chance(company, 'soundness') + .35 * (strength - .35)
                    + industry_soundness + size_soundness,
                .02
            ),
            .98
        )::float8 as soundness
    from in_trade
    join size on size.size_class = case
        when size_score >= .95 then 'LARGE'
        when size_score >= .80 then 'MEDIUM'
        when size_score >= .45 then 'SMALL'
        else 'MICRO'
    end
),
judged as materialized (
    select
        sized.*,
        case when soundness >= .60 then 'A' when soundness >= .05 then 'B' else 'C' end as grade,
        case
            when pg_temp.chance(n, 'status') < .03 then 'PROSPECT'
            when pg_temp.chance(n, 'status') < .06 then 'DORMANT'
            when pg_temp.chance(n, 'status') < .07 then 'CLOSED'
            else 'ACTIVE'
        end as status,
        industry_growth + .14 * (soundness - .5) + .14 * (pg_temp.chance(company, 'growth') - .4)
            + .01 * (growth::float8 - 5) as yearly_growth,
        date '2018-06-30' - floor(
            (6500 + 4000 * (size_class = 'LARGE')::int)
                * pg_temp.chance(company, 'established') * pg_temp.chance(company, 'established')
        )::int as established_on
    from sized
)
select
    judged.n,
    company,
    case when n = company then office.branch_id else neighbour.branch_id end as branch_id,
    pg_temp.id('client', n) as client_id,
    pg_temp.id(
        'staff',
        case
            when n = company then
                office.office_no * 100 + 1
                + floor(office.relationship_managers * pg_temp.chance(company, 'manager'))::int
            else neighbour.office_no * 100 + 1
        end
    ) as relationship_manager_id,
    judged.region_code,
    office.city,
    office.city_zh,
    strength,
    industry_code,
    word,
    word_zh,
    trade,
    margin,
    turnover,
    fixed,
    receivable_days,
    inventory_days,
    size_class,
    within_size,
    employees_from,
    employees_to,
    revenue,
    soundness,
    grade,
    status,
    yearly_growth,
    established_on,
    greatest(
        established_on + 90,
        date '2024-09-30'
            - floor(6000 * pg_temp.chance(n, 'relationship') * pg_temp.chance(n, 'relationship again'))::int
    ) as relationship_since,
    case
        when status = 'PROSPECT' then 0
        else facilities_from
            + floor((facilities_to - facilities_from + 1) * pg_temp.chance(n, 'facilities'))::int
    end as facilities,
    -- Young firms that grow fast are introduced or grow; those that shrink decline or are shaken out.
    pg_temp.pick(
        case
            when yearly_growth > .12 then '{GROWTH,GROWTH,GROWTH,INTRODUCTION,MATURE,MATURE,MATURE,MATURE,SHAKE_OUT}'
            when yearly_growth > 0
                then '{MATURE,MATURE,MATURE,MATURE,MATURE,MATURE,MATURE,MATURE,MATURE,GROWTH,SHAKE_OUT,DECLINE}'
            else '{DECLINE,DECLINE,SHAKE_OUT,SHAKE_OUT,MATURE,MATURE,MATURE,MATURE,MATURE,MATURE}'
        end::text[],
        pg_temp.chance(company, 'stage')
    ) as stage
from judged
join office on office.province_no = judged.province_no and office.place = judged.place
join office as neighbour on neighbour.place = 0 and neighbour.province_no = judged.province_no % 31 + 1;

analyze draft_client;
