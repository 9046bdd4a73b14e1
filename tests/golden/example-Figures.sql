(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"clients":' || (
        SELECT ('{"nodes":' || '[' || coalesce(s12.rows0, '') || ']' || '}') AS anon_2
        FROM (
          SELECT string_agg(('{"legalName":' || CAST(to_json(s2.legal_name) AS TEXT) || ',"statements":' || (
            SELECT ('{"nodes":' || '[' || coalesce(s5.rows0, '') || ']' || '}') AS anon_3
            FROM (
              SELECT string_agg(('{"periodEnd":' || CAST(to_json(s4.period_end) AS TEXT) || ',"revenue":' ||
                case when s4.revenue_minor is null then 'null' else ('{"amount":"' || CAST(CAST(s4.revenue_minor
                AS NUMERIC) * CASE WHEN (s4.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s4.currency IN ('BHD',
                'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || s4.currency || '"}')
                end || ',"ebit":' || case when s4.ebit_minor is null then 'null' else ('{"amount":"' || CAST(CAST(s4.ebit_minor
                AS NUMERIC) * CASE WHEN (s4.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s4.currency IN ('BHD',
                'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}') end || ',"netIncome":' || case when
                s4.net_income_minor is null then 'null' else ('{"amount":"' || CAST(CAST(s4.net_income_minor
                AS NUMERIC) * CASE WHEN (s4.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s4.currency IN ('BHD',
                'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}') end || ',"totalAssets":' || case
                when s4.total_assets_minor is null then 'null' else ('{"amount":"' || CAST(CAST(s4.total_assets_minor
                AS NUMERIC) * CASE WHEN (s4.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s4.currency IN ('BHD',
                'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}') end || ',"equity":' || case when
                s4.equity_minor is null then 'null' else ('{"amount":"' || CAST(CAST(s4.equity_minor AS
                NUMERIC) * CASE WHEN (s4.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s4.currency IN ('BHD',
                'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}') end || ',"operatingCashFlow":' ||
                case when s4.operating_cash_flow_minor is null then 'null' else ('{"amount":"' || CAST(CAST(s4.operating_cash_flow_minor
                AS NUMERIC) * CASE WHEN (s4.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s4.currency IN ('BHD',
                'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}') end || '}'), ',') AS rows0
              FROM (
                SELECT t3.branch_id AS branch_id, t3.id AS id, t3.period_end AS period_end, t3.currency AS
                  currency, t3.revenue_minor AS revenue_minor, t3.ebit_minor AS ebit_minor,
                  t3.net_income_minor AS net_income_minor, t3.total_assets_minor AS total_assets_minor,
                  t3.equity_minor AS equity_minor, t3.operating_cash_flow_minor AS operating_cash_flow_minor,
                  t3.recorded_at AS recorded_at
                FROM bank.financial_statement AS t3
                WHERE t3.branch_id = s2.branch_id AND t3.client_id = s2.id
                ORDER BY t3.period_end DESC, t3.recorded_at DESC, t3.branch_id ASC, t3.id ASC
                LIMIT 50) AS s4) AS s5) || ',"contacts":' || (
            SELECT ('{"nodes":' || '[' || coalesce(s8.rows0, '') || ']' || '}') AS anon_4
            FROM (
              SELECT string_agg(('{"name":' || CAST(to_json(s7.name) AS TEXT) || ',"position":' || coalesce(CAST(to_json(s7.position)
                AS TEXT), 'null') || ',"phone":' || coalesce(CAST(to_json(s7.phone) AS TEXT), 'null') || '}'),
                ',') AS rows0
              FROM (
                SELECT t6.branch_id AS branch_id, t6.id AS id, t6.name AS name, t6.position AS position,
                  t6.phone AS phone
                FROM bank.contact AS t6
                WHERE t6.branch_id = s2.branch_id AND t6.client_id = s2.id
                ORDER BY t6.name ASC, t6.branch_id ASC, t6.id ASC
                LIMIT 50) AS s7) AS s8) || ',"creditEvents":' || (
            SELECT ('{"nodes":' || '[' || coalesce(s11.rows0, '') || ']' || '}') AS anon_5
            FROM (
              SELECT string_agg(('{"kind":"' || s10.kind || '","occurredOn":' || CAST(to_json(s10.occurred_on)
                AS TEXT) || ',"amount":' || case when s10.amount_minor is null then 'null' else ('{"amount":"'
                || CAST(CAST(s10.amount_minor AS NUMERIC) * CASE WHEN (s10.currency IN ('JPY', 'KRW', 'VND'))
                THEN 1 WHEN (s10.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}')
                end || ',"source":' || CAST(to_json(s10.source) AS TEXT) || '}'), ',') AS rows0
              FROM (
                SELECT t9.branch_id AS branch_id, t9.id AS id, t9.kind AS kind, t9.occurred_on AS occurred_on,
                  t9.currency AS currency, t9.amount_minor AS amount_minor, t9.source AS source
                FROM bank.credit_event AS t9
                WHERE t9.branch_id = s2.branch_id AND t9.client_id = s2.id
                ORDER BY t9.occurred_on DESC, t9.branch_id ASC, t9.id ASC
                LIMIT 5) AS s10) AS s11) || '}'), ',') AS rows0
          FROM (
            SELECT t1.branch_id AS branch_id, t1.id AS id, t1.legal_name AS legal_name
            FROM bank.client AS t1
            WHERE coalesce(t1.branch_id = any(CAST((
              SELECT CAST(CAST($1::VARCHAR AS TEXT) AS INTEGER[]) AS anon_6) AS INTEGER[])), false)
            ORDER BY t1.branch_id ASC, t1.id ASC
            LIMIT 1) AS s2) AS s12) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
