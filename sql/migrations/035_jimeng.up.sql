-- 035_jimeng.up.sql: Jimeng makes its own models, by Volcengine's visual service. Adds rows only.
SET LOCAL search_path = kinora;

INSERT INTO route (model_id, vendor, vendor_model) VALUES
    ('jimeng-3.0', 'jimeng', 'jimeng_t2i_v30'),
    ('jimeng-3.0-pro', 'jimeng', 'jimeng_t2i_v31'),
    ('jimeng-3.0-t2i-s', 'jimeng', 'jimeng_t2i_v30'),
    ('jimeng-3.0-t2i-p', 'jimeng', 'jimeng_t2i_v31'),
    ('jimeng-4.5', 'jimeng', 'jimeng_t2i_v46'),
    ('pixeldance', 'jimeng', 'jimeng_t2v_v30'),
    ('seaweed', 'jimeng', 'jimeng_i2v_v30');
