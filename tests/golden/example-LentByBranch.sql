(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"facilities":' || (
        SELECT ('{"aggregates":' || (
          SELECT ('{"count":' || CAST(s2.m0 AS TEXT) || ',"outstanding":' || '{"sum":' || CASE WHEN (s2.m1 IS
            NULL) THEN 'null' ELSE ('{"amount":"' || CAST(CAST(s2.m1 AS NUMERIC) * CASE WHEN ('CNY' IN ('JPY',
            'KRW', 'VND')) THEN 1 WHEN ('CNY' IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) ||
            '"}') END || '}' || '}') AS anon_3
          FROM (
            SELECT count(*) AS m0, sum(t1.outstanding_minor) FILTER (
            WHERE t1.currency = 'CNY') AS m1
            FROM bank.facility AS t1
            WHERE t1.status IS NOT NULL AND t1.status != all(CAST($1::TEXT[] AS TEXT[]))) AS s2) ||
          ',"groups":' || (
          SELECT ('[' || coalesce(string_agg(('{"key":' || '{"branch":' || '{"name":' || coalesce(CAST(to_json(s3.k0)
            AS TEXT), 'null') || '}' || ',"status":' || coalesce(('"' || s3.k1 || '"'), 'null') || '}' ||
            ',"aggregates":' || '{"count":' || CAST(s3.m0 AS TEXT) || ',"limit":' || '{"sum":' || CASE WHEN (s3.m1
            IS NULL) THEN 'null' ELSE ('{"amount":"' || CAST(CAST(s3.m1 AS NUMERIC) * CASE WHEN ('CNY' IN ('JPY',
            'KRW', 'VND')) THEN 1 WHEN ('CNY' IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) ||
            '"}') END || '}' || ',"outstanding":' || '{"sum":' || CASE WHEN (s3.m2 IS NULL) THEN 'null' ELSE ('{"amount":"'
            || CAST(CAST(s3.m2 AS NUMERIC) * CASE WHEN ('CNY' IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN ('CNY' IN
            ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}') END || ',"percentile":' || CASE
            WHEN (s3.m3 IS NULL) THEN 'null' ELSE ('{"amount":"' || CAST(CAST(s3.m3 AS NUMERIC) * CASE WHEN ('CNY'
            IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN ('CNY' IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS
            TEXT) || '"}') END || '}' || '}' || '}'), ','), '') || ']') AS anon_4
          FROM (
            SELECT anon_5.g0 AS k0, anon_5.g1 AS k1, anon_5.a0 AS m0, anon_5.a1 AS m1, anon_5.a2 AS m2,
              anon_5.a3 AS m3
            FROM (
              SELECT unit_1.name AS g0, facility_1.status AS g1, count(*) AS a0, sum(facility_1.limit_minor)
                FILTER (
              WHERE facility_1.currency = 'CNY') AS a1, sum(facility_1.outstanding_minor) FILTER (
              WHERE facility_1.currency = 'CNY') AS a2, percentile_disc($2::FLOAT) WITHIN
              GROUP (
              ORDER BY facility_1.outstanding_minor) FILTER (
              WHERE facility_1.currency = 'CNY') AS a3
              FROM bank.facility AS facility_1
              JOIN bank.unit AS unit_1 ON unit_1.id = facility_1.branch_id
              WHERE facility_1.status IS NOT NULL AND facility_1.status != all(CAST($1::TEXT[] AS TEXT[]))
              GROUP BY unit_1.name, facility_1.status) AS anon_5
            WHERE anon_5.a0 >= 10
            ORDER BY anon_5.a2 DESC NULLS LAST, anon_5.g0 ASC NULLS LAST, anon_5.g1 ASC NULLS LAST
            LIMIT 50) AS s3) || '}') AS anon_2) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
