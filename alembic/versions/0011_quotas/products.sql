-- What commitments hold on each limit, by product: now, or by what had been posted at the end of an earlier day.
create function app.limit_held_by_product(branches int[], day date) returns table (
    branch_id int, node_id uuid, product text, earmarked numeric, reserved numeric, utilised numeric
) stable parallel safe language plpgsql as $$
declare
    midnight timestamptz := (limit_held_by_product.day + 1)::timestamp at time zone 'UTC';
begin
    if limit_held_by_product.day < app.today() then
        return query
        select held.branch_id, movement.node_id, held.product,
            sum(posting.delta_minor) filter (where posting.bucket = 'EARMARKED'),
            sum(posting.delta_minor) filter (where posting.bucket = 'RESERVED'),
            sum(posting.delta_minor) filter (where posting.bucket = 'UTILISED')
        from bank.limit_movement movement
        join bank.limit_commitment held on held.branch_id = movement.branch_id and held.id = movement.commitment_id
        join bank.limit_posting posting on posting.branch_id = movement.branch_id
            and posting.movement_id = movement.id and posting.node_id = movement.node_id
        where movement.branch_id = any (limit_held_by_product.branches) and movement.recorded_at < midnight
        group by held.branch_id, movement.node_id, held.product;
    else
        return query
        select held.branch_id, held.node_id, held.product,
            sum(held.earmarked_minor) filter (where held.status <> 'EARMARKED' or held.expires_at > app.moment()),
            sum(held.reserved_minor), sum(held.utilised_minor)
        from bank.limit_commitment held
        where held.branch_id = any (limit_held_by_product.branches)
        and held.status in ('EARMARKED', 'RESERVED', 'UTILISED')
        group by held.branch_id, held.node_id, held.product;
    end if;
end $$;
