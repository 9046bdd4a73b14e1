(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"facilities":' || (
        SELECT ('{"groups":' || (
          SELECT ('[' || coalesce(string_agg(('{"key":' || '{"branch":' || '{"region":' || '{"name":' ||
            coalesce(CAST(to_json(s1.k0) AS TEXT), 'null') || '}' || '}' || ',"disbursedOn":' || coalesce(CAST(to_json(s1.k1)
            AS TEXT), 'null') || ',"product":' || coalesce(('"' || s1.k2 || '"'), 'null') || '}' ||
            ',"aggregates":' || '{"count":' || CAST(s1.m0 AS TEXT) || ',"outstanding":' || '{"sum":' || CASE
            WHEN (s1.m1 IS NULL) THEN 'null' ELSE ('{"amount":"' || CAST(CAST(s1.m1 AS NUMERIC) * CASE WHEN ('CNY'
            IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN ('CNY' IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS
            TEXT) || '","currency":"' || 'CNY' || '"}') END || ',"avg":' || CASE WHEN (s1.m2 IS NULL) THEN
            'null' ELSE ('{"amount":"' || CAST(CAST(s1.m2 AS NUMERIC) * CASE WHEN ('CNY' IN ('JPY', 'KRW',
            'VND')) THEN 1 WHEN ('CNY' IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}')
            END || ',"percentile":' || CASE WHEN (s1.m3 IS NULL) THEN 'null' ELSE ('{"amount":"' || CAST(CAST(s1.m3
            AS NUMERIC) * CASE WHEN ('CNY' IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN ('CNY' IN ('BHD', 'KWD',
            'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}') END || '}' || ',"termMonths":' || '{"min":' ||
            coalesce(CAST(s1.m4 AS TEXT), 'null') || ',"max":' || coalesce(CAST(s1.m5 AS TEXT), 'null') ||
            ',"avg":' || coalesce(('"' || CAST(s1.m6 AS TEXT) || '"'), 'null') || '}' || '}' || '}'), ','), '')
            || ']') AS anon_3
          FROM (
            SELECT anon_4.g0 AS k0, anon_4.g1 AS k1, anon_4.g2 AS k2, anon_4.a0 AS m0, anon_4.a1 AS m1,
              anon_4.a2 AS m2, anon_4.a3 AS m3, anon_4.a4 AS m4, anon_4.a5 AS m5, anon_4.a6 AS m6
            FROM (
              SELECT region_1.name AS g0, CAST(date_trunc('year', CAST(facility_1.disbursed_on AS TIMESTAMP
                WITHOUT TIME ZONE)) AS DATE) AS g1, facility_1.product AS g2, count(*) AS a0, sum(facility_1.outstanding_minor)
                FILTER (
              WHERE facility_1.currency = 'CNY') AS a1, round(avg(facility_1.outstanding_minor) FILTER (
              WHERE facility_1.currency = 'CNY')) AS a2, percentile_disc($1::FLOAT) WITHIN
              GROUP (
              ORDER BY facility_1.outstanding_minor) FILTER (
              WHERE facility_1.currency = 'CNY') AS a3, min(facility_1.term_months) AS a4, max(facility_1.term_months)
                AS a5, trim_scale(round(avg(facility_1.term_months), $2::INTEGER)) AS a6
              FROM bank.facility AS facility_1
              JOIN bank.unit AS unit_1 ON unit_1.id = facility_1.branch_id
              LEFT OUTER JOIN bank.region AS region_1 ON region_1.code = unit_1.region_code
              GROUP BY region_1.name, CAST(date_trunc('year', CAST(facility_1.disbursed_on AS TIMESTAMP
                WITHOUT TIME ZONE)) AS DATE), facility_1.product) AS anon_4
            WHERE anon_4.a0 >= 2 AND anon_4.a1 > $3::NUMERIC
            ORDER BY anon_4.a1 DESC NULLS LAST, anon_4.g0 ASC NULLS LAST, anon_4.g1 ASC NULLS LAST, anon_4.g2
              ASC NULLS LAST
            LIMIT 20) AS s1) || '}') AS anon_2) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
