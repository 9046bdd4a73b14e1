(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"facilities":' || (
        SELECT ('{"nodes":' || '[' || coalesce(array_to_string(s6.rows0[greatest(cardinality(s6.rows0) -
          $1::INTEGER, 0) + 1:cardinality(s6.rows0)], ','), '') || ']' || ',"pageInfo":' ||
          '{"hasNextPage":true,"hasPreviousPage":' || CASE WHEN coalesce(cardinality(s6.places) > $1::INTEGER,
          false) THEN 'true' ELSE 'false' END || '}' || '}') AS anon_2
        FROM (
          SELECT array_agg(CAST(('{"reference":' || CAST(to_json(s5.reference) AS TEXT) || ',"maturesOn":' ||
            coalesce(CAST(to_json(s5.matures_on) AS TEXT), 'null') || '}') AS TEXT)) AS rows0, array_agg(CAST(('["'
            || $2::VARCHAR || '"' || ',' || coalesce(CAST(to_json(s5.matures_on) AS TEXT), 'null') || ',' ||
            CAST(to_json(s5.branch_id) AS TEXT) || ',' || CAST(to_json(s5.id) AS TEXT) || ']') AS TEXT)) AS
            places
          FROM (
            SELECT s4.branch_id AS branch_id, s4.id AS id, s4.reference AS reference, s4.matures_on AS
              matures_on
            FROM (
              SELECT l3.branch_id AS branch_id, l3.id AS id, l3.reference AS reference, l3.matures_on AS
                matures_on
              FROM unnest(CAST((
                SELECT CAST(CAST($3::VARCHAR AS TEXT) AS INTEGER[]) AS anon_3) AS INTEGER[])) AS t1(id)
              JOIN LATERAL (
                SELECT t2.branch_id AS branch_id, t2.id AS id, t2.reference AS reference, t2.matures_on AS
                  matures_on
                FROM bank.facility AS t2
                WHERE t2.branch_id = t1.id AND (false OR t2.matures_on IS NULL AND t2.branch_id < $4::INTEGER
                  OR t2.matures_on IS NULL AND t2.branch_id = $4::INTEGER AND t2.id < $5::UUID)
                ORDER BY t2.matures_on DESC NULLS LAST, t2.branch_id DESC, t2.id DESC
                LIMIT $1::INTEGER + 1) AS l3 ON true
              ORDER BY l3.matures_on DESC NULLS LAST, l3.branch_id DESC, l3.id DESC
              LIMIT $1::INTEGER + 1) AS s4
            ORDER BY s4.matures_on ASC NULLS FIRST, s4.branch_id ASC, s4.id ASC) AS s5) AS s6) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
