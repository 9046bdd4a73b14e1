(WITH c2 AS (
  SELECT t1.branch_id AS branch_id, t1.id AS id, t1.legal_name AS legal_name, (
    SELECT sum(facility_1.outstanding_minor) FILTER (
    WHERE facility_1.currency = 'CNY') AS anon_3
    FROM bank.facility AS facility_1
    WHERE facility_1.branch_id = t1.branch_id AND facility_1.client_id = t1.id) AS o0
  FROM bank.client AS t1
  WHERE coalesce(t1.branch_id = any(CAST((
    SELECT CAST(CAST($1::VARCHAR AS TEXT) AS INTEGER[]) AS anon_4) AS INTEGER[])), false) AND (EXISTS (
    SELECT 1
    FROM bank.facility AS facility_2
    WHERE facility_2.branch_id = t1.branch_id AND facility_2.client_id = t1.id AND (EXISTS (
      SELECT 1
      FROM bank.posting AS posting_1
      WHERE posting_1.branch_id = facility_2.branch_id AND posting_1.client_id = facility_2.client_id AND
        posting_1.facility_id = facility_2.id AND posting_1.days_late > 30)))))
SELECT convert_to((
  SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
  FROM (
    SELECT ('{"clients":' || (
      SELECT ('{"totalCount":' || CAST((
        SELECT count(*) AS count_1
        FROM c2) AS TEXT) || ',"nodes":' || '[' || coalesce(s13.rows1, '') || ']' || '}') AS anon_2
      FROM (
        SELECT string_agg(('{"legalName":' || CAST(to_json(s3.legal_name) AS TEXT) || ',"exposure":' || (
          SELECT ('[' || coalesce(string_agg(('{"amount":"' || CAST(CAST(s5.minor AS NUMERIC) * CASE WHEN (s5.currency
            IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s5.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01
            END AS TEXT) || '","currency":"' || s5.currency || '"}'), ','), '') || ']') AS anon_5
          FROM (
            SELECT t4.currency AS currency, sum(t4.outstanding_minor) AS minor
            FROM bank.facility AS t4
            WHERE t4.branch_id = s3.branch_id AND t4.client_id = s3.id
            GROUP BY t4.currency
            ORDER BY t4.currency) AS s5) || ',"facilities":' || (
          SELECT ('{"nodes":' || '[' || coalesce(s12.rows0, '') || ']' || '}') AS anon_6
          FROM (
            SELECT string_agg(('{"reference":' || CAST(to_json(s7.reference) AS TEXT) || ',"postings":' || (
              SELECT ('{"totalCount":' || CAST((
                SELECT count(*) AS count_2
                FROM bank.posting AS t11
                WHERE t11.branch_id = s7.branch_id AND t11.client_id = s7.client_id AND t11.facility_id =
                  s7.id AND t11.days_late > 30) AS TEXT) || ',"nodes":' || '[' || coalesce(s10.rows1, '') ||
                ']' || '}') AS anon_7
              FROM (
                SELECT string_agg(('{"dueOn":' || CAST(to_json(s9.due_on) AS TEXT) || ',"paidOn":' || coalesce(CAST(to_json(s9.paid_on)
                  AS TEXT), 'null') || ',"daysLate":' || coalesce(CAST(s9.days_late AS TEXT), 'null') || '}'),
                  ',') AS rows1
                FROM (
                  SELECT t8.branch_id AS branch_id, t8.id AS id, t8.due_on AS due_on, t8.paid_on AS paid_on,
                    t8.days_late AS days_late
                  FROM bank.posting AS t8
                  WHERE t8.branch_id = s7.branch_id AND t8.client_id = s7.client_id AND t8.facility_id = s7.id
                    AND t8.days_late > 30
                  ORDER BY t8.due_on ASC, t8.branch_id ASC, t8.id ASC
                  LIMIT 5) AS s9) AS s10) || '}'), ',') AS rows0
            FROM (
              SELECT t6.branch_id AS branch_id, t6.id AS id, t6.client_id AS client_id, t6.reference AS
                reference
              FROM bank.facility AS t6
              WHERE t6.branch_id = s3.branch_id AND t6.client_id = s3.id AND (EXISTS (
                SELECT 1
                FROM bank.posting AS posting_2
                WHERE posting_2.branch_id = t6.branch_id AND posting_2.client_id = t6.client_id AND
                  posting_2.facility_id = t6.id AND posting_2.days_late > 30))
              ORDER BY t6.reference ASC, t6.branch_id ASC, t6.id ASC
              LIMIT 50) AS s7) AS s12) || '}'), ',') AS rows1
        FROM (
          SELECT c2.branch_id AS branch_id, c2.id AS id, c2.legal_name AS legal_name, c2.o0 AS o0
          FROM c2
          ORDER BY c2.o0 DESC NULLS LAST, c2.branch_id ASC, c2.id ASC
          LIMIT 10) AS s3) AS s13) || '}') AS text
    LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
