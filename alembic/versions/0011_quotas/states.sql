-- A limit as it stands on a day: its terms, what is in effect of it, what it holds and all below it. `lapsed` of what is
-- earmarked has expired and was not swept yet; `freed` is by how much Committed will fall then.
create type app.limit_state as (
    branch_id int, id uuid, parent_branch_id int, parent_id uuid, kind text, name text, client_id uuid, product text,
    segment_value text, currency text, status text, is_valid boolean, is_active boolean, is_fenced boolean, parent_rate numeric,
    sanctioned_minor bigint, effective_minor bigint, earmarked_minor bigint, reserved_minor bigint,
    utilised_minor bigint, idle_fenced_minor bigint, dealt_minor bigint, consumed_minor bigint,
    lapsed_minor bigint, freed_minor bigint
);

-- What is in effect of a limit on a day, by these terms.
create function app.limit_in_effect(
    day date, status text, first_day date, last_day date, sanctioned bigint, addition bigint, addition_from date,
    addition_until date, collateral_cap bigint, regulatory_cap bigint
) returns bigint immutable parallel safe language sql
return case
    when status = 'ACTIVE' and day between first_day and last_day then least(
        sanctioned + case when day between addition_from and addition_until then addition else 0 end,
        collateral_cap,
        regulatory_cap
    )
    else 0
end;

-- What has expired and was not swept yet, on its node and all above it in the branch, in each node's currency. A fence
-- lets nothing through of what it holds.
create function app.limit_lapsed(branches int[], moment timestamptz)
returns table (branch_id int, node_id uuid, lapsed bigint, freed bigint) stable parallel safe language sql
begin atomic
    with recursive up (branch_id, node_id, lapsed, freed) as (
        select due.branch_id, due.node_id, due.earmarked_minor, due.earmarked_minor
        from bank.limit_commitment due
        where due.branch_id = any (limit_lapsed.branches) and due.status = 'EARMARKED'
        and due.expires_at <= limit_lapsed.moment
        union all
        select node.branch_id, node.inner_parent_id, app.half_even(up.lapsed * node.parent_rate),
            case when node.sharing = 'SHARED' then app.half_even(up.freed * node.parent_rate) else 0 end
        from up
        join bank.limit_node node on node.branch_id = up.branch_id and node.id = up.node_id
        where node.inner_parent_id is not null
    )
    select up.branch_id, up.node_id, sum(up.lapsed)::bigint, sum(up.freed)::bigint
    from up group by up.branch_id, up.node_id;
end;

create function app.limit_state_of(
    node bank.limit_node, day date, lapsed bigint default 0, freed bigint default 0
) returns app.limit_state immutable parallel safe language sql
return row(
    node.branch_id, node.id, node.parent_branch_id, node.parent_id, node.kind, node.name, node.client_id, node.product,
    node.segment_value, node.currency, node.status,
    day between node.valid_from and node.valid_until,
    node.status = 'ACTIVE' and day between node.valid_from and node.valid_until,
    node.sharing = 'RING_FENCED', node.parent_rate, node.sanctioned_minor,
    app.limit_in_effect(
        day, node.status, node.valid_from, node.valid_until, node.sanctioned_minor, node.addition_minor,
        node.addition_from, node.addition_until, node.collateral_cap_minor, node.regulatory_cap_minor
    ),
    node.earmarked_minor, node.reserved_minor, node.utilised_minor, node.idle_fenced_minor, node.dealt_minor,
    node.consumed_minor, coalesce(lapsed, 0), coalesce(freed, 0)
)::app.limit_state;

-- The limits of branches as they were at the end of a day: their terms by the versions kept, what they held by what had
-- been posted. What stood idle behind fences is summed from the deepest nodes upwards. Each relation is read once and
-- met by its keys: PostgreSQL cannot tell how many rows these queries make, and would compare every one with every other.
create function app.limit_states_then(branches int[], day date) returns setof app.limit_state
stable parallel safe language plpgsql set enable_nestloop = off set plan_cache_mode = force_custom_plan as $$
declare
    midnight timestamptz := (limit_states_then.day + 1)::timestamp at time zone 'UTC';
    states app.limit_state[];
    parents int[];
    standing boolean[];
    idle bigint[];
    one app.limit_state;
    total bigint;
    held bigint;
