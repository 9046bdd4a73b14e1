(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"client":' || coalesce((
        SELECT ('{"legalName":' || CAST(to_json(t1.legal_name) AS TEXT) || ',"registeredCapital":' || case
          when t1.registered_capital_minor is null then 'null' else ('{"amount":"' || CAST(CAST(t1.registered_capital_minor
          AS NUMERIC) * CASE WHEN (t1.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (t1.currency IN ('BHD',
          'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || t1.currency || '"}') end ||
          ',"branch":' || coalesce((
          SELECT ('{"name":' || CAST(to_json(t2.name) AS TEXT) || ',"region":' || coalesce((
            SELECT ('{"name":' || CAST(to_json(t3.name) AS TEXT) || ',"indicators":' || (
              SELECT ('{"nodes":' || '[' || coalesce(s6.rows0, '') || ']' || '}') AS anon_5
              FROM (
                SELECT string_agg(('{"year":' || CAST(s5.year AS TEXT) || ',"value":"' || CAST(s5.value AS
                  TEXT) || '"}'), ',') AS rows0
                FROM (
                  SELECT t4.region_code AS region_code, t4.year AS year, t4.indicator AS indicator, t4.value
                    AS value
                  FROM bank.region_indicator AS t4
                  WHERE t4.region_code = t3.code
                  ORDER BY t4.year DESC, t4.indicator ASC, t4.region_code ASC
                  LIMIT 3) AS s5) AS s6) || '}') AS anon_4
            FROM bank.region AS t3
            WHERE t3.code = t2.region_code), 'null') || '}') AS anon_3
          FROM bank.unit AS t2
          WHERE t2.id = t1.branch_id), chr($1::INTEGER)) || ',"contacts":' || (
          SELECT ('{"totalCount":' || CAST((
            SELECT count(*) AS count_1
            FROM bank.contact AS t10
            WHERE t10.branch_id = t1.branch_id AND t10.client_id = t1.id) AS TEXT) || ',"nodes":' || '[' ||
            coalesce(s9.rows1, '') || ']' || '}') AS anon_6
          FROM (
            SELECT string_agg(('{"name":' || CAST(to_json(s8.name) AS TEXT) || ',"isPrimary":' || CASE WHEN
              s8.is_primary THEN 'true' ELSE 'false' END || '}'), ',') AS rows1
            FROM (
              SELECT t7.branch_id AS branch_id, t7.id AS id, t7.name AS name, t7.is_primary AS is_primary
              FROM bank.contact AS t7
              WHERE t7.branch_id = t1.branch_id AND t7.client_id = t1.id
              ORDER BY t7.name ASC, t7.branch_id ASC, t7.id ASC
              LIMIT 3) AS s8) AS s9) || ',"statements":' || (
          SELECT ('{"nodes":' || '[' || coalesce(s13.rows0, '') || ']' || '}') AS anon_7
          FROM (
            SELECT string_agg(('{"periodEnd":' || CAST(to_json(s12.period_end) AS TEXT) || ',"revenue":' ||
              case when s12.revenue_minor is null then 'null' else ('{"amount":"' || CAST(CAST(s12.revenue_minor
              AS NUMERIC) * CASE WHEN (s12.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s12.currency IN ('BHD',
              'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}') end || ',"netIncome":' || case when
              s12.net_income_minor is null then 'null' else ('{"amount":"' || CAST(CAST(s12.net_income_minor
              AS NUMERIC) * CASE WHEN (s12.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s12.currency IN ('BHD',
              'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || s12.currency || '"}')
              end || '}'), ',') AS rows0
            FROM (
              SELECT t11.branch_id AS branch_id, t11.id AS id, t11.period_end AS period_end, t11.currency AS
                currency, t11.revenue_minor AS revenue_minor, t11.net_income_minor AS net_income_minor,
                t11.recorded_at AS recorded_at
              FROM bank.financial_statement AS t11
              WHERE t11.branch_id = t1.branch_id AND t11.client_id = t1.id
              ORDER BY t11.period_end DESC, t11.recorded_at DESC, t11.branch_id ASC, t11.id ASC
              LIMIT 1) AS s12) AS s13) || ',"creditEvents":' || (
          SELECT ('{"nodes":' || '[' || coalesce(s17.rows0, '') || ']' || '}') AS anon_8
          FROM (
            SELECT string_agg(('{"kind":"' || s15.kind || '","occurredOn":' || CAST(to_json(s15.occurred_on)
              AS TEXT) || ',"facility":' || coalesce((
              SELECT ('{"reference":' || CAST(to_json(t16.reference) AS TEXT) || '}')
              FROM bank.facility AS t16
              WHERE t16.branch_id = s15.branch_id AND t16.id = s15.facility_id), 'null') || '}'), ',') AS
              rows0
            FROM (
              SELECT t14.branch_id AS branch_id, t14.id AS id, t14.facility_id AS facility_id, t14.kind AS
                kind, t14.occurred_on AS occurred_on
              FROM bank.credit_event AS t14
              WHERE t14.branch_id = t1.branch_id AND t14.client_id = t1.id
              ORDER BY t14.occurred_on DESC, t14.branch_id ASC, t14.id ASC
              LIMIT 5) AS s15) AS s17) || '}') AS anon_2
        FROM bank.client AS t1
        WHERE t1.branch_id = $2::INTEGER AND t1.id = $3::UUID), 'null') || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
