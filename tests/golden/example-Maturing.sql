(WITH c2 AS (
  SELECT t1.branch_id AS branch_id, t1.id AS id, t1.client_id AS client_id, t1.reference AS reference,
    t1.currency AS currency, t1.outstanding_minor AS outstanding_minor, t1.matures_on AS matures_on
  FROM bank.facility AS t1
  WHERE coalesce(t1.branch_id = any(CAST((
    SELECT CAST(CAST($1::VARCHAR AS TEXT) AS INTEGER[]) AS anon_3) AS INTEGER[])), false) AND t1.currency =
    'CNY' AND t1.limit_minor >= 100000000 AND t1.matures_on >= $2::DATE AND t1.matures_on < $3::DATE AND
    t1.status = 'ACTIVE')
SELECT convert_to((
  SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
  FROM (
    SELECT ('{"facilities":' || (
      SELECT ('{"totalCount":' || CAST((
        SELECT count(*) AS count_1
        FROM c2) AS TEXT) || ',"nodes":' || '[' || coalesce(s5.rows1, '') || ']' || '}') AS anon_2
      FROM (
        SELECT string_agg(('{"reference":' || CAST(to_json(s3.reference) AS TEXT) || ',"maturesOn":' ||
          coalesce(CAST(to_json(s3.matures_on) AS TEXT), 'null') || ',"outstanding":' || ('{"amount":"' ||
          CAST(CAST(s3.outstanding_minor AS NUMERIC) * CASE WHEN (s3.currency IN ('JPY', 'KRW', 'VND')) THEN 1
          WHEN (s3.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' ||
          s3.currency || '"}') || ',"client":' || coalesce((
          SELECT ('{"legalName":' || CAST(to_json(t4.legal_name) AS TEXT) || '}')
          FROM bank.client AS t4
          WHERE t4.branch_id = s3.branch_id AND t4.id = s3.client_id), chr($4::INTEGER)) || '}'), ',') AS
          rows1
        FROM (
          SELECT c2.branch_id AS branch_id, c2.id AS id, c2.client_id AS client_id, c2.reference AS reference,
            c2.currency AS currency, c2.outstanding_minor AS outstanding_minor, c2.matures_on AS matures_on
          FROM c2
          ORDER BY c2.matures_on ASC NULLS LAST, c2.branch_id ASC, c2.id ASC
          LIMIT 20) AS s3) AS s5) || '}') AS text
    LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
