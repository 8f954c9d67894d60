-- Measurements by month and city: partitions, their partitions, and tables that inherit.
CREATE TABLE measurements (city_id integer NOT NULL, day date NOT NULL, peak integer DEFAULT 0, unit text) PARTITION BY RANGE (day);
CREATE TABLE measurements_2024 PARTITION OF measurements FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE measurements_2025 PARTITION OF measurements FOR VALUES FROM ('2025-01-01') TO (MAXVALUE) PARTITION BY HASH (city_id);
CREATE TABLE measurements_2025_0 PARTITION OF measurements_2025 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE measurements_2025_1 PARTITION OF measurements_2025 FOR VALUES WITH (MODULUS 2, REMAINDER 1) WITH (fillfactor = 70);
CREATE TABLE measurements_rest PARTITION OF measurements DEFAULT;
CREATE INDEX measurements_city ON measurements (city_id, day DESC);
ALTER TABLE measurements_2024 ALTER peak SET DEFAULT 5;
CREATE TABLE events (kind text NOT NULL, at timestamptz, n integer, PRIMARY KEY (kind, n)) PARTITION BY LIST (kind);
CREATE TABLE events_known PARTITION OF events FOR VALUES IN ('a', 'it''s');
CREATE TABLE cities (name text, population real CHECK (population > 0));
CREATE TABLE capitals (state char(2) UNIQUE NOT NULL) INHERITS (cities);
