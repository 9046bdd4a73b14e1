-- A manager a region and a branch, one or two credit officers, and those who look after clients.
insert into bank.staff (branch_id, id, code, name, role, email)
select
    branch_id,
    pg_temp.id('staff', staff_no),
    staff_code,
    pg_temp.person(staff_no, 'staff'),
    role,
    lower(staff_code) || '@example.com'
from (
    select
        unit.id as branch_id,
        row_number() over (order by min(province.region_code collate "C")) as staff_no,
        'RD-' || macro_code as staff_code,
        'REGIONAL_MANAGER' as role
    from province
    join bank.unit on unit.code = macro_code
    group by unit.id, macro_code
    union all
    select branch_id, office_no * 100 + 90, 'BM-' || office_code, 'BRANCH_MANAGER'
    from office
    union all
    select
        branch_id, office_no * 100 + 80 + k, 'CO-' || office_code || '-00' || k, 'CREDIT_OFFICER'
    from office
    cross join lateral generate_series(1, 1 + (place = 0)::int) as k
    union all
    select branch_id, office_no * 100 + k, 'RM-' || office_code || '-00' || k, 'RELATIONSHIP_MANAGER'
    from office
    cross join lateral generate_series(1, relationship_managers) as k
) as employed
order by branch_id, staff_no
on conflict do nothing;
