-- The limits of a unit and of all below it that are in sight, on a day, and what one minor unit of each is worth in the
-- currency of the uppermost ones.
create function app.limit_states_below(unit int, day date) returns table (state app.limit_state, rate numeric, is_root boolean)
stable parallel safe language sql
begin atomic
    with recursive known as materialized (
        select known.*
        from app.limit_states(
            array(select below.id from app.units_below(limit_states_below.unit) as below (id)), limit_states_below.day
        ) known
        where known.status <> 'CLOSED'
    ),
    down (branch_id, id, rate, is_root) as (
        select known.branch_id, known.id, 1::numeric, true
        from known
        left join known above on above.branch_id = known.parent_branch_id and above.id = known.parent_id
        where above.id is null
        union all
        select known.branch_id, known.id, down.rate * known.parent_rate, false
        from down
        join known on known.parent_branch_id = down.branch_id and known.parent_id = down.id
    )
    select row(known.*)::app.limit_state, down.rate, down.is_root
    from down
    join known on known.branch_id = down.branch_id and known.id = down.id;
end;

-- What a unit and all below it may lend and have committed: sums over the units' own limits. No row where there is no
-- limit in sight, or where the uppermost ones are in several currencies.
create function app.unit_quota(unit int, day date) returns table (
    unit_id int, as_of date, currency text, granted_minor bigint, committed_minor bigint, earmarked_minor bigint,
    reserved_minor bigint, utilised_minor bigint, available_minor bigint
) stable parallel safe language sql
begin atomic
    select unit_quota.unit, coalesce(unit_quota.day, app.today()),
        min((s.state).currency) filter (where s.is_root),
        coalesce(sum((s.state).effective_minor) filter (where s.is_root), 0)::bigint,
        app.half_even(sum(s.rate * (
            (s.state).earmarked_minor + (s.state).reserved_minor + (s.state).utilised_minor
            + (s.state).idle_fenced_minor - (s.state).freed_minor
        ))),
        app.half_even(sum(s.rate * ((s.state).earmarked_minor - (s.state).lapsed_minor))),
        app.half_even(sum(s.rate * (s.state).reserved_minor)),
        app.half_even(sum(s.rate * (s.state).utilised_minor)),
        app.half_even(sum(s.rate * greatest(
            (s.state).effective_minor - (s.state).earmarked_minor - (s.state).reserved_minor
            - (s.state).utilised_minor - (s.state).idle_fenced_minor - (s.state).dealt_minor
            - (s.state).consumed_minor + (s.state).freed_minor,
            0
        )))
    from app.limit_states_below(unit_quota.unit, coalesce(unit_quota.day, app.today())) s
    where (s.state).kind in ('BANK', 'REGION', 'BRANCH')
    having count(distinct (s.state).currency) filter (where s.is_root) = 1;
end;

-- The same by segment: of the sublimits that branches keep for segments. A list of objects of the graph.
create function app.unit_quota_by_segment(unit int, day date, currency text) returns jsonb
stable parallel safe language sql
return (
    select coalesce(jsonb_agg(jsonb_build_object(
        'segment', part.segment,
        'granted', app.money(part.granted, unit_quota_by_segment.currency),
        'committed', app.money(part.committed, unit_quota_by_segment.currency),
        'earmarked', app.money(part.earmarked, unit_quota_by_segment.currency),
        'reserved', app.money(part.reserved, unit_quota_by_segment.currency),
        'utilised', app.money(part.utilised, unit_quota_by_segment.currency),
        'available', app.money(part.available, unit_quota_by_segment.currency)
    ) order by part.segment), '[]')
    from (
        select (s.state).segment_value as segment,
            app.half_even_sum(sum(s.rate * (s.state).effective_minor)) as granted,
            app.half_even_sum(sum(s.rate * (
                (s.state).earmarked_minor + (s.state).reserved_minor + (s.state).utilised_minor
                + (s.state).idle_fenced_minor - (s.state).freed_minor
            ))) as committed,
            app.half_even_sum(sum(s.rate * ((s.state).earmarked_minor - (s.state).lapsed_minor))) as earmarked,
            app.half_even_sum(sum(s.rate * (s.state).reserved_minor)) as reserved,
            app.half_even_sum(sum(s.rate * (s.state).utilised_minor)) as utilised,
            app.half_even_sum(sum(s.rate * greatest(
                (s.state).effective_minor - (s.state).earmarked_minor - (s.state).reserved_minor
                - (s.state).utilised_minor - (s.state).idle_fenced_minor - (s.state).consumed_minor
                + (s.state).freed_minor,
                0
            ))) as available
        from app.limit_states_below(unit_quota_by_segment.unit, unit_quota_by_segment.day) s
        where (s.state).segment_value is not null and (s.state).client_id is null
        group by (s.state).segment_value
    ) part
);

-- The same by product: of what has been promised and drawn, wherever it was booked; and of what is in effect of limits
-- for the product that are no client's, those below another of the same product left aside. Missing where there are none.
create function app.unit_quota_by_product(unit int, day date, currency text) returns jsonb
stable parallel safe language sql
return (
    with known as materialized (
        select (s.state).*, s.rate
        from app.limit_states_below(unit_quota_by_product.unit, unit_quota_by_product.day) s
    ),
    booked as (
        select held.product, app.half_even(sum(known.rate * held.earmarked)) as earmarked,
            app.half_even(sum(known.rate * held.reserved)) as reserved,
            app.half_even(sum(known.rate * held.utilised)) as utilised
        from known
        join app.limit_held_by_product(
            array(select below.id from app.units_below(unit_quota_by_product.unit) as below (id)),
            unit_quota_by_product.day
        ) held on held.branch_id = known.branch_id and held.node_id = known.id
        group by held.product
    ),
    meant as (
        select one.product, app.half_even_sum(sum(one.rate * one.effective_minor)) as granted
        from known one
        left join known above on above.branch_id = one.parent_branch_id and above.id = one.parent_id
        where one.product is not null and one.client_id is null and one.product is distinct from above.product
        group by one.product
    )
    select coalesce(jsonb_agg(jsonb_build_object(
        'product', coalesce(booked.product, meant.product),
        'granted', case
            when meant.granted is not null then app.money(meant.granted, unit_quota_by_product.currency)
        end,
        'earmarked', app.money(coalesce(booked.earmarked, 0), unit_quota_by_product.currency),
        'reserved', app.money(coalesce(booked.reserved, 0), unit_quota_by_product.currency),
        'utilised', app.money(coalesce(booked.utilised, 0), unit_quota_by_product.currency)
    ) order by coalesce(booked.product, meant.product) nulls last), '[]')
    from booked
    full join meant on meant.product = booked.product
);
