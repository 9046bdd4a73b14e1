-- The caps that a draw falls under, with their parents, each once, and in whose pool. A client of whom something is
-- unknown falls under no cap on that; a draw whose tenor is not said falls under every tenor, lest silence evade one.
create function app.falling_caps(branch int, client uuid, product text, currency text, tenor int, day date)
returns table (cap_id int, subject text) stable parallel safe language plpgsql as $$
#variable_conflict use_column
begin
    if not has_table_privilege('bank.concentration_cap', 'select')
        or not exists (select from bank.concentration_cap as cap where cap.status = 'ACTIVE') then
        return;
    end if;
    return query
    with recursive borrower as materialized (
        select one.registration_country || ':' || one.registration_number as company, one.industry_scheme,
            one.industry_code, one.region_code, one.credit_grade, class.economic_tier, grouped.group_no::text as group_no
        from bank.client as one
        left join bank.region_class as class on class.region_code = one.region_code
        left join bank.client_group as grouped on grouped.branch_id = one.branch_id and grouped.client_id = one.id
        where one.branch_id = $1 and one.id = $2
    ), falling (id, parent_id) as (
        select cap.id, cap.parent_id
        from bank.concentration_cap as cap
        cross join borrower
        where cap.status = 'ACTIVE'
        and (cap.currency = $4 or $4 is null)
        and (cap.products = '{}' or $3 = any (cap.products))
        and (cap.grades = '{}' or borrower.credit_grade = any (cap.grades))
        and (cap.region_codes = '{}' or borrower.region_code = any (cap.region_codes))
        and (cap.region_tiers = '{}' or borrower.economic_tier = any (cap.region_tiers))
        and (
            cap.industry_codes = '{}'
            or cap.industry_scheme = borrower.industry_scheme and exists (
                select from unnest(cap.industry_codes) as code where starts_with(borrower.industry_code, code)
            )
        )
        and ($5 is null or $5 >= coalesce(cap.tenor_from_months, 0))
        and ($5 is null or cap.tenor_until_months is null or $5 <= cap.tenor_until_months)
        union
        select above.id, above.parent_id
        from falling join bank.concentration_cap as above on above.id = falling.parent_id
    )
    select cap.id,
        case cap.per
            when 'CLIENT' then borrower.company
            when 'GROUP' then coalesce(borrower.group_no, borrower.company)
            else ''
        end
    from falling
    join bank.concentration_cap as cap on cap.id = falling.id
    cross join borrower
    where cap.status = 'ACTIVE' and (cap.valid_until is null or cap.valid_until >= $6);
end $$;

-- The same, in all currencies, with what the branch has of each. Null where nothing has been dealt to it yet: the first draw sees to that.
create function app.caps_of(branch int, client uuid, product text, tenor_months int, day date)
returns table (
    cap_id int, name text, subject text, counts text, currency text,
    share_minor bigint, used_minor bigint, over_limit boolean
)
stable parallel safe language sql
begin atomic
    select cap.id, cap.name, falling.subject, cap.counts, cap.currency,
        case when share.over_limit then share.used_minor else share.share_minor end, share.used_minor,
        coalesce(share.over_limit, false)
    from app.falling_caps(
        caps_of.branch, caps_of.client, caps_of.product, null, caps_of.tenor_months, caps_of.day
    ) as falling
    join bank.concentration_cap as cap on cap.id = falling.cap_id
    left join bank.cap_share as share on share.branch_id = caps_of.branch
        and share.cap_id = falling.cap_id and share.subject = falling.subject;
end;

-- The same with what a commitment that is there counts in each already. It stays in the pool that it was counted in,
-- whatever has become of its client since, and where nobody says its tenor it has the one that was said first.
create function app.counted_caps(
    branch int, client uuid, product text, currency text, tenor int, commitment uuid, day date
)
returns table (cap_id int, subject text, held_minor bigint) stable parallel safe language plpgsql as $$
#variable_conflict use_column
begin
    return query
    with booked as materialized (
        select posting.cap_id, posting.subject, sum(posting.delta_minor)::bigint as held
        from bank.cap_posting as posting
        join bank.concentration_cap as cap on cap.id = posting.cap_id and cap.status = 'ACTIVE'
        where posting.branch_id = $1 and posting.commitment_id = $6
        group by 1, 2
    )
    select booked.cap_id, booked.subject, booked.held from booked
    union all
    select falling.cap_id, falling.subject, 0
    from app.falling_caps($1, $2, $3, $4, coalesce($5, (
        select promised.tenor_months from bank.limit_commitment as promised
        where promised.branch_id = $1 and promised.id = $6
    )), $7) as falling
    where not exists (select from booked where booked.cap_id = falling.cap_id);
