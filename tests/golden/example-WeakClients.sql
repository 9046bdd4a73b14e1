(WITH c2 AS (
  SELECT t1.branch_id AS branch_id, t1.id AS id, t1.legal_name AS legal_name
  FROM bank.client AS t1
  WHERE coalesce(t1.branch_id = any(CAST((
    SELECT CAST(CAST($1::VARCHAR AS TEXT) AS INTEGER[]) AS anon_3) AS INTEGER[])), false) AND t1.credit_grade
    = 'C')
SELECT convert_to((
  SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
  FROM (
    SELECT ('{"clients":' || (
      SELECT ('{"totalCount":' || CAST((
        SELECT count(*) AS count_1
        FROM c2) AS TEXT) || ',"nodes":' || '[' || coalesce(s10.rows1, '') || ']' || '}') AS anon_2
      FROM (
        SELECT string_agg(('{"legalName":' || CAST(to_json(s3.legal_name) AS TEXT) || ',"branch":' || coalesce((
          SELECT ('{"name":' || CAST(to_json(t4.name) AS TEXT) || '}')
          FROM bank.unit AS t4
          WHERE t4.id = s3.branch_id), chr($2::INTEGER)) || ',"exposure":' || (
          SELECT ('[' || coalesce(string_agg(('{"amount":"' || CAST(CAST(s6.minor AS NUMERIC) * CASE WHEN (s6.currency
            IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s6.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01
            END AS TEXT) || '","currency":"' || s6.currency || '"}'), ','), '') || ']') AS anon_4
          FROM (
            SELECT t5.currency AS currency, sum(t5.outstanding_minor) AS minor
            FROM bank.facility AS t5
            WHERE t5.branch_id = s3.branch_id AND t5.client_id = s3.id
            GROUP BY t5.currency
            ORDER BY t5.currency) AS s6) || ',"facilities":' || (
          SELECT ('{"nodes":' || '[' || coalesce(s9.rows0, '') || ']' || '}') AS anon_5
          FROM (
            SELECT string_agg(('{"reference":' || CAST(to_json(s8.reference) AS TEXT) || ',"product":"' ||
              s8.product || '","outstanding":' || ('{"amount":"' || CAST(CAST(s8.outstanding_minor AS NUMERIC)
              * CASE WHEN (s8.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s8.currency IN ('BHD', 'KWD',
              'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || s8.currency || '"}') ||
              ',"maturesOn":' || coalesce(CAST(to_json(s8.matures_on) AS TEXT), 'null') || '}'), ',') AS rows0
            FROM (
              SELECT t7.branch_id AS branch_id, t7.id AS id, t7.reference AS reference, t7.product AS product,
                t7.currency AS currency, t7.outstanding_minor AS outstanding_minor, t7.matures_on AS
                matures_on
              FROM bank.facility AS t7
              WHERE t7.branch_id = s3.branch_id AND t7.client_id = s3.id
              ORDER BY t7.outstanding_minor DESC, t7.branch_id ASC, t7.id ASC
              LIMIT 3) AS s8) AS s9) || '}'), ',') AS rows1
        FROM (
          SELECT c2.branch_id AS branch_id, c2.id AS id, c2.legal_name AS legal_name
          FROM c2
          ORDER BY c2.branch_id ASC, c2.id ASC
          LIMIT 20) AS s3) AS s10) || '}') AS text
    LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
