-- 012_money.up.sql: prices, quota of users, codes that add to it, and the ledger that every change of it stands in.
-- New tables, and three triggers on task: they need a brief lock on it, nothing is rewritten. Tasks that are
-- there already cost nothing.
SET LOCAL search_path = kinora;

-- Prices ----------------------------------------------------------------------------------------------------

CREATE TABLE price (
    model_id         text NOT NULL,
    category         text NOT NULL,
    resolution       text NOT NULL DEFAULT '',
    task_micros      bigint NOT NULL DEFAULT 0,
    second_micros    bigint NOT NULL DEFAULT 0,
    image_micros     bigint NOT NULL DEFAULT 0,
    off_peak_percent smallint NOT NULL DEFAULT 100,
    PRIMARY KEY (model_id, category, resolution),
    CONSTRAINT price_category_fkey FOREIGN KEY (model_id, category) REFERENCES model_category (model_id, category)
        ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT price_resolution_form CHECK (resolution ~ '^[0-9A-Za-z:x_-]{0,32}$'),
    CONSTRAINT price_task_in_range CHECK (task_micros BETWEEN 0 AND 1000000000000),
    CONSTRAINT price_second_in_range CHECK (second_micros BETWEEN 0 AND 1000000000000),
    CONSTRAINT price_image_in_range CHECK (image_micros BETWEEN 0 AND 1000000000000),
    CONSTRAINT price_off_peak_percent_in_range CHECK (off_peak_percent BETWEEN 0 AND 100)
);
COMMENT ON TABLE price IS 'What tasks cost. The row of the task''s resolution holds, else that without one; without any a task costs nothing.';
COMMENT ON COLUMN price.model_id IS 'The model.';
COMMENT ON COLUMN price.category IS 'How the model is used; see model_category.';
COMMENT ON COLUMN price.resolution IS 'The task''s parameter size or resolution; empty: any that has no row of its own.';
COMMENT ON COLUMN price.task_micros IS 'For the task, whatever it makes, in micro-units.';
COMMENT ON COLUMN price.second_micros IS 'For each second of video asked for, micro-units.';
COMMENT ON COLUMN price.image_micros IS 'For each picture asked for, micro-units.';
COMMENT ON COLUMN price.off_peak_percent IS 'What of all that a task costs that may be put off (parameter off_peak), in percent.';
CREATE TRIGGER price_changed AFTER INSERT OR DELETE OR UPDATE ON price
    FOR EACH STATEMENT EXECUTE FUNCTION config_changed();

-- Quota and the ledger --------------------------------------------------------------------------------------

