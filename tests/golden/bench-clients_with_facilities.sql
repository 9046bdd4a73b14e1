(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"clients":' || (
        SELECT ('{"nodes":' || '[' || coalesce(s6.rows0, '') || ']' || '}') AS anon_2
        FROM (
          SELECT string_agg(('{"id":"' || ('Client:' || CAST(s2.branch_id AS TEXT) || ':' || CAST(s2.id AS
            TEXT)) || '","legalName":' || CAST(to_json(s2.legal_name) AS TEXT) || ',"creditGrade":' ||
            coalesce(('"' || s2.credit_grade || '"'), 'null') || ',"status":"' || s2.status ||
            '","facilities":' || (
            SELECT ('{"nodes":' || '[' || coalesce(s5.rows0, '') || ']' || '}') AS anon_3
            FROM (
              SELECT string_agg(('{"id":"' || ('Facility:' || CAST(s4.branch_id AS TEXT) || ':' || CAST(s4.id
                AS TEXT)) || '","reference":' || CAST(to_json(s4.reference) AS TEXT) || ',"product":"' ||
                s4.product || '","limit":' || ('{"amount":"' || CAST(CAST(s4.limit_minor AS NUMERIC) * CASE
                WHEN (s4.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s4.currency IN ('BHD', 'KWD', 'OMR'))
                THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || s4.currency || '"}') ||
                ',"outstanding":' || ('{"amount":"' || CAST(CAST(s4.outstanding_minor AS NUMERIC) * CASE WHEN
                (s4.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s4.currency IN ('BHD', 'KWD', 'OMR')) THEN
                0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || s4.currency || '"}') || ',"status":"' ||
                s4.status || '","maturesOn":' || coalesce(CAST(to_json(s4.matures_on) AS TEXT), 'null') || '}'),
                ',') AS rows0
              FROM (
                SELECT t3.branch_id AS branch_id, t3.id AS id, t3.reference AS reference, t3.product AS
                  product, t3.currency AS currency, t3.limit_minor AS limit_minor, t3.outstanding_minor AS
                  outstanding_minor, t3.matures_on AS matures_on, t3.status AS status
                FROM bank.facility AS t3
                WHERE t3.branch_id = s2.branch_id AND t3.client_id = s2.id
                ORDER BY t3.reference ASC, t3.branch_id ASC, t3.id ASC
                LIMIT 10) AS s4) AS s5) || '}'), ',') AS rows0
          FROM (
            SELECT t1.branch_id AS branch_id, t1.id AS id, t1.legal_name AS legal_name, t1.credit_grade AS
              credit_grade, t1.status AS status
            FROM bank.client AS t1
            WHERE coalesce(t1.branch_id = any(CAST((
              SELECT CAST(CAST($1::VARCHAR AS TEXT) AS INTEGER[]) AS anon_4) AS INTEGER[])), false)
            ORDER BY t1.branch_id ASC, t1.id ASC
            LIMIT 50) AS s2) AS s6) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
