-- 045_reference_types.down.sql: takes back 045_reference_types.up.sql.
SET LOCAL search_path = kinora;

COMMENT ON COLUMN model_category.parameters IS 'Rules: [{"name","type":"integer|string|boolean|size|media","default","allowed":[...],"minimum","maximum","length_max"}]. They drive checks, documentation and forms. Of type size: "allowed" sizes, to the nearest of which a ratio such as 16:9 leads; "multiple" and "longest": any size whose sides are multiples; or "levels" of sizes by name, with the usual "level" and "ratio". Of type media: how many references of one kind of "media" it takes, "bytes_max" of each, and how long sounds may be.';

UPDATE model_category
SET parameters = (
    SELECT jsonb_agg(CASE rule ->> 'type' WHEN 'media' THEN rule - 'types' ELSE rule END ORDER BY place)
    FROM jsonb_array_elements(parameters) WITH ORDINALITY AS p (rule, place))
WHERE parameters @? '$[*].types';

UPDATE model_category c
SET parameters = (
    SELECT jsonb_agg(CASE (rule -> 'bytes_max')::bigint WHEN v.bytes_max THEN rule - 'bytes_max' ELSE rule END
        ORDER BY place)
    FROM jsonb_array_elements(c.parameters) WITH ORDINALITY AS p (rule, place))
FROM (VALUES ('jimeng-3.0', 4928307), ('jimeng-3.0-pro', 4928307), ('jimeng-3.0-t2i-s', 4928307),
    ('jimeng-3.0-t2i-p', 4928307), ('jimeng-4.5', 4928307), ('seaweed', 4928307), ('happyhorse-1.0-i2v', 10485760),
    ('happyhorse-1.0-r2v', 10485760), ('wan2.6-r2v', 20971520), ('viduq3-pro', 10485759)) AS v (model_id, bytes_max)
WHERE c.model_id = v.model_id AND c.parameters @? '$[*].bytes_max';
