-- Headquarters, macro-regions, a branch a province, two to five sub-branches. The ids come from the table's own
-- sequence, in this order: a unit that is founded later must not meet a number that is taken.
insert into bank.unit (code, name, kind, created_at)
select 'HQ', 'Headquarters of the Demo Bank', 'HEADQUARTERS', timestamp '1996-01-18 09:00'
where not exists (select from bank.unit where code = 'HQ');

insert into bank.unit (code, name, kind, parent_id, opened_on, created_at)
select
    macro_code, macro_region, 'REGION', headquarters.id, date '1996-01-18', timestamp '1996-01-18 09:00'
from (select macro_code, macro_region, min(region_code) as first_code from province group by 1, 2) as macro
join bank.unit as headquarters on headquarters.code = 'HQ'
where not exists (select from bank.unit where code = macro_code)
order by first_code collate "C";

insert into bank.unit (code, name, kind, parent_id, region_code, opened_on, created_at)
select
    province.region_code, province || ' Branch', 'BRANCH', region_unit.id, province.region_code,
    history.opened_on, history.opened_on + time '09:00'
from province
cross join lateral (
    select date '1996-03-01' + floor(3000 * pg_temp.chance(province_no, 'branch opened'))::int as opened_on
) as history
join bank.unit as region_unit on region_unit.code = macro_code
where not exists (select from bank.unit where code = province.region_code)
order by province_no;

insert into bank.unit (code, name, kind, parent_id, region_code, opened_on, created_at)
select
    province.region_code || '-0' || city_no, city || ' Sub-branch', 'SUB_BRANCH', branch.id, province.region_code,
    history.opened_on, history.opened_on + time '09:00'
from province
join city using (region_code)
join bank.unit as branch on branch.code = province.region_code
cross join lateral (
    select branch.opened_on + 365
        + floor(3000 * pg_temp.chance(province_no * 10 + city_no, 'branch opened'))::int as opened_on
) as history
where city_no <= sub_branches
    and not exists (select from bank.unit where code = province.region_code || '-0' || city_no)
order by province_no, city_no;
