(WITH c2 AS (
  SELECT t1.branch_id AS branch_id, t1.id AS id, t1.legal_name AS legal_name, t1.legal_name_lc AS
    legal_name_lc, t1.currency AS currency, t1.registered_capital_minor AS registered_capital_minor, t1.city
    AS city, t1.credit_grade AS credit_grade
  FROM bank.client AS t1
  WHERE coalesce(t1.branch_id = any(CAST((
    SELECT CAST(CAST($1::VARCHAR AS TEXT) AS INTEGER[]) AS anon_3) AS INTEGER[])), false) AND t1.currency =
    'CNY' AND t1.registered_capital_minor >= 1000000000 AND t1.credit_grade = 'B')
SELECT convert_to((
  SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
  FROM (
    SELECT ('{"clients":' || (
      SELECT ('{"totalCount":' || CAST((
        SELECT count(*) AS count_1
        FROM c2) AS TEXT) || ',"pageInfo":' || '{"hasNextPage":' || CASE WHEN coalesce(cardinality(s4.places)
        > 20, false) THEN 'true' ELSE 'false' END || ',"hasPreviousPage":false,"startCursor":' || coalesce(('"'
        || translate(encode(convert_to(CASE WHEN (20 > 0) THEN s4.places[1] END, 'UTF8'), 'base64'), E'+/=\n',
        '-_') || '"'), 'null') || ',"endCursor":' || coalesce(('"' || translate(encode(convert_to(CASE WHEN (20
        > 0) THEN s4.places[least(cardinality(s4.places), 20)] END, 'UTF8'), 'base64'), E'+/=\n', '-_') || '"'),
        'null') || '}' || ',"edges":' || '[' || coalesce(array_to_string(s4.rows2[1:least(cardinality(s4.rows2),
        20)], ','), '') || ']' || '}') AS anon_2
      FROM (
        SELECT array_agg(CAST(('{"cursor":"' || translate(encode(convert_to(('["' || '849b50f1' || '"' || ','
          || CAST(to_json(s3.legal_name_lc) AS TEXT) || ',' || CAST(to_json(s3.branch_id) AS TEXT) || ',' ||
          CAST(to_json(s3.id) AS TEXT) || ']'), 'UTF8'), 'base64'), E'+/=\n', '-_') || '","node":' || ('{"id":"'
          || ('Client:' || CAST(s3.branch_id AS TEXT) || ':' || CAST(s3.id AS TEXT)) || '","legalName":' ||
          CAST(to_json(s3.legal_name) AS TEXT) || ',"registeredCapital":' || case when
          s3.registered_capital_minor is null then 'null' else ('{"amount":"' || CAST(CAST(s3.registered_capital_minor
          AS NUMERIC) * CASE WHEN (s3.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s3.currency IN ('BHD',
          'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || s3.currency || '"}') end ||
          ',"creditGrade":' || coalesce(('"' || s3.credit_grade || '"'), 'null') || ',"city":' || coalesce(CAST(to_json(s3.city)
          AS TEXT), 'null') || '}') || '}') AS TEXT)) AS rows2, array_agg(CAST(('["' || '849b50f1' || '"' ||
          ',' || CAST(to_json(s3.legal_name_lc) AS TEXT) || ',' || CAST(to_json(s3.branch_id) AS TEXT) || ','
          || CAST(to_json(s3.id) AS TEXT) || ']') AS TEXT)) AS places
        FROM (
          SELECT c2.branch_id AS branch_id, c2.id AS id, c2.legal_name AS legal_name, c2.legal_name_lc AS
            legal_name_lc, c2.currency AS currency, c2.registered_capital_minor AS registered_capital_minor,
            c2.city AS city, c2.credit_grade AS credit_grade
          FROM c2
          ORDER BY c2.legal_name_lc ASC, c2.branch_id ASC, c2.id ASC
          LIMIT 20 + 1) AS s3) AS s4) || '}') AS text
    LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
