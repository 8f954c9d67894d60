select setseed(0.4);
insert into customer
select g, 'u' || g || '@x.org', (random() * random() * 50)::int, jsonb_build_object('tier', g % 7, 'tag', g % 1000),
    (case when g % 50 = 0 then 'bad' else 'fine' end)::mood, g % 100 = 0, '2025-01-01'::timestamptz + g * interval '1 min'
from generate_series(1, ROWS / 10) g;
insert into sale
select g, (1 + ROWS / 10 * random() * random())::bigint % (ROWS / 10) + 1,
    case when random() < 0.01 then 'open' when random() < 0.1 then 'paid' else 'done' end, random() * 100,
    '2026-01-01'::timestamptz + g * interval '1 min', 'note ' || md5(g::text) || ' w' || (g % 500),
    array['t' || g % 9, 'u' || g % 400], int4range(g % 1000, g % 1000 + 5)
from generate_series(1, ROWS) g;
insert into line select g % ROWS + 1, g / ROWS + 1, (1000 * random() * random() * random())::int, 1 + (random() * 5)::int from generate_series(0, 2 * ROWS - 1) g;
insert into event select g, '2026-01-01'::timestamptz + (g % 129000) * interval '1 min', 'k' || (g % 20), repeat('p', 50) from generate_series(1, ROWS) g;
insert into place select 'c' || g % 300, 'z' || g % 300, g % 30 from generate_series(1, ROWS) g;
refresh materialized view top;
vacuum analyze;
