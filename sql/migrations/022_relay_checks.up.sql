-- 022_relay_checks.up.sql: makes the checks of 021 hold for old rows too. Apart from it, so that no table is locked
-- against readers and writers while it is read through.
SET LOCAL search_path = kinora;

ALTER TABLE price VALIDATE CONSTRAINT price_input_in_range, VALIDATE CONSTRAINT price_output_in_range;
ALTER TABLE ledger VALIDATE CONSTRAINT ledger_subject_iff_settled;
