(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"units":' || (
        SELECT ('{"nodes":' || '[' || coalesce(s10.rows0, '') || ']' || '}') AS anon_2
        FROM (
          SELECT string_agg(('{"name":' || CAST(to_json(s2.name) AS TEXT) || ',"clients":' || (
            SELECT ('{"nodes":' || '[' || coalesce(s9.rows0, '') || ']' || '}') AS anon_3
            FROM (
              SELECT string_agg(('{"legalName":' || CAST(to_json(s5.legal_name) AS TEXT) || ',"creditGrade":'
                || coalesce(('"' || s5.credit_grade || '"'), 'null') || ',"registeredCapital":' || case when
                s5.registered_capital_minor is null then 'null' else ('{"amount":"' || CAST(CAST(s5.registered_capital_minor
                AS NUMERIC) * CASE WHEN (s5.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s5.currency IN ('BHD',
                'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || s5.currency || '"}')
                end || ',"exposure":' || (
                SELECT ('[' || coalesce(string_agg(('{"amount":"' || CAST(CAST(s7.minor AS NUMERIC) * CASE
                  WHEN (s7.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s7.currency IN ('BHD', 'KWD', 'OMR'))
                  THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || s7.currency || '"}'), ','), '') ||
                  ']') AS anon_4
                FROM (
                  SELECT t6.currency AS currency, sum(t6.outstanding_minor) AS minor
                  FROM bank.facility AS t6
                  WHERE t6.branch_id = s5.branch_id AND t6.client_id = s5.id
                  GROUP BY t6.currency
                  ORDER BY t6.currency) AS s7) || ',"branch":' || coalesce((
                SELECT ('{"name":' || CAST(to_json(t8.name) AS TEXT) || '}')
                FROM bank.unit AS t8
                WHERE t8.id = s5.branch_id), chr($1::INTEGER)) || '}'), ',') AS rows0
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
            SELECT t1.id AS id, t1.code AS code, t1.name AS name
            FROM bank.unit AS t1
            WHERE t1.kind = 'REGION'
            ORDER BY t1.code ASC, t1.id ASC
            LIMIT 50) AS s2) AS s10) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
