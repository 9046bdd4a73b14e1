create function app.facts_of_interaction(branches int[], clients uuid[])
returns table (branch_id int, client_id uuid, last_contact_on date, nps smallint)
stable parallel safe language sql
begin atomic
    select key.branch_id, key.client_id, spoken.last_contact_on, spoken.nps
    from unnest(branches, clients) as key (branch_id, client_id)
    cross join lateral (
        select
            max(interaction.occurred_on) filter (where isfinite(interaction.occurred_on)) as last_contact_on,
            (
                array_agg(
                    interaction.nps
                    order by interaction.occurred_on desc, interaction.created_at desc, interaction.id desc
                ) filter (where interaction.nps is not null)
            )[1] as nps
        from bank.interaction
        where interaction.branch_id = key.branch_id and interaction.client_id = key.client_id
    ) as spoken;
end
