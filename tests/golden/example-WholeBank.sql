(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"viewer":' || '{"subject":' || $1::VARCHAR || ',"role":' || $2::VARCHAR || ',"branchCount":'
        || $3::VARCHAR || '}' || ',"branches":' || (
        SELECT ('{"totalCount":' || CAST((
          SELECT count(*) AS count_1
          FROM bank.unit AS t2
          WHERE t2.kind = 'BRANCH') AS TEXT) || '}') AS anon_2) || ',"unit":' || coalesce((
        SELECT ('{"name":' || CAST(to_json(t3.name) AS TEXT) || ',"exposure":' || (
          SELECT ('[' || coalesce(string_agg(('{"amount":"' || CAST(CAST(s5.minor AS NUMERIC) * CASE WHEN (s5.currency
            IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s5.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01
            END AS TEXT) || '","currency":"' || s5.currency || '"}'), ','), '') || ']') AS anon_4
          FROM (
            SELECT t4.currency AS currency, sum(t4.outstanding_minor) AS minor
            FROM bank.facility AS t4
            WHERE t4.branch_id = any((
              SELECT anon_5.id
              FROM app.units_below(t3.id) AS anon_5(id)))
            GROUP BY t4.currency
            ORDER BY t4.currency) AS s5) || '}') AS anon_3
        FROM bank.unit AS t3
        WHERE t3.code = 'HQ'), 'null') || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
