convert_to('{"data":{"client":' || coalesce((
    select
        '{"id":' || '"Client:' || c.branch_id || ':' || c.id || '"'
        || ',"legalName":' || to_json(c.legal_name)::text
        || ',"registrationNumber":' || to_json(c.registration_number)::text
        || ',"registeredCapital":' || coalesce('{"amount":"' || c.registered_capital_minor * case when c.currency in ('JPY', 'KRW', 'VND') then 1 when c.currency in ('BHD', 'KWD', 'OMR') then 0.001 else 0.01 end || '","currency":"' || c.currency || '"}', 'null')
        || ',"creditGrade":' || coalesce('"' || c.credit_grade || '"', 'null')
        || ',"status":' || '"' || c.status || '"'
        || ',"employees":' || coalesce(c.employees::text, 'null')
        || ',"establishedOn":' || coalesce('"' || c.established_on || '"', 'null')
        || '}'
    from bank.client as c
    where c.branch_id = $1 and c.id = $2
), 'null') || '}}', 'UTF8')
