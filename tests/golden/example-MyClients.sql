(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"viewer":' || '{"role":' || $1::VARCHAR || ',"branchCount":' || $2::VARCHAR || ',"office":' ||
        coalesce((
        SELECT s3.written
        FROM (
          SELECT ('{"code":' || CAST(to_json(t2.code) AS TEXT) || ',"name":' || CAST(to_json(t2.name) AS TEXT)
            || '}') AS written
          FROM unnest($3::INTEGER[]) WITH ORDINALITY AS k1(k0, n)
          JOIN bank.unit AS t2 ON t2.id = k1.k0
          ORDER BY k1.n) AS s3), 'null') || '}' || ',"clients":' || (
        SELECT ('{"totalCount":' || CAST((
          SELECT count(*) AS count_1
          FROM bank.client AS t19
          WHERE coalesce(t19.branch_id = any(CAST((
            SELECT CAST(CAST($4::VARCHAR AS TEXT) AS INTEGER[]) AS anon_3) AS INTEGER[])), false)) AS TEXT) ||
          ',"pageInfo":' || '{"hasNextPage":' || CASE WHEN coalesce(cardinality(s18.places) > 10, false) THEN
          'true' ELSE 'false' END || ',"endCursor":' || coalesce(('"' || translate(encode(convert_to(CASE WHEN
          (10 > 0) THEN s18.places[least(cardinality(s18.places), 10)] END, 'UTF8'), 'base64'), E'+/=\n', '-_')
          || '"'), 'null') || '}' || ',"nodes":' || '[' || coalesce(array_to_string(s18.rows2[1:least(cardinality(s18.rows2),
          10)], ','), '') || ']' || '}') AS anon_2
        FROM (
          SELECT array_agg(CAST(('{"id":"' || ('Client:' || CAST(s7.branch_id AS TEXT) || ':' || CAST(s7.id AS
            TEXT)) || '","legalName":' || CAST(to_json(s7.legal_name) AS TEXT) || ',"creditGrade":' ||
            coalesce(('"' || s7.credit_grade || '"'), 'null') || ',"exposure":' || (
            SELECT ('[' || coalesce(string_agg(('{"amount":"' || CAST(CAST(s9.minor AS NUMERIC) * CASE WHEN (s9.currency
              IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s9.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE
              0.01 END AS TEXT) || '","currency":"' || s9.currency || '"}'), ','), '') || ']') AS anon_4
            FROM (
              SELECT t8.currency AS currency, sum(t8.outstanding_minor) AS minor
              FROM bank.facility AS t8
              WHERE t8.branch_id = s7.branch_id AND t8.client_id = s7.id
              GROUP BY t8.currency
              ORDER BY t8.currency) AS s9) || ',"relationshipManager":' || coalesce((
            SELECT ('{"name":' || CAST(to_json(t10.name) AS TEXT) || '}')
            FROM bank.staff AS t10
            WHERE t10.branch_id = s7.branch_id AND t10.id = s7.relationship_manager_id), 'null') ||
            ',"facilities":' || (
            SELECT ('{"nodes":' || '[' || coalesce(s17.rows0, '') || ']' || '}') AS anon_5
            FROM (
              SELECT string_agg(('{"reference":' || CAST(to_json(s12.reference) AS TEXT) || ',"product":"' ||
                s12.product || '","status":"' || s12.status || '","limit":' || ('{"amount":"' || CAST(CAST(s12.limit_minor
                AS NUMERIC) * CASE WHEN (s12.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s12.currency IN ('BHD',
                'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || s12.currency || '"}')
                || ',"outstanding":' || ('{"amount":"' || CAST(CAST(s12.outstanding_minor AS NUMERIC) * CASE
                WHEN (s12.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s12.currency IN ('BHD', 'KWD', 'OMR'))
                THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || s12.currency || '"}') ||
                ',"postings":' || (
                SELECT ('{"nodes":' || '[' || coalesce(s16.rows0, '') || ']' || '}') AS anon_6
                FROM (
                  SELECT string_agg(('{"dueOn":' || CAST(to_json(s15.due_on) AS TEXT) || ',"paidOn":' ||
                    coalesce(CAST(to_json(s15.paid_on) AS TEXT), 'null') || ',"daysLate":' || coalesce(CAST(s15.days_late
                    AS TEXT), 'null') || ',"principal":' || ('{"amount":"' || CAST(CAST(s15.principal_minor AS
                    NUMERIC) * CASE WHEN (s15.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s15.currency IN
                    ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}') || ',"interest":' || ('{"amount":"'
                    || CAST(CAST(s15.interest_minor AS NUMERIC) * CASE WHEN (s15.currency IN ('JPY', 'KRW',
                    'VND')) THEN 1 WHEN (s15.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS
                    TEXT) || '"}') || '}'), ',') AS rows0
                  FROM (
                    SELECT s14.branch_id AS branch_id, s14.id AS id, s14.due_on AS due_on, s14.paid_on AS
                      paid_on, s14.currency AS currency, s14.principal_minor AS principal_minor,
                      s14.interest_minor AS interest_minor, s14.days_late AS days_late
                    FROM (
                      SELECT t13.branch_id AS branch_id, t13.id AS id, t13.due_on AS due_on, t13.paid_on AS
                        paid_on, t13.currency AS currency, t13.principal_minor AS principal_minor,
                        t13.interest_minor AS interest_minor, t13.days_late AS days_late
                      FROM bank.posting AS t13
                      WHERE t13.branch_id = s12.branch_id AND t13.client_id = s12.client_id AND
                        t13.facility_id = s12.id
                      ORDER BY t13.due_on DESC, t13.branch_id DESC, t13.id DESC
                      LIMIT 4) AS s14
                    ORDER BY s14.due_on ASC, s14.branch_id ASC, s14.id ASC) AS s15) AS s16) || '}'), ',') AS
                rows0
              FROM (
                SELECT t11.branch_id AS branch_id, t11.id AS id, t11.client_id AS client_id, t11.reference AS
                  reference, t11.product AS product, t11.currency AS currency, t11.limit_minor AS limit_minor,
                  t11.outstanding_minor AS outstanding_minor, t11.status AS status
                FROM bank.facility AS t11
                WHERE t11.branch_id = s7.branch_id AND t11.client_id = s7.id
                ORDER BY t11.reference ASC, t11.branch_id ASC, t11.id ASC
                LIMIT 5) AS s12) AS s17) || '}') AS TEXT)) AS rows2, array_agg(CAST(('["' || '849b50f1' || '"'
            || ',' || CAST(to_json(s7.legal_name_lc) AS TEXT) || ',' || CAST(to_json(s7.branch_id) AS TEXT) ||
            ',' || CAST(to_json(s7.id) AS TEXT) || ']') AS TEXT)) AS places
          FROM (
            SELECT l6.branch_id AS branch_id, l6.id AS id, l6.legal_name AS legal_name, l6.legal_name_lc AS
              legal_name_lc, l6.credit_grade AS credit_grade, l6.relationship_manager_id AS
              relationship_manager_id
            FROM unnest(CAST((
              SELECT CAST(CAST($4::VARCHAR AS TEXT) AS INTEGER[]) AS anon_3) AS INTEGER[])) AS t4(id)
            JOIN LATERAL (
              SELECT t5.branch_id AS branch_id, t5.id AS id, t5.legal_name AS legal_name, t5.legal_name_lc AS
                legal_name_lc, t5.credit_grade AS credit_grade, t5.relationship_manager_id AS
                relationship_manager_id
              FROM bank.client AS t5
              WHERE t5.branch_id = t4.id
              ORDER BY t5.legal_name_lc ASC, t5.branch_id ASC, t5.id ASC
              LIMIT 10 + 1) AS l6 ON true
            ORDER BY l6.legal_name_lc ASC, l6.branch_id ASC, l6.id ASC
            LIMIT 10 + 1) AS s7) AS s18) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
