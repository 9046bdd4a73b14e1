(
  SELECT convert_to((
    SELECT CASE WHEN (octet_length(whole.text) <= 10000000) THEN whole.text ELSE '' END AS anon_1
    FROM (
      SELECT ('{"region":' || coalesce((
        SELECT ('{"name":' || CAST(to_json(t1.name) AS TEXT) || ',"localName":' || coalesce(CAST(to_json(t1.local_name)
          AS TEXT), 'null') || ',"macroRegion":' || coalesce(CAST(to_json(t1.macro_region) AS TEXT), 'null')
          || ',"cityCluster":' || coalesce(CAST(to_json(t1.city_cluster) AS TEXT), 'null') || ',"indicators":'
          || (
          SELECT ('{"nodes":' || '[' || coalesce(s4.rows0, '') || ']' || '}') AS anon_3
          FROM (
            SELECT string_agg(('{"year":' || CAST(s3.year AS TEXT) || ',"indicator":' || CAST(to_json(s3.indicator)
              AS TEXT) || ',"value":"' || CAST(s3.value AS TEXT) || '","unit":' || CAST(to_json(s3.unit) AS
              TEXT) || ',"source":' || CAST(to_json(s3.source) AS TEXT) || '}'), ',') AS rows0
            FROM (
              SELECT t2.region_code AS region_code, t2.year AS year, t2.indicator AS indicator, t2.value AS
                value, t2.unit AS unit, t2.source AS source
              FROM bank.region_indicator AS t2
              WHERE t2.region_code = t1.code
              ORDER BY t2.year DESC, t2.indicator ASC, t2.region_code ASC
              LIMIT 50) AS s3) AS s4) || '}') AS anon_2
        FROM bank.region AS t1
        WHERE t1.code = '310000'), 'null') || '}') AS text
      LIMIT ALL OFFSET 0) AS whole), 'UTF8') AS convert_to_1)
