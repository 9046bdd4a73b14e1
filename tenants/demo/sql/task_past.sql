-- What relationship managers have done this year, and what they are late with.
update bank.task as task
set due_on = pg_temp.today() - 1 - floor(40 * pg_temp.chance(n, 'late with'))::int, created_at = since.day
from (
    select branch_id, id, ('x' || right(replace(client_id::text, '-', ''), 15))::bit(60)::bigint as n
    from bank.task
    where branch_id = any (app.branches())
) as numbered
cross join (values (timestamptz '2024-10-01 08:00+00')) as since (day)
where task.branch_id = numbered.branch_id and task.id = numbered.id and task.status = 'OPEN'
    and pg_temp.chance(n, 'is late with ' || item_code) < .06;

insert into bank.task (
    branch_id, id, client_id, playbook_id, item_code, title, kind, owner_level, assignee_id, due_on, status,
    done_at, done_by, outcome, created_at
)
select
    branch_id, gen_random_uuid(), client_id, playbook_id, item_code, title, kind, owner_level, assignee_id,
    pg_temp.today() - days_ago, 'DONE', (pg_temp.today() - days_ago - 2) + time '16:00', 'demo', 'As planned.',
    (pg_temp.today() - days_ago - 60) + time '08:00'
from (
    select *, ('x' || right(replace(client_id::text, '-', ''), 15))::bit(60)::bigint as n
    from bank.task
    where branch_id = any (app.branches()) and status = 'OPEN'
) as task
cross join lateral (select 100 + floor(60 * pg_temp.chance(n, 'did ' || item_code))::int as days_ago) as done
where pg_temp.chance(n, 'has done ' || item_code) < .30
on conflict do nothing;
