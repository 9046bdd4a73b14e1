-- An id of version 7 (time first), made where the row is.
create function app.limit_row_id() returns uuid volatile parallel safe language sql
return encode(set_bit(set_bit(overlay(
    uuid_send(gen_random_uuid())
    placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6
), 52, 1), 53, 1), 'hex')::uuid;

-- Nobody rewrites the ledger, whatever the login: what was wrong is reversed by another movement.
create function app.ledger_only_grows() returns trigger language plpgsql as $$
begin
    raise exception '% only grows: it takes no %', tg_table_name, lower(tg_op)
        using errcode = 'restrict_violation', hint = 'book a movement that reverses the wrong one';
end $$;

create trigger ledger_only_grows before update or delete on bank.limit_movement
for each row execute function app.ledger_only_grows();

create trigger ledger_stays before truncate on bank.limit_movement
for each statement execute function app.ledger_only_grows();

create trigger ledger_only_grows before update or delete on bank.limit_posting
for each row execute function app.ledger_only_grows();

create trigger ledger_stays before truncate on bank.limit_posting
for each statement execute function app.ledger_only_grows();

-- What a node was, for whoever asks how it stood on an earlier day. In the bank's time, which may stand still.
create function app.remember_made_limit_node() returns trigger language plpgsql as $$
begin
    insert into bank.limit_node_version (branch_id, id, node_id, VERSION_COLUMNS, valid_from)
    select made.branch_id, app.limit_row_id(), made.id, MADE_PARAMETERS, app.moment() from made;
    return null;
end $$;

create trigger remember_made_limit_node after insert on bank.limit_node
referencing new table as made for each statement execute function app.remember_made_limit_node();

-- By statement: an adoption changes 40,000. A booking changes balances alone, and ends at the first question. What was
-- and what became of it are compared as sets, for a plan that was made for a few would join them row by row.
create function app.remember_limit_node() returns trigger language plpgsql as $$
declare
    moment timestamptz := app.moment();
begin
    if not exists (
        select branch_id, id, PARAMETERS from became except select branch_id, id, PARAMETERS from was
    ) then
        return null;
    end if;
    with changed as (
        select branch_id, id, PARAMETERS from became except select branch_id, id, PARAMETERS from was
    ),
    ended as (
        update bank.limit_node_version as version set valid_until = greatest(moment, version.valid_from)
        from changed
        where version.branch_id = changed.branch_id and version.node_id = changed.id
        and version.valid_until = 'infinity'
        returning version.valid_until as ended_at, changed.*
    )
    insert into bank.limit_node_version (branch_id, id, node_id, VERSION_COLUMNS, valid_from)
    select ended.branch_id, app.limit_row_id(), ended.id, ENDED_PARAMETERS, ended.ended_at from ended;
    return null;
end $$;

create trigger remember_limit_node after update on bank.limit_node
referencing old table as was new table as became for each statement execute function app.remember_limit_node();

-- A branch draws on its own node, whose terms are headquarters': whoever goes around the application is refused.
create function app.guard_limit_node() returns trigger language plpgsql as $$
begin
    if new.kind in (TOPS) then
        raise exception 'a unit''s own limit is headquarters'' to make and to change'
            using errcode = 'insufficient_privilege';
    end if;
    if tg_op = 'INSERT' and new.earmarked_minor + new.reserved_minor + new.utilised_minor + new.consumed_minor <> 0
    then
        raise exception 'a node begins empty: what it holds comes from movements'
            using errcode = 'insufficient_privilege';
    end if;
    if tg_op = 'UPDATE' and old.frozen_as = 'HEADQUARTERS_ADMINISTRATOR'
        and (new.status, new.frozen_as) is distinct from (old.status, old.frozen_as)
    then
        raise exception 'a freeze by headquarters is headquarters'' to end'
            using errcode = 'insufficient_privilege';
    end if;
    if tg_op = 'UPDATE' and old.status not in ('DRAFT', 'APPROVED') and new.status in ('DRAFT', 'APPROVED') then
        raise exception 'what has come into force is no draft again' using errcode = 'insufficient_privilege';
    end if;
    if tg_op = 'UPDATE' and new.parent_rate <> old.parent_rate and new.parent_id = old.parent_id then
        raise exception 'rates between currencies are headquarters'' to set' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;

