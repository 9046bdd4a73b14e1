convert_to('{"data":{"facilities":{"groups":[' || coalesce((
    select string_agg(format(
        '{"key":{"branch":{"code":%s},"status":"%s"},"aggregates":{"count":%s,"limit":{"sum":{"amount":"%s"}},'
        '"outstanding":{"sum":{"amount":"%s"}}}}',
        to_json(u.code), g.status, g.count, g.limit_minor * y.unit, g.outstanding_minor * y.unit
    ), ',' order by u.code, g.status)
    from (
        select
            branch_id, status, count(*) as count,
            sum(limit_minor) filter (where currency = 'CNY') as limit_minor,
            sum(outstanding_minor) filter (where currency = 'CNY') as outstanding_minor
        from bank.facility
        group by branch_id, status
    ) as g
    join bank.unit as u on u.id = g.branch_id
    cross join (
        select (array[1, 0.1, 0.01, 0.001])[exponent + 1] as unit from bank.currency where code = 'CNY'
    ) as y
), '') || ']}}}', 'UTF8')
