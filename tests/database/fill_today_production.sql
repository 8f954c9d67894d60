-- Rows for today_production.sql, all of which satisfy the rules to come: %(n)s sessions, and rows in proportion. Some
-- columns that may be NULL there and not any more afterwards are left NULL. Sent by a psycopg ClientCursor.
INSERT INTO users (username, password)
SELECT 'master_' || i, '$2b$10$' || md5(i::text)
FROM generate_series(1, greatest(%(n)s / 10, 2)) AS i;

INSERT INTO sessions (user_id, name, creator_mode, current_phase, duration, ai_mode, created_at)
SELECT
    u.id, 'Evening ' || i, (ARRAY['road', 'city'])[1 + mod(i, 2)], nullif(mod(i, 5), 3), mod(i, 601),
    (ARRAY['chaos', 'continuity', NULL])[1 + mod(i, 3)],
    timestamp '2024-03-31 01:30' + i * interval '37 minutes'
FROM generate_series(1, %(n)s) AS i
JOIN (SELECT id, row_number() OVER () AS r, count(*) OVER () AS c FROM users) AS u ON u.r = 1 + mod(i, u.c);

INSERT INTO nodes (session_id, type, name, description, properties, x, y)
SELECT
    s.id, (ARRAY['event', 'npc', 'faction', 'location', 'item'])[1 + mod(i, 5)], 'L''élément ' || i,
    nullif(repeat('poussière ', mod(i, 20)), ''),
    CASE WHEN mod(i, 4) > 0 THEN jsonb_build_object('rank', i, 'stats', '{"strength": 9}'::jsonb) END,
    mod(i * 997, 10000), - mod(i * 13, 10000)
FROM sessions AS s, generate_series(1, 10) AS i;

INSERT INTO connections (session_id, from_node_id, to_node_id, type, strength)
SELECT session_id, id, next_id, (ARRAY['temporal', 'spatial', 'factional', 'ownership'])[1 + mod(r, 4)], 1 + mod(r, 5)
FROM (
    SELECT session_id, id, lead(id) OVER w AS next_id, row_number() OVER w AS r
    FROM nodes
    WINDOW w AS (PARTITION BY session_id ORDER BY id)
) AS n
WHERE next_id IS NOT NULL;

INSERT INTO timeline_events (session_id, name, phase, duration, order_index, creator_mode, is_completed, "timestamp")
SELECT
    s.id, 'Moment ' || i, (ARRAY['hook', 'exploration', 'rising_tension', 'climax', 'resolution'])[i], 40 * i, i,
    s.creator_mode, (ARRAY['true', 'false', 'skipped'])[1 + mod(i, 3)],
    timestamp '2024-10-27 02:15' + i * interval '1 hour'
FROM sessions AS s, generate_series(1, 5) AS i;

INSERT INTO scenarios (user_id, title, main_idea, key_themes, status)
SELECT
    id, 'The world of ' || username, 'Ten cities and one well', '["thirst"]',
    (ARRAY['draft', 'active', 'completed', 'archived'])[1 + mod(row_number() OVER (), 4)]
FROM users;

INSERT INTO regions (scenario_id, name, type, population, resources, threat_level, political_stance)
SELECT
    s.id, 'Région ' || i,
    (ARRAY['city', 'settlement', 'wasteland', 'fortress', 'trade_hub', 'industrial'])[i], i * 700, '["water"]',
    1 + mod(i, 5), (ARRAY['hostile', 'neutral', 'friendly', 'allied'])[1 + mod(i, 4)]
FROM scenarios AS s, generate_series(1, 6) AS i;

INSERT INTO scenario_sessions (scenario_id, session_id)
SELECT c.id, s.id FROM sessions AS s JOIN scenarios AS c ON c.user_id = s.user_id;

INSERT INTO scenario_npcs (scenario_id, name, role)
SELECT s.id, 'Somebody ' || i, (ARRAY['leader', 'trader', 'guard', 'medic'])[i]
FROM scenarios AS s, generate_series(1, 4) AS i;

INSERT INTO scenario_quests (scenario_id, title, description, status)
SELECT s.id, 'Errand ' || i, 'Bring water', (ARRAY['not_started', 'active', 'completed', 'failed'])[i]
FROM scenarios AS s, generate_series(1, 4) AS i;

INSERT INTO environmental_conditions (scenario_id, name, description, severity)
SELECT id, 'Sirocco', 'Red dust', 'severe' FROM scenarios;

INSERT INTO player_characters (user_id, session_id, name, character_class, level, stats, is_active)
SELECT
    user_id, id, 'Wanderer ' || r, 'scavenger', 1 + mod(r, 20), '{"strength": 7}',
    (ARRAY['true', 'false', NULL])[1 + mod(r, 3)]
FROM (SELECT *, row_number() OVER () AS r FROM sessions) AS s;

INSERT INTO session_players (session_id, user_id, character_id, permissions)
SELECT session_id, user_id, id, '{"read": true}' FROM player_characters;
