create function app.facts_of_facility(branches int[], clients uuid[])
returns table (
    branch_id int, client_id uuid, facility_currency text, has_facility boolean, facility_count int,
    exposure_minor bigint, facility_limit_minor bigint, utilisation numeric, loan_class text, next_maturity_on date
)
stable parallel safe language sql
begin atomic
    select
        key.branch_id,
        key.client_id,
        case when lent.currencies = 1 then lent.currency end,
        lent.currencies > 0,
        lent.open,
        case when lent.currencies <= 1 then app.minor(coalesce(lent.outstanding, 0)) end,
        case when lent.currencies <= 1 then app.minor(coalesce(lent.open_limit, 0)) end,
        case when lent.currencies <= 1 then app.fraction(lent.open_outstanding, lent.open_limit) end,
        ('{NORMAL,SPECIAL_MENTION,SUBSTANDARD,DOUBTFUL,LOSS}'::text[])[lent.worst],
        lent.next_maturity_on
    from unnest(branches, clients) as key (branch_id, client_id)
    cross join lateral (
        select
            count(distinct facility.currency) as currencies,
            min(facility.currency) as currency,
            sum(facility.outstanding_minor) as outstanding,
            (count(*) filter (where facility.status in ('APPROVED', 'ACTIVE')))::int as open,
            sum(facility.limit_minor) filter (where facility.status in ('APPROVED', 'ACTIVE')) as open_limit,
            sum(facility.outstanding_minor) filter (where facility.status in ('APPROVED', 'ACTIVE'))
                as open_outstanding,
            max(
                array_position(
                    '{NORMAL,SPECIAL_MENTION,SUBSTANDARD,DOUBTFUL,LOSS}'::text[], facility.loan_class
                )
            ) filter (where facility.status in ('APPROVED', 'ACTIVE')) as worst,
            min(facility.matures_on) filter (
                where facility.status = 'ACTIVE' and facility.renewed_on is null and isfinite(facility.matures_on)
            ) as next_maturity_on
        from bank.facility
        where facility.branch_id = key.branch_id and facility.client_id = key.client_id
    ) as lent;
end
