-- roles.sql: who may do what. The application cannot change the structure or rewrite history; the reader sees no
-- secret.
\ir support.psql
SELECT no_plan();

-- Privileges as they are granted, complete: a new table must be thought about here.
SELECT is_empty($$
    SELECT relname FROM pg_class WHERE relnamespace = 'kinora'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
        AND has_table_privilege('kinora_app', oid, 'TRUNCATE, REFERENCES, TRIGGER')
$$, 'the app empties no table and hangs nothing on it');
SELECT set_eq($$
    SELECT relname FROM pg_class WHERE relnamespace = 'kinora'::regnamespace AND relkind IN ('r', 'p')
        AND has_table_privilege('kinora_app', oid, 'DELETE')
$$, ARRAY['asset', 'cameo', 'cancellation', 'idempotency', 'media_removal', 'model', 'model_category', 'open_task',
    'price', 'redemption_miss', 'relay', 'relay_usage', 'removal', 'request_permit', 'route', 'setting', 'task_asset',
    'usage_pending', 'webhook_delivery', 'webhook_endpoint', 'worker'], 'what the app deletes');
SELECT is_empty($$
    SELECT relname FROM pg_class WHERE relnamespace = 'kinora'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
        AND (CASE relkind WHEN 'S' THEN has_sequence_privilege('kinora_read', oid, 'USAGE, UPDATE')
            ELSE has_table_privilege('kinora_read', oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
                OR has_any_column_privilege('kinora_read', oid, 'INSERT, UPDATE, REFERENCES') END)
$$, 'the reader writes nothing');
SELECT is_empty($$
    SELECT a.attrelid::regclass, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'kinora'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
        AND col_description(c.oid, a.attnum) ~ 'Secret\.'
        AND has_column_privilege('kinora_read', c.oid, a.attnum, 'SELECT')
$$, 'the reader sees no column that its comment calls secret');
SELECT is_empty($$
    SELECT n.nspname, r FROM pg_namespace n, unnest(ARRAY['kinora_app', 'kinora_read']) AS r
    WHERE (n.nspname LIKE 'kinora%' OR n.nspname = 'public') AND has_schema_privilege(r, n.oid, 'CREATE')
$$, 'neither makes anything anywhere');
SELECT is_empty($$
    SELECT rolname FROM pg_roles WHERE rolname IN ('kinora_app', 'kinora_read')
        AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls OR rolcanlogin)
$$, 'both are groups and nothing more');
SELECT is_empty($$
    SELECT relname FROM pg_class WHERE relnamespace = 'kinora'::regnamespace AND relname ~ '_log$' AND relkind = 'p'
        AND has_any_column_privilege('kinora_app', oid, 'UPDATE')
$$, 'the app changes no log');
SELECT is_empty($$
    SELECT relname, word FROM pg_class, unnest(ARRAY['INSERT', 'UPDATE']) AS word
    WHERE relnamespace = 'kinora'::regnamespace AND has_any_column_privilege('kinora_app', oid, word)
        AND (relname IN ('wallet', 'key_spend') OR relname = 'ledger' AND word = 'UPDATE')
$$, 'nor what the ledger says, nor what it adds up to');
-- A function that lends its owner's rights says where names come from, and is not everybody's.
SELECT set_eq($$SELECT proname FROM pg_proc WHERE pronamespace = 'kinora'::regnamespace AND prosecdef$$,
    ARRAY['keep_logs', 'ledger_book'], 'what lends its owner''s rights');
SELECT is_empty($$
    SELECT proname FROM pg_proc WHERE pronamespace = 'kinora'::regnamespace AND prosecdef
        AND (has_function_privilege('kinora_read', oid, 'EXECUTE') AND prorettype <> 'trigger'::regtype
            OR NOT EXISTS (SELECT FROM unnest(proconfig) AS c WHERE c ~ '^search_path=.*, pg_temp$'))
$$, 'and how it is kept from strangers, and from their temporary tables');

