-- What clients were in the three quarters before the load, so that there are migrations to look at: most were what
-- they are, some changed at a quarter's end from a neighbouring value.
create temp table past on commit drop as
select
    branch_id, id, client_id, dimension_code, before, rule_set_id,
    case
        when before is null then timestamptz '2024-03-31 20:00+00'
        else (array[
            timestamptz '2024-06-30 20:00+00', timestamptz '2024-09-30 20:00+00', timestamptz '2024-12-30 20:00+00'
        ])[1 + floor(3 * pg_temp.chance(n, 'changed on'))::int]
    end as since
from (
    select
        now_.*,
        case when pg_temp.chance(n, 'was ' || dimension_code) < share
            then pg_temp.pick(neighbours, pg_temp.chance(n, 'what ' || dimension_code))
        end as before
    from (
        select *, ('x' || right(replace(client_id::text, '-', ''), 15))::bit(60)::bigint as n
        from bank.segment_history
        where valid_until = 'infinity' and cause = 'SNAPSHOT' and branch_id = any (app.branches())
            and valid_from >= '2024-12-31 00:00+00'
    ) as now_
    join (values
        ('riskClass', 'HIGH', .30, '{MID}'::text[]), ('riskClass', 'MID', .08, '{LOW,LOW,HIGH}'),
        ('riskClass', 'LOW', .10, '{MID}'),
        ('relationshipType', 'AT_RISK', .30, '{STABLE,STABLE,STABLE,GROWTH,LAPSING}'),
        ('relationshipType', 'LAPSING', .75, '{STABLE,STABLE,STABLE,GROWTH,STRATEGIC}'),
        ('relationshipType', 'STRATEGIC', .15, '{STABLE,GROWTH}'),
        ('relationshipType', 'GROWTH', .20, '{STABLE}'),
        ('relationshipType', 'STABLE', .06, '{GROWTH,GROWTH,AT_RISK,LAPSING}'),
        ('valueTier', 'V1', .10, '{V2}'), ('valueTier', 'V2', .15, '{V1,V3}'), ('valueTier', 'V3', .03, '{V2}'),
        ('lifecycleStage', 'GROWTH', .20, '{INTRODUCTION,MATURE}'), ('lifecycleStage', 'DECLINE', .25, '{MATURE}'),
        ('lifecycleStage', 'MATURE', .05, '{GROWTH,DECLINE}'), ('lifecycleStage', 'INTRODUCTION', 0, '{GROWTH}'),
        ('creditGrade', 'A', .08, '{B}'), ('creditGrade', 'B', .06, '{A,C}'), ('creditGrade', 'C', .20, '{B}')
    ) as turns (code, value, share, neighbours) on code = dimension_code and turns.value = now_.value
) as dated;

analyze past;

update bank.segment_history as history
set valid_from = past.since
from past
where history.branch_id = past.branch_id and history.id = past.id;

insert into bank.segment_history (
    branch_id, id, client_id, dimension_code, value, rule_set_id, valid_from, valid_until, cause
)
select
    branch_id, gen_random_uuid(), client_id, dimension_code, before, rule_set_id,
    timestamptz '2024-03-31 20:00+00', since, 'SNAPSHOT'
from past
where before is not null
order by branch_id, client_id, dimension_code;
