(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"clients":' || (
        SELECT ('{"nodes":' || '[' || coalesce(s3.rows0, '') || ']' || '}') AS anon_2
        FROM (
          SELECT string_agg((('{"id":"' || ('Client:' || CAST(s2.branch_id AS TEXT) || ':' || CAST(s2.id AS
            TEXT)) || '","legalName":' || CAST(to_json(s2.legal_name) AS TEXT) || ',"registrationNumber":' ||
            CAST(to_json(s2.registration_number) AS TEXT) || ',"registeredCapital":' || case when
            s2.registered_capital_minor is null then 'null' else ('{"amount":"' || CAST(CAST(s2.registered_capital_minor
            AS NUMERIC) * CASE WHEN (s2.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s2.currency IN ('BHD',
            'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || s2.currency || '"}') end
            || ',"creditGrade":' || coalesce(('"' || s2.credit_grade || '"'), 'null') || ',"status":"' ||
            s2.status || '","employees":' || coalesce(CAST(s2.employees AS TEXT), 'null') ||
            ',"establishedOn":' || coalesce(CAST(to_json(s2.established_on) AS TEXT), 'null')) || '}'), ',')
            AS rows0
          FROM (
            SELECT t1.branch_id AS branch_id, t1.id AS id, t1.registration_number AS registration_number,
              t1.legal_name AS legal_name, t1.currency AS currency, t1.registered_capital_minor AS
              registered_capital_minor, t1.employees AS employees, t1.established_on AS established_on,
              t1.credit_grade AS credit_grade, t1.status AS status
            FROM bank.client AS t1
            WHERE coalesce(t1.branch_id = any(CAST((
              SELECT CAST(CAST($1::VARCHAR AS TEXT) AS INTEGER[]) AS anon_3) AS INTEGER[])), false)
            ORDER BY t1.branch_id ASC, t1.id ASC
            LIMIT 500) AS s2) AS s3) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
