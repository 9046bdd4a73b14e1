-- The facts of clients that have none yet, all families at once: client by client, since joined as a whole PostgreSQL
-- would take the thousands of rows of each family for a handful.
create function app.make_facts(branches int[], clients uuid[]) returns void language plpgsql
set plan_cache_mode = force_generic_plan as $$
begin
    insert into bank.client_fact (branch_id, client_id, EVERY_COLUMN, changed_at, valid_from)
    select key.branch_id, key.client_id, EVERY_COLUMN, clock.moment, clock.moment
    from (select app.moment() as moment) as clock
    cross join (
        select new.branch_id, new.client_id
        from unnest(branches, clients) as new (branch_id, client_id)
        where not exists (
            select from bank.client_fact as kept
            where kept.branch_id = new.branch_id and kept.client_id = new.client_id
        )
        offset 0
    ) as key
    JOINED
    order by key.branch_id, key.client_id
    on conflict do nothing;
end $$;

-- Whatever these clients' facts are, make them what they must be.
create function app.keep_facts(branches int[], clients uuid[]) returns void language plpgsql as $$
begin
    perform app.make_facts(branches, clients);
    CALLS
end $$;
