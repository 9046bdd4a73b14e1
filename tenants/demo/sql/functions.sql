-- What the other files are written with. Nothing here asks for the time or for a random number, and nothing
-- calls exp, ln or power, whose last digit depends on the machine: every load gives the same bank.

create table pg_temp.span (first_n bigint, last_n bigint) on commit drop;

-- The day on which the demo bank's books are read.
create function pg_temp.today() returns date immutable language sql return date '2024-12-31';

-- A number in [0, 1) that depends on n and on what it is for, and on nothing else.
create function pg_temp.chance(n bigint, purpose text) returns float8 immutable language sql
return (hashtextextended(purpose, n) & 9007199254740991)::float8 / 9007199254740992::float8;

create function pg_temp.cube(x float8) returns float8 immutable language sql return x * x * x;

-- A UUID of version 7's shape: 48 bits of time (2024-01-01, one millisecond a row), entity, number.
create function pg_temp.id(entity text, n bigint) returns uuid immutable language sql
return (
    lpad(to_hex(1704067200000 + n), 12, '0') || '7'
    || case entity
        when 'staff' then '051' when 'client' then '0c1' when 'contact' then '0c2' when 'facility' then '0f1'
        when 'posting' then '0b1' when 'statement' then '0f5' when 'late' then '0e1'
        when 'default' then '0e2' when 'charge-off' then '0e3' when 'paid' then '0e4'
        when 'restructured' then '0e5' when 'misuse' then '0e6' when 'related party' then '0e7'
        when 'covenant' then '0e8' when 'prepayment' then '0e9' when 'refinancing' then '0ea'
        when 'cancelled' then '0eb' when 'month' then '0d1' when 'link' then '0d2'
        when 'interaction' then '0a1' when 'complaint' then '0a2' when 'rating' then '0a3'
    end
    || '8' || lpad(to_hex(n), 15, '0')
)::uuid;

create function pg_temp.pick(words text[], u float8) returns text immutable language sql
return words[1 + floor(u * cardinality(words))::int];

-- Surname first, as it is written at home.
create function pg_temp.person(n bigint, purpose text) returns text immutable language sql
return pg_temp.pick(
    '{Wang,Li,Zhang,Liu,Chen,Yang,Huang,Zhao,Wu,Zhou,Xu,Sun,Ma,Zhu,Hu,Guo,He,Lin,
        Gao,Luo,Zheng,Liang,Xie,Song,Tang,Deng,Han,Feng,Cao,Peng}',
    pg_temp.chance(n, purpose || ' surname')
) || ' ' || pg_temp.pick(
    '{Jian,Wen,Zhi,Xiao,Ming,Hai,Yu,Li,Guo,Jia,Shu,Hong,Zi,Yong,Dong,Rui}', pg_temp.chance(n, purpose || ' given')
) || pg_temp.pick(
    '{guo,hua,qiang,ping,min,fang,jun,lan,tao,yan,bo,ying,lei,xia,chao,mei,feng,qing,kai,hui}',
    pg_temp.chance(n, purpose || ' second')
);
