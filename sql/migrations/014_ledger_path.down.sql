-- 014_ledger_path.down.sql: gives the ledger's trigger back the path it had.
SET LOCAL search_path = kinora;
ALTER FUNCTION ledger_book() SET search_path = kinora;