CREATE TABLE wallet (
    user_id          bigint PRIMARY KEY REFERENCES app_user (id),
    available_micros bigint NOT NULL DEFAULT 0,
    held_micros      bigint NOT NULL DEFAULT 0,
    used_micros      bigint NOT NULL DEFAULT 0,
    CONSTRAINT wallet_available_not_negative CHECK (available_micros >= 0),
    CONSTRAINT wallet_held_not_negative CHECK (held_micros >= 0),
    CONSTRAINT wallet_used_not_negative CHECK (used_micros >= 0),
    CONSTRAINT wallet_total_in_range CHECK (available_micros + held_micros + used_micros <= 4000000000000000000)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE wallet IS 'How a user''s quota stands: the sums of the ledger, kept by the trigger ledger_book. Nobody else writes it.';
COMMENT ON COLUMN wallet.user_id IS 'The user. No row: never had any quota.';
COMMENT ON COLUMN wallet.available_micros IS 'What may be spent, micro-units. Never below zero.';
COMMENT ON COLUMN wallet.held_micros IS 'What unfinished tasks will cost if they succeed, micro-units.';
COMMENT ON COLUMN wallet.used_micros IS 'What succeeded tasks have cost, micro-units. All three together are all that was ever granted and not withdrawn.';

CREATE TABLE key_spend (
    key_id       bigint PRIMARY KEY REFERENCES api_key (id),
    spent_micros bigint NOT NULL,
    CONSTRAINT key_spend_not_negative CHECK (spent_micros >= 0)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE key_spend IS 'What each key has spent of its user''s quota, kept by the trigger ledger_book. Nobody else writes it.';
COMMENT ON COLUMN key_spend.key_id IS 'The key. No row: it has spent nothing.';
COMMENT ON COLUMN key_spend.spent_micros IS 'What its tasks have cost or will cost if they succeed, micro-units. api_key.quota_cap_micros is its bound.';
COMMENT ON COLUMN api_key.quota_cap_micros IS 'Most the key may spend of its user''s quota, all its life, micro-units; null: no cap. key_spend says what it has.';

-- No references: a ledger outlives what it tells of, and the wallet has the user's.
CREATE TABLE ledger (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event         text NOT NULL,
    kind          text NOT NULL,
    debit         text NOT NULL,
    credit        text NOT NULL,
    user_id       bigint NOT NULL,
    key_id        bigint,
    task_id       bigint,
    amount_micros bigint NOT NULL,
    note          text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ledger_event_unique UNIQUE (event),
    CONSTRAINT ledger_event_length CHECK (length(event) BETWEEN 1 AND 160),
    CONSTRAINT ledger_books_of_kind CHECK (kind || ': ' || debit || ' > ' || credit IN (
        'topup: issued > available', 'redemption: issued > available', 'withdrawal: available > issued',
        'hold: available > held', 'capture: held > used', 'release: held > available')),
    CONSTRAINT ledger_amount_in_range CHECK (amount_micros BETWEEN 1 AND 1000000000000000),
    CONSTRAINT ledger_task_iff_settled CHECK ((task_id IS NOT NULL) = (kind IN ('hold', 'capture', 'release'))),
    CONSTRAINT ledger_note_length CHECK (length(note) <= 500)
);
CREATE INDEX ledger_user ON ledger (user_id, id);
COMMENT ON TABLE ledger IS 'Every change of quota, for ever. A row is one transfer: the amount leaves one book of the user and enters another, so that all books together are always zero.';
COMMENT ON COLUMN ledger.id IS 'Internal number.';
COMMENT ON COLUMN ledger.event IS 'What happened, which can happen once: hold:<task>, settle:<task> (capture or release), code:<redemption_code.id>, topup:<reference>, withdrawal:<reference>.';
COMMENT ON COLUMN ledger.kind IS 'topup, withdrawal: by an operator. redemption: by a code. hold: with a task''s acceptance. capture: it succeeded. release: it ended otherwise.';
COMMENT ON COLUMN ledger.debit IS 'The book the amount leaves: issued (the operator''s), available, held or used (the user''s).';
COMMENT ON COLUMN ledger.credit IS 'The book it enters.';
COMMENT ON COLUMN ledger.user_id IS 'Whose quota it is.';
COMMENT ON COLUMN ledger.key_id IS 'The key of the task, or that a code was redeemed with; null: it is about no key.';
COMMENT ON COLUMN ledger.task_id IS 'The task that is held for or settled; null: it is about no task.';
COMMENT ON COLUMN ledger.amount_micros IS 'How much, micro-units.';
COMMENT ON COLUMN ledger.note IS 'The operator''s words.';
COMMENT ON COLUMN ledger.created_at IS 'When it happened.';

CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is only ever added to: correct by another transfer'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_append_only';
END $$;
COMMENT ON FUNCTION ledger_refuse() IS 'Refuses to change or remove what stands in the ledger, whoever asks.';
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();

-- An error whose SQLSTATE begins with KN is one of docs/errors.md, with words for the caller.
-- The wallet's row comes first, always: whoever waits here for one row holds no other that somebody else may
-- wait for. It is locked until the commit, which is why this runs as late as it can, after the statement.
CREATE FUNCTION ledger_book() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = kinora AS $$
DECLARE
    spent bigint;
BEGIN
    IF NEW.debit = 'issued' THEN
        INSERT INTO wallet (user_id) VALUES (NEW.user_id) ON CONFLICT DO NOTHING;
    END IF;
    UPDATE wallet SET
        available_micros = available_micros
            + CASE 'available' WHEN NEW.credit THEN NEW.amount_micros WHEN NEW.debit THEN -NEW.amount_micros ELSE 0 END,
        held_micros = held_micros
            + CASE 'held' WHEN NEW.credit THEN NEW.amount_micros WHEN NEW.debit THEN -NEW.amount_micros ELSE 0 END,
        used_micros = used_micros + CASE 'used' WHEN NEW.credit THEN NEW.amount_micros ELSE 0 END
    WHERE user_id = NEW.user_id AND (NEW.debit <> 'available' OR available_micros >= NEW.amount_micros);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'The quota that is left does not cover this.' USING ERRCODE = 'KN209';
    END IF;
    IF NEW.kind = 'hold' AND NEW.key_id IS NOT NULL THEN
        INSERT INTO key_spend AS s (key_id, spent_micros) VALUES (NEW.key_id, NEW.amount_micros)
        ON CONFLICT (key_id) DO UPDATE SET spent_micros = s.spent_micros + excluded.spent_micros
        RETURNING spent_micros INTO spent;
        IF spent > (SELECT quota_cap_micros FROM api_key WHERE id = NEW.key_id) THEN
            RAISE EXCEPTION 'This API key may not spend that much of the quota.' USING ERRCODE = 'KN209';
        END IF;
    ELSIF NEW.kind = 'release' THEN
        UPDATE key_spend SET spent_micros = spent_micros - NEW.amount_micros WHERE key_id = NEW.key_id;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION ledger_book() IS 'Carries a transfer over into wallet and key_spend, in the same transaction. Refuses what the quota does not cover.';
CREATE TRIGGER ledger_book AFTER INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_book();

-- Looks without waiting for anybody; ledger_book has the last word.
CREATE FUNCTION require_quota(asking_user bigint, asking_key bigint, price bigint) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF price > coalesce((SELECT available_micros FROM kinora.wallet WHERE user_id = asking_user), 0) THEN
        RAISE EXCEPTION 'The quota that is left does not cover this.' USING ERRCODE = 'KN209';
    END IF;
    IF price > (SELECT k.quota_cap_micros - coalesce(s.spent_micros, 0)
            FROM kinora.api_key k LEFT JOIN kinora.key_spend s ON s.key_id = k.id WHERE k.id = asking_key) THEN
        RAISE EXCEPTION 'This API key may not spend that much of the quota.' USING ERRCODE = 'KN209';
    END IF;
END $$;
COMMENT ON FUNCTION require_quota(bigint, bigint, bigint) IS 'Refuses a price (KN209) that the user''s quota or the key''s cap does not cover at this moment.';

-- Tasks -----------------------------------------------------------------------------------------------------

CREATE FUNCTION task_require_quota() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM kinora.require_quota(NEW.user_id, NEW.key_id, NEW.price_micros);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION task_require_quota() IS 'Refuses a task that cannot be paid before a row of it is written: refusals must not fill the tables.';
CREATE TRIGGER task_require_quota BEFORE INSERT ON task FOR EACH ROW
    WHEN (NEW.price_micros > 0) EXECUTE FUNCTION task_require_quota();

CREATE FUNCTION task_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO kinora.ledger (event, kind, debit, credit, user_id, key_id, task_id, amount_micros)
    VALUES ('hold:' || NEW.id, 'hold', 'available', 'held', NEW.user_id, NEW.key_id, NEW.id, NEW.price_micros);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION task_hold() IS 'Holds the price of a task with its acceptance.';
CREATE TRIGGER task_hold AFTER INSERT ON task FOR EACH ROW
    WHEN (NEW.price_micros > 0) EXECUTE FUNCTION task_hold();

CREATE FUNCTION task_settle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO kinora.ledger (event, kind, debit, credit, user_id, key_id, task_id, amount_micros)
    VALUES ('settle:' || NEW.id, CASE NEW.state WHEN 'succeeded' THEN 'capture' ELSE 'release' END, 'held',
        CASE NEW.state WHEN 'succeeded' THEN 'used' ELSE 'available' END,
        NEW.user_id, NEW.key_id, NEW.id, NEW.price_micros);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION task_settle() IS 'Settles what was held for a task that has just ended, whoever ended it: captures a success, releases the rest in full.';
CREATE TRIGGER task_settle AFTER UPDATE OF finished_at ON task FOR EACH ROW
    WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL AND NEW.price_micros > 0)
    EXECUTE FUNCTION task_settle();

CREATE OR REPLACE FUNCTION task_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.finished_at IS NOT NULL AND (NEW.state, NEW.finished_at, NEW.progress, NEW.error_code, NEW.price_micros)
            IS DISTINCT FROM (OLD.state, OLD.finished_at, OLD.progress, OLD.error_code, OLD.price_micros) THEN
        RAISE EXCEPTION 'task % is %: a final state never changes', OLD.id, OLD.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'task_final_is_final';
    END IF;
    IF NEW.progress < OLD.progress THEN
        RAISE EXCEPTION 'task %: progress never falls (% to %)', OLD.id, OLD.progress, NEW.progress
            USING ERRCODE = 'check_violation', CONSTRAINT = 'task_progress_never_falls';
    END IF;
    IF NEW.claim < OLD.claim THEN
        RAISE EXCEPTION 'task %: the claim number never falls', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'task_claim_never_falls';
    END IF;
    IF (NEW.price_micros, NEW.user_id) IS DISTINCT FROM (OLD.price_micros, OLD.user_id) THEN
        RAISE EXCEPTION 'task %: who pays how much is fixed at acceptance', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'task_price_is_fixed';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION task_guard() IS 'Refuses a change of a final state, of who pays how much, and progress or claim numbers that fall.';
DROP TRIGGER task_guard ON task;
CREATE TRIGGER task_guard BEFORE UPDATE ON task FOR EACH ROW
    WHEN (OLD.finished_at IS NOT NULL OR NEW.progress < OLD.progress OR NEW.claim < OLD.claim
        OR NEW.price_micros <> OLD.price_micros OR NEW.user_id <> OLD.user_id)
    EXECUTE FUNCTION task_guard();
COMMENT ON COLUMN task.price_micros IS 'Price fixed at acceptance, micro-units; held in the ledger until the task ends.';

-- Codes -----------------------------------------------------------------------------------------------------

CREATE TABLE code_batch (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    amount_micros bigint NOT NULL,
    note          text NOT NULL DEFAULT '',
    expires_at    timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT code_batch_amount_in_range CHECK (amount_micros BETWEEN 1 AND 1000000000000000),
    CONSTRAINT code_batch_note_length CHECK (length(note) <= 500),
    CONSTRAINT code_batch_expires_finite CHECK (isfinite(expires_at))
);
COMMENT ON TABLE code_batch IS 'Redemption codes that were made together.';
COMMENT ON COLUMN code_batch.id IS 'Internal number.';
COMMENT ON COLUMN code_batch.amount_micros IS 'What each code of it adds to a user''s quota, micro-units.';
COMMENT ON COLUMN code_batch.note IS 'The operator''s words.';
COMMENT ON COLUMN code_batch.expires_at IS 'No code of it is taken from then on; quota that was granted stays. Null: never.';
COMMENT ON COLUMN code_batch.created_at IS 'When it was made.';

CREATE TABLE redemption_code (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_id    bigint NOT NULL REFERENCES code_batch (id),
    code_hash   bytea NOT NULL,
    redeemed_at timestamptz,
    redeemed_by bigint REFERENCES app_user (id),
    voided_at   timestamptz,
    CONSTRAINT redemption_code_hash_unique UNIQUE (code_hash),
    CONSTRAINT redemption_code_hash_length CHECK (octet_length(code_hash) = 32),
    CONSTRAINT redemption_code_redeemed_by_somebody CHECK ((redeemed_at IS NULL) = (redeemed_by IS NULL)),
    CONSTRAINT redemption_code_redeemed_or_void CHECK (redeemed_at IS NULL OR voided_at IS NULL)
);
CREATE INDEX redemption_code_batch ON redemption_code (batch_id, id);
COMMENT ON TABLE redemption_code IS 'Codes that add to the quota of whoever redeems them first. The code itself (REDEEM-XXXX-XXXX) is shown once and never stored.';
COMMENT ON COLUMN redemption_code.id IS 'Internal number.';
COMMENT ON COLUMN redemption_code.batch_id IS 'The batch, which says what it is worth.';
COMMENT ON COLUMN redemption_code.code_hash IS 'HMAC-SHA256 of the code under a key that is derived from the master key. Secret.';
COMMENT ON COLUMN redemption_code.redeemed_at IS 'When it was redeemed; null: it was not.';
COMMENT ON COLUMN redemption_code.redeemed_by IS 'Whose quota it went to.';
COMMENT ON COLUMN redemption_code.voided_at IS 'When an operator made it worthless; null: it is not.';

CREATE TABLE redemption_miss (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key_id    bigint NOT NULL,
    missed_at timestamptz NOT NULL
);
CREATE INDEX redemption_miss_key ON redemption_miss (key_id, missed_at);
COMMENT ON TABLE redemption_miss IS 'Codes that do not exist and were tried within the last hour.';
COMMENT ON COLUMN redemption_miss.id IS 'Internal number.';
COMMENT ON COLUMN redemption_miss.key_id IS 'The key that tried. No reference: a row lives for an hour.';
COMMENT ON COLUMN redemption_miss.missed_at IS 'When.';

-- Refuses by an answer and not by an error: what was tried must be remembered. Tries of one key pass one after
-- the other; of two that redeem the same code, the second waits for the first and then finds it redeemed.
CREATE FUNCTION redeem(asking_user bigint, asking_key bigint, hash bytea, misses_max integer)
RETURNS TABLE (refusal text, retry_seconds integer, added_micros bigint)
LANGUAGE plpgsql VOLATILE
SET search_path = kinora
AS $$
DECLARE
    moment timestamptz;
    misses integer;
    oldest timestamptz;
    code bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('kinora redeem ' || asking_key, 0));
    moment := clock_timestamp();
    DELETE FROM redemption_miss WHERE key_id = asking_key AND missed_at <= moment - interval '1 hour';
    SELECT count(*), min(missed_at) INTO misses, oldest FROM redemption_miss WHERE key_id = asking_key;
    IF misses >= misses_max THEN
        refusal := 'limit';
        retry_seconds := greatest(ceil(extract(epoch FROM oldest + interval '1 hour' - moment)), 1);
        RETURN NEXT;
        RETURN;
    END IF;
    UPDATE redemption_code c SET redeemed_at = now(), redeemed_by = asking_user
    FROM code_batch b
    WHERE c.code_hash = hash AND c.redeemed_at IS NULL AND c.voided_at IS NULL
        AND b.id = c.batch_id AND coalesce(b.expires_at > moment, true)
    RETURNING c.id, b.amount_micros INTO code, added_micros;
    IF FOUND THEN
        INSERT INTO ledger (event, kind, debit, credit, user_id, key_id, amount_micros)
        VALUES ('code:' || code, 'redemption', 'issued', 'available', asking_user, asking_key, added_micros);
    ELSE
        SELECT CASE WHEN c.redeemed_at IS NOT NULL THEN 'used' ELSE 'over' END INTO refusal
        FROM redemption_code c WHERE c.code_hash = hash;
        IF NOT FOUND THEN
            INSERT INTO redemption_miss (key_id, missed_at) VALUES (asking_key, moment);
            refusal := 'unknown';
        END IF;
    END IF;
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION redeem(bigint, bigint, bytea, integer) IS 'Redeems a code for a user, once: what it added, or why not: unknown, used, over (void or expired), limit (too many unknown ones in an hour).';

