(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"limitMovements":' || (
        SELECT ('{"nodes":' || '[' || coalesce(s12.rows0, '') || ']' || '}') AS anon_2
        FROM (
          SELECT string_agg(('{"operation":"' || s4.operation || '","amount":' || case when s4.amount_minor is
            null then 'null' else ('{"amount":"' || CAST(CAST(s4.amount_minor AS NUMERIC) * CASE WHEN (s4.currency
            IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s4.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01
            END AS TEXT) || '","currency":"' || s4.currency || '"}') end || ',"valueDate":' || CAST(to_json(s4.value_date)
            AS TEXT) || ',"actor":' || CAST(to_json(s4.actor) AS TEXT) || ',"commitment":' || coalesce((
            SELECT ('{"status":"' || t5.status || '","client":' || coalesce((
              SELECT ('{"legalName":' || CAST(to_json(t6.legal_name) AS TEXT) || '}')
              FROM bank.client AS t6
              WHERE t6.branch_id = t5.branch_id AND t6.id = t5.client_id), chr($1::INTEGER)) || '}') AS anon_3
            FROM bank.limit_commitment AS t5
            WHERE t5.branch_id = s4.branch_id AND t5.id = s4.commitment_id), 'null') || ',"postings":' || (
            SELECT ('{"nodes":' || '[' || coalesce(s11.rows0, '') || ']' || '}') AS anon_4
            FROM (
              SELECT string_agg(('{"bucket":"' || s8.bucket || '","delta":' || (
                SELECT case when jsonb_typeof(s9.kept) = 'object' then ('{"amount":' || coalesce((s9.kept ->
                  'amount')::text, 'null') || '}') else 'null' end
                FROM (
                  SELECT (
                    SELECT app.money(limit_posting_1.delta_minor, limit_node_1.currency) AS money_1
                    FROM bank.limit_posting AS limit_posting_1, bank.limit_node AS limit_node_1
                    WHERE limit_posting_1.branch_id = s8.branch_id AND limit_posting_1.movement_id =
                      s8.movement_id AND limit_posting_1.node_id = s8.node_id AND limit_posting_1.bucket =
                      s8.bucket AND limit_node_1.branch_id = limit_posting_1.branch_id AND limit_node_1.id =
                      limit_posting_1.node_id) AS kept
                  LIMIT ALL OFFSET 0) AS s9) || ',"node":' || coalesce((
                SELECT ('{"name":' || CAST(to_json(t10.name) AS TEXT) || '}')
                FROM bank.limit_node AS t10
                WHERE t10.branch_id = s8.branch_id AND t10.id = s8.node_id), chr($2::INTEGER)) || '}'), ',')
                AS rows0
              FROM (
                SELECT t7.branch_id AS branch_id, t7.movement_id AS movement_id, t7.node_id AS node_id,
                  t7.bucket AS bucket
                FROM bank.limit_posting AS t7
                WHERE t7.branch_id = s4.branch_id AND t7.movement_id = s4.id
                ORDER BY t7.node_id ASC, t7.bucket ASC, t7.branch_id ASC, t7.movement_id ASC
                LIMIT 50) AS s8) AS s11) || '}'), ',') AS rows0
          FROM (
            SELECT l3.branch_id AS branch_id, l3.id AS id, l3.commitment_id AS commitment_id, l3.operation AS
              operation, l3.amount_minor AS amount_minor, l3.currency AS currency, l3.value_date AS
              value_date, l3.actor AS actor
            FROM unnest(CAST((
              SELECT CAST(CAST($3::VARCHAR AS TEXT) AS INTEGER[]) AS anon_5) AS INTEGER[])) AS t1(id)
            JOIN LATERAL (
              SELECT t2.branch_id AS branch_id, t2.id AS id, t2.commitment_id AS commitment_id, t2.operation
                AS operation, t2.amount_minor AS amount_minor, t2.currency AS currency, t2.value_date AS
                value_date, t2.actor AS actor
              FROM bank.limit_movement AS t2
              WHERE t2.branch_id = t1.id
              ORDER BY t2.id DESC, t2.branch_id ASC
              LIMIT 20) AS l3 ON true
            ORDER BY l3.id DESC, l3.branch_id ASC
            LIMIT 20) AS s4) AS s12) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
