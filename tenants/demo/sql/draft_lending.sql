-- Facilities and postings are drafted before either is written: what is outstanding is what was not repaid.

-- Facilities. Loans are repaid on the 20th of every third month after the month of the first drawing;
-- `elapsed` counts those days up to today. From instalment `stops_at` on nothing is paid any more; with
-- instalment `prepaid_at` the whole rest is.
create temp table draft_facility on commit drop as
with wanted as materialized (
    select
        draft_client.*,
        n * 16 + k as facility_no,
        k,
        case
            when size_class = 'MICRO' and pg_temp.chance(n * 16 + k, 'micro') < .35 then 'MICRO_CREDIT'
            else pg_temp.pick(products, pg_temp.chance(n * 16 + k, 'product'))
        end as wanted_product
    from draft_client
    join trade using (trade)
    cross join lateral generate_series(1, facilities) as k
),
approved as materialized (
    select
        wanted.*,
        product.*,
        terms[1 + floor(3 * pg_temp.chance(facility_no, 'term'))::int] as term_months,
        greatest(
            relationship_since + 10,
            date '2024-12-10' - floor(
                2000 * pg_temp.chance(facility_no, 'approved') * pg_temp.chance(facility_no, 'approved')
            )::int
        ) as approved_on
    from wanted
    join product on product.product = case
        when size_class in ('LARGE', 'MEDIUM') and wanted_product = 'MICRO_CREDIT' then 'WORKING_CAPITAL'
        else wanted_product
    end
),
granted as materialized (
    select
        approved.*,
        -- In whole 10,000 yuan.
        greatest(5, round(revenue * of_revenue * (.4 + 1.2 * pg_temp.chance(facility_no, 'limit')) / 10000))::bigint
            * 10000 * 100 as limit_minor,
        -- One-year prime rate 3.45 %.
        345 + product_bps + floor(45 * pg_temp.chance(facility_no, 'rate'))::int
            + case grade when 'A' then 15 when 'B' then 90 else 235 end
            + case size_class when 'LARGE' then -15 when 'MEDIUM' then 0 when 'SMALL' then 20 else 45 end
            as annual_rate_bps,
        approved_on + 4 + floor(40 * pg_temp.chance(facility_no, 'disbursed'))::int as disbursed_on
    from approved
),
drawn as materialized (
    select
        granted.*,
        floor(limit_minor * (utilised + (1 - utilised) * pg_temp.chance(facility_no, 'utilised')))::bigint
            as drawn_minor,
        term_months / 3 as quarters,
        (2024 * 12 + 12 - (extract(year from disbursed_on) * 12 + extract(month from disbursed_on))::int) / 3
            as elapsed,
        date_trunc('month', disbursed_on::timestamp)::date + 19 as first_due_from,
        case
            when disbursed_on > pg_temp.today() then 'APPROVED'
            when pg_temp.chance(facility_no, 'cancelled') < .02 then 'CANCELLED'
            when pg_temp.chance(facility_no, 'cancelled') < .03 and approved_on >= date '2024-09-01' then 'APPROVED'
        end as never_drawn,
        case
            when status = 'ACTIVE' and pg_temp.chance(facility_no, 'stops')
                < case grade when 'A' then .0005 when 'B' then .003 else .12 end + .004 * (1 - strength)
                    + .4 * greatest(.15 - strength, 0)
                then 1 + floor(6 * pg_temp.chance(facility_no, 'stops at'))::int
        end as stops_at
    from granted
)
select
    drawn.*,
    case
        -- Who has left the bank owes it nothing.
        when status in ('DORMANT', 'CLOSED') then least(elapsed, quarters)
        when stops_at is null and pg_temp.chance(facility_no, 'prepaid') < .04
            then 2 + floor(4 * pg_temp.chance(facility_no, 'prepaid at'))::int
    end as prepaid_at,
    case
        when status in ('DORMANT', 'CLOSED') and (elapsed = 0 or never_drawn is not null) then 'CANCELLED'
        else never_drawn
    end as undrawn,
    case when stops_at <= quarters then (first_due_from + make_interval(months => 3 * stops_at))::date end
        as stops_on
