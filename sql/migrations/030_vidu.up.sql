-- 030_vidu.up.sql: Vidu makes its own videos. Adds a row only.
SET LOCAL search_path = kinora;

INSERT INTO route (model_id, vendor, vendor_model) VALUES ('viduq3-pro', 'vidu', 'viduq3-pro');
