-- 014_ledger_path.up.sql: names in the ledger's trigger no longer mean a caller's temporary tables.
-- It runs with its owner's rights. Without pg_temp at the end of its path, PostgreSQL looks there first: whoever may
-- write to the ledger could have put a table called wallet in the way, and a trigger of that table's had those rights.
SET LOCAL search_path = kinora;
ALTER FUNCTION ledger_book() SET search_path = kinora, pg_temp;
