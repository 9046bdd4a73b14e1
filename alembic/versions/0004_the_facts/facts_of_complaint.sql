create function app.facts_of_complaint(branches int[], clients uuid[])
returns table (branch_id int, client_id uuid, has_complaint boolean, oldest_open_complaint_on date)
stable parallel safe language sql
begin atomic
    select key.branch_id, key.client_id, complained.*
    from unnest(branches, clients) as key (branch_id, client_id)
    cross join lateral (
        select
            count(*) > 0,
            min(complaint.received_on) filter (
                where complaint.resolved_on is null and isfinite(complaint.received_on)
            )
        from bank.complaint
        where complaint.branch_id = key.branch_id and complaint.client_id = key.client_id
    ) as complained;
end
