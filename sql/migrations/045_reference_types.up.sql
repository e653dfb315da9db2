-- 045_reference_types.up.sql: what a vendor refuses of a reference by its type or its size, its model refuses first.
-- Changes rows only, some twenty of them; a limit that an operator has set stays.
SET LOCAL search_path = kinora;

COMMENT ON COLUMN model_category.parameters IS 'Rules: [{"name","type":"integer|string|boolean|size|media","default","allowed":[...],"minimum","maximum","length_max"}]. They drive checks, documentation and forms. Of type size: "allowed" sizes, to the nearest of which a ratio such as 16:9 leads; "multiple" and "longest": any size whose sides are multiples; or "levels" of sizes by name, with the usual "level" and "ratio". Of type media: how many references of one kind of "media" it takes, the "types" and "bytes_max" of each, and how long sounds and films may be.';

UPDATE model_category c
SET parameters = (
    SELECT jsonb_agg(CASE rule ->> 'media' WHEN v.media THEN v.own || rule ELSE rule END ORDER BY place)
    FROM jsonb_array_elements(c.parameters) WITH ORDINALITY AS p (rule, place))
FROM (VALUES
    ('kling-v2-6', 'image', '{"types": ["image/png", "image/jpeg"]}'::jsonb),
    ('kling-v3', 'image', '{"types": ["image/png", "image/jpeg"]}'),
    ('kling-3.0-turbo', 'image', '{"types": ["image/png", "image/jpeg"]}'),
    ('kling-3.0-omni', 'image', '{"types": ["image/png", "image/jpeg"]}'),
    ('kling-v3-image', 'image', '{"types": ["image/png", "image/jpeg"]}'),
    ('kling-video-o1', 'image', '{"types": ["image/png", "image/jpeg"]}'),
    ('kling-v3-omni', 'image', '{"types": ["image/png", "image/jpeg"]}'),
    ('kling-image-o1', 'image', '{"types": ["image/png", "image/jpeg"]}'),
    ('kling-v3-omni-image', 'image', '{"types": ["image/png", "image/jpeg"]}'),
    -- Others sell it, and it is Kling's.
    ('kling-2.5-turbo-i2v', 'image', '{"types": ["image/png", "image/jpeg"]}'),
    ('cogvideox-3', 'image', '{"types": ["image/png", "image/jpeg"]}'),
    -- Jimeng: 4.7 MB.
    ('jimeng-3.0', 'image', '{"types": ["image/png", "image/jpeg"], "bytes_max": 4928307}'),
    ('jimeng-3.0-pro', 'image', '{"types": ["image/png", "image/jpeg"], "bytes_max": 4928307}'),
    ('jimeng-3.0-t2i-s', 'image', '{"types": ["image/png", "image/jpeg"], "bytes_max": 4928307}'),
    ('jimeng-3.0-t2i-p', 'image', '{"types": ["image/png", "image/jpeg"], "bytes_max": 4928307}'),
    ('jimeng-4.5', 'image', '{"types": ["image/png", "image/jpeg"], "bytes_max": 4928307}'),
    ('seaweed', 'image', '{"types": ["image/png", "image/jpeg"], "bytes_max": 4928307}'),
    ('happyhorse-1.0-i2v', 'image', '{"bytes_max": 10485760}'),
    ('happyhorse-1.0-r2v', 'image', '{"bytes_max": 10485760}'),
    -- DashScope says it of Wan 2.7, and of 2.6 nothing.
    ('wan2.6-r2v', 'image', '{"bytes_max": 20971520}'),
    -- Vidu: less than 10 MB of what comes inside of a request, and pictures do.
    ('viduq3-pro', 'image', '{"bytes_max": 10485759}'),
    -- Its films may have 50 MB: more than Kinora takes of anything.
    ('doubao-seedance-2-0-260128', 'video', '{"types": ["video/mp4", "video/quicktime"]}'),
    ('dreamina-seedance-2-0-260128', 'video', '{"types": ["video/mp4", "video/quicktime"]}'))
    AS v (model_id, media, own)
WHERE c.model_id = v.model_id
    AND c.parameters @> jsonb_build_array(jsonb_build_object('media', v.media));
