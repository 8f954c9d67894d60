-- PostgreSQL 15 and later
-- In the style of Phoenix: Ecto's timestamps(0), citext addresses, tokens as bytea, Oban's jobs with their enum and notifications, a schema (prefix) for each tenant, audit by triggers.
CREATE EXTENSION citext; CREATE EXTENSION btree_gist;
CREATE SCHEMA oban; CREATE SCHEMA tenant_1; CREATE SCHEMA tenant_2;
COMMENT ON SCHEMA tenant_1 IS 'prefix: "tenant_1"';
CREATE TABLE schema_migrations (version bigint NOT NULL, inserted_at timestamp(0) without time zone, PRIMARY KEY (version));
CREATE TABLE users (id uuid NOT NULL, email citext NOT NULL, hashed_password varchar(255) NOT NULL, confirmed_at timestamp(0) without time zone, roles varchar(255)[] DEFAULT ARRAY[]::varchar[] NOT NULL, settings jsonb DEFAULT '{}' NOT NULL, inserted_at timestamp(0) without time zone NOT NULL, updated_at timestamp(0) without time zone NOT NULL, CONSTRAINT users_pkey PRIMARY KEY (id), CONSTRAINT roles_known CHECK ((roles)::text[] <@ ARRAY['admin', 'staff', 'user']));
CREATE UNIQUE INDEX users_email_index ON users (email);
CREATE TABLE users_tokens (id uuid PRIMARY KEY, user_id uuid NOT NULL CONSTRAINT users_tokens_user_id_fkey REFERENCES users (id) ON DELETE CASCADE, token bytea NOT NULL, context varchar(255) NOT NULL, sent_to varchar(255), inserted_at timestamp(0) NOT NULL); CREATE INDEX users_tokens_user_id_index ON users_tokens (user_id); CREATE UNIQUE INDEX users_tokens_context_token_index ON users_tokens (context, token);
CREATE TYPE oban.oban_job_state AS ENUM ('available', 'scheduled', 'executing', 'retryable', 'completed', 'discarded'); ALTER TYPE oban.oban_job_state ADD VALUE 'cancelled'; ALTER TYPE oban.oban_job_state ADD VALUE 'suspended' BEFORE 'available';
CREATE TABLE oban.oban_jobs (id bigserial PRIMARY KEY, state oban.oban_job_state DEFAULT 'available'::oban.oban_job_state NOT NULL, queue text DEFAULT 'default'::text NOT NULL, worker text NOT NULL, args jsonb DEFAULT '{}'::jsonb NOT NULL, errors jsonb[] DEFAULT ARRAY[]::jsonb[] NOT NULL, attempt integer DEFAULT 0 NOT NULL, max_attempts integer DEFAULT 20 NOT NULL, inserted_at timestamp without time zone DEFAULT timezone('UTC'::text, now()) NOT NULL, scheduled_at timestamp DEFAULT timezone('UTC', now()) NOT NULL, attempted_at timestamp, completed_at timestamp, attempted_by text[], discarded_at timestamp, priority integer DEFAULT 0 NOT NULL, tags text[] DEFAULT ARRAY[]::text[], meta jsonb DEFAULT '{}', cancelled_at timestamp,
  CONSTRAINT attempt_range CHECK (attempt >= 0 AND attempt <= max_attempts), CONSTRAINT positive_max_attempts CHECK (max_attempts > 0), CONSTRAINT queue_length CHECK (char_length(queue) > 0 AND char_length(queue) < 128), CONSTRAINT worker_length CHECK (char_length(worker) > 0 AND char_length(worker) < 128));
