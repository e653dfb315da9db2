-- 017_credit_round.up.sql: whose turn it is to have its credit read by the workers, and how often.
-- A nullable column and a table of one row: nothing is rewritten, account is locked for a moment.
SET LOCAL search_path = kinora;

ALTER TABLE account ADD COLUMN credits_asked_at timestamptz;
COMMENT ON COLUMN account.credits_asked_at IS 'When its vendor was last asked what credit it has; infinity: the vendor does not tell; null: never asked at this address.';

CREATE TABLE credit_turn (
    only_row boolean PRIMARY KEY DEFAULT true,
    free_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT credit_turn_one_row CHECK (only_row)
);
COMMENT ON TABLE credit_turn IS 'Lets workers ask for the credit of one account at a time, all processes together.';
COMMENT ON COLUMN credit_turn.only_row IS 'Always true: the table has one row.';
COMMENT ON COLUMN credit_turn.free_at IS 'When the next account may be asked about: some seconds after the last one, or when whoever asks must have died.';
INSERT INTO credit_turn DEFAULT VALUES;

INSERT INTO setting (name, value, description) VALUES
    ('credits_refresh_minutes', '60',
        'Minutes between two readings of an account''s credit, a quarter for one that cannot pay; 0: none.');
