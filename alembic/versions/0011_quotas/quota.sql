-- The limits from the one that a client draws on up to its tenant's own, as they stand from today on. It draws, as
-- `tenants.limits.reading` finds it, on a facility's or sublimit of its own for the product, its own, its segment's at
-- the branch, the branch's. Each look-up is by key, and made only where those before it found nothing: as one query,
-- planned for no client in particular, the way up was sought among all limits of the branch.
create function app.limit_path(branch int, client uuid, product text, segment text, day date)
returns app.limit_state[] stable parallel safe language plpgsql as $$
#variable_conflict use_column
declare
    path app.limit_state[];
    step bank.limit_node;
begin
    select node.* into step from bank.limit_node node
    where node.branch_id = $1 and node.client_id = $2
    and (node.product = $3 and node.kind in ('FACILITY', 'SUBLIMIT') or node.kind = 'CLIENT')
    and node.status not in ('DRAFT', 'APPROVED', 'CLOSED')
    order by node.kind = 'CLIENT', $5 between node.valid_from and node.valid_until desc, node.id
    limit 1;
    if not found and segment is not null then
        select node.* into step from bank.limit_node node
        where node.branch_id = $1 and node.segment_value = $4
        and node.segment_dimension = (select policy.segment_dimension from bank.limit_policy policy)
        and coalesce(node.product = $3, node.product is null)
        and node.kind = 'SUBLIMIT' and node.client_id is null
        and node.status not in ('DRAFT', 'APPROVED', 'CLOSED')
        order by $5 between node.valid_from and node.valid_until desc, node.product is null, node.id
        limit 1;
    end if;
    if step.id is null then
        select node.* into step from bank.limit_node node
        where node.branch_id = $1 and node.kind in ('BANK', 'REGION', 'BRANCH') and node.status <> 'CLOSED';
    end if;
    while step.id is not null loop
        path := path || app.limit_state_of(step, $5);
        exit when step.inner_parent_id is null;
        select node.* into step from bank.limit_node node
        where node.branch_id = $1 and node.id = step.inner_parent_id;
    end loop;
    return path;
end $$;

-- The same as it was at the end of an earlier day, and from the leaf at which it began then: the segment is the one that
-- the client is recorded to have had.
create function app.limit_path_then(branch int, client uuid, product text, day date)
returns app.limit_state[] stable parallel safe language sql
begin atomic
    with recursive known as materialized (
        select earlier.*
        from app.limit_states_then(array[limit_path_then.branch], limit_path_then.day) earlier
        where earlier.status not in ('DRAFT', 'APPROVED', 'CLOSED')
        or earlier.kind in ('BANK', 'REGION', 'BRANCH') and earlier.status <> 'CLOSED'
    ),
    was as materialized (
        select history.value
        from bank.segment_history history
        join bank.limit_policy policy on policy.segment_dimension = history.dimension_code
        where history.branch_id = limit_path_then.branch and history.client_id = limit_path_then.client
        and history.valid_from < (limit_path_then.day + 1)::timestamp at time zone 'UTC'
        and history.valid_until >= (limit_path_then.day + 1)::timestamp at time zone 'UTC'
    ),
    leaf as (
        select known.id, known.is_valid, known.product is null as any_product, case
            when known.client_id = limit_path_then.client and known.product = limit_path_then.product then 1
            when known.client_id = limit_path_then.client and known.kind = 'CLIENT' then 2
            when known.client_id is null and known.kind = 'SUBLIMIT'
                and known.segment_value = (select was.value from was)
                and coalesce(known.product = limit_path_then.product, known.product is null) then 3
            when known.kind in ('BANK', 'REGION', 'BRANCH') then 4
        end as rank
        from known
    ),
    up (level, id) as (
        (
            select 1, leaf.id from leaf where leaf.rank is not null
            order by leaf.rank, leaf.is_valid desc, leaf.any_product, leaf.id limit 1
        )
        union all
        select up.level + 1, known.parent_id
        from up join known on known.id = up.id
        where known.parent_branch_id = known.branch_id
    )
    select array_agg(row(known.*)::app.limit_state order by up.level)
    from up join known on known.id = up.id;
end;

-- What a client may draw on a day, as `domain.limits.formulas.resolve` reckons it: no row where it has no limit at all.
-- Its few look-ups by key are planned once, however the statement around it is planned.
create function app.quota(
    branch int, client uuid, product text, amount bigint, amount_currency text, day date, segment text
) returns table (
    branch_id int, client_id uuid, available_minor bigint, currency text, allowed boolean, binding text,
    node_branch_id int, node_id uuid, trace jsonb, counts_caps boolean, as_of date, refusal text
) stable parallel safe language plpgsql set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_variable
declare
    today date := app.today();
    shown date := coalesce(day, today);
    is_past boolean := shown < today;
    path app.limit_state[];
    freed bigint[];
    node app.limit_state;
    cap record;
    caps jsonb := '[]';
    idle int;
    bound int;
    bound_cap int := 0;
    room bigint;
    own bigint;
    through bigint;
    held bigint;
    through_limits bigint;
    kept record;
