insert into bank.facility (
    branch_id, id, client_id, reference, product, purpose, currency, limit_minor, outstanding_minor,
    guaranteed_minor, annual_rate, term_months, revolving, approved_on, disbursed_on, matures_on, status,
    loan_class, renewed_on, created_at
)
select
    branch_id,
    pg_temp.id('facility', facility_no),
    client_id,
    'F-' || lpad(n::text, 8, '0') || '-' || k,
    product,
    case product
        when 'PROJECT_LOAN' then 'Plant and equipment'
        when 'MORTGAGE' then 'Business premises'
        when 'GREEN_LOAN' then 'Energy saving'
        when 'ACQUISITION_LOAN' then 'Acquisition of a supplier'
        when 'TERM_LOAN' then 'Equipment'
        else 'Working capital'
    end,
    'CNY',
    limit_minor,
    outstanding_minor,
    case when product = 'GUARANTEED_LOAN' then limit_minor / 10 * 8 end,
    annual_rate_bps / 10000::numeric,
    term_months,
    revolving,
    approved_on,
    case when undrawn is null then disbursed_on end,
    (first_due_from + make_interval(months => term_months))::date,
    facility_status,
    case
        when facility_status = 'CHARGED_OFF' then 'LOSS'
        when facility_status <> 'ACTIVE' then null
        when stops_on + 270 <= pg_temp.today() then 'DOUBTFUL'
        when stops_on + 90 <= pg_temp.today() then 'SUBSTANDARD'
        when stops_on + 30 <= pg_temp.today() or grade = 'C' and pg_temp.chance(facility_no, 'mention') < .5
            then 'SPECIAL_MENTION'
        else 'NORMAL'
    end,
    -- What is about to mature goes on, for most.
    case
        when facility_status = 'ACTIVE' and stops_on is null
            and (first_due_from + make_interval(months => term_months))::date between pg_temp.today() - 400
                and pg_temp.today() + 60
            and pg_temp.chance(facility_no, 'renewed') < case when leaves then .3 else .9 end
            then least((first_due_from + make_interval(months => term_months))::date, pg_temp.today()) - 20
    end,
    approved_on + time '10:00'
from draft_facility
join standing using (facility_no)
join (select n, leaves from draft_behaviour) as behaviour using (n)
order by branch_id, facility_no;
