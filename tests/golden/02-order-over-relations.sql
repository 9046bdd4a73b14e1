(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"clients":' || (
        SELECT ('{"edges":' || '[' || coalesce(array_to_string(s4.rows0[1:least(cardinality(s4.rows0), 10)],
          ','), '') || ']' || ',"pageInfo":' || '{"hasNextPage":' || CASE WHEN coalesce(cardinality(s4.places)
          > 10, false) THEN 'true' ELSE 'false' END || ',"hasPreviousPage":false,"startCursor":' || coalesce(('"'
          || translate(encode(convert_to(CASE WHEN (10 > 0) THEN s4.places[1] END, 'UTF8'), 'base64'), E'+/=\n',
          '-_') || '"'), 'null') || ',"endCursor":' || coalesce(('"' || translate(encode(convert_to(CASE WHEN
          (10 > 0) THEN s4.places[least(cardinality(s4.places), 10)] END, 'UTF8'), 'base64'), E'+/=\n', '-_')
          || '"'), 'null') || '}' || '}') AS anon_2
        FROM (
          SELECT array_agg(CAST(('{"cursor":"' || translate(encode(convert_to(('["' || '287be4b4' || '"' ||
            ',' || coalesce(CAST(to_json(s3.o0) AS TEXT), 'null') || ',' || coalesce(CAST(to_json(CAST(s3.o1
            AS TEXT)) AS TEXT), 'null') || ',' || coalesce(CAST(to_json(s3.o2) AS TEXT), 'null') || ',' ||
            CAST(to_json(s3.branch_id) AS TEXT) || ',' || CAST(to_json(s3.id) AS TEXT) || ']'), 'UTF8'),
            'base64'), E'+/=\n', '-_') || '","node":' || ('{"legalName":' || CAST(to_json(s3.legal_name) AS
            TEXT) || '}') || '}') AS TEXT)) AS rows0, array_agg(CAST(('["' || '287be4b4' || '"' || ',' ||
            coalesce(CAST(to_json(s3.o0) AS TEXT), 'null') || ',' || coalesce(CAST(to_json(CAST(s3.o1 AS TEXT))
            AS TEXT), 'null') || ',' || coalesce(CAST(to_json(s3.o2) AS TEXT), 'null') || ',' || CAST(to_json(s3.branch_id)
            AS TEXT) || ',' || CAST(to_json(s3.id) AS TEXT) || ']') AS TEXT)) AS places
          FROM (
            SELECT s2.branch_id AS branch_id, s2.id AS id, s2.legal_name AS legal_name, s2.o0 AS o0, s2.o1 AS
              o1, s2.o2 AS o2
            FROM (
              SELECT t1.branch_id AS branch_id, t1.id AS id, t1.legal_name AS legal_name, (
                SELECT unit_1.name
                FROM bank.unit AS unit_1
                WHERE unit_1.id = t1.branch_id) AS o0, (
                SELECT sum(facility_1.outstanding_minor) FILTER (
                WHERE facility_1.currency = 'CNY') AS anon_3
                FROM bank.facility AS facility_1
                WHERE facility_1.branch_id = t1.branch_id AND facility_1.client_id = t1.id) AS o1, (
                SELECT staff_1.code
                FROM bank.staff AS staff_1
                WHERE staff_1.branch_id = t1.branch_id AND staff_1.id = t1.relationship_manager_id) AS o2
              FROM bank.client AS t1) AS s2
            ORDER BY s2.o0 ASC NULLS LAST, s2.o1 DESC NULLS LAST, s2.o2 ASC NULLS FIRST, s2.branch_id ASC,
              s2.id ASC
            LIMIT 10 + 1) AS s3) AS s4) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
