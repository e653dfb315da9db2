-- 027_ark.up.sql: Volcengine Ark makes Seedance's videos, and has pictures of its own: Seedream's. BytePlus is Ark
-- abroad, where the models have other names. Adds rows only.
SET LOCAL search_path = kinora;

INSERT INTO model (id, kind, family, title) VALUES
    ('doubao-seedream-4-0-250828', 'image', 'jimeng', 'Pictures: Seedream 4.0'),
    ('doubao-seedream-4-5-251128', 'image', 'jimeng', 'Pictures: Seedream 4.5');

-- Any size becomes the nearest of eight ratios at one of three resolutions, as with Jimeng's models.
INSERT INTO model_category (model_id, category, parameters)
SELECT m.id, c.category, '[
    {"name": "n", "type": "integer", "default": 1, "minimum": 1, "maximum": 4},
    {"name": "size", "type": "size", "level": "2k", "levels": {
        "1k": ["1024x1024", "1152x864", "864x1152", "1280x720", "720x1280", "1248x832", "832x1248", "1512x648"],
        "2k": ["2048x2048", "2304x1728", "1728x2304", "2560x1440", "1440x2560", "2496x1664", "1664x2496",
            "3024x1296"],
        "4k": ["4096x4096", "4608x3456", "3456x4608", "5120x2880", "2880x5120", "4992x3328", "3328x4992",
            "6048x2592"]}},
    {"name": "off_peak", "type": "boolean"}]'::jsonb || c.own
FROM (VALUES ('doubao-seedream-4-0-250828'), ('doubao-seedream-4-5-251128')) AS m (id)
CROSS JOIN (VALUES ('t2i', '[]'::jsonb),
    ('i2i', '[{"name": "image", "type": "media", "media": "image", "minimum": 1, "maximum": 14}]'))
    AS c (category, own);

INSERT INTO route (model_id, vendor, vendor_model) VALUES
    ('doubao-seedance-2-0-260128', 'ark', 'doubao-seedance-2-0-260128'),
    ('doubao-seedance-2-0-fast-260128', 'ark', 'doubao-seedance-2-0-fast-260128'),
    ('doubao-seedance-1-5-pro-251215', 'ark', 'doubao-seedance-1-5-pro-251215'),
    ('dreamina-seedance-2-0-260128', 'byteplus', 'dreamina-seedance-2-0-260128'),
    ('doubao-seedream-4-0-250828', 'ark', 'doubao-seedream-4-0-250828'),
    ('doubao-seedream-4-5-251128', 'ark', 'doubao-seedream-4-5-251128');
