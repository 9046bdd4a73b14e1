(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"nodes":' || (
        SELECT ('[' || coalesce(string_agg(coalesce((
          SELECT ('{"__typename":"Client","id":"' || ('Client:' || CAST(t2.branch_id AS TEXT) || ':' || CAST(t2.id
            AS TEXT)) || '","legalName":' || CAST(to_json(t2.legal_name) AS TEXT) || ',"exposure":' || (
            SELECT ('[' || coalesce(string_agg(('{"amount":"' || CAST(CAST(s4.minor AS NUMERIC) * CASE WHEN (s4.currency
              IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s4.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE
              0.01 END AS TEXT) || '","currency":"' || s4.currency || '"}'), ','), '') || ']') AS anon_4
            FROM (
              SELECT t3.currency AS currency, sum(t3.outstanding_minor) AS minor
              FROM bank.facility AS t3
              WHERE t3.branch_id = t2.branch_id AND t3.client_id = t2.id
              GROUP BY t3.currency
              ORDER BY t3.currency) AS s4) || '}') AS anon_3
          FROM unnest($1::INTEGER[], $2::INTEGER[], $3::UUID[]) AS k1(k0, k1, k2)
          JOIN bank.client AS t2 ON true
          WHERE k1.k0 = anon_5.n AND t2.branch_id = k1.k1 AND t2.id = k1.k2 AND coalesce(t2.branch_id = any(CAST((
            SELECT CAST(CAST($4::VARCHAR AS TEXT) AS INTEGER[]) AS anon_6) AS INTEGER[])), false)), (
          SELECT ('{"__typename":"Facility","id":"' || ('Facility:' || CAST(t6.branch_id AS TEXT) || ':' ||
            CAST(t6.id AS TEXT)) || '","reference":' || CAST(to_json(t6.reference) AS TEXT) || ',"client":' ||
            coalesce((
            SELECT ('{"legalName":' || CAST(to_json(t7.legal_name) AS TEXT) || '}')
            FROM bank.client AS t7
            WHERE t7.branch_id = t6.branch_id AND t7.id = t6.client_id), chr($5::INTEGER)) || ',"postings":'
            || (
            SELECT ('{"nodes":' || '[' || coalesce(s11.rows0, '') || ']' || '}') AS anon_8
            FROM (
              SELECT string_agg(('{"dueOn":' || CAST(to_json(s10.due_on) AS TEXT) || ',"paidOn":' || coalesce(CAST(to_json(s10.paid_on)
                AS TEXT), 'null') || ',"daysLate":' || coalesce(CAST(s10.days_late AS TEXT), 'null') ||
                ',"principal":' || ('{"amount":"' || CAST(CAST(s10.principal_minor AS NUMERIC) * CASE WHEN (s10.currency
                IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s10.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE
                0.01 END AS TEXT) || '"}') || '}'), ',') AS rows0
              FROM (
                SELECT s9.branch_id AS branch_id, s9.id AS id, s9.due_on AS due_on, s9.paid_on AS paid_on,
                  s9.currency AS currency, s9.principal_minor AS principal_minor, s9.days_late AS days_late
                FROM (
                  SELECT t8.branch_id AS branch_id, t8.id AS id, t8.due_on AS due_on, t8.paid_on AS paid_on,
                    t8.currency AS currency, t8.principal_minor AS principal_minor, t8.days_late AS days_late
                  FROM bank.posting AS t8
                  WHERE t8.branch_id = t6.branch_id AND t8.client_id = t6.client_id AND t8.facility_id = t6.id
                  ORDER BY t8.due_on DESC, t8.branch_id DESC, t8.id DESC
                  LIMIT 3) AS s9
                ORDER BY s9.due_on ASC, s9.branch_id ASC, s9.id ASC) AS s10) AS s11) || '}') AS anon_7
          FROM unnest($6::INTEGER[], $7::INTEGER[], $8::UUID[]) AS k5(k0, k1, k2)
          JOIN bank.facility AS t6 ON true
          WHERE k5.k0 = anon_5.n AND t6.branch_id = k5.k1 AND t6.id = k5.k2 AND coalesce(t6.branch_id = any(CAST((
            SELECT CAST(CAST($4::VARCHAR AS TEXT) AS INTEGER[]) AS anon_6) AS INTEGER[])), false)), (
          SELECT ('{"__typename":"OrganisationUnit","id":"' || ('OrganisationUnit:' || CAST(t13.id AS TEXT))
            || '","code":' || CAST(to_json(t13.code) AS TEXT) || ',"ancestors":' || (
            SELECT ('[' || coalesce(string_agg(s16.written, ','), '') || ']') AS anon_10
            FROM (
              SELECT ('{"code":' || CAST(to_json(t15.code) AS TEXT) || '}') AS written
              FROM LATERAL app.units_above(t13.id) AS l14(id, distance)
              JOIN bank.unit AS t15 ON t15.id = l14.id
              ORDER BY l14.distance) AS s16) || '}') AS anon_9
          FROM unnest($9::INTEGER[], $10::INTEGER[]) AS k12(k0, k1)
          JOIN bank.unit AS t13 ON true
          WHERE k12.k0 = anon_5.n AND t13.id = k12.k1), 'null'), ','), '') || ']') AS anon_2
        FROM generate_series($11::INTEGER, $12::INTEGER) AS anon_5(n)) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
