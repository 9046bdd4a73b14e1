(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"clients":' || (
        SELECT ('{"nodes":' || '[' || coalesce(s4.rows0, '') || ']' || '}') AS anon_2
        FROM (
          SELECT string_agg(('{"id":"' || ('Client:' || CAST(s2.branch_id AS TEXT) || ':' || CAST(s2.id AS
            TEXT)) || '","legalName":' || CAST(to_json(s2.legal_name) AS TEXT) || ',"relationshipManager":' ||
            coalesce((
            SELECT ('{"name":' || CAST(to_json(t3.name) AS TEXT) || '}')
            FROM bank.staff AS t3
            WHERE t3.branch_id = s2.branch_id AND t3.id = s2.relationship_manager_id), 'null') || '}'), ',')
            AS rows0
          FROM (
            SELECT t1.branch_id AS branch_id, t1.id AS id, t1.legal_name AS legal_name,
              t1.relationship_manager_id AS relationship_manager_id
            FROM bank.client AS t1
            WHERE coalesce(t1.branch_id = any(CAST((
              SELECT CAST(CAST($1::VARCHAR AS TEXT) AS INTEGER[]) AS anon_3) AS INTEGER[])), false) AND (EXISTS
                (
              SELECT 1
              FROM bank.staff AS staff_1
              WHERE staff_1.branch_id = t1.branch_id AND staff_1.id = t1.relationship_manager_id AND
                staff_1.active = $2::BOOLEAN)) AND NOT (EXISTS (
              SELECT 1
              FROM bank.facility AS facility_1
              WHERE facility_1.branch_id = t1.branch_id AND facility_1.client_id = t1.id AND facility_1.status
                = $3::VARCHAR)) AND NOT (EXISTS (
              SELECT 1
              FROM bank.facility AS facility_2
              WHERE facility_2.branch_id = t1.branch_id AND facility_2.client_id = t1.id AND NOT coalesce(facility_2.currency
                = $4::VARCHAR AND facility_2.limit_minor < $5::BIGINT, false))) AND (EXISTS (
              SELECT 1
              FROM bank.credit_event AS credit_event_1
              WHERE credit_event_1.branch_id = t1.branch_id AND credit_event_1.client_id = t1.id AND
                credit_event_1.kind = any(CAST($6::TEXT[] AS TEXT[])) AND credit_event_1.occurred_on >=
                $7::DATE)) AND (t1.credit_grade != $8::VARCHAR OR true OR t1.employees IS NULL)
            ORDER BY t1.branch_id ASC, t1.id ASC
            LIMIT $9::INTEGER) AS s2) AS s4) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
