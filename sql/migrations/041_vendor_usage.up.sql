-- 041_vendor_usage.up.sql: keeps what a vendor says a task has used, for whoever checks its bill.
-- Locks attempt briefly (nullable column, no rewrite).
SET LOCAL search_path = kinora;

ALTER TABLE attempt ADD COLUMN vendor_usage jsonb;
COMMENT ON COLUMN attempt.vendor_usage IS 'What the vendor says that a success has used or cost: tokens, seconds, units, credits, in its own words; null: it does not say.';
