-- PostgreSQL 14 and later
-- In the style of a Rails structure.sql: single table inheritance, counter caches by triggers (fx), views with indexes (scenic), several databases' leftovers.
CREATE FUNCTION public.gapless_number(scope text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
  INSERT INTO counters (name, value) VALUES (scope, 1) ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value INTO n;
  RETURN n;
END;
$$;
CREATE TYPE public.subscription_status AS ENUM ('trialing', 'active', 'past due', 'canceled');
CREATE TYPE public.currency_amount AS (cents bigint, currency character(3));
CREATE TABLE public.schema_migrations (version character varying NOT NULL);
ALTER TABLE ONLY public.schema_migrations ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);
CREATE TABLE public.ar_internal_metadata (key character varying NOT NULL, value character varying, created_at timestamp(6) without time zone NOT NULL, updated_at timestamp(6) without time zone NOT NULL,
    CONSTRAINT ar_internal_metadata_pkey PRIMARY KEY (key));
CREATE TABLE public.counters (name text PRIMARY KEY, value bigint DEFAULT 0 NOT NULL) WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.01');
CREATE TABLE public.accounts (
    id bigint NOT NULL, name character varying NOT NULL, subdomain character varying(63) NOT NULL, owner_id bigint, users_count integer DEFAULT 0 NOT NULL,
    settings jsonb DEFAULT '{"theme": "dark", "beta": [1, 2]}'::jsonb NOT NULL, status public.subscription_status DEFAULT 'trialing'::public.subscription_status NOT NULL,
    trial_ends_at timestamp without time zone DEFAULT (CURRENT_TIMESTAMP + '14 days'::interval), tags character varying[] DEFAULT '{}'::character varying[],
    time_zone character varying DEFAULT 'UTC'::character varying, balance public.currency_amount DEFAULT ROW(0, 'EUR')::public.currency_amount,
    created_at timestamp(6) without time zone NOT NULL, updated_at timestamp(6) without time zone NOT NULL, discarded_at timestamp(6) without time zone,
    CONSTRAINT accounts_subdomain_format CHECK (((subdomain)::text ~ '^[a-z0-9]+(?:-[a-z0-9]+)*$'::text)),
    CONSTRAINT chk_rails_1a2b3c CHECK (((users_count >= 0) AND (users_count <= 100000)))
);
CREATE SEQUENCE public.accounts_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.accounts_id_seq OWNED BY public.accounts.id;
ALTER TABLE ONLY public.accounts ALTER COLUMN id SET DEFAULT nextval('public.accounts_id_seq'::regclass);
ALTER TABLE ONLY public.accounts ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX index_accounts_on_subdomain_kept ON public.accounts USING btree (lower((subdomain)::text)) WHERE (discarded_at IS NULL);
CREATE INDEX index_accounts_on_tags ON public.accounts USING gin (tags);
CREATE INDEX index_accounts_on_settings_theme ON public.accounts USING btree (((settings ->> 'theme'::text)));
CREATE TABLE public.users (
    id bigint NOT NULL DEFAULT 0, type character varying, account_id bigint NOT NULL, email character varying DEFAULT ''::character varying NOT NULL, encrypted_password character varying DEFAULT ''::character varying NOT NULL,
    sign_in_count integer DEFAULT 0 NOT NULL, current_sign_in_ip inet, failed_attempts integer DEFAULT 0 NOT NULL, role integer DEFAULT 0 NOT NULL, posts_count integer DEFAULT 0 NOT NULL,
    lock_version integer DEFAULT 0 NOT NULL, api_token character varying DEFAULT md5((random())::text), born_on date, height numeric(5,2), avatar bytea DEFAULT '\x00ff'::bytea,
    full_text tsvector, preferences xml, created_at timestamp(6) without time zone NOT NULL, updated_at timestamp(6) without time zone NOT NULL
);
CREATE SEQUENCE public.users_id_seq AS bigint START WITH 1;
ALTER SEQUENCE public.users_id_seq OWNED BY public.users.id;
ALTER TABLE ONLY public.users ALTER COLUMN id SET DEFAULT nextval('public.users_id_seq'::regclass);
ALTER TABLE ONLY public.users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.users ADD CONSTRAINT fk_rails_61ac11da2b FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.accounts ADD CONSTRAINT fk_rails_owner FOREIGN KEY (owner_id) REFERENCES public.users(id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED;
CREATE UNIQUE INDEX index_users_on_email_and_account ON public.users USING btree (account_id, email) INCLUDE (role, type);
CREATE INDEX index_users_on_type ON public.users USING btree (type) WHERE (type IS NOT NULL AND ((type)::text = ANY ((ARRAY['Admin'::character varying, 'Guest'::character varying])::text[])));
CREATE INDEX index_users_on_full_text ON public.users USING gin (full_text);
CREATE INDEX index_users_on_created_at ON public.users USING brin (created_at) WITH (pages_per_range='32', autosummarize='true');
ALTER TABLE ONLY public.users ALTER COLUMN email SET STATISTICS 500;
ALTER TABLE ONLY public.users ALTER COLUMN avatar SET STORAGE EXTERNAL;
CREATE TABLE public.posts (
    id bigserial PRIMARY KEY, user_id bigint CONSTRAINT fk_posts_users REFERENCES public.users(id) ON UPDATE RESTRICT, parent_id bigint REFERENCES public.posts, title character varying(255), body text, slug character varying,
    comments_count integer DEFAULT 0, published_at timestamp without time zone, word_count integer GENERATED ALWAYS AS (array_length(regexp_split_to_array(trim(body), '\s+'), 1)) STORED,
    cover_type character varying, cover_id bigint, data jsonb
);
CREATE INDEX index_posts_on_cover ON public.posts (cover_type, cover_id);
CREATE UNIQUE INDEX index_posts_on_slug_and_date ON public.posts (slug, ((published_at)::date)) WHERE ((published_at IS NOT NULL) AND (NOT (slug IS NULL)));
CREATE INDEX index_posts_recent ON public.posts (published_at DESC NULLS LAST, id DESC);
CREATE TABLE public.comments (id bigserial PRIMARY KEY, commentable_type character varying NOT NULL, commentable_id bigint NOT NULL, body text NOT NULL, author_id bigint, ip cidr, created_at timestamp without time zone DEFAULT now() NOT NULL,
    CONSTRAINT body_present CHECK ((length(btrim(body)) > 0)));
ALTER TABLE public.comments ADD CONSTRAINT fk_comments_author FOREIGN KEY (author_id) REFERENCES public.users(id) NOT VALID;
CREATE INDEX index_comments_on_commentable ON public.comments (commentable_type, commentable_id);
CREATE TABLE public.tags (id uuid DEFAULT gen_random_uuid() NOT NULL PRIMARY KEY, name character varying COLLATE "C" NOT NULL CONSTRAINT tags_name_unique UNIQUE DEFERRABLE);
CREATE TABLE public.posts_tags (post_id bigint NOT NULL, tag_id uuid NOT NULL, "position" integer);
CREATE UNIQUE INDEX index_posts_tags ON public.posts_tags (post_id, tag_id);
ALTER TABLE public.posts_tags ADD CONSTRAINT fk_pt_post FOREIGN KEY (post_id) REFERENCES public.posts(id), ADD CONSTRAINT fk_pt_tag FOREIGN KEY (tag_id) REFERENCES public.tags(id) ON DELETE CASCADE;
ALTER TABLE public.posts_tags REPLICA IDENTITY USING INDEX index_posts_tags;
CREATE TABLE public.active_storage_blobs (id bigserial PRIMARY KEY, key character varying NOT NULL, filename character varying NOT NULL, content_type character varying, metadata text, service_name character varying NOT NULL, byte_size bigint NOT NULL, checksum character varying, created_at timestamp(6) NOT NULL);
CREATE UNIQUE INDEX index_active_storage_blobs_on_key ON public.active_storage_blobs (key);
CREATE TABLE public.good_jobs (id uuid DEFAULT gen_random_uuid() PRIMARY KEY, queue_name text, priority integer, serialized_params jsonb, scheduled_at timestamp, finished_at timestamp, error text, cron_key text, cron_at timestamp, error_event smallint, labels text[]);
CREATE INDEX index_good_jobs_jobs_on_priority_created_at_when_unfinished ON public.good_jobs (priority DESC NULLS LAST, scheduled_at) WHERE (finished_at IS NULL);
CREATE UNIQUE INDEX index_good_jobs_on_cron_key_and_cron_at_cond ON public.good_jobs (cron_key, cron_at) WHERE (cron_key IS NOT NULL);
CREATE INDEX index_good_jobs_on_labels ON public.good_jobs USING gin (labels) WHERE (labels IS NOT NULL);
CREATE UNLOGGED TABLE public.cache_entries (key bytea PRIMARY KEY, value bytea, expires_at timestamp);
CREATE FUNCTION public.update_posts_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (TG_OP = 'INSERT') THEN UPDATE users SET posts_count = posts_count + 1 WHERE id = NEW.user_id;
    ELSIF (TG_OP = 'DELETE') THEN UPDATE users SET posts_count = posts_count - 1 WHERE id = OLD.user_id;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION public.users_fts() RETURNS trigger LANGUAGE plpgsql AS $$ begin new.full_text := setweight(to_tsvector('simple', coalesce(new.email, '')), 'A'); return new; end $$;
CREATE FUNCTION public.forbid() RETURNS trigger LANGUAGE plpgsql AS $$ begin raise exception 'read only: %', TG_ARGV[0] using errcode = 'P0001'; end $$;
CREATE TRIGGER posts_counter AFTER INSERT OR DELETE ON public.posts FOR EACH ROW EXECUTE FUNCTION public.update_posts_count();
CREATE TRIGGER users_fts BEFORE INSERT OR UPDATE OF email, role ON public.users FOR EACH ROW WHEN ((new.email)::text <> ''::text) EXECUTE FUNCTION public.users_fts();
CREATE TRIGGER logidze BEFORE UPDATE ON public.accounts FOR EACH ROW WHEN ((COALESCE(current_setting('logidze.disabled'::text, true), ''::text) <> 'on'::text) AND old.* IS DISTINCT FROM new.*) EXECUTE FUNCTION tsvector_update_trigger('body_tsv', 'pg_catalog.english', 'body');
ALTER TABLE public.accounts DISABLE TRIGGER logidze;
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON public.accounts EXECUTE FUNCTION public.forbid('it''s "accounts"', '2');
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON public.posts_tags DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.forbid('late');
CREATE VIEW public.admins AS SELECT users.id, users.email, users.account_id FROM public.users WHERE ((users.type)::text = 'Admin'::text);
CREATE MATERIALIZED VIEW public.search_results AS
 SELECT posts.id AS searchable_id, 'Post'::text AS searchable_type, posts.title AS term, to_tsvector('english', COALESCE(posts.body, ''::text)) AS tsv FROM public.posts
UNION ALL
 SELECT comments.id, 'Comment'::text, "left"(comments.body, 80), to_tsvector('english'::regconfig, comments.body) FROM public.comments
  WITH NO DATA;
CREATE UNIQUE INDEX index_search_results ON public.search_results (searchable_type, searchable_id);
CREATE INDEX index_search_results_tsv ON public.search_results USING gin (tsv);
CREATE VIEW public.account_stats AS
 WITH RECURSIVE tree(id, root, depth) AS (SELECT p.id, p.id, 0 FROM public.posts p WHERE p.parent_id IS NULL UNION ALL SELECT p.id, t.root, t.depth + 1 FROM public.posts p JOIN tree t ON p.parent_id = t.id)
 SELECT a.id, a.name, count(*) FILTER (WHERE u.role > 0) AS staff, max(t.depth) AS deepest, (a.balance).cents AS cents, row_number() OVER (PARTITION BY a.status ORDER BY a.created_at DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS nth
 FROM public.accounts a LEFT JOIN public.users u ON u.account_id = a.id LEFT JOIN public.posts p ON p.user_id = u.id LEFT JOIN tree t ON t.root = p.id
 GROUP BY a.id, a.name HAVING count(*) BETWEEN 1 AND 10 OR bool_or(u.failed_attempts > 3);
CREATE STATISTICS public.users_stats (ndistinct, dependencies) ON account_id, type FROM public.users;
COMMENT ON COLUMN public.users.role IS '0: member, 1: admin -- see User::ROLES';
COMMENT ON TABLE public.posts IS 'It''s {{ not }} a template';
COMMENT ON INDEX public.index_posts_recent IS 'Home page';
COMMENT ON TRIGGER posts_counter ON public.posts IS 'counter cache';
COMMENT ON CONSTRAINT chk_rails_1a2b3c ON public.accounts IS 'add_check_constraint';
INSERT INTO schema_migrations SELECT (20200101000000 + n)::text FROM generate_series(1, 50) n;
INSERT INTO accounts (name, subdomain, created_at, updated_at) SELECT 'A' || n, 'a' || n, now(), now() FROM generate_series(1, 20) n;
INSERT INTO users (account_id, email, type, created_at, updated_at) SELECT 1 + n % 20, 'u' || n || '@x', CASE WHEN n % 7 = 0 THEN 'Admin' END, now(), now() FROM generate_series(1, 200) n;
INSERT INTO posts (user_id, title, body) SELECT 1 + n % 200, 't' || n, 'some words here' FROM generate_series(1, 300) n;
INSERT INTO tags (name) SELECT 't' || n FROM generate_series(1, 5) n; INSERT INTO posts_tags SELECT p.id, t.id, 1 FROM posts p, tags t WHERE p.id < 20;
REFRESH MATERIALIZED VIEW search_results;
