-- 022_relay_checks.down.sql: nothing to take back: 021 drops what was checked.
SET LOCAL search_path = kinora;
