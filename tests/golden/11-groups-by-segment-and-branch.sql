(with client_segment as not materialized (…) select case when app.rules_stamp() = $1::text then (
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"clients":' || (
        SELECT ('{"groups":' || (
          SELECT ('[' || coalesce(string_agg(('{"key":' || '{"segments":' || '[' ||
            '{"dimension":"scale","value":' || coalesce(CAST(to_json(s1.k0) AS TEXT), 'null') || '}' || ']' ||
            ',"branch":' || '{"code":' || coalesce(CAST(to_json(s1.k1) AS TEXT), 'null') || '}' || '}' ||
            ',"aggregates":' || '{"count":' || CAST(s1.m0 AS TEXT) || '}' || '}'), ','), '') || ']') AS anon_3
          FROM (
            SELECT anon_4.g0 AS k0, unit_1.code AS k1, anon_4.a0 AS m0
            FROM (
              SELECT client_segment_1.value AS g0, client_1.branch_id AS g1, count(*) AS a0
              FROM bank.client AS client_1
              LEFT OUTER JOIN client_segment AS client_segment_1 ON client_segment_1.branch_id =
                client_1.branch_id AND client_segment_1.client_id = client_1.id AND client_segment_1.dimension
                IN ('scale')
              GROUP BY client_segment_1.value, client_1.branch_id) AS anon_4
            LEFT OUTER JOIN bank.unit AS unit_1 ON unit_1.id = anon_4.g1
            ORDER BY anon_4.g0 ASC NULLS LAST, unit_1.code ASC NULLS LAST
            LIMIT 50) AS s1) || '}') AS anon_2) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1) else '\x02'::bytea end)
