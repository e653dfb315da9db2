-- 040_replicate.up.sql: Replicate makes what fal makes: films of pictures before it, the rest after it. Adds rows only.
SET LOCAL search_path = kinora;

INSERT INTO route (model_id, vendor, vendor_model, position) VALUES
    ('kling-2.5-turbo', 'replicate', 'kwaivgi/kling-v2.5-turbo-pro', 2),
    ('kling-2.5-turbo-i2v', 'replicate', 'kwaivgi/kling-v2.5-turbo-pro', 1),
    ('nano-banana', 'replicate', 'google/nano-banana', 2);
