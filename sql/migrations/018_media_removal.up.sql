-- 018_media_removal.up.sql: remembers which bytes are to be removed from the media store until they are gone.
-- A new table: nothing is locked.
SET LOCAL search_path = kinora;

CREATE TABLE media_removal (
    sha256 bytea PRIMARY KEY,
    media_type text NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now() + interval '1 minute',
    CONSTRAINT media_removal_sha256_length CHECK (octet_length(sha256) = 32),
    CONSTRAINT media_removal_media_type_form CHECK (media_type ~ '^(image|video|audio)/[a-z0-9]+$'),
    CONSTRAINT media_removal_tries_not_negative CHECK (tries >= 0)
);
CREATE INDEX media_removal_due ON media_removal (due_at);
COMMENT ON TABLE media_removal IS 'Bytes in the media store that no asset names any more. A row goes when they are gone, or when an asset names them again.';
COMMENT ON COLUMN media_removal.sha256 IS 'Their name, as in asset.';
COMMENT ON COLUMN media_removal.media_type IS 'What they are: the rest of their name.';
COMMENT ON COLUMN media_removal.tries IS 'How often their removal was tried.';
COMMENT ON COLUMN media_removal.due_at IS 'When it is tried next.';
