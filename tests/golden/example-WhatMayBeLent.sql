(with client_segment as not materialized (…) select case when app.rules_stamp() = $4::text then (
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"clients":' || (
        SELECT ('{"nodes":' || '[' || coalesce(s5.rows0, '') || ']' || '}') AS anon_2
        FROM (
          SELECT string_agg(('{"legalName":' || CAST(to_json(s2.legal_name) AS TEXT) || ',"quota":' ||
            coalesce((
            SELECT ('{"allowed":' || CASE WHEN l4.allowed THEN 'true' WHEN NOT l4.allowed THEN 'false' ELSE
              'null' END || ',"available":' || ('{"amount":"' || CAST(CAST(l4.available_minor AS NUMERIC) *
              CASE WHEN (l4.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (l4.currency IN ('BHD', 'KWD',
              'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || l4.currency || '"}') ||
              ',"binding":' || CAST(to_json(l4.binding) AS TEXT) || ',"trace":' || (select '[' || coalesce(string_agg(case
              when jsonb_typeof(i0.item) = 'object' then ('{"level":' || coalesce((i0.item -> 'level')::text,
              'null') || ',"name":' || coalesce((i0.item -> 'name')::text, 'null') || ',"effective":' || case
              when jsonb_typeof((i0.item -> 'effective')) = 'object' then ('{"amount":' || coalesce(((i0.item
              -> 'effective') -> 'amount')::text, 'null') || '}') else 'null' end || ',"committed":' || case
              when jsonb_typeof((i0.item -> 'committed')) = 'object' then ('{"amount":' || coalesce(((i0.item
              -> 'committed') -> 'amount')::text, 'null') || '}') else 'null' end || ',"headroom":' || case
              when jsonb_typeof((i0.item -> 'headroom')) = 'object' then ('{"amount":' || coalesce(((i0.item
              -> 'headroom') -> 'amount')::text, 'null') || '}') else 'null' end || ',"binds":' || coalesce((i0.item
              -> 'binds')::text, 'null') || '}') else 'null' end, ',' order by i0.n), '') || ']' from
              jsonb_array_elements(l4.trace) with ordinality as i0(item, n)) || '}')
            FROM LATERAL (
              SELECT CASE WHEN (EXISTS (
                SELECT limit_node_1.id
                FROM bank.limit_node AS limit_node_1
                WHERE limit_node_1.branch_id = s2.branch_id AND limit_node_1.segment_value IS NOT NULL AND
                  limit_node_1.status != $1::VARCHAR)) THEN (
                SELECT client_segment.value
                FROM client_segment
                WHERE client_segment.branch_id = s2.branch_id AND client_segment.client_id = s2.id AND
                  client_segment.dimension = (
                  SELECT limit_policy_1.segment_dimension
                  FROM bank.limit_policy AS limit_policy_1)) END AS value
              LIMIT ALL OFFSET 0) AS l3
            JOIN LATERAL app.quota(s2.branch_id, s2.id, CAST('WORKING_CAPITAL' AS TEXT), CAST(500000000 AS
              BIGINT), CAST('CNY' AS TEXT), CAST($2::DATE AS DATE), l3.value) AS l4 ON true), 'null') || '}'),
            ',') AS rows0
          FROM (
            SELECT t1.branch_id AS branch_id, t1.id AS id, t1.legal_name AS legal_name
            FROM bank.client AS t1
            WHERE coalesce(t1.branch_id = any(CAST((
              SELECT CAST(CAST($3::VARCHAR AS TEXT) AS INTEGER[]) AS anon_3) AS INTEGER[])), false)
            ORDER BY t1.branch_id ASC, t1.id ASC
            LIMIT 20) AS s2) AS s5) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1) else '\x02'::bytea end)
