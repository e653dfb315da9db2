-- 026_video_models.down.sql: takes the models back. Tasks that used them keep their rows.
SET LOCAL search_path = kinora;
DELETE FROM model WHERE id LIKE 'sora-video-%' OR id IN ('pixeldance', 'seaweed');
DELETE FROM setting WHERE name = 'video_wait_seconds';
COMMENT ON COLUMN model_category.parameters IS 'Rules: [{"name","type":"integer|string|boolean|size|media","default","allowed":[...],"minimum","maximum","length_max"}]. They drive checks, documentation and forms. Of type size: "allowed" sizes, to the nearest of which a ratio such as 16:9 leads; "multiple" and "longest": any size whose sides are multiples; or "levels" of sizes by name, with the usual "level". Of type media: how many references of one kind of "media" it takes, "bytes_max" of each, and how long sounds may be.';