ALTER TABLE oban.oban_jobs ADD CONSTRAINT non_negative_priority CHECK (priority >= 0) NOT VALID;
CREATE INDEX oban_jobs_args_index ON oban.oban_jobs USING gin (args); CREATE INDEX oban_jobs_meta_index ON oban.oban_jobs USING gin (meta); CREATE INDEX oban_jobs_state_queue_priority_scheduled_at_id_index ON oban.oban_jobs (state, queue, priority, scheduled_at, id);
CREATE INDEX oban_jobs_state_cancelled_at_index ON oban.oban_jobs (state, cancelled_at) WHERE state = 'executing'::oban.oban_job_state;
COMMENT ON TABLE oban.oban_jobs IS '12';
CREATE UNLOGGED TABLE oban.oban_peers (name text PRIMARY KEY, node text NOT NULL, started_at timestamp NOT NULL, expires_at timestamp NOT NULL);
CREATE FUNCTION oban.oban_jobs_notify() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  channel text;
  notice json;
BEGIN
  IF NEW.state = 'available' THEN
    channel = 'oban.oban_insert';
    notice = json_build_object('queue', NEW.queue);
    PERFORM pg_notify(channel, notice::text);
  END IF;
  RETURN NULL;
END;
$$;
CREATE TRIGGER oban_notify AFTER INSERT ON oban.oban_jobs FOR EACH ROW EXECUTE FUNCTION oban.oban_jobs_notify();
CREATE FUNCTION oban.oban_count_estimate(state text, queue text) RETURNS integer LANGUAGE plpgsql AS $func$ DECLARE plan jsonb; BEGIN EXECUTE 'EXPLAIN (FORMAT JSON) SELECT id FROM oban.oban_jobs WHERE state = $1::oban.oban_job_state AND queue = $2' INTO plan USING state, queue; RETURN plan->0->'Plan'->'Plan Rows'; END; $func$;
CREATE TABLE rooms (id bigserial PRIMARY KEY, name citext NOT NULL UNIQUE, capacity integer, CONSTRAINT capacity_must_be_positive CHECK (capacity > 0 AND NOT (capacity > 1000 OR capacity IS NULL)));
CREATE TABLE bookings (id bigserial PRIMARY KEY, room_id bigint NOT NULL REFERENCES rooms, user_id uuid REFERENCES users ON DELETE SET NULL, starts_at timestamp(0) NOT NULL, ends_at timestamp(0) NOT NULL, cancelled boolean DEFAULT false, CONSTRAINT no_double_booking EXCLUDE USING gist (room_id WITH =, tsrange(starts_at, ends_at) WITH &&) WHERE (NOT cancelled) DEFERRABLE, CONSTRAINT "in order" CHECK ((starts_at < ends_at) IS TRUE));
CREATE TABLE tenant_1.posts (id bigserial PRIMARY KEY, slug citext NOT NULL, title varchar(255), body text, author_id uuid REFERENCES public.users, lock_version integer DEFAULT 1, reading_time integer GENERATED ALWAYS AS (greatest(1, length(body) / 1000)) STORED, inserted_at timestamptz NOT NULL DEFAULT now()); CREATE UNIQUE INDEX posts_slug_index ON tenant_1.posts (slug) INCLUDE (title);
CREATE TABLE tenant_2.posts (LIKE tenant_1.posts INCLUDING ALL); ALTER TABLE tenant_2.posts ADD CONSTRAINT posts_author_id_fkey FOREIGN KEY (author_id) REFERENCES public.users;
CREATE TABLE tenant_1.comments (id bigserial PRIMARY KEY, post_id bigint NOT NULL REFERENCES tenant_1.posts ON DELETE CASCADE, parent_id bigint, body text NOT NULL, path bigint[], UNIQUE (post_id, id), FOREIGN KEY (post_id, parent_id) REFERENCES tenant_1.comments (post_id, id)); CREATE TABLE tenant_2.comments (LIKE tenant_1.comments INCLUDING DEFAULTS INCLUDING INDEXES INCLUDING CONSTRAINTS); ALTER TABLE tenant_2.comments ADD CONSTRAINT comments_post_id_fkey FOREIGN KEY (post_id) REFERENCES tenant_2.posts ON DELETE CASCADE;
CREATE TABLE versions (id bigserial PRIMARY KEY, event varchar(10) NOT NULL, item_type varchar NOT NULL, item_id uuid, item_changes jsonb NOT NULL, origin varchar(50), inserted_at timestamp NOT NULL DEFAULT now()); CREATE INDEX versions_item_index ON versions (item_type, item_id) WHERE item_id IS NOT NULL; CREATE INDEX versions_at ON versions USING brin (inserted_at) WITH (pages_per_range = 16);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN INSERT INTO versions (event, item_type, item_changes) VALUES (lower(TG_OP), TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME, CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END); RETURN COALESCE(NEW, OLD); END $$;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON tenant_1.posts FOR EACH ROW EXECUTE FUNCTION audit(); CREATE TRIGGER audit AFTER UPDATE ON tenant_2.posts FOR EACH ROW WHEN (OLD.title IS DISTINCT FROM NEW.title OR NEW.lock_version <> (OLD.lock_version + 1)) EXECUTE FUNCTION audit();
CREATE TYPE tsq_state AS (query tsquery, parentheses_stack integer[], skip_for integer, current_token text, current_index integer);
CREATE FUNCTION slugify(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE BEGIN ATOMIC SELECT trim(both '-' from regexp_replace(lower(value), '[^a-z0-9]+', '-', 'g')); END;
CREATE FUNCTION slugify(value citext, OUT slug text, OUT n integer) LANGUAGE sql IMMUTABLE RETURN ROW(slugify(value::text), length(value));
CREATE INDEX posts_slugified ON tenant_1.posts (slugify(title));
CREATE VIEW all_posts AS SELECT 'tenant_1' AS tenant, p.* FROM tenant_1.posts p UNION ALL SELECT 'tenant_2', p.* FROM tenant_2.posts p; CREATE VIEW room_usage AS SELECT r.name, b.day, count(*) OVER (PARTITION BY r.id, b.day) AS n FROM rooms r LEFT JOIN LATERAL (SELECT generate_series(k.starts_at, k.ends_at, '1 day')::date AS day FROM bookings k WHERE k.room_id = r.id AND k.cancelled IS NOT TRUE) b ON true WHERE r.name OPERATOR(public.<>) 'x'::citext;
CREATE VIEW job_counts AS SELECT queue, count(*) FILTER (WHERE state IN ('available', 'retryable')) AS waiting, count(*) FILTER (WHERE state = 'executing') AS running FROM oban.oban_jobs GROUP BY queue; COMMENT ON COLUMN job_counts.waiting IS 'Not yet begun';
CREATE MATERIALIZED VIEW tenant_1.popular AS SELECT post_id, count(*) AS n FROM tenant_1.comments GROUP BY 1 WITH NO DATA; CREATE UNIQUE INDEX ON tenant_1.popular (post_id);
CREATE STATISTICS bookings_stats (ndistinct) ON room_id, user_id FROM bookings; CREATE PUBLICATION tenants FOR TABLES IN SCHEMA tenant_1, tenant_2; ALTER TABLE users REPLICA IDENTITY FULL; ALTER TABLE users_tokens ALTER token SET STORAGE EXTERNAL, ALTER context SET STATISTICS 200;
GRANT USAGE ON SCHEMA oban TO pg_monitor; GRANT SELECT ON oban.oban_jobs, job_counts TO pg_monitor; REVOKE ALL ON FUNCTION audit() FROM PUBLIC; ALTER TABLE bookings ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON bookings FOR ALL TO public USING (user_id = nullif(current_setting('app.user_id', true), '')::uuid) WITH CHECK (NOT cancelled OR user_id IS NULL);
INSERT INTO users SELECT gen_random_uuid(), n || '@x', 'x', NULL, '{admin}', '{}', now(), now() FROM generate_series(1, 20) n; INSERT INTO rooms (name, capacity) SELECT 'r' || n, n FROM generate_series(1, 5) n; INSERT INTO bookings (room_id, starts_at, ends_at) SELECT id, '2024-01-01', '2024-01-03' FROM rooms; INSERT INTO tenant_1.posts (slug, title, body) SELECT 's' || n, 'T ' || n, 'b' FROM generate_series(1, 30) n; INSERT INTO oban.oban_jobs (worker) VALUES ('W');
