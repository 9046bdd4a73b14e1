(WITH c2 AS (
  SELECT t1.branch_id AS branch_id, t1.id AS id, t1.reference AS reference, t1.currency AS currency,
    t1.limit_minor AS limit_minor
  FROM bank.facility AS t1
  WHERE coalesce(t1.branch_id = any(CAST((
    SELECT CAST(CAST($1::VARCHAR AS TEXT) AS INTEGER[]) AS anon_3) AS INTEGER[])), false) AND t1.status =
    'ACTIVE')
SELECT convert_to((
  SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
  FROM (
    SELECT ('{"open":' || (
      SELECT ('{"nodes":' || '[' || coalesce(s4.rows0, '') || ']' || ',"totalCount":' || CAST((
        SELECT count(*) AS count_1
        FROM c2) AS TEXT) || '}') AS anon_2
      FROM (
        SELECT string_agg(('{"reference":' || CAST(to_json(s3.reference) AS TEXT) || ',"limit":' || ('{"amount":"'
          || CAST(CAST(s3.limit_minor AS NUMERIC) * CASE WHEN (s3.currency IN ('JPY', 'KRW', 'VND')) THEN 1
          WHEN (s3.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}') || '}'), ',')
          AS rows0
        FROM (
          SELECT c2.branch_id AS branch_id, c2.id AS id, c2.reference AS reference, c2.currency AS currency,
            c2.limit_minor AS limit_minor
          FROM c2
          ORDER BY c2.branch_id ASC, c2.id ASC
          LIMIT 2) AS s3) AS s4) || ',"latest":' || (
      SELECT ('{"nodes":' || '[' || coalesce(s9.rows0, '') || ']' || '}') AS anon_4
      FROM (
        SELECT string_agg(('{"reference":' || CAST(to_json(s8.reference) AS TEXT) || '}'), ',') AS rows0
        FROM (
          SELECT l7.branch_id AS branch_id, l7.id AS id, l7.reference AS reference, l7.disbursed_on AS
            disbursed_on
          FROM unnest(CAST((
            SELECT CAST(CAST($1::VARCHAR AS TEXT) AS INTEGER[]) AS anon_3) AS INTEGER[])) AS t5(id)
          JOIN LATERAL (
            SELECT t6.branch_id AS branch_id, t6.id AS id, t6.reference AS reference, t6.disbursed_on AS
              disbursed_on
            FROM bank.facility AS t6
            WHERE t6.branch_id = t5.id
            ORDER BY t6.disbursed_on DESC NULLS LAST, t6.branch_id ASC, t6.id ASC
            LIMIT 1) AS l7 ON true
          ORDER BY l7.disbursed_on DESC NULLS LAST, l7.branch_id ASC, l7.id ASC
          LIMIT 1) AS s8) AS s9) || ',"none":' || (
      SELECT ('{"pageInfo":' || '{"hasNextPage":' || CASE WHEN coalesce(cardinality(s12.places) > 0, false)
        THEN 'true' ELSE 'false' END || ',"endCursor":' || coalesce(('"' || translate(encode(convert_to(CASE
        WHEN (0 > 0) THEN s12.places[least(cardinality(s12.places), 0)] END, 'UTF8'), 'base64'), E'+/=\n',
        '-_') || '"'), 'null') || '}' || '}') AS anon_5
      FROM (
        SELECT array_agg(CAST(('["' || 'bc9d4a1d' || '"' || ',' || CAST(to_json(s11.branch_id) AS TEXT) || ','
          || CAST(to_json(s11.id) AS TEXT) || ']') AS TEXT)) AS places
        FROM (
          SELECT t10.branch_id AS branch_id, t10.id AS id
          FROM bank.facility AS t10
          WHERE coalesce(t10.branch_id = any(CAST((
            SELECT CAST(CAST($1::VARCHAR AS TEXT) AS INTEGER[]) AS anon_3) AS INTEGER[])), false)
          ORDER BY t10.branch_id ASC, t10.id ASC
          LIMIT 0 + 1) AS s11) AS s12) || '}') AS text
    LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
