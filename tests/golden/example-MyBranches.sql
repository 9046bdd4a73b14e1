(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"viewer":' || '{"role":' || $1::VARCHAR || ',"office":' || coalesce((
        SELECT s11.written
        FROM (
          SELECT ('{"name":' || CAST(to_json(t2.name) AS TEXT) || ',"exposure":' || (
            SELECT ('[' || coalesce(string_agg(('{"amount":"' || CAST(CAST(s4.minor AS NUMERIC) * CASE WHEN (s4.currency
              IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s4.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE
              0.01 END AS TEXT) || '","currency":"' || s4.currency || '"}'), ','), '') || ']') AS anon_2
            FROM (
              SELECT t3.currency AS currency, sum(t3.outstanding_minor) AS minor
              FROM bank.facility AS t3
              WHERE t3.branch_id = any((
                SELECT anon_3.id
                FROM app.units_below(t2.id) AS anon_3(id))) AND coalesce(t3.branch_id = any(CAST((
                SELECT CAST(CAST($2::VARCHAR AS TEXT) AS INTEGER[]) AS anon_4) AS INTEGER[])), false)
              GROUP BY t3.currency
              ORDER BY t3.currency) AS s4) || ',"children":' || (
            SELECT ('{"nodes":' || '[' || coalesce(s10.rows0, '') || ']' || '}') AS anon_5
            FROM (
              SELECT string_agg(('{"code":' || CAST(to_json(s6.code) AS TEXT) || ',"name":' || CAST(to_json(s6.name)
                AS TEXT) || ',"exposure":' || (
                SELECT ('[' || coalesce(string_agg(('{"amount":"' || CAST(CAST(s8.minor AS NUMERIC) * CASE
                  WHEN (s8.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s8.currency IN ('BHD', 'KWD', 'OMR'))
                  THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || s8.currency || '"}'), ','), '') ||
                  ']') AS anon_6
                FROM (
                  SELECT t7.currency AS currency, sum(t7.outstanding_minor) AS minor
                  FROM bank.facility AS t7
                  WHERE t7.branch_id = any((
                    SELECT anon_7.id
                    FROM app.units_below(s6.id) AS anon_7(id))) AND coalesce(t7.branch_id = any(CAST((
                    SELECT CAST(CAST($2::VARCHAR AS TEXT) AS INTEGER[]) AS anon_4) AS INTEGER[])), false)
                  GROUP BY t7.currency
                  ORDER BY t7.currency) AS s8) || ',"clients":' || (
                SELECT ('{"totalCount":' || CAST((
                  SELECT count(*) AS count_1
                  FROM bank.client AS t9
                  WHERE t9.branch_id = any((
                    SELECT anon_9.id
                    FROM app.units_below(s6.id) AS anon_9(id))) AND coalesce(t9.branch_id = any(CAST((
                    SELECT CAST(CAST($2::VARCHAR AS TEXT) AS INTEGER[]) AS anon_4) AS INTEGER[])), false)) AS
                  TEXT) || '}') AS anon_8) || '}'), ',') AS rows0
              FROM (
                SELECT t5.id AS id, t5.code AS code, t5.name AS name
                FROM bank.unit AS t5
                WHERE t5.parent_id = t2.id
                ORDER BY t5.code ASC, t5.id ASC
                LIMIT 50) AS s6) AS s10) || '}') AS written
          FROM unnest($3::INTEGER[]) WITH ORDINALITY AS k1(k0, n)
          JOIN bank.unit AS t2 ON t2.id = k1.k0
          ORDER BY k1.n) AS s11), 'null') || '}' || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
