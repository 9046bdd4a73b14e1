-- The day that the bank's books are read on. PostgreSQL does not write a function with a sub-select into the query,
-- so statements over many rows join the table instead.
create function app.today() returns date stable parallel safe language sql
return coalesce((select business_day.day from bank.business_day), (now() at time zone 'UTC')::date);

-- The clock's time on that day.
create function app.moment() returns timestamptz stable parallel safe language sql
return (
    coalesce((select business_day.day from bank.business_day), (now() at time zone 'UTC')::date)
    + (now() at time zone 'UTC')::time
) at time zone 'UTC';

create function app.fraction(part numeric, whole numeric) returns numeric immutable parallel safe language sql
return case when whole > 0 then round(part / whole, 6) end;

-- What no column holds is rather missing than a reason to refuse a posting.
create function app.minor(amount numeric) returns bigint immutable parallel safe language sql
return case when abs(amount) <= 9223372036854775807 then amount::bigint end;

create function app.years_between(since date, day date) returns numeric immutable parallel safe language sql
return case
    when since <= day then trunc(
        extract(year from age(day::timestamp, since::timestamp))
        + (
            extract(month from age(day::timestamp, since::timestamp))
            + extract(day from age(day::timestamp, since::timestamp)) / 31
        ) / 12,
        2
    )
end;

-- The staircase's first step on or after the day; beyond its end there is none.
create function app.worst_since(day date, paid_on date[], days int[]) returns int
immutable parallel safe language sql
return days[width_bucket(day - 1, paid_on) + 1];

-- Where an amount stands in a distribution (bank.standing): what is not above zero comes after all that is.
create function app.share_at(amount bigint, thresholds bigint[], shares numeric[]) returns numeric
immutable parallel safe language sql
return case
    when amount is null or thresholds is null then null
    when amount <= 0 then 1
    else coalesce(shares[width_bucket(amount, thresholds)], 1)
end;

-- A row of facts for each client that has none; what comes of other tables is as for a client without any.
create function app.found_facts(branches int[], clients uuid[]) returns void language plpgsql
set plan_cache_mode = force_generic_plan as $$
begin
    insert into bank.client_fact (branch_id, client_id, CLIENT_COLUMNS, changed_at, valid_from)
    select fresh.*, app.moment(), app.moment()
    from app.facts_of_client(branches, clients) as fresh
    order by fresh.branch_id, fresh.client_id
    on conflict do nothing;
end $$;

-- What the facts were on an earlier day.
create function app.remember_facts() returns trigger language plpgsql
set plan_cache_mode = force_generic_plan as $$
begin
    insert into bank.client_fact_version (EVERY_COLUMN, valid_until)
    select EVERY_REMOVED_COLUMN, added.valid_from
    from removed
    join added on added.branch_id = removed.branch_id and added.client_id = removed.client_id
    where removed.valid_from < added.valid_from;
    return null;
end $$;
