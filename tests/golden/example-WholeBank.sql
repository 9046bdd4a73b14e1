(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"viewer":' || '{"subject":' || $1::VARCHAR || ',"role":' || $2::VARCHAR || ',"branchCount":'
        || $3::VARCHAR || '}' || ',"branches":' || (
        SELECT ('{"totalCount":' || CAST((
          SELECT count(*) AS count_1
          FROM bank.unit AS t1
          WHERE t1.kind = 'BRANCH') AS TEXT) || '}') AS anon_2) || ',"unit":' || coalesce((
        SELECT ('{"name":' || CAST(to_json(t2.name) AS TEXT) || ',"exposure":' || (
          SELECT ('[' || coalesce(string_agg(('{"amount":"' || CAST(CAST(s4.minor AS NUMERIC) * CASE WHEN (s4.currency
            IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s4.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01
            END AS TEXT) || '","currency":"' || s4.currency || '"}'), ','), '') || ']') AS anon_4
          FROM (
            SELECT t3.currency AS currency, sum(t3.outstanding_minor) AS minor
            FROM bank.facility AS t3
            WHERE t3.branch_id = any((
              SELECT anon_5.id
              FROM app.units_below(t2.id) AS anon_5(id)))
            GROUP BY t3.currency
            ORDER BY t3.currency) AS s4) || '}') AS anon_3
        FROM bank.unit AS t2
        WHERE t2.code = 'HQ'), 'null') || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
