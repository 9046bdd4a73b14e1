(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"units":' || (
        SELECT ('{"nodes":' || '[' || coalesce(s5.rows0, '') || ']' || '}') AS anon_2
        FROM (
          SELECT string_agg(('{"name":' || CAST(to_json(s2.name) AS TEXT) || ',"quota":' || coalesce((
            SELECT ('{"currency":' || CAST(to_json(l4.currency) AS TEXT) || ',"granted":' || ('{"amount":"' ||
              CAST(CAST(l4.granted_minor AS NUMERIC) * CASE WHEN (l4.currency IN ('JPY', 'KRW', 'VND')) THEN 1
              WHEN (l4.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}') ||
              ',"committed":' || ('{"amount":"' || CAST(CAST(l4.committed_minor AS NUMERIC) * CASE WHEN (l4.currency
              IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (l4.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE
              0.01 END AS TEXT) || '"}') || ',"reserved":' || ('{"amount":"' || CAST(CAST(l4.reserved_minor AS
              NUMERIC) * CASE WHEN (l4.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (l4.currency IN ('BHD',
              'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}') || ',"utilised":' || ('{"amount":"' ||
              CAST(CAST(l4.utilised_minor AS NUMERIC) * CASE WHEN (l4.currency IN ('JPY', 'KRW', 'VND')) THEN
              1 WHEN (l4.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}') ||
              ',"available":' || ('{"amount":"' || CAST(CAST(l4.available_minor AS NUMERIC) * CASE WHEN (l4.currency
              IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (l4.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE
              0.01 END AS TEXT) || '"}') || ',"byProduct":' || (select '[' || coalesce(string_agg(case when
              jsonb_typeof(i0.item) = 'object' then ('{"product":' || coalesce((i0.item -> 'product')::text,
              'null') || ',"reserved":' || case when jsonb_typeof((i0.item -> 'reserved')) = 'object' then ('{"amount":'
              || coalesce(((i0.item -> 'reserved') -> 'amount')::text, 'null') || '}') else 'null' end ||
              ',"utilised":' || case when jsonb_typeof((i0.item -> 'utilised')) = 'object' then ('{"amount":'
              || coalesce(((i0.item -> 'utilised') -> 'amount')::text, 'null') || '}') else 'null' end || '}')
              else 'null' end, ',' order by i0.n), '') || ']' from jsonb_array_elements(l4.by_product) with
              ordinality as i0(item, n)) || '}')
            FROM LATERAL (
              SELECT l3.unit_id AS unit_id, l3.as_of AS as_of, l3.currency AS currency, l3.granted_minor AS
                granted_minor, l3.committed_minor AS committed_minor, l3.earmarked_minor AS earmarked_minor,
                l3.reserved_minor AS reserved_minor, l3.utilised_minor AS utilised_minor, l3.available_minor
                AS available_minor, app.unit_quota_by_product(l3.unit_id, l3.as_of, l3.currency) AS
                by_product, app.unit_quota_by_segment(l3.unit_id, l3.as_of, l3.currency) AS by_segment
              FROM LATERAL app.unit_quota(s2.id, CAST($1::DATE AS DATE)) AS l3) AS l4), 'null') || '}'), ',')
            AS rows0
          FROM (
            SELECT t1.id AS id, t1.code AS code, t1.name AS name
            FROM bank.unit AS t1
            WHERE t1.kind = any(CAST($2::TEXT[] AS TEXT[]))
            ORDER BY t1.code ASC, t1.id ASC
            LIMIT 50) AS s2) AS s5) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