begin
    if is_past then
        path := app.limit_path_then(branch, client, product, shown);
    else
        path := app.limit_path(branch, client, product, segment, shown);
    end if;
    if path is null then
        return;
    end if;
    freed := array_fill(0::bigint, array[cardinality(path)]);
    if not is_past and exists (
        select from bank.limit_commitment due
        where due.branch_id = branch and due.status = 'EARMARKED' and due.expires_at <= app.moment()
    ) then
        select array_agg(coalesce(lapsed.freed, 0) order by step.n) into freed
        from generate_series(1, cardinality(path)) as step (n)
        left join app.limit_lapsed(array[branch], app.moment()) lapsed on lapsed.node_id = path[step.n].id;
    end if;
    for n in reverse cardinality(path) .. 1 loop
        node := path[n];
        held := node.earmarked_minor + node.reserved_minor + node.utilised_minor + node.idle_fenced_minor - freed[n];
        own := node.effective_minor - held - node.dealt_minor - node.consumed_minor;
        if not node.is_active then
            idle := n;
        end if;
        through := case
            when room is null then null
            when node.parent_rate = 1 then case
                when node.is_fenced then greatest(node.sanctioned_minor, held) + greatest(room, 0) - held else room
            end
            when node.is_fenced then app.most_converted(
                app.half_even(greatest(node.sanctioned_minor, held) * node.parent_rate) + greatest(room, 0),
                node.parent_rate
            ) - held
            when room < 0 then room
            else app.most_converted(app.half_even(held * node.parent_rate) + room, node.parent_rate) - held
        end;
        if through is null or own <= through then
            room := own;
            bound := n;
        else
            room := through;
        end if;
    end loop;
    -- Nothing is drawn where a limit on the way is not in force, whatever room there is.
    if idle is not null then
        room := 0;
        bound := idle;
    end if;
    through_limits := room;
    currency := path[1].currency;
    binding := path[bound].name;
    node_branch_id := path[bound].branch_id;
    node_id := path[bound].id;
    if not is_past and has_table_privilege('bank.concentration_cap', 'select')
        and exists (select from bank.concentration_cap rule where rule.status = 'ACTIVE')
    then
        for cap in
            select rule.name, rule.currency, share.share_minor, share.used_minor, share.over_limit,
                row_number() over (order by falling.cap_id, falling.subject)::int as place
            from app.falling_caps(branch, client, product, currency, null, shown) falling
            join bank.concentration_cap rule on rule.id = falling.cap_id
            join bank.cap_share share on share.branch_id = branch and share.cap_id = falling.cap_id
                and share.subject = falling.subject
            order by falling.cap_id, falling.subject
        loop
            own := case when cap.over_limit then 0 else cap.share_minor - cap.used_minor end;
            if own < room then
                room := own;
                bound_cap := cap.place;
                binding := cap.name;
                node_branch_id := null;
                node_id := null;
            end if;
            caps := caps || jsonb_build_object(
                'level', cardinality(path) + cap.place,
                'name', cap.name,
                'kind', 'CAP',
                'currency', cap.currency,
                'effective', app.money(cap.share_minor, cap.currency),
                'committed', app.money(cap.used_minor, cap.currency),
                'headroom', app.money(cap.share_minor - cap.used_minor, cap.currency),
                'binds', false
            );
        end loop;
    end if;
    if bound_cap > 0 then
        caps := jsonb_set(caps, array[(bound_cap - 1)::text, 'binds'], 'true');
    end if;
    available_minor := greatest(room, 0);
    -- Expressions, no queries: planning one took longer than all else.
    trace := '[]';
    for n in 1 .. cardinality(path) loop
        node := path[n];
        held := node.earmarked_minor + node.reserved_minor + node.utilised_minor + node.idle_fenced_minor - freed[n];
        trace := trace || jsonb_build_object(
            'level', n,
            'name', node.name,
            'kind', node.kind,
            'currency', node.currency,
            'effective', app.money(node.effective_minor, node.currency),
            'committed', app.money(held, node.currency),
            'headroom', app.money(
                node.effective_minor - held - node.dealt_minor - node.consumed_minor, node.currency
            ),
            'binds', bound_cap = 0 and n = bound
        );
    end loop;
    trace := trace || caps;
    branch_id := branch;
    client_id := client;
    allowed := amount > 0 and amount <= available_minor and amount_currency = currency;
    counts_caps := not is_past;
    as_of := shown;
    -- In the order of `domain.limits.guards`: the currency, what is not in force, the limits' room, the caps'.
    if amount_currency <> currency then
        refusal := 'CURRENCY_DIFFERS';
    elsif not allowed and idle is null and amount <= through_limits then
        refusal := 'CAP_EXCEEDED';
    elsif not allowed then
        node := path[bound];
        select limits.valid_from, limits.over_limit into kept
        from bank.limit_node limits where limits.branch_id = node.branch_id and limits.id = node.id;
        held := node.earmarked_minor + node.reserved_minor + node.utilised_minor + node.idle_fenced_minor
            - freed[bound] + node.dealt_minor + node.consumed_minor;
        refusal := case
            when idle is null and held > node.effective_minor and (is_past or kept.over_limit) then 'OVER_LIMIT'
            when idle is null and node.consumed_minor > 0 and amount <= greatest(through_limits, 0) + node.consumed_minor
                then 'DOES_NOT_REVOLVE'
            when idle is null then 'EXCEEDS_AVAILABLE'
            when node.status = 'FROZEN' then 'LIMIT_FROZEN'
            when node.status in ('DRAFT', 'APPROVED') then 'LIMIT_NOT_ACTIVE'
            when node.status <> 'EXPIRED' and shown < kept.valid_from then 'LIMIT_NOT_ACTIVE'
            else 'LIMIT_EXPIRED'
        end;
    end if;
    return next;
end $$;