begin
    with recursive terms as materialized (
        select node.kind, node.client_id, node.product, node.segment_value, node.currency, version.*
        from bank.limit_node node
        join bank.limit_node_version version
            on version.branch_id = node.branch_id and version.node_id = node.id
            and version.valid_from < midnight and version.valid_until >= midnight
        where node.branch_id = any (limit_states_then.branches)
        and version.branch_id = any (limit_states_then.branches)
    ),
    posted as materialized (
        select posting.branch_id, posting.node_id,
            sum(posting.delta_minor) filter (where posting.bucket = 'EARMARKED') as earmarked,
            sum(posting.delta_minor) filter (where posting.bucket = 'RESERVED') as reserved,
            sum(posting.delta_minor) filter (where posting.bucket = 'UTILISED') as utilised
        from bank.limit_posting posting
        join bank.limit_movement movement
            on movement.branch_id = posting.branch_id and movement.id = posting.movement_id
        where posting.branch_id = any (limit_states_then.branches)
        and movement.branch_id = any (limit_states_then.branches) and movement.recorded_at < midnight
        group by posting.branch_id, posting.node_id
    ),
    used_up as materialized (
        select posting.branch_id, posting.node_id, -sum(posting.delta_minor) as repaid
        from bank.limit_posting posting
        join bank.limit_movement movement
            on movement.branch_id = posting.branch_id and movement.id = posting.movement_id
        left join bank.limit_movement undone
            on undone.branch_id = movement.branch_id and undone.id = movement.reverses_id
        where posting.branch_id = any (limit_states_then.branches)
        and posting.node_id = any (
            array(select terms.node_id from terms where terms.reinstatement = 'NON_REVOLVING')
        )
        and posting.bucket = 'UTILISED' and 'REPAY' in (movement.operation, undone.operation)
        and movement.branch_id = any (limit_states_then.branches) and movement.recorded_at < midnight
        group by posting.branch_id, posting.node_id
    ),
    under (id) as (
        select unit.id from bank.unit where unit.parent_id = any (limit_states_then.branches)
        union
        select unit.id from under join bank.unit on unit.parent_id = under.id
    ),
    dealt as materialized (
        select version.parent_branch_id, version.parent_id,
            sum(app.half_even((version.sanctioned_minor + version.addition_minor) * version.parent_rate)) as minor
        from bank.limit_node other
        join bank.limit_node_version version
            on version.branch_id = other.branch_id and version.node_id = other.id
            and version.valid_from < midnight and version.valid_until >= midnight
        where other.branch_id = any (array(select under.id from under))
        and version.branch_id = any (array(select under.id from under))
        and other.kind in ('BANK', 'REGION', 'BRANCH') and version.status in ('ACTIVE', 'FROZEN')
        and version.parent_branch_id <> version.branch_id
        group by version.parent_branch_id, version.parent_id
    ),
    depth as (
        select terms.branch_id, terms.node_id, 0 as level from terms
        where terms.parent_branch_id is distinct from terms.branch_id
        union all
        select terms.branch_id, terms.node_id, depth.level + 1
        from depth
        join terms on terms.branch_id = depth.branch_id and terms.parent_branch_id = depth.branch_id
            and terms.parent_id = depth.node_id
    ),
    made as (
        select terms.branch_id, terms.node_id, terms.parent_branch_id, terms.parent_id,
            row_number() over (order by depth.level desc, terms.branch_id, terms.node_id)::int as place,
            terms.status in ('ACTIVE', 'FROZEN') as standing,
            row(
                terms.branch_id, terms.node_id, terms.parent_branch_id, terms.parent_id, terms.kind, terms.name,
                terms.client_id, terms.product, terms.segment_value, terms.currency, terms.status,
                limit_states_then.day between terms.first_day and terms.last_day,
                terms.status = 'ACTIVE' and limit_states_then.day between terms.first_day and terms.last_day,
                terms.sharing = 'RING_FENCED', terms.parent_rate, terms.sanctioned_minor,
                app.limit_in_effect(
                    limit_states_then.day, terms.status, terms.first_day, terms.last_day, terms.sanctioned_minor,
                    terms.addition_minor, terms.addition_from, terms.addition_until, terms.collateral_cap_minor,
                    terms.regulatory_cap_minor
                ),
                coalesce(posted.earmarked, 0), coalesce(posted.reserved, 0), coalesce(posted.utilised, 0), 0,
                case when terms.kind in ('BANK', 'REGION', 'BRANCH') then coalesce(dealt.minor, 0) else 0 end,
                coalesce(used_up.repaid, 0), 0, 0
            )::app.limit_state as state
        from depth
        join terms on terms.branch_id = depth.branch_id and terms.node_id = depth.node_id
        left join posted on posted.branch_id = terms.branch_id and posted.node_id = terms.node_id
        left join used_up on used_up.branch_id = terms.branch_id and used_up.node_id = terms.node_id
        left join dealt on dealt.parent_branch_id = terms.branch_id and dealt.parent_id = terms.node_id
    )
    select array_agg(made.state order by made.place), array_agg(made.standing order by made.place),
        array_agg(above.place order by made.place)
    into states, standing, parents
    from made
    left join made above on above.branch_id = made.branch_id and above.branch_id = made.parent_branch_id
        and above.node_id = made.parent_id;
    idle := array_fill(0::bigint, array[coalesce(cardinality(states), 0)]);
    for place in 1 .. coalesce(cardinality(states), 0) loop
        one := states[place];
        one.idle_fenced_minor := idle[place];
        return next one;
        continue when parents[place] is null;
        total := one.earmarked_minor + one.reserved_minor + one.utilised_minor;
        held := total + idle[place];
        if one.is_fenced and standing[place] then
            held := greatest(held, one.sanctioned_minor);
        end if;
        idle[parents[place]] := idle[parents[place]]
            + app.half_even(held * one.parent_rate) - app.half_even(total * one.parent_rate);
    end loop;
end $$;

-- The limits of branches on a day: what they hold now from the bank's day on, before it what they held at its end.
create function app.limit_states(branches int[], day date) returns setof app.limit_state
stable parallel safe language plpgsql as $$
begin
    if limit_states.day < app.today() then
        return query select * from app.limit_states_then(limit_states.branches, limit_states.day);
    else
        return query
        select (app.limit_state_of(node, limit_states.day, lapsed.lapsed, lapsed.freed)).*
        from bank.limit_node node
        left join app.limit_lapsed(limit_states.branches, app.moment()) lapsed
            on lapsed.branch_id = node.branch_id and lapsed.node_id = node.id
        where node.branch_id = any (limit_states.branches);
    end if;
end $$;
