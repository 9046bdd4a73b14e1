(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"facilities":' || (
        SELECT ('{"groups":' || (
          SELECT ('[' || coalesce(string_agg(('{"key":' || '{"maturesOn":' || coalesce(CAST(to_json(s1.k0) AS
            TEXT), 'null') || '}' || ',"aggregates":' || '{"count":' || CAST(s1.m0 AS TEXT) ||
            ',"outstanding":' || '{"sum":' || CASE WHEN (s1.m1 IS NULL) THEN 'null' ELSE ('{"amount":"' ||
            CAST(CAST(s1.m1 AS NUMERIC) * CASE WHEN ('CNY' IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN ('CNY' IN ('BHD',
            'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}') END || '}' || ',"annualRate":' ||
            '{"avg":' || coalesce(('"' || CAST(s1.m2 AS TEXT) || '"'), 'null') || ',"min":' || coalesce(('"'
            || CAST(s1.m3 AS TEXT) || '"'), 'null') || ',"max":' || coalesce(('"' || CAST(s1.m4 AS TEXT) ||
            '"'), 'null') || '}' || '}' || '}'), ','), '') || ']') AS anon_3
          FROM (
            SELECT anon_4.g0 AS k0, anon_4.a0 AS m0, anon_4.a1 AS m1, anon_4.a2 AS m2, anon_4.a3 AS m3,
              anon_4.a4 AS m4
            FROM (
              SELECT CAST(date_trunc('quarter', CAST(facility_1.matures_on AS TIMESTAMP WITHOUT TIME ZONE)) AS
                DATE) AS g0, count(*) AS a0, sum(facility_1.outstanding_minor) FILTER (
              WHERE facility_1.currency = 'CNY') AS a1, trim_scale(round(avg(facility_1.annual_rate),
                $1::INTEGER)) AS a2, min(facility_1.annual_rate) AS a3, max(facility_1.annual_rate) AS a4
              FROM bank.facility AS facility_1
              WHERE facility_1.status = 'ACTIVE'
              GROUP BY CAST(date_trunc('quarter', CAST(facility_1.matures_on AS TIMESTAMP WITHOUT TIME ZONE))
                AS DATE)) AS anon_4
            ORDER BY anon_4.g0 ASC NULLS LAST
            LIMIT 20) AS s1) || '}') AS anon_2) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
