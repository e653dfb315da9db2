-- 025_llmage.down.sql: takes the models back. Tasks that used them keep their rows.
SET LOCAL search_path = kinora;
DELETE FROM model WHERE id IN ('wan2.2-t2i-plus', 'wan2.5-t2i-preview', 'wan2.2-t2i-flash', 'cogview-3-flash',
    'happyhorse-1.0-t2v', 'happyhorse-1.0-i2v', 'happyhorse-1.0-r2v', 'doubao-seedance-2-0-260128',
    'doubao-seedance-2-0-fast-260128', 'dreamina-seedance-2-0-260128', 'doubao-seedance-1-5-pro-251215', 'wan2.6-t2v',
    'wan2.6-r2v', 'viduq3-pro', 'qwen3-max');
