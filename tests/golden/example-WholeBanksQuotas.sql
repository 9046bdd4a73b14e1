(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"unit":' || coalesce((
        SELECT ('{"quota":' || coalesce((
          SELECT ('{"currency":' || CAST(to_json(l3.currency) AS TEXT) || ',"granted":' || ('{"amount":"' ||
            CAST(CAST(l3.granted_minor AS NUMERIC) * CASE WHEN (l3.currency IN ('JPY', 'KRW', 'VND')) THEN 1
            WHEN (l3.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}') ||
            ',"committed":' || ('{"amount":"' || CAST(CAST(l3.committed_minor AS NUMERIC) * CASE WHEN (l3.currency
            IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (l3.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01
            END AS TEXT) || '"}') || ',"utilised":' || ('{"amount":"' || CAST(CAST(l3.utilised_minor AS
            NUMERIC) * CASE WHEN (l3.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (l3.currency IN ('BHD',
            'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}') || ',"available":' || ('{"amount":"' ||
            CAST(CAST(l3.available_minor AS NUMERIC) * CASE WHEN (l3.currency IN ('JPY', 'KRW', 'VND')) THEN 1
            WHEN (l3.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '"}') ||
            ',"bySegment":' || (select '[' || coalesce(string_agg(case when jsonb_typeof(i0.item) = 'object'
            then ('{"segment":' || coalesce((i0.item -> 'segment')::text, 'null') || ',"granted":' || case
            when jsonb_typeof((i0.item -> 'granted')) = 'object' then ('{"amount":' || coalesce(((i0.item ->
            'granted') -> 'amount')::text, 'null') || '}') else 'null' end || ',"utilised":' || case when
            jsonb_typeof((i0.item -> 'utilised')) = 'object' then ('{"amount":' || coalesce(((i0.item ->
            'utilised') -> 'amount')::text, 'null') || '}') else 'null' end || ',"available":' || case when
            jsonb_typeof((i0.item -> 'available')) = 'object' then ('{"amount":' || coalesce(((i0.item ->
            'available') -> 'amount')::text, 'null') || '}') else 'null' end || '}') else 'null' end, ','
            order by i0.n), '') || ']' from jsonb_array_elements(l3.by_segment) with ordinality as i0(item, n))
            || '}')
          FROM LATERAL (
            SELECT l2.unit_id AS unit_id, l2.as_of AS as_of, l2.currency AS currency, l2.granted_minor AS
              granted_minor, l2.committed_minor AS committed_minor, l2.earmarked_minor AS earmarked_minor,
              l2.reserved_minor AS reserved_minor, l2.utilised_minor AS utilised_minor, l2.available_minor AS
              available_minor, app.unit_quota_by_product(l2.unit_id, l2.as_of, l2.currency) AS by_product,
              app.unit_quota_by_segment(l2.unit_id, l2.as_of, l2.currency) AS by_segment
            FROM LATERAL app.unit_quota(t1.id, CAST($1::DATE AS DATE)) AS l2) AS l3), 'null') || '}') AS
          anon_2
        FROM bank.unit AS t1
        WHERE t1.code = 'HQ'), 'null') || ',"limitNodes":' || (
        SELECT ('{"totalCount":' || CAST((
          SELECT count(*) AS count_1
          FROM bank.limit_node AS t11
          WHERE t11.over_limit = $2::BOOLEAN) AS TEXT) || ',"nodes":' || '[' || coalesce(s10.rows1, '') || ']'
          || '}') AS anon_3
        FROM (
          SELECT string_agg(('{"name":' || CAST(to_json(s7.name) AS TEXT) || ',"kind":"' || s7.kind ||
            '","unit":' || coalesce((
            SELECT ('{"name":' || CAST(to_json(t8.name) AS TEXT) || '}')
            FROM bank.unit AS t8
            WHERE t8.id = s7.branch_id), chr($3::INTEGER)) || ',"sanctioned":' || ('{"amount":"' || CAST(CAST(s7.sanctioned_minor
            AS NUMERIC) * CASE WHEN (s7.currency IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s7.currency IN ('BHD',
            'KWD', 'OMR')) THEN 0.001 ELSE 0.01 END AS TEXT) || '","currency":"' || s7.currency || '"}') ||
            ',"committed":' || ('{"amount":"' || CAST(CAST(s7.committed_minor AS NUMERIC) * CASE WHEN (s7.currency
            IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s7.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE 0.01
            END AS TEXT) || '"}') || ',"headroom":' || (
            SELECT case when jsonb_typeof(s9.kept) = 'object' then ('{"amount":' || coalesce((s9.kept ->
              'amount')::text, 'null') || '}') else 'null' end
            FROM (
              SELECT (
                SELECT app.money(app.limit_in_effect(app.today(), limit_node_1.status,
                  limit_node_1.valid_from, limit_node_1.valid_until, limit_node_1.sanctioned_minor,
                  limit_node_1.addition_minor, limit_node_1.addition_from, limit_node_1.addition_until,
                  limit_node_1.collateral_cap_minor, limit_node_1.regulatory_cap_minor) -
                  limit_node_1.committed_minor, limit_node_1.currency) AS money_1
                FROM bank.limit_node AS limit_node_1
                WHERE limit_node_1.branch_id = s7.branch_id AND limit_node_1.id = s7.id) AS kept
              LIMIT ALL OFFSET 0) AS s9) || '}'), ',') AS rows1
          FROM (
            SELECT l6.branch_id AS branch_id, l6.id AS id, l6.kind AS kind, l6.name AS name, l6.currency AS
              currency, l6.sanctioned_minor AS sanctioned_minor, l6.committed_minor AS committed_minor
            FROM bank.unit AS t4
            JOIN LATERAL (
              SELECT t5.branch_id AS branch_id, t5.id AS id, t5.kind AS kind, t5.name AS name, t5.currency AS
                currency, t5.sanctioned_minor AS sanctioned_minor, t5.committed_minor AS committed_minor
              FROM bank.limit_node AS t5
              WHERE t5.branch_id = t4.id AND t5.over_limit = $2::BOOLEAN
              ORDER BY t5.committed_minor DESC, t5.branch_id ASC, t5.id ASC
              LIMIT 20) AS l6 ON true
            ORDER BY l6.committed_minor DESC, l6.branch_id ASC, l6.id ASC
            LIMIT 20) AS s7) AS s10) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
