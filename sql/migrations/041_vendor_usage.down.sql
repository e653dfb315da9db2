-- 041_vendor_usage.down.sql: what vendors say of usage is forgotten.
SET LOCAL search_path = kinora;
ALTER TABLE attempt DROP COLUMN vendor_usage;
