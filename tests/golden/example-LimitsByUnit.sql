(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"limitNodes":' || (
        SELECT ('{"groups":' || (
          SELECT ('[' || coalesce(string_agg(('{"key":' || '{"unit":' || '{"code":' || coalesce(CAST(to_json(s1.k0)
            AS TEXT), 'null') || '}' || ',"kind":' || coalesce(('"' || s1.k1 || '"'), 'null') || '}' ||
            ',"aggregates":' || '{"count":' || CAST(s1.m0 AS TEXT) || ',"sanctioned":' || '{"sum":' || CASE
            WHEN (s1.m1 IS NULL) THEN 'null' ELSE ('{"amount":"' || CAST(CAST(s1.m1 AS NUMERIC) * CASE WHEN ('CNY'
            IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN ('CNY' IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS
            TEXT) || '"}') END || '}' || ',"utilised":' || '{"sum":' || CASE WHEN (s1.m2 IS NULL) THEN 'null'
            ELSE ('{"amount":"' || CAST(CAST(s1.m2 AS NUMERIC) * CASE WHEN ('CNY' IN ('JPY', 'KRW', 'VND'))
            THEN 1 WHEN ('CNY' IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}') END || '}'
            || '}' || '}'), ','), '') || ']') AS anon_3
          FROM (
            SELECT unit_1.code AS k0, anon_4.g1 AS k1, anon_4.a0 AS m0, anon_4.a1 AS m1, anon_4.a2 AS m2
            FROM (
              SELECT limit_node_1.branch_id AS g0, limit_node_1.kind AS g1, count(*) AS a0, sum(limit_node_1.sanctioned_minor)
                FILTER (
              WHERE limit_node_1.currency = 'CNY') AS a1, sum(limit_node_1.utilised_minor) FILTER (
              WHERE limit_node_1.currency = 'CNY') AS a2
              FROM bank.limit_node AS limit_node_1
              GROUP BY limit_node_1.branch_id, limit_node_1.kind) AS anon_4
            LEFT OUTER JOIN bank.unit AS unit_1 ON unit_1.id = anon_4.g0
            ORDER BY unit_1.code ASC NULLS LAST, anon_4.g1 ASC NULLS LAST
            LIMIT 50) AS s1) || '}') AS anon_2) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
