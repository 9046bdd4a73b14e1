-- Bring one family of these clients' facts up to date.
--
-- The rows are locked before anything is read: the second statement sees what whoever held them has committed, and
-- of two writers the later one misses nothing.
create function app.keep_facts_of_FAMILY(branches int[], clients uuid[]) returns void language plpgsql
set plan_cache_mode = force_generic_plan as $$
begin
    perform from unnest(branches, clients) as key (branch_id, client_id)
    join bank.client_fact as kept on kept.branch_id = key.branch_id and kept.client_id = key.client_id
    order by kept.branch_id, kept.client_id
    for no key update of kept;

    update bank.client_fact as kept
    set
        CHANGES,
        changed_at = clock.moment,
        -- Several changes on one day are one to history.
        valid_from = case
            when kept.valid_from < date_trunc('day', clock.moment, 'UTC') then clock.moment
            else kept.valid_from
        end
    from app.facts_of_FAMILY(branches, clients) as fresh
    cross join (
        select (
            coalesce((select business_day.day from bank.business_day), (now() at time zone 'UTC')::date)
            + (now() at time zone 'UTC')::time
        ) at time zone 'UTC' as moment
    ) as clock
    where kept.branch_id = fresh.branch_id and kept.client_id = fresh.client_id
        and (KEPT_COLUMNS) is distinct from (FRESH_COLUMNS);
end $$;

-- After a statement: the clients whose rows it wrote, each once. A client's facts go with it, by their foreign key.
create function app.keep_facts_after_FAMILY() returns trigger language plpgsql as $$
declare
    branches int[];
    clients uuid[];
begin
    -- Who loads a bank makes the facts afterwards, in the same transaction: app.make_facts().
    if current_setting('app.facts_deferred', true) = 'on' and current_user = 'HEADQUARTERS' then
        return null;
    end if;
    if tg_op = 'INSERT' then
        select array_agg(touched.branch_id), array_agg(touched.client_id) into branches, clients
        from (select branch_id, CLIENT_ID as client_id from added group by 1, 2) as touched;
    elsif tg_op = 'DELETE' then
        select array_agg(touched.branch_id), array_agg(touched.client_id) into branches, clients
        from (select branch_id, CLIENT_ID as client_id from removed group by 1, 2) as touched;
    else
        select array_agg(touched.branch_id), array_agg(touched.client_id) into branches, clients
        from (
            select branch_id, CLIENT_ID as client_id from added
            union
            select branch_id, CLIENT_ID from removed
        ) as touched;
    end if;
    if branches is null then
        return null;
    end if;
    if tg_op = 'INSERT' then
        perform app.ON_INSERT(branches, clients);
    else
        perform app.keep_facts_of_FAMILY(branches, clients);
    end if;
    return null;
end $$;
