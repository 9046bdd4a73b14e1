create function app.facts_of_posting(branches int[], clients uuid[])
returns table (
    branch_id int, client_id uuid, first_due_on date, oldest_unpaid_due_on date, late_paid_on date[], late_days int[]
)
stable parallel safe language sql
begin atomic
    select
        key.branch_id, key.client_id, due.first_due_on, due.oldest_unpaid_due_on, late.paid_on, late.days
    from unnest(branches, clients) as key (branch_id, client_id)
    cross join lateral (
        select
            min(posting.due_on) as first_due_on,
            min(posting.due_on) filter (where posting.paid_on is null) as oldest_unpaid_due_on
        from bank.posting
        where posting.branch_id = key.branch_id and posting.client_id = key.client_id
            and isfinite(posting.due_on)
    ) as due
    cross join lateral (
        select
            array_agg(step.paid_on order by step.paid_on) as paid_on,
            array_agg(step.days order by step.paid_on) as days
        from (
            select
                by_day.paid_on,
                by_day.days,
                max(by_day.days) over (
                    order by by_day.paid_on desc rows between unbounded preceding and 1 preceding
                ) as days_later
            from (
                select posting.paid_on, max(posting.days_late) as days
                from bank.posting
                where posting.branch_id = key.branch_id and posting.client_id = key.client_id
                    and posting.days_late > 0
                group by posting.paid_on
            ) as by_day
        ) as step
        -- Whatever a later payment was at least as late as is in no window the worst.
        where step.days > coalesce(step.days_later, 0)
    ) as late;
end