create trigger guard_made_limit_node before insert on bank.limit_node
for each row when (current_user = 'PORTAL') execute function app.guard_limit_node();

create trigger guard_limit_node before update of PARAMETERS, DECISIONS, version on bank.limit_node
for each row when (current_user = 'PORTAL') execute function app.guard_limit_node();

-- What headquarters alone does is not told of in its name.
create function app.guard_limit_movement() returns trigger language plpgsql as $$
begin
    raise exception 'a period''s quotas are headquarters'' to allocate and to take back'
        using errcode = 'insufficient_privilege';
end $$;

create trigger guard_limit_movement before insert on bank.limit_movement
for each row when (current_user = 'PORTAL' and new.operation in ('ALLOCATE', 'RECLAIM'))
execute function app.guard_limit_movement();

-- What a role's overrides in force amount to on each limit of a branch: booked there or below, not taken back, and
-- no more than what their commitments still hold.
create function app.overridden(branch integer, of_role text, of_currency text)
returns table (node_id uuid, amount_minor bigint) stable parallel safe language sql
begin atomic
    with recursive up as (
        select k.node_id as node, least(m.amount_minor, k.earmarked_minor + k.reserved_minor + k.utilised_minor) as minor
        from bank.limit_movement m
        join bank.limit_commitment k on k.branch_id = m.branch_id and k.id = m.commitment_id
        where m.branch_id = branch and m.operation = 'OVERRIDE' and m.after ->> 'overriddenAs' = of_role
            and m.currency = of_currency and k.status in ('EARMARKED', 'RESERVED', 'UTILISED')
            and not exists (
                select from bank.limit_movement undone
                where undone.branch_id = m.branch_id and undone.reverses_id = m.id
            )
        union all
        select n.inner_parent_id, up.minor
        from up join bank.limit_node n on n.branch_id = branch and n.id = up.node
        where n.inner_parent_id is not null
    )
    select up.node, sum(up.minor)::bigint from up group by up.node;
end;

-- Delegated authority adds up, whoever goes around the application: on the limit itself, and on all that are over.
create function app.guard_override() returns trigger language plpgsql as $$
declare
    acting text := new.after ->> 'overriddenAs';
begin
    if current_user = 'PORTAL' and acting = 'HEADQUARTERS_ADMINISTRATOR' or not exists (
        select from bank.delegated_authority a where a.role = acting and a.currency = new.currency
    ) or exists (
        select from bank.limit_node n
        join app.overridden(new.branch_id, acting, new.currency) o on o.node_id = n.id
        join bank.delegated_authority a on a.role = acting
        where n.branch_id = new.branch_id and o.amount_minor > a.amount_minor and (n.id = new.node_id or n.over_limit
            and exists (
                select from bank.limit_posting p
                where p.branch_id = n.branch_id and p.movement_id = new.id and p.node_id = n.id
            ))
    ) then
        raise exception 'an override goes beyond what is delegated to %', coalesce(acting, 'nobody')
            using errcode = 'insufficient_privilege', hint = 'the overrides in force on a limit count together';
    end if;
    return null;
end $$;

create trigger guard_override after insert on bank.limit_movement
for each row when (new.operation = 'OVERRIDE' and current_user in ('PORTAL', 'HEADQUARTERS'))
execute function app.guard_override();

