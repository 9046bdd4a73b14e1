-- A limit of their own for the clients of each branch that owe it most: what they were granted and a quarter more.
with granted as (
    select f.branch_id, f.client_id, f.currency,
        sum(case when f.revolving or f.status = 'APPROVED' then greatest(f.limit_minor, f.outstanding_minor)
            else f.outstanding_minor end) as amount
    from bank.facility f
    where f.status in ('APPROVED', 'ACTIVE')
    group by f.branch_id, f.client_id, f.currency
), ranked as (
    select granted.*, row_number() over (partition by granted.branch_id order by amount desc, client_id) as place
    from granted
), made as (
    insert into bank.limit_node (branch_id, id, kind, name, parent_branch_id, parent_id, client_id, currency,
        sanctioned_minor, tolerance, valid_from, valid_until, status, created_by, approved_by)
    select ranked.branch_id, app.limit_row_id(), 'CLIENT', client.legal_name, top.branch_id, top.id, client.id,
        ranked.currency, (ceil(ranked.amount * 1.25 / 10000000) * 10000000)::bigint, 0.02,
        top.valid_from, top.valid_until, 'ACTIVE', 'branchgraph', 'operator'
    from ranked
    join bank.limit_node top on top.branch_id = ranked.branch_id and top.kind = 'BRANCH'
        and top.status = 'ACTIVE' and top.currency = ranked.currency
    join bank.client on client.branch_id = ranked.branch_id and client.id = ranked.client_id
    where ranked.place <= 3 and ranked.amount > 0
        and not exists (
            select from bank.limit_node n where n.branch_id = client.branch_id and n.client_id = client.id
        )
    returning branch_id, id, sanctioned_minor, currency
)
insert into bank.limit_movement (branch_id, id, node_id, operation, amount_minor, currency, value_date, actor)
select branch_id, app.limit_row_id(), id, 'OPEN', sanctioned_minor, currency, app.today(), 'operator' from made