-- The proof -------------------------------------------------------------------------------------------------

CREATE VIEW v_ledger_fault AS
WITH balance AS (
    SELECT user_id,
        sum(CASE 'available' WHEN credit THEN amount_micros WHEN debit THEN -amount_micros ELSE 0 END) AS available,
        sum(CASE 'held' WHEN credit THEN amount_micros WHEN debit THEN -amount_micros ELSE 0 END) AS held,
        sum(CASE 'used' WHEN credit THEN amount_micros WHEN debit THEN -amount_micros ELSE 0 END) AS used,
        sum(CASE 'issued' WHEN credit THEN -amount_micros WHEN debit THEN amount_micros ELSE 0 END) AS issued
    FROM ledger GROUP BY user_id),
key_balance AS (
    SELECT key_id, sum(CASE kind WHEN 'hold' THEN amount_micros WHEN 'release' THEN -amount_micros ELSE 0 END) AS spent
    FROM ledger WHERE key_id IS NOT NULL GROUP BY key_id),
settled AS (
    SELECT task_id, min(user_id) AS user_id, count(DISTINCT user_id) AS users,
        coalesce(sum(amount_micros) FILTER (WHERE kind = 'hold'), 0) AS held,
        coalesce(sum(amount_micros) FILTER (WHERE kind = 'capture'), 0) AS captured,
        coalesce(sum(amount_micros) FILTER (WHERE kind = 'release'), 0) AS released
    FROM ledger WHERE task_id IS NOT NULL GROUP BY task_id)
