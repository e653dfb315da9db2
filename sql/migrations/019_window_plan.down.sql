-- 019_window_plan.down.sql: back to the function of SQL.
SET LOCAL search_path = kinora;
CREATE OR REPLACE FUNCTION window_opens(windows text, zone text, moment timestamptz)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN NOT bool_or(begins <= moment AND moment < ends)
        THEN min(begins) FILTER (WHERE begins > moment) END
    FROM (
        SELECT (day + first) AT TIME ZONE zone AS begins,
            (day + last + CASE WHEN last <= first THEN interval '1 day' ELSE interval '0' END)
                AT TIME ZONE zone AS ends
        FROM (SELECT split_part(words, '-', 1)::time AS first, split_part(words, '-', 2)::time AS last
            FROM unnest(string_to_array(windows, ',')) AS s (words)) w
        CROSS JOIN (SELECT (moment AT TIME ZONE zone)::date + shift AS day
            FROM generate_series(-1, 2) AS shift) d) spans
    WHERE begins < ends
$$;
