-- The units that keep clients. place 0 is the branch itself, n its n-th sub-branch; office_no is made from the
-- code, so that it does not depend on the unit's id.
create temp table office on commit drop as
select
    unit.id as branch_id,
    unit.code as office_code,
    province_no,
    province.region_code,
    place,
    province.region_code::bigint * 10 + place as office_no,
    2 + sub_branches / 2 + (place = 0)::int as relationship_managers,
    city,
    city_zh
from province
cross join lateral generate_series(0, sub_branches) as place
join city using (region_code)
join bank.unit on unit.code = province.region_code || case when place = 0 then '' else '-0' || place end
where city_no = greatest(place, 1);
