(with client_segment as not materialized (…) select case when app.rules_stamp() = $3::text then (WITH c2 AS (
  SELECT t1.branch_id AS branch_id, t1.id AS id, t1.legal_name AS legal_name, (
    SELECT client_facts_1.days_past_due
    FROM bank.client_facts AS client_facts_1
    WHERE client_facts_1.branch_id = t1.branch_id AND client_facts_1.client_id = t1.id) AS o0
  FROM bank.client AS t1
  WHERE coalesce(t1.branch_id = any(CAST((
    SELECT CAST(CAST($1::VARCHAR AS TEXT) AS INTEGER[]) AS anon_3) AS INTEGER[])), false) AND (EXISTS (
    SELECT 1
    FROM client_segment AS client_segment_1
    WHERE client_segment_1.branch_id = t1.branch_id AND client_segment_1.client_id = t1.id AND
      client_segment_1.dimension IN ('soundness') AND client_segment_1.value = any(CAST($2::TEXT[] AS TEXT[])))))
SELECT convert_to((
  SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
  FROM (
    SELECT ('{"clients":' || (
      SELECT ('{"totalCount":' || CAST((
        SELECT count(*) AS count_1
        FROM c2) AS TEXT) || ',"nodes":' || '[' || coalesce(s7.rows1, '') || ']' || '}') AS anon_2
      FROM (
        SELECT string_agg(('{"legalName":' || CAST(to_json(s3.legal_name) AS TEXT) || ',"facts":' || coalesce((
          SELECT ('{"daysPastDue":' || coalesce(CAST(t4.days_past_due AS TEXT), 'null') || ',"exposure":' ||
            case when t4.exposure_minor is null then 'null' else ('{"amount":"' || CAST(CAST(t4.exposure_minor
            AS NUMERIC) * CASE WHEN (t4.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (t4.currency IN ('BHD',
            'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || t4.currency || '"}') end
            || ',"revenueGrowth":' || coalesce(('"' || CAST(t4.revenue_growth AS TEXT) || '"'), 'null') || '}')
          FROM bank.client_facts AS t4
          WHERE t4.branch_id = s3.branch_id AND t4.client_id = s3.id), 'null') || ',"segments":' || (
          SELECT ('[' || coalesce(string_agg(s6.written, ','), '') || ']') AS anon_4
          FROM (
            SELECT ('{"value":' || CAST(to_json(t5.value) AS TEXT) || '}') AS written
            FROM client_segment AS t5
            WHERE t5.branch_id = s3.branch_id AND t5.client_id = s3.id AND t5.dimension IN ('scale')
            ORDER BY t5.dimension) AS s6) || '}'), ',') AS rows1
        FROM (
          SELECT c2.branch_id AS branch_id, c2.id AS id, c2.legal_name AS legal_name, c2.o0 AS o0
          FROM c2
          ORDER BY c2.o0 DESC NULLS LAST, c2.branch_id ASC, c2.id ASC
          LIMIT 20) AS s3) AS s7) || '}') AS text
    LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1) else '\x02'::bytea end)
