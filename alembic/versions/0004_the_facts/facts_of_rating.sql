create function app.facts_of_rating(branches int[], clients uuid[])
returns table (branch_id int, client_id uuid, probability_of_default numeric)
stable parallel safe language sql
begin atomic
    select key.branch_id, key.client_id, latest.probability_of_default
    from unnest(branches, clients) as key (branch_id, client_id)
    left join lateral (
        select rating.probability_of_default
        from bank.rating
        where rating.branch_id = key.branch_id and rating.client_id = key.client_id
        order by rating.rated_on desc, rating.recorded_at desc, rating.id desc
        limit 1
    ) as latest on true;
end
