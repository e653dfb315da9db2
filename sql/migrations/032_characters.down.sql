-- 032_characters.down.sql: forgets which characters are whose. They stay where they were made.
SET LOCAL search_path = kinora;
DROP INDEX usage_day_user;
DROP TABLE cameo;