from drawn;

analyze draft_facility;

create temp table draft_posting on commit drop as
with due as materialized (
    select
        n,
        branch_id,
        client_id,
        facility_no,
        k,
        instalment,
        facility_no * 128 + instalment as posting_no,
        grade,
        strength,
        soundness,
        annual_rate_bps,
        instalment >= stops_at and undrawn is null as stopped,
        instalment = prepaid_at and instalment < quarters as prepays,
        status in ('DORMANT', 'CLOSED') as has_left,
        (first_due_from + make_interval(months => 3 * instalment))::date as due_on,
        case when amortising then drawn_minor / quarters * (instalment - 1) else 0 end as repaid_before,
        case
            when instalment = least(prepaid_at, quarters) then
                drawn_minor - case when amortising then drawn_minor / quarters * (instalment - 1) else 0 end
            when amortising then drawn_minor / quarters
            else 0
        end as principal_minor,
        drawn_minor
    from draft_facility
    cross join lateral generate_series(1, least(quarters, elapsed, prepaid_at)) as instalment
    where undrawn is null
),
judged as materialized (
    select
        due.*,
        -- Weak companies and companies in weak provinces pay late more often, and later.
        case
            when not has_left and pg_temp.chance(posting_no, 'late')
                < greatest(.015, .02 + .40 * (1 - soundness) * (1 - soundness) + .16 * (.35 - strength))
                then 1 + floor(
                    pg_temp.cube(pg_temp.chance(posting_no, 'days late'))
                        * (15 + 45 * (1 - soundness) + 20 * (1 - strength))
                )::int
            else 0
        end as days_late
    from due
)
select
    n,
    branch_id,
    client_id,
    facility_no,
    k,
    instalment,
    posting_no,
    case when prepays then 'PREPAYMENT' else 'INSTALMENT' end as kind,
    due_on,
    case when not coalesce(stopped, false) and due_on + days_late <= pg_temp.today() then due_on + days_late end
        as paid_on,
    principal_minor,
    round((drawn_minor - repaid_before)::numeric * annual_rate_bps / 40000)::bigint as interest_minor
from judged;

-- A year after the payments stopped the bank sells the collateral.
insert into draft_posting
select
    n, branch_id, client_id, facility_no, k, 127, facility_no * 128 + 127, 'RECOVERY',
    recovered_on, recovered_on, floor(owed_minor * (.1 + .3 * pg_temp.chance(facility_no, 'recovery')))::bigint, 0
from draft_facility
cross join lateral (
    select
        stops_on + 395 + floor(90 * pg_temp.chance(facility_no, 'recovered on'))::int as recovered_on,
        drawn_minor - (
            select coalesce(sum(principal_minor), 0)::bigint
            from draft_posting
            where draft_posting.facility_no = draft_facility.facility_no and paid_on is not null
        ) as owed_minor
) as collateral
where stops_on + 365 <= pg_temp.today()
    and undrawn is null
    and recovered_on <= pg_temp.today()
    and pg_temp.chance(facility_no, 'recovers') < .6;

create temp table repaid on commit drop as
select facility_no, sum(principal_minor)::bigint as repaid_minor, max(paid_on) as last_paid_on
from draft_posting
where paid_on is not null
group by facility_no;

analyze draft_posting;
analyze repaid;

-- Where each facility stands today.
create temp table standing on commit drop as
select
    facility_no,
    case when undrawn is null then drawn_minor - coalesce(repaid_minor, 0) else 0 end as outstanding_minor,
    last_paid_on,
    coalesce(
        undrawn,
        case
            when stops_on + 365 <= pg_temp.today() then 'CHARGED_OFF'
            when drawn_minor = repaid_minor then 'REPAID'
            else 'ACTIVE'
        end
    ) as facility_status
from draft_facility
left join repaid using (facility_no);

analyze standing;
