-- The policy alone finds the clients by the primary key; see clients_flat.sql.
convert_to('{"data":{"clients":{"nodes":[' || coalesce((
    select string_agg(
        '{"id":' || '"Client:' || c.branch_id || ':' || c.id || '"'
        || ',"legalName":' || to_json(c.legal_name)::text
        || ',"creditGrade":' || coalesce('"' || c.credit_grade || '"', 'null')
        || ',"status":' || '"' || c.status || '"'
        || ',"facilities":' || '{"nodes":[' || coalesce(f.nodes, '') || ']}'
        || '}',
        ','
    )
    from (select * from bank.client order by branch_id, id limit 50) as c
    cross join lateral (
        select string_agg(
            '{"id":' || '"Facility:' || f.branch_id || ':' || f.id || '"'
            || ',"reference":' || to_json(f.reference)::text
            || ',"product":' || '"' || f.product || '"'
            || ',"limit":' || '{"amount":"' || f.limit_minor * case when f.currency in ('JPY', 'KRW', 'VND') then 1 when f.currency in ('BHD', 'KWD', 'OMR') then 0.001 else 0.01 end || '","currency":"' || f.currency || '"}'
            || ',"outstanding":' || '{"amount":"' || f.outstanding_minor * case when f.currency in ('JPY', 'KRW', 'VND') then 1 when f.currency in ('BHD', 'KWD', 'OMR') then 0.001 else 0.01 end || '","currency":"' || f.currency || '"}'
            || ',"status":' || '"' || f.status || '"'
            || ',"maturesOn":' || coalesce('"' || f.matures_on || '"', 'null')
            || '}',
            ','
        ) as nodes
        from (
            select * from bank.facility
            where branch_id = c.branch_id and client_id = c.id
            order by reference, id limit 10
        ) as f
    ) as f
), '') || ']}}}', 'UTF8')
