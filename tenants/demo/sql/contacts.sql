insert into bank.contact (branch_id, id, client_id, name, position, email, is_primary, created_at)
select
    branch_id,
    pg_temp.id('contact', n * 4 + k),
    client_id,
    pg_temp.person(n * 4 + k, 'contact'),
    case
        when k = 1
            then pg_temp.pick('{Finance Director,Chief Accountant,General Manager}', pg_temp.chance(n, 'position'))
        else pg_temp.pick('{Treasurer,Accountant,Office Manager}', pg_temp.chance(n, 'second position'))
    end,
    'contact' || n * 4 + k || '@example.com',
    k = 1,
    relationship_since + time '09:30'
from draft_client
cross join lateral generate_series(1, 1 + (pg_temp.chance(n, 'contacts') < .4)::int) as k
order by 1, 2;
