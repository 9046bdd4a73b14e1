(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"units":' || (
        SELECT ('{"totalCount":' || CAST((
          SELECT count(*) AS count_1
          FROM bank.unit AS t9
          WHERE t9.kind = 'BRANCH') AS TEXT) || ',"nodes":' || '[' || coalesce(s8.rows1, '') || ']' || '}') AS
          anon_2
        FROM (
          SELECT string_agg(('{"code":' || CAST(to_json(s2.code) AS TEXT) || ',"name":' || CAST(to_json(s2.name)
            AS TEXT) || ',"parent":' || coalesce((
            SELECT ('{"name":' || CAST(to_json(t3.name) AS TEXT) || '}')
            FROM bank.unit AS t3
            WHERE t3.id = s2.parent_id), 'null') || ',"region":' || coalesce((
            SELECT ('{"localName":' || coalesce(CAST(to_json(t4.local_name) AS TEXT), 'null') ||
              ',"cityCluster":' || coalesce(CAST(to_json(t4.city_cluster) AS TEXT), 'null') || '}')
            FROM bank.region AS t4
            WHERE t4.code = s2.region_code), 'null') || ',"exposure":' || (
            SELECT ('[' || coalesce(string_agg(('{"amount":"' || CAST(CAST(s6.minor AS NUMERIC) * CASE WHEN (s6.currency
              IN ('JPY', 'KRW', 'VND')) THEN 1 WHEN (s6.currency IN ('BHD', 'KWD', 'OMR')) THEN 0.001 ELSE
              0.01 END AS TEXT) || '","currency":"' || s6.currency || '"}'), ','), '') || ']') AS anon_3
            FROM (
              SELECT t5.currency AS currency, sum(t5.outstanding_minor) AS minor
              FROM bank.facility AS t5
              WHERE t5.branch_id = any((
                SELECT anon_4.id
                FROM app.units_below(s2.id) AS anon_4(id)))
              GROUP BY t5.currency
              ORDER BY t5.currency) AS s6) || ',"clients":' || (
            SELECT ('{"totalCount":' || CAST((
              SELECT count(*) AS count_2
              FROM bank.client AS t7
              WHERE t7.branch_id = any((
                SELECT anon_6.id
                FROM app.units_below(s2.id) AS anon_6(id)))) AS TEXT) || '}') AS anon_5) || '}'), ',') AS
            rows1
          FROM (
            SELECT t1.id AS id, t1.code AS code, t1.name AS name, t1.parent_id AS parent_id, t1.region_code AS
              region_code
            FROM bank.unit AS t1
            WHERE t1.kind = 'BRANCH'
            ORDER BY t1.code ASC, t1.id ASC
            LIMIT 50) AS s2) AS s8) || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