-- And as they work.
GRANT USAGE ON SCHEMA tap TO kinora_app, kinora_read;
GRANT SELECT ON life TO kinora_app, kinora_read;
SELECT cmp_ok(keep_logs(1, now()), '>', 0, 'there are partitions for today');
SET ROLE kinora_app;
SELECT pg_temp.forbids(statement) FROM unnest(ARRAY[
    'CREATE TABLE kinora.mine ()', 'CREATE TABLE public.mine ()', 'CREATE SCHEMA mine', 'DROP TABLE task',
    'ALTER TABLE task ADD COLUMN more integer', 'ALTER TABLE task DROP CONSTRAINT task_state_known',
    'ALTER TABLE task DISABLE TRIGGER ALL', 'DROP TRIGGER task_guard ON task', 'TRUNCATE task CASCADE',
    'CREATE OR REPLACE FUNCTION task_guard() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN RETURN NEW; END $f$',
    'SET session_replication_role = replica', 'CREATE ROLE mine',
    'SELECT * FROM kinora_migration.applied', 'DELETE FROM task', 'DELETE FROM attempt', 'DELETE FROM task_input',
    'DELETE FROM account', 'DELETE FROM api_key', 'DELETE FROM app_user', 'DELETE FROM config_version',
    'UPDATE wallet SET available_micros = 5', 'INSERT INTO wallet VALUES (1, 5, 0, 0)',
    'UPDATE key_spend SET spent_micros = 0', 'UPDATE ledger SET amount_micros = 1', 'DELETE FROM ledger',
    'TRUNCATE ledger', 'ALTER TABLE ledger DISABLE TRIGGER ALL', 'UPDATE request_log SET status = 200',
    'DELETE FROM event_log', 'DROP TABLE kinora_log.' || (SELECT relname
        FROM pg_class WHERE relnamespace = 'kinora_log'::regnamespace AND relkind = 'r' LIMIT 1)]) AS statement;
SELECT lives_ok($$UPDATE task SET progress = 41 WHERE id = pg_temp.the('running')$$, 'the app does its work');
-- A temporary table of the same name is no wallet, and lends nobody the rights of the ledger's trigger.
CREATE TEMP TABLE wallet (LIKE kinora.wallet);
INSERT INTO kinora.ledger (event, kind, debit, credit, user_id, amount_micros)
    SELECT 'topup:more', 'topup', 'issued', 'available', user_id, 5 FROM kinora.wallet;
SELECT is(available_micros, 1005::bigint, 'the ledger is booked where it belongs') FROM kinora.wallet;
DROP TABLE pg_temp.wallet;
SELECT lives_ok($$INSERT INTO worker (host, process_id, version) VALUES ('there', 2, 'test')$$,
    'with numbers of its own');

SET ROLE kinora_read;
SELECT pg_temp.forbids(statement) FROM unnest(ARRAY[
    'SELECT password_hash FROM app_user', 'SELECT secret_hash FROM api_key', 'SELECT credential_sealed FROM account',
    'SELECT base_url FROM account', 'SELECT proxy_url FROM account', 'SELECT url FROM webhook_endpoint',
    'SELECT secret_sealed FROM webhook_endpoint', 'SELECT code_hash FROM redemption_code',
    'SELECT * FROM account', 'SELECT * FROM api_key',
    'SELECT keep_logs(0, now())', 'UPDATE task SET priority = 1',
    $$INSERT INTO setting VALUES ('a', '1', '')$$, 'DELETE FROM worker']) AS statement;
SELECT lives_ok(format('SELECT * FROM %I', relation), 'the reader reads ' || relation) FROM unnest(ARRAY[
    'task', 'task_input', 'attempt', 'model', 'route', 'worker', 'setting', 'webhook_delivery', 'v_queue',
    'v_account_load', 'v_stuck_task', 'request_log', 'event_log',
    'price', 'wallet', 'ledger', 'key_spend', 'v_ledger_fault']) AS relation;
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
