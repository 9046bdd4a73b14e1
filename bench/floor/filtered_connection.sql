-- One pass finds the rows that are counted and the first of them that are shown.
(
    with found as materialized (
        select branch_id, id, legal_name_lc, legal_name, registered_capital_minor, currency, credit_grade, city
        from bank.client
        where credit_grade = 'B' and currency = 'CNY' and registered_capital_minor >= 1000000000
    ),
    page as (
        select
            c.*,
            translate(
                encode(convert_to('["' || c.legal_name_lc || '",' || c.branch_id || ',"' || c.id || '"]', 'UTF8'), 'base64'),
                E'+/=\n', '-_'
            ) as cursor,
            row_number() over () as n
        from (select * from found order by legal_name_lc, branch_id, id limit 21) as c
    ),
    shown as (select *, count(*) over () as rows from page where n <= 20)
    select convert_to(
        '{"data":{"clients":{"totalCount":' || (select count(*) from found)
        || ',"pageInfo":{"hasNextPage":' || (select count(*) > 20 from page)
        || ',"hasPreviousPage":false,"startCursor":' || coalesce('"' || min(p.cursor) filter (where p.n = 1) || '"', 'null')
        || ',"endCursor":' || coalesce('"' || min(p.cursor) filter (where p.n = p.rows) || '"', 'null')
        || '},"edges":[' || coalesce(string_agg(
            '{"cursor":"' || p.cursor || '","node":'
            || '{"id":' || '"Client:' || p.branch_id || ':' || p.id || '"'
            || ',"legalName":' || to_json(p.legal_name)::text
            || ',"registeredCapital":' || coalesce('{"amount":"' || p.registered_capital_minor * case when p.currency in ('JPY', 'KRW', 'VND') then 1 when p.currency in ('BHD', 'KWD', 'OMR') then 0.001 else 0.01 end || '","currency":"' || p.currency || '"}', 'null')
            || ',"creditGrade":' || coalesce('"' || p.credit_grade || '"', 'null')
            || ',"city":' || coalesce(to_json(p.city)::text, 'null')
            || '}'
            || '}',
            ','
        ), '') || ']}}}',
        'UTF8'
    )
    from shown as p
)
