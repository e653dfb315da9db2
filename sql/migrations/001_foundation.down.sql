-- 001_foundation.down.sql: removes everything, data included.
DROP SCHEMA kinora CASCADE;
