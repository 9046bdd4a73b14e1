(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"units":' || (
        SELECT ('{"nodes":' || '[' || coalesce(s7.rows0, '') || ']' || '}') AS anon_2
        FROM (
          SELECT string_agg(('{"code":' || CAST(to_json(s2.code) AS TEXT) || ',"clients":' || (
            SELECT ('{"totalCount":' || CAST((
              SELECT count(*) AS count_1
              FROM bank.client AS t3
              WHERE t3.branch_id = any((
                SELECT anon_4.id
                FROM app.units_below(s2.id) AS anon_4(id))) AND coalesce(t3.branch_id = any(CAST((
                SELECT CAST(CAST($1::VARCHAR AS TEXT) AS INTEGER[]) AS anon_5) AS INTEGER[])), false)) AS TEXT)
              || ',"groups":' || (
              SELECT ('[' || coalesce(string_agg(('{"key":' || '{"creditGrade":' || coalesce(('"' || s4.k0 ||
                '"'), 'null') || '}' || ',"aggregates":' || '{"count":' || CAST(s4.m0 AS TEXT) || '}' || '}'),
                ','), '') || ']') AS anon_6
              FROM (
                SELECT anon_7.g0 AS k0, anon_7.a0 AS m0
                FROM (
                  SELECT client_1.credit_grade AS g0, count(*) AS a0
                  FROM bank.client AS client_1
                  WHERE client_1.branch_id = any((
                    SELECT anon_8.id
                    FROM app.units_below(s2.id) AS anon_8(id))) AND coalesce(client_1.branch_id = any(CAST((
                    SELECT CAST(CAST($1::VARCHAR AS TEXT) AS INTEGER[]) AS anon_5) AS INTEGER[])), false)
                  GROUP BY client_1.credit_grade) AS anon_7
                ORDER BY anon_7.g0 ASC NULLS LAST
                LIMIT 50) AS s4) || '}') AS anon_3) || ',"facilities":' || (
            SELECT ('{"aggregates":' || (
              SELECT ('{"count":' || CAST(s6.m0 AS TEXT) || ',"limit":' || '{"sum":' || CASE WHEN (s6.m1 IS
                NULL) THEN 'null' ELSE ('{"amount":"' || CAST(CAST(s6.m1 AS NUMERIC) * CASE WHEN ('CNY' IN ('JPY',
                'KRW', 'VND')) THEN 1 WHEN ('CNY' IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT)
                || '"}') END || ',"max":' || CASE WHEN (s6.m2 IS NULL) THEN 'null' ELSE ('{"amount":"' || CAST(CAST(s6.m2
                AS NUMERIC) * CASE WHEN ('CNY' IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN ('CNY' IN ('BHD', 'KWD',
                'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}') END || '}' || ',"maturesOn":' || '{"max":'
                || coalesce(CAST(to_json(s6.m3) AS TEXT), 'null') || '}' || '}') AS anon_10
              FROM (
                SELECT count(*) AS m0, sum(t5.limit_minor) FILTER (
                WHERE t5.currency = 'CNY') AS m1, max(t5.limit_minor) FILTER (
                WHERE t5.currency = 'CNY') AS m2, max(t5.matures_on) AS m3
                FROM bank.facility AS t5
                WHERE t5.branch_id = s2.id AND coalesce(t5.branch_id = any(CAST((
                  SELECT CAST(CAST($1::VARCHAR AS TEXT) AS INTEGER[]) AS anon_5) AS INTEGER[])), false)) AS s6)
              || '}') AS anon_9) || '}'), ',') AS rows0
          FROM (
            SELECT t1.id AS id, t1.code AS code
            FROM bank.unit AS t1
            WHERE t1.kind = any(CAST($2::TEXT[] AS TEXT[]))
            ORDER BY t1.code ASC, t1.id ASC
            LIMIT 50) AS s2) AS s7) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
