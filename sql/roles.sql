-- roles.sql: who may do what. Run by `kinora migrate up` after the migrations; safe to run again.
--   kinora_app    what serve and work run as: no DDL, no way to rewrite history
--   kinora_read   for people and dashboards: sees everything but secrets
-- Roles belong to the whole cluster; grant them to log-in roles of your own.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'kinora_app') THEN
        CREATE ROLE kinora_app NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'kinora_read') THEN
        CREATE ROLE kinora_read NOLOGIN;
    END IF;
EXCEPTION
    -- Two databases of one cluster migrated at the same moment: the other one made the role.
    WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

REVOKE ALL ON ALL TABLES IN SCHEMA kinora FROM kinora_app, kinora_read;
GRANT USAGE ON SCHEMA kinora TO kinora_app, kinora_read;

GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA kinora TO kinora_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA kinora TO kinora_app;
GRANT DELETE ON kinora.idempotency, kinora.worker, kinora.task_asset, kinora.asset, kinora.removal TO kinora_app;
GRANT DELETE ON kinora.cancellation, kinora.media_removal TO kinora_app;
GRANT DELETE ON kinora.webhook_endpoint, kinora.webhook_delivery TO kinora_app;
GRANT DELETE ON kinora.request_permit, kinora.open_task TO kinora_app;
-- What happened does not change. The partitions have no grants of their own: they are reached by their parents.
REVOKE UPDATE ON kinora.request_log, kinora.event_log FROM kinora_app;
GRANT EXECUTE ON FUNCTION kinora.keep_logs(integer, timestamptz) TO kinora_app;
GRANT DELETE ON kinora.model, kinora.model_category, kinora.route, kinora.setting, kinora.price TO kinora_app;
GRANT DELETE ON kinora.redemption_miss, kinora.usage_pending, kinora.relay, kinora.relay_usage, kinora.cameo TO kinora_app;
-- The ledger is only added to, and a trigger of it alone writes what it adds up to.
REVOKE UPDATE ON kinora.ledger FROM kinora_app;
REVOKE INSERT, UPDATE ON kinora.wallet, kinora.key_spend FROM kinora_app;

GRANT SELECT ON ALL TABLES IN SCHEMA kinora TO kinora_read;
REVOKE SELECT ON kinora.app_user, kinora.api_key, kinora.account, kinora.webhook_endpoint, kinora.redemption_code
    FROM kinora_read;
GRANT SELECT (id, name, role, state, requests_per_minute, concurrent_tasks_max, created_at) ON kinora.app_user TO kinora_read;
GRANT SELECT (id, user_id, public_id, name, models, requests_per_minute, concurrent_tasks_max, quota_cap_micros,
    video_created_status, content_mode, chat_format, dialect, expires_at, revoked_at, created_at)
    ON kinora.api_key TO kinora_read;
-- base_url and proxy_url may carry a password in their user part.
GRANT SELECT (id, vendor, name, region, slots, weight, credits_micros, state, state_reason, cooling_until,
    consecutive_errors, consecutive_throttles, exhausted_at, checked_at, check_error, low_since, credits_asked_at,
    created_at)
    ON kinora.account TO kinora_read;
-- A receiver's address may carry a token.
GRANT SELECT (id, user_id, enabled, disabled_reason, consecutive_failures, failing_since, created_at)
    ON kinora.webhook_endpoint TO kinora_read;
GRANT SELECT (id, batch_id, redeemed_at, redeemed_by, voided_at) ON kinora.redemption_code TO kinora_read;

-- Whoever migrates may also run: serve and work change to kinora_app after logging in.
DO $$ BEGIN EXECUTE format('GRANT kinora_app, kinora_read TO %I', current_user); END $$;
