-- The connection goes back to the pool: nothing of ours stays on it. The temporary tables go with the commit.
drop function pg_temp.person(bigint, text);
drop function pg_temp.pick(text[], float8);
drop function pg_temp.id(text, bigint);
drop function pg_temp.cube(float8);
drop function pg_temp.chance(bigint, text);
drop function pg_temp.today();
