convert_to('{"data":{"units":{"nodes":[' || coalesce((
    select string_agg('{"code":' || to_json(u.code) || ',"clients":{"nodes":[' || coalesce(c.nodes, '') || ']}}', ',')
    from (select id, code from bank.unit where kind = 'SUB_BRANCH' order by code, id limit 20) as u
    cross join lateral (
        select string_agg(
            '{"id":' || '"Client:' || c.branch_id || ':' || c.id || '"'
            || ',"legalName":' || to_json(c.legal_name)::text
            || ',"registeredCapital":' || coalesce('{"amount":"' || c.registered_capital_minor * case when c.currency in ('JPY', 'KRW', 'VND') then 1 when c.currency in ('BHD', 'KWD', 'OMR') then 0.001 else 0.01 end || '","currency":"' || c.currency || '"}', 'null')
            || ',"creditGrade":' || coalesce('"' || c.credit_grade || '"', 'null')
            || ',"facilities":' || '{"nodes":[' || coalesce(f.nodes, '') || ']}'
            || '}',
            ','
        ) as nodes
        from (
            select * from bank.client
            where branch_id = u.id
            order by registered_capital_minor desc nulls last, branch_id, id limit 10
        ) as c
        cross join lateral (
            select string_agg(
                '{"reference":' || to_json(f.reference)::text
                || ',"product":' || '"' || f.product || '"'
                || ',"limit":' || '{"amount":"' || f.limit_minor * case when f.currency in ('JPY', 'KRW', 'VND') then 1 when f.currency in ('BHD', 'KWD', 'OMR') then 0.001 else 0.01 end || '","currency":"' || f.currency || '"}'
                || ',"outstanding":' || '{"amount":"' || f.outstanding_minor * case when f.currency in ('JPY', 'KRW', 'VND') then 1 when f.currency in ('BHD', 'KWD', 'OMR') then 0.001 else 0.01 end || '","currency":"' || f.currency || '"}'
                || ',"status":' || '"' || f.status || '"'
                || '}',
                ','
            ) as nodes
            from (
                select * from bank.facility
                where branch_id = c.branch_id and client_id = c.id
                order by reference, id limit 5
            ) as f
        ) as f
    ) as c
), '') || ']}}}', 'UTF8')
