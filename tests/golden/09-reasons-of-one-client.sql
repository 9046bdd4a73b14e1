(with client_segment as not materialized (…) select case when app.rules_stamp() = $3::text then (
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"client":' || coalesce((
        SELECT ('{"legalName":' || CAST(to_json(t1.legal_name) AS TEXT) || ',"segments":' || (
          SELECT ('[' || coalesce(string_agg(s5.written, ','), '') || ']') AS anon_3
          FROM (
            SELECT ('{"dimension":' || CAST(to_json(s3.dimension) AS TEXT) || ',"value":' || CAST(to_json(s3.value)
              AS TEXT) || ',"note":' || coalesce(CAST(to_json(s3.note) AS TEXT), 'null') || ',"because":' ||
              s3.because || ',"missing":' || to_json(s3.missing)::text || ',"alsoMatched":' || to_json(s3.also_matched)::text
              || ',"ruleSet":' || coalesce((
              SELECT ('{"number":' || CAST(t4.number AS TEXT) || '}')
              FROM bank.rule_set AS t4
              WHERE t4.id = s3.rule_set_id), 'null') || '}') AS written
            FROM (
              SELECT t2.branch_id AS branch_id, t2.client_id AS client_id, t2.dimension AS dimension,
                t2.rule_set_id AS rule_set_id, t2.rule AS rule, t2.note AS note, t2.because AS because,
                t2.missing AS missing, t2.also_matched AS also_matched, t2.value_by_rule AS value
              FROM client_segment AS t2) AS s3
            WHERE s3.branch_id = t1.branch_id AND s3.client_id = t1.id AND s3.dimension IN ('weight')
            ORDER BY s3.dimension) AS s5) || '}') AS anon_2
        FROM bank.client AS t1
        WHERE t1.branch_id = $1::INTEGER AND t1.id = $2::UUID), 'null') || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1) else '\x02'::bytea end)
