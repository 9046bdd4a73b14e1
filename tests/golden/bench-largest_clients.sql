(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"units":' || (
        SELECT ('{"nodes":' || '[' || coalesce(s10.rows0, '') || ']' || '}') AS anon_2
        FROM (
          SELECT string_agg(('{"code":' || CAST(to_json(s2.code) AS TEXT) || ',"clients":' || (
            SELECT ('{"nodes":' || '[' || coalesce(s9.rows0, '') || ']' || '}') AS anon_3
            FROM (
              SELECT string_agg(('{"id":"' || ('Client:' || CAST(s5.branch_id AS TEXT) || ':' || CAST(s5.id AS
                TEXT)) || '","legalName":' || CAST(to_json(s5.legal_name) AS TEXT) || ',"registeredCapital":'
                || case when s5.registered_capital_minor is null then 'null' else ('{"amount":"' || CAST(CAST(s5.registered_capital_minor
                AS NUMERIC) * CASE WHEN (s5.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s5.currency IN ('BHD',
                'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || s5.currency || '"}')
                end || ',"creditGrade":' || coalesce(('"' || s5.credit_grade || '"'), 'null') ||
                ',"facilities":' || (
                SELECT ('{"nodes":' || '[' || coalesce(s8.rows0, '') || ']' || '}') AS anon_4
                FROM (
                  SELECT string_agg(('{"reference":' || CAST(to_json(s7.reference) AS TEXT) || ',"product":"'
                    || s7.product || '","limit":' || ('{"amount":"' || CAST(CAST(s7.limit_minor AS NUMERIC) *
                    CASE WHEN (s7.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s7.currency IN ('BHD', 'KWD',
                    'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || s7.currency || '"}') ||
                    ',"outstanding":' || ('{"amount":"' || CAST(CAST(s7.outstanding_minor AS NUMERIC) * CASE
                    WHEN (s7.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s7.currency IN ('BHD', 'KWD',
                    'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || s7.currency || '"}') ||
                    ',"status":"' || s7.status || '"}'), ',') AS rows0
                  FROM (
                    SELECT t6.branch_id AS branch_id, t6.id AS id, t6.reference AS reference, t6.product AS
                      product, t6.currency AS currency, t6.limit_minor AS limit_minor, t6.outstanding_minor AS
                      outstanding_minor, t6.status AS status
                    FROM bank.facility AS t6
                    WHERE t6.branch_id = s5.branch_id AND t6.client_id = s5.id
                    ORDER BY t6.reference ASC, t6.branch_id ASC, t6.id ASC
                    LIMIT 5) AS s7) AS s8) || '}'), ',') AS rows0
              FROM (
                SELECT l4.branch_id AS branch_id, l4.id AS id, l4.legal_name AS legal_name, l4.currency AS
                  currency, l4.registered_capital_minor AS registered_capital_minor, l4.credit_grade AS
                  credit_grade
                FROM app.units_below(s2.id) AS anon_5(id)
                JOIN LATERAL (
                  SELECT t3.branch_id AS branch_id, t3.id AS id, t3.legal_name AS legal_name, t3.currency AS
                    currency, t3.registered_capital_minor AS registered_capital_minor, t3.credit_grade AS
                    credit_grade
                  FROM bank.client AS t3
                  WHERE t3.branch_id = anon_5.id
                  ORDER BY t3.registered_capital_minor DESC NULLS LAST, t3.branch_id ASC, t3.id ASC
                  LIMIT 10) AS l4 ON true
                ORDER BY l4.registered_capital_minor DESC NULLS LAST, l4.branch_id ASC, l4.id ASC
                LIMIT 10) AS s5) AS s9) || '}'), ',') AS rows0
          FROM (
            SELECT t1.id AS id, t1.code AS code
            FROM bank.unit AS t1
            WHERE t1.kind = 'SUB_BRANCH'
            ORDER BY t1.code ASC, t1.id ASC
            LIMIT 20) AS s2) AS s10) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
