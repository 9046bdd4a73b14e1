create function app.facts_of_credit_event(branches int[], clients uuid[])
returns table (
    branch_id int, client_id uuid, has_credit_event boolean, default_count int, last_default_on date,
    last_misuse_on date, last_related_party_abuse_on date, last_covenant_default_on date,
    last_line_cancelled_on date, last_refinancing_asked_on date
)
stable parallel safe language sql
begin atomic
    select key.branch_id, key.client_id, happened.*
    from unnest(branches, clients) as key (branch_id, client_id)
    cross join lateral (
        select
            count(*) > 0,
            (count(*) filter (where event.kind in ('DEFAULT', 'CHARGE_OFF')))::int,
            max(event.day) filter (where event.kind in ('DEFAULT', 'CHARGE_OFF')),
            max(event.day) filter (where event.kind = 'MISUSE'),
            max(event.day) filter (where event.kind = 'RELATED_PARTY_ABUSE'),
            max(event.day) filter (where event.kind = 'COVENANT_DEFAULT'),
            max(event.day) filter (where event.kind = 'LINE_CANCELLED'),
            max(event.day) filter (where event.kind in ('PREPAYMENT_REQUEST', 'REFINANCING_REQUEST'))
        from (
            select happening.kind, case when isfinite(happening.occurred_on) then happening.occurred_on end as day
            from bank.credit_event as happening
            where happening.branch_id = key.branch_id and happening.client_id = key.client_id
        ) as event
    ) as happened;
end
