(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"imports":' || (
        SELECT ('{"nodes":' || '[' || coalesce(s5.rows0, '') || ']' || '}') AS anon_2
        FROM (
          SELECT string_agg(('{"id":"' || ('ImportJob:' || CAST(s4.branch_id AS TEXT) || ':' || CAST(s4.id AS
            TEXT)) || '","fileName":' || CAST(to_json(s4.file_name) AS TEXT) || ',"status":"' || s4.status ||
            '","rowsTaken":' || CAST(s4.rows_taken AS TEXT) || ',"rowsRefused":' || CAST(s4.rows_refused AS
            TEXT) || ',"startedAt":' || CAST(to_json(s4.started_at) AS TEXT) || ',"finishedAt":' || coalesce(CAST(to_json(s4.finished_at)
            AS TEXT), 'null') || '}'), ',') AS rows0
          FROM (
            SELECT l3.branch_id AS branch_id, l3.id AS id, l3.file_name AS file_name, l3.status AS status,
              l3.rows_taken AS rows_taken, l3.rows_refused AS rows_refused, l3.started_at AS started_at,
              l3.finished_at AS finished_at
            FROM bank.unit AS t1
            JOIN LATERAL (
              SELECT t2.branch_id AS branch_id, t2.id AS id, t2.file_name AS file_name, t2.status AS status,
                t2.rows_taken AS rows_taken, t2.rows_refused AS rows_refused, t2.started_at AS started_at,
                t2.finished_at AS finished_at
              FROM bank.import_job AS t2
              WHERE t2.branch_id = t1.id
              ORDER BY t2.started_at DESC, t2.branch_id ASC, t2.id ASC
              LIMIT 10) AS l3 ON true
            ORDER BY l3.started_at DESC, l3.branch_id ASC, l3.id ASC
            LIMIT 10) AS s4) AS s5) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
