-- 018_media_removal.down.sql: what was still to be removed stays in the media store, named by nobody.
SET LOCAL search_path = kinora;
DROP TABLE media_removal;