-- A limit in force is raised within what is delegated, or as it was proposed; what is repaid to a reducing limit may
-- come back. The largest authority of a branch's or region's office counts: the login does not know which it is.
create function app.guard_raised_limit_node() returns trigger language plpgsql as $$
declare
    most numeric := floor((1 + new.tolerance) * least(
        new.sanctioned_minor::numeric + new.addition_minor, new.collateral_cap_minor, new.regulatory_cap_minor));
    -- An addition that is to last longer is decided anew.
    added bigint := case when new.addition_until > old.addition_until or new.addition_from < old.addition_from
        then 0 else old.addition_minor end;
    was numeric := floor((1 + old.tolerance) * least(
        old.sanctioned_minor::numeric + added, old.collateral_cap_minor, old.regulatory_cap_minor));
    longer boolean := new.valid_until > old.valid_until or new.valid_from < old.valid_from;
    more numeric := case when longer then most else most - was end;
    told numeric := case when longer then most else old.raised_alone_minor + more end;
begin
    -- What was repaid and is owed again, give or take what rounding to another currency makes of it.
    if old.reinstatement = 'REDUCING' and not longer
        and new.sanctioned_minor - old.sanctioned_minor <= new.utilised_minor - old.utilised_minor + 1
        and most <= was + (1 + old.tolerance) * (new.sanctioned_minor - old.sanctioned_minor) + 1
    then
        return new;
    end if;
    if more > 0 and (old.proposed is null or new.proposed is not null) and (
        new.raised_alone_minor < told or new.raised_alone_minor > coalesce((
            select max(a.amount_minor) from bank.delegated_authority a
            where a.role in ('BRANCH_MANAGER', 'REGIONAL_MANAGER') and a.currency = new.currency
        ), 0)
    ) then
        raise exception 'the limit % is raised by more than one person may decide', new.name
            using errcode = 'insufficient_privilege', hint = 'propose it, and let a second person approve it';
    end if;
    return new;
end $$;

create trigger guard_raised_limit_node before update of sanctioned_minor, addition_minor, addition_from,
    addition_until, collateral_cap_minor, regulatory_cap_minor, tolerance, valid_from, valid_until on bank.limit_node
for each row when (
    current_user = 'PORTAL' and old.status in ('ACTIVE', 'FROZEN', 'EXPIRED')
) execute function app.guard_raised_limit_node();

-- No earmark holds for longer than policy lets it, from the day on which it was made.
create function app.guard_earmark() returns trigger language plpgsql as $$
declare
    last_day date := least(new.opened_on, app.today() + 1) + (select p.longest_earmark_days from bank.limit_policy p);
begin
    if (new.expires_at at time zone 'UTC')::date > last_day then
        raise exception 'an earmark holds until % at most', last_day using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;

create trigger guard_earmark before insert or update of expires_at on bank.limit_commitment
for each row when (current_user = 'PORTAL' and new.status = 'EARMARKED')
execute function app.guard_earmark();

-- A branch's balances change by what a movement posts in the same transaction, and by nothing else.
create function app.guard_limit_balance() returns trigger language plpgsql as $$
begin
    if (
        select (
            sum(p.delta_minor) filter (where p.bucket = 'EARMARKED'),
            sum(p.delta_minor) filter (where p.bucket = 'RESERVED'),
            sum(p.delta_minor) filter (where p.bucket = 'UTILISED')
        )
        from bank.limit_posting p
        where p.branch_id = new.branch_id and p.movement_id = new.last_movement_id and p.node_id = new.id
            and p.xmin = pg_current_xact_id()::xid
    ) is distinct from (
        nullif(new.earmarked_minor - old.earmarked_minor, 0)::numeric,
        nullif(new.reserved_minor - old.reserved_minor, 0)::numeric,
        nullif(new.utilised_minor - old.utilised_minor, 0)::numeric
    ) then
        raise exception 'the balance of % changes by what a movement posts, and by nothing else', new.name
            using errcode = 'insufficient_privilege';
    end if;
    return null;
end $$;

create constraint trigger guard_limit_balance after update of earmarked_minor, reserved_minor, utilised_minor
on bank.limit_node deferrable initially deferred
for each row when (current_user = 'PORTAL' and (
    old.earmarked_minor, old.reserved_minor, old.utilised_minor
) is distinct from (
    new.earmarked_minor, new.reserved_minor, new.utilised_minor
)) execute function app.guard_limit_balance();
