create function app.facts_of_client(branches int[], clients uuid[])
returns table (
    branch_id int, client_id uuid, currency text, registered_capital_minor bigint, employees int, size_class text,
    industry_scheme text, industry_code text, region_code text, status text, watch_list text,
    national_key_project boolean, established_on date, relationship_since date, assigned_grade text
)
stable parallel safe language sql
begin atomic
    select
        client.branch_id,
        client.id,
        client.currency,
        client.registered_capital_minor,
        client.employees,
        client.size_class,
        client.industry_scheme,
        client.industry_code,
        client.region_code,
        client.status,
        client.watch_list,
        client.national_key_project,
        -- A day without end could not be reckoned with, here and below.
        case when isfinite(client.established_on) then client.established_on end,
        case when isfinite(client.relationship_since) then client.relationship_since end,
        client.credit_grade
    from unnest(branches, clients) as key (branch_id, client_id)
    join bank.client on client.branch_id = key.branch_id and client.id = key.client_id;
end