SELECT 'wallet' AS subject, coalesce(w.user_id, b.user_id) AS id,
    format('available, held, used are %s, %s, %s; the ledger says %s, %s, %s', coalesce(w.available_micros, 0),
        coalesce(w.held_micros, 0), coalesce(w.used_micros, 0), coalesce(b.available, 0), coalesce(b.held, 0),
        coalesce(b.used, 0)) AS fault
FROM wallet w FULL JOIN balance b USING (user_id)
WHERE (coalesce(w.available_micros, 0), coalesce(w.held_micros, 0), coalesce(w.used_micros, 0))
    IS DISTINCT FROM (coalesce(b.available, 0), coalesce(b.held, 0), coalesce(b.used, 0))
UNION ALL
SELECT 'books', NULL, format('all wallets hold %s; %s was issued', w.total, b.issued)
FROM (SELECT coalesce(sum(available_micros + held_micros + used_micros), 0) AS total FROM wallet) w,
    (SELECT coalesce(sum(issued), 0) AS issued FROM balance) b
WHERE w.total <> b.issued
UNION ALL
SELECT 'key', coalesce(s.key_id, b.key_id),
    format('spent is %s; the ledger says %s', coalesce(s.spent_micros, 0), coalesce(b.spent, 0))
FROM key_spend s FULL JOIN key_balance b USING (key_id)
WHERE coalesce(s.spent_micros, 0) <> coalesce(b.spent, 0)
UNION ALL
SELECT 'code', c.id, format('%s; the ledger has %s', CASE WHEN c.id IS NULL THEN 'no such code was redeemed'
        ELSE 'user ' || c.redeemed_by || ' redeemed ' || c.amount_micros END,
    CASE WHEN l.event IS NULL THEN 'nothing' ELSE l.event || ' of user ' || l.user_id || ', ' || l.amount_micros END)
