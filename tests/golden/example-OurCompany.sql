(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"viewer":' || '{"role":' || $1::VARCHAR || ',"companies":' || (
        SELECT ('[' || coalesce(string_agg(s10.written, ','), '') || ']') AS anon_2
        FROM (
          SELECT ('{"legalName":' || CAST(to_json(t2.legal_name) AS TEXT) || ',"registrationNumber":' || CAST(to_json(t2.registration_number)
            AS TEXT) || ',"creditGrade":' || coalesce(('"' || t2.credit_grade || '"'), 'null') || ',"branch":'
            || coalesce((
            SELECT ('{"name":' || CAST(to_json(t3.name) AS TEXT) || '}')
            FROM bank.unit AS t3
            WHERE t3.id = t2.branch_id), chr($2::INTEGER)) || ',"relationshipManager":' || coalesce((
            SELECT ('{"name":' || CAST(to_json(t4.name) AS TEXT) || ',"email":' || coalesce(CAST(to_json(t4.email)
              AS TEXT), 'null') || '}')
            FROM bank.staff AS t4
            WHERE t4.branch_id = t2.branch_id AND t4.id = t2.relationship_manager_id), 'null') ||
            ',"exposure":' || (
            SELECT ('[' || coalesce(string_agg(('{"amount":"' || CAST(CAST(s6.minor AS NUMERIC) * CASE WHEN (s6.currency
              IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s6.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE
              0.01 END AS TEXT) || '","currency":"' || s6.currency || '"}'), ','), '') || ']') AS anon_3
            FROM (
              SELECT t5.currency AS currency, sum(t5.outstanding_minor) AS minor
              FROM bank.facility AS t5
              WHERE t5.branch_id = t2.branch_id AND t5.client_id = t2.id
              GROUP BY t5.currency
              ORDER BY t5.currency) AS s6) || ',"facilities":' || (
            SELECT ('{"nodes":' || '[' || coalesce(s9.rows0, '') || ']' || '}') AS anon_4
            FROM (
              SELECT string_agg(('{"reference":' || CAST(to_json(s8.reference) AS TEXT) || ',"product":"' ||
                s8.product || '","limit":' || ('{"amount":"' || CAST(CAST(s8.limit_minor AS NUMERIC) * CASE
                WHEN (s8.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s8.currency IN ('BHD', 'KWD', 'OMR'))
                THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || s8.currency || '"}') ||
                ',"outstanding":' || ('{"amount":"' || CAST(CAST(s8.outstanding_minor AS NUMERIC) * CASE WHEN
                (s8.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s8.currency IN ('BHD', 'KWD', 'OMR')) THEN
                0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || s8.currency || '"}') || ',"maturesOn":' ||
                coalesce(CAST(to_json(s8.matures_on) AS TEXT), 'null') || '}'), ',') AS rows0
              FROM (
                SELECT t7.branch_id AS branch_id, t7.id AS id, t7.reference AS reference, t7.product AS
                  product, t7.currency AS currency, t7.limit_minor AS limit_minor, t7.outstanding_minor AS
                  outstanding_minor, t7.matures_on AS matures_on
                FROM bank.facility AS t7
                WHERE t7.branch_id = t2.branch_id AND t7.client_id = t2.id
                ORDER BY t7.reference ASC, t7.branch_id ASC, t7.id ASC
                LIMIT 50) AS s8) AS s9) || '}') AS written
          FROM unnest($3::INTEGER[], $4::UUID[]) WITH ORDINALITY AS k1(k0, k1, n)
          JOIN bank.client AS t2 ON t2.branch_id = k1.k0 AND t2.id = k1.k1
          ORDER BY k1.n) AS s10) || '}' || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
