-- The quotas of a branch's first 50 clients, as somebody would write it who knows that the branch has no limits for
-- segments, no caps and no expired holds, and whose limits are all in one currency: the floor under
-- `clients(first: 50) { nodes { quota(product: TERM_LOAN) { available { amount } binding } } }`.
with recursive asked as (
    select client.branch_id, client.id from bank.client where client.branch_id = 4 order by client.id limit 50
), leaf as (
    select asked.id as asked_for, nearest.*
    from asked
    cross join lateral (
        select node.* from bank.limit_node node
        where node.branch_id = asked.branch_id and node.status in ('ACTIVE', 'FROZEN', 'EXPIRED')
        and (
            node.client_id = asked.id and (node.product = 'TERM_LOAN' or node.kind = 'CLIENT')
            or node.kind = 'BRANCH'
        )
        order by node.kind = 'BRANCH', node.product is null
        limit 1
    ) nearest
), path as (
    select leaf.asked_for as client_id, 1 as level, leaf.branch_id, leaf.inner_parent_id, leaf.name, leaf.status,
        leaf.sanctioned_minor - leaf.committed_minor as headroom
    from leaf
    union all
    select path.client_id, path.level + 1, above.branch_id, above.inner_parent_id, above.name, above.status,
        above.sanctioned_minor - above.committed_minor
    from path
    join bank.limit_node above on above.branch_id = path.branch_id and above.id = path.inner_parent_id
)
select distinct on (path.client_id) path.client_id, greatest(path.headroom, 0) as available_minor, path.name
from path
order by path.client_id, path.status = 'ACTIVE', path.headroom, path.level;
