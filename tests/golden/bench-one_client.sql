(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"client":' || coalesce((
        SELECT (('{"id":"' || ('Client:' || CAST(t1.branch_id AS TEXT) || ':' || CAST(t1.id AS TEXT)) ||
          '","legalName":' || CAST(to_json(t1.legal_name) AS TEXT) || ',"registrationNumber":' || CAST(to_json(t1.registration_number)
          AS TEXT) || ',"registeredCapital":' || case when t1.registered_capital_minor is null then 'null'
          else ('{"amount":"' || CAST(CAST(t1.registered_capital_minor AS NUMERIC) * CASE WHEN (t1.currency IN
          ('JPY', 'KRW', 'VND')) THEN 1 WHEN (t1.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END
          AS TEXT) || '","currency":"' || t1.currency || '"}') end || ',"creditGrade":' || coalesce(('"' ||
          t1.credit_grade || '"'), 'null') || ',"status":"' || t1.status || '","employees":' || coalesce(CAST(t1.employees
          AS TEXT), 'null') || ',"establishedOn":' || coalesce(CAST(to_json(t1.established_on) AS TEXT),
          'null')) || '}')
        FROM bank.client AS t1
        WHERE t1.branch_id = $1::INTEGER AND t1.id = $2::UUID), 'null') || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