end $$;

-- The same for whoever is about to book, with the branch's shares, locked in their order. Volatile: each query in it
-- sees what was committed before it began, so after the nodes' locks no cap that came into force meanwhile is missed.
create function app.locked_caps(
    branch int, client uuid, product text, currency text, tenor int, commitment uuid, day date
)
returns table (
    cap_id int, name text, subject text, counts text,
    share_minor bigint, used_minor bigint, over_limit boolean, held_minor bigint
)
volatile language plpgsql as $$
#variable_conflict use_column
begin
    if not exists (select from bank.concentration_cap as cap where cap.status = 'ACTIVE') then
        return;
    end if;
    return query
    with counted as materialized (
        select * from app.counted_caps($1, $2, $3, $4, $5, $6, $7)
    ), locked as materialized (
        select share.cap_id, share.subject, share.share_minor, share.used_minor, share.over_limit
        from bank.cap_share as share
        join counted on counted.cap_id = share.cap_id and counted.subject = share.subject
        where share.branch_id = $1
        order by share.cap_id, share.subject
        for no key update of share
    )
    select cap.id, cap.name, counted.subject, cap.counts,
        coalesce(case when locked.over_limit then locked.used_minor else locked.share_minor end, 0),
        coalesce(locked.used_minor, 0), coalesce(locked.over_limit, false), counted.held_minor
    from counted
    join bank.concentration_cap as cap on cap.id = counted.cap_id
    left join locked on locked.cap_id = counted.cap_id and locked.subject = counted.subject
    order by 1, 3;
end $$;

-- Count a draw in a share that has been locked. A function, so that it finds the share as it was locked: a statement
-- that began before the share was dealt would not see it, and count nothing.
create function app.take_share(branch int, cap int, subject text, delta bigint) returns int volatile language plpgsql
as $$
begin
    update bank.cap_share as share set used_minor = share.used_minor + $4
    where share.branch_id = $1 and share.cap_id = $2 and share.subject = $3;
    if not found then
        raise exception 'branch % has no share of cap % for %', $1, $2, $3;
    end if;
    return 1;
end $$;

-- Used up to the share and no further is a CHECK; that a branch's login changes nothing else is its grant.
create trigger ledger_only_grows before update or delete on bank.cap_posting
for each row execute function app.ledger_only_grows();

create trigger ledger_stays before truncate on bank.cap_posting
for each statement execute function app.ledger_only_grows();

create trigger ledger_only_grows before update or delete on bank.cap_deal
for each row execute function app.ledger_only_grows();

create trigger ledger_stays before truncate on bank.cap_deal
for each statement execute function app.ledger_only_grows();

-- What is used of all shares of a pool, for whoever sees them all.
create function app.cap_used(cap int, subject text) returns numeric stable parallel safe language sql
return (
    select coalesce(sum(share.used_minor), 0) from bank.cap_share as share
    where share.cap_id = cap_used.cap and share.subject = cap_used.subject
);

-- What a group of connected clients owes, against each cap on groups that is a fraction of the bank's capital.
create view bank.group_exposure with (security_invoker = true) as
select grouped.branch_id, grouped.client_id, cap.id as cap_id, grouped.currency, grouped.exposure_minor,
    round(grouped.exposure_minor / measured.capital_minor, 6) as fraction,
    floor(cap.ceiling_fraction * measured.capital_minor)::bigint as ceiling_minor,
    floor(cap.ceiling_fraction * measured.capital_minor)::bigint - grouped.exposure_minor as headroom_minor,
    round(grouped.exposure_minor / measured.capital_minor, 6) >= cap.reportable_fraction as reportable
from bank.client_group as grouped
join bank.concentration_cap as cap
    on cap.status = 'ACTIVE' and cap.per = 'GROUP' and cap.ceiling_fraction is not null
    and cap.currency = grouped.currency
cross join lateral (
    select case cap.ceiling_of
        when 'TIER_1' then capital.tier_1_minor else capital.net_capital_minor
    end::numeric as capital_minor
    from bank.regulatory_capital as capital
    where capital.currency = cap.currency and capital.day <= app.today()
    order by capital.day desc
    limit 1
) as measured
where grouped.exposure_minor is not null
