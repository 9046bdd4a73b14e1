(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"facilities":' || (
        SELECT ('{"nodes":' || '[' || coalesce(s7.rows0, '') || ']' || '}') AS anon_2
        FROM (
          SELECT string_agg(('{"reference":' || CAST(to_json(s2.reference) AS TEXT) || ',"postings":' || (
            SELECT ('{"nodes":' || '[' || coalesce(s6.rows0, '') || ']' || '}') AS anon_3
            FROM (
              SELECT string_agg(('{"dueOn":' || CAST(to_json(s5.due_on) AS TEXT) || ',"paidOn":' || coalesce(CAST(to_json(s5.paid_on)
                AS TEXT), 'null') || ',"daysLate":' || coalesce(CAST(s5.days_late AS TEXT), 'null') ||
                ',"principal":' || ('{"amount":"' || CAST(CAST(s5.principal_minor AS NUMERIC) * CASE WHEN (s5.currency
                IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s5.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE
                0.01 END AS TEXT) || '","currency":"' || s5.currency || '"}') || ',"interest":' || ('{"amount":"'
                || CAST(CAST(s5.interest_minor AS NUMERIC) * CASE WHEN (s5.currency IN ('JPY', 'KRW', 'VND'))
                THEN 1 WHEN (s5.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}')
                || '}'), ',') AS rows0
              FROM (
                SELECT s4.branch_id AS branch_id, s4.id AS id, s4.due_on AS due_on, s4.paid_on AS paid_on,
                  s4.currency AS currency, s4.principal_minor AS principal_minor, s4.interest_minor AS
                  interest_minor, s4.days_late AS days_late
                FROM (
                  SELECT t3.branch_id AS branch_id, t3.id AS id, t3.due_on AS due_on, t3.paid_on AS paid_on,
                    t3.currency AS currency, t3.principal_minor AS principal_minor, t3.interest_minor AS
                    interest_minor, t3.days_late AS days_late
                  FROM bank.posting AS t3
                  WHERE t3.branch_id = s2.branch_id AND t3.client_id = s2.client_id AND t3.facility_id = s2.id
                  ORDER BY t3.due_on DESC, t3.branch_id DESC, t3.id DESC
                  LIMIT 8) AS s4
                ORDER BY s4.due_on ASC, s4.branch_id ASC, s4.id ASC) AS s5) AS s6) || '}'), ',') AS rows0
          FROM (
            SELECT t1.branch_id AS branch_id, t1.id AS id, t1.client_id AS client_id, t1.reference AS
              reference
            FROM bank.facility AS t1
            WHERE coalesce(t1.branch_id = any(CAST((
              SELECT CAST(CAST($1::VARCHAR AS TEXT) AS INTEGER[]) AS anon_4) AS INTEGER[])), false)
            ORDER BY t1.branch_id ASC, t1.id ASC
            LIMIT 50) AS s2) AS s7) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