FROM (SELECT c.id, c.redeemed_by, b.amount_micros FROM redemption_code c JOIN code_batch b ON b.id = c.batch_id
        WHERE c.redeemed_at IS NOT NULL) c
    FULL JOIN (SELECT * FROM ledger WHERE kind = 'redemption') l ON l.event = 'code:' || c.id
WHERE (c.redeemed_by, c.amount_micros) IS DISTINCT FROM (l.user_id, l.amount_micros)
UNION ALL
SELECT 'task', coalesce(t.id, s.task_id),
    format('%s, price %s: held %s, captured %s, released %s', coalesce(t.state || ' task of user ' || t.user_id,
        'no such task'), t.price_micros, coalesce(s.held, 0), coalesce(s.captured, 0), coalesce(s.released, 0))
FROM settled s FULL JOIN (SELECT * FROM task WHERE price_micros > 0) t ON t.id = s.task_id
WHERE coalesce(s.users > 1 OR s.user_id <> t.user_id, false)
    OR coalesce(s.held, 0) <> coalesce(t.price_micros, s.captured + s.released)
    OR t.id IS NOT NULL AND (coalesce(s.captured, 0), coalesce(s.released, 0)) IS DISTINCT FROM
        (CASE WHEN t.state = 'succeeded' THEN t.price_micros ELSE 0 END,
            CASE WHEN t.state IN ('failed', 'cancelled', 'expired') THEN t.price_micros ELSE 0 END);
COMMENT ON VIEW v_ledger_fault IS 'What does not agree between ledger, wallets, keys, codes and tasks; empty on a sound system. Reads everything: `kinora check --ledger`.';
