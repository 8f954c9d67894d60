-- PostgreSQL 15 and later
-- In the style of GitLab: a large structure.sql of bigints, partial and expression indexes, check constraints on the length of text,
-- partitions in a schema of their own, loose foreign keys by triggers, constraints that are not validated yet.
CREATE SCHEMA gitlab_partitions_static; CREATE SCHEMA gitlab_partitions_dynamic;
COMMENT ON SCHEMA gitlab_partitions_static IS 'Schema to hold static partitions, e.g. for hash partitioning';
CREATE EXTENSION btree_gist;
CREATE EXTENSION pg_trgm;
CREATE DOMAIN positive AS bigint DEFAULT 1 CHECK (VALUE > 0);
CREATE FUNCTION insert_into_loose_foreign_keys_deleted_records() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO loose_foreign_keys_deleted_records (fully_qualified_table_name, primary_key_value)
  SELECT TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME, old_table.id FROM old_table;
  RETURN NULL;
END
$$;
CREATE TABLE loose_foreign_keys_deleted_records (id bigint NOT NULL, partition bigint NOT NULL, primary_key_value bigint NOT NULL, status smallint DEFAULT 1 NOT NULL,
  created_at timestamptz DEFAULT now() NOT NULL, fully_qualified_table_name text NOT NULL, consume_after timestamptz DEFAULT now(), cleanup_attempts smallint DEFAULT 0,
  CONSTRAINT check_1a541f3235 CHECK ((char_length(fully_qualified_table_name) <= 150))) PARTITION BY LIST (partition);
CREATE SEQUENCE loose_foreign_keys_deleted_records_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE loose_foreign_keys_deleted_records_id_seq OWNED BY loose_foreign_keys_deleted_records.id;
ALTER TABLE ONLY loose_foreign_keys_deleted_records ALTER COLUMN id SET DEFAULT nextval('loose_foreign_keys_deleted_records_id_seq'::regclass);
ALTER TABLE ONLY loose_foreign_keys_deleted_records ALTER COLUMN partition SET DEFAULT 1;
ALTER TABLE ONLY loose_foreign_keys_deleted_records ADD CONSTRAINT loose_foreign_keys_deleted_records_pkey PRIMARY KEY (partition, id);
CREATE TABLE gitlab_partitions_static.loose_foreign_keys_deleted_records_1 PARTITION OF loose_foreign_keys_deleted_records FOR VALUES IN ('1');
CREATE INDEX index_loose_foreign_keys_deleted_records_for_partitioned_query ON loose_foreign_keys_deleted_records (partition, fully_qualified_table_name, consume_after, id) WHERE (status = 1);
CREATE TABLE namespaces (id bigserial PRIMARY KEY, name varchar NOT NULL, path varchar NOT NULL, owner_id bigint, type varchar DEFAULT 'User'::varchar NOT NULL, parent_id bigint REFERENCES namespaces,
  traversal_ids bigint[] DEFAULT '{}'::bigint[] NOT NULL, visibility_level integer DEFAULT 20 NOT NULL, created_at timestamp without time zone, runners_token_encrypted varchar);
CREATE INDEX index_namespaces_on_traversal_ids ON namespaces USING gin (traversal_ids);
CREATE INDEX index_namespaces_on_path_trigram ON namespaces USING gin (path gin_trgm_ops);
CREATE INDEX index_namespaces_name_parent_id_type ON namespaces (name, parent_id, type); CREATE INDEX index_on_namespaces_lower_name ON namespaces (lower((name)::text));
CREATE INDEX index_namespaces_on_type_and_id ON namespaces (type, id) INCLUDE (path);
CREATE INDEX index_namespaces_public_groups ON namespaces (id) WHERE (((type)::text = 'Group'::text) AND (visibility_level = 20));
CREATE TABLE users (id bigserial PRIMARY KEY, email varchar DEFAULT ''::varchar NOT NULL, encrypted_password varchar DEFAULT ''::varchar NOT NULL, sign_in_count integer DEFAULT 0, admin boolean DEFAULT false NOT NULL, projects_limit integer NOT NULL,
  state varchar, color_scheme_id integer DEFAULT 1 NOT NULL, otp_backup_codes text, static_object_token_encrypted text, unconfirmed_email varchar, user_type smallint DEFAULT 0,
  CONSTRAINT check_0dd5948e38 CHECK ((user_type IS NOT NULL)), CONSTRAINT check_7bde697e8e CHECK ((char_length(static_object_token_encrypted) <= 255)));
CREATE UNIQUE INDEX index_users_on_email ON users (email); CREATE INDEX index_users_on_state_and_user_type ON users (state, user_type);
CREATE INDEX index_users_for_active_billable_users ON users (id) WHERE (((state)::text = 'active'::text) AND (user_type = ANY (ARRAY[0, 6, 4, 13])) AND (user_type = ANY (ARRAY[0, 4, 5])));
CREATE TABLE projects (id bigserial PRIMARY KEY, name varchar, path varchar, description text, namespace_id bigint NOT NULL, star_count integer DEFAULT 0 NOT NULL, archived boolean DEFAULT false NOT NULL, last_activity_at timestamp, visibility_level integer DEFAULT 0 NOT NULL,
  hidden boolean DEFAULT false NOT NULL, CONSTRAINT check_1a6f946a8a CHECK ((namespace_id IS NOT NULL)));
ALTER TABLE ONLY projects ADD CONSTRAINT fk_projects_namespace FOREIGN KEY (namespace_id) REFERENCES namespaces(id) ON DELETE RESTRICT NOT VALID;
CREATE UNIQUE INDEX index_projects_on_namespace_id_and_path ON projects (namespace_id, path);
CREATE INDEX index_projects_api_created_at_id_desc ON projects (last_activity_at DESC NULLS LAST, id DESC);
CREATE TABLE issues (id bigserial PRIMARY KEY, title varchar, author_id bigint, project_id bigint, iid integer, state_id smallint DEFAULT 1 NOT NULL, relative_position integer, due_date date, weight integer, health_status smallint, namespace_id bigint, correct_work_item_type_id bigint DEFAULT 0 NOT NULL,
  CONSTRAINT check_2addf801cd CHECK ((weight IS NULL OR weight >= 0)), CONSTRAINT check_c33362cd43 CHECK (num_nonnulls(project_id, namespace_id) >= 1));
CREATE UNIQUE INDEX index_issues_on_project_id_and_iid ON issues (project_id, iid); CREATE INDEX index_issues_on_title_trigram ON issues USING gin (title gin_trgm_ops) WITH (fastupdate='false');
CREATE INDEX idx_issues_on_health_status_not_null ON issues (health_status) WHERE (health_status IS NOT NULL);
CREATE INDEX idx_issues_position ON issues (project_id, relative_position, state_id, id DESC);
ALTER TABLE issues ADD CONSTRAINT fk_issues_project FOREIGN KEY (project_id) REFERENCES projects ON DELETE CASCADE; ALTER TABLE issues ADD CONSTRAINT fk_issues_author FOREIGN KEY (author_id) REFERENCES users ON DELETE SET NULL;
CREATE TABLE issue_search_data (project_id bigint NOT NULL, issue_id bigint NOT NULL, search_vector tsvector, namespace_id bigint, CONSTRAINT issue_search_data_pkey PRIMARY KEY (project_id, issue_id)) PARTITION BY HASH (project_id);
DO $$ BEGIN FOR n IN 0..7 LOOP EXECUTE format('CREATE TABLE gitlab_partitions_static.issue_search_data_%s PARTITION OF issue_search_data FOR VALUES WITH (modulus 8, remainder %s)', lpad(n::text, 2, '0'), n); END LOOP; END $$;
CREATE INDEX index_issue_search_data_on_search_vector ON issue_search_data USING gin (search_vector);
ALTER TABLE issue_search_data ADD FOREIGN KEY (issue_id) REFERENCES issues ON DELETE CASCADE;
CREATE TABLE audit_events (id bigserial, author_id bigint NOT NULL, entity_type varchar NOT NULL, details text, ip_address inet, created_at timestamp NOT NULL, target_details text, CONSTRAINT check_492aaa021d CHECK ((char_length(target_details) <= 5500)), PRIMARY KEY (id, created_at)) PARTITION BY RANGE (created_at);
CREATE TABLE gitlab_partitions_dynamic.audit_events_000000 PARTITION OF audit_events FOR VALUES FROM (MINVALUE) TO ('2024-01-01 00:00:00');
CREATE TABLE gitlab_partitions_dynamic.audit_events_202401 PARTITION OF audit_events FOR VALUES FROM ('2024-01-01 00:00:00') TO ('2024-02-01 00:00:00');
CREATE INDEX analytics_index_audit_events_part_on_created_at_and_author_id ON audit_events (created_at, author_id);
CREATE TABLE oncall_shifts (id bigint GENERATED ALWAYS AS IDENTITY (START WITH 100 MINVALUE 100) PRIMARY KEY, rotation_id bigint NOT NULL, participant_id bigint NOT NULL REFERENCES users, starts_at timestamptz NOT NULL, ends_at timestamptz NOT NULL, weight positive,
  CONSTRAINT inc_mgmnt_no_overlapping_oncall_shifts EXCLUDE USING gist (rotation_id WITH =, tstzrange(starts_at, ends_at, '[)'::text) WITH &&));
CREATE TRIGGER projects_loose_fk_trigger AFTER DELETE ON projects REFERENCING OLD TABLE AS old_table FOR EACH STATEMENT EXECUTE FUNCTION insert_into_loose_foreign_keys_deleted_records();
CREATE TRIGGER users_loose_fk_trigger AFTER DELETE ON users REFERENCING OLD TABLE AS old_table FOR EACH STATEMENT EXECUTE FUNCTION insert_into_loose_foreign_keys_deleted_records();
CREATE FUNCTION trigger_0a29d4d42b62() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
IF NEW."namespace_id" IS NULL THEN
  SELECT "namespace_id" INTO NEW."namespace_id" FROM "projects" WHERE "projects"."id" = NEW."project_id";
END IF;
RETURN NEW;
END
$$;
CREATE TRIGGER trigger_0a29d4d42b62 BEFORE INSERT OR UPDATE ON issues FOR EACH ROW EXECUTE FUNCTION trigger_0a29d4d42b62();
CREATE FUNCTION next_traversal_ids_sibling(traversal_ids bigint[]) RETURNS bigint[] LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  return traversal_ids[1:array_length(traversal_ids, 1)-1] || ARRAY[traversal_ids[array_length(traversal_ids, 1)]+1];
END;
$$;
CREATE TABLE schema_migrations (version varchar NOT NULL PRIMARY KEY, finished_at timestamptz DEFAULT now());
CREATE UNLOGGED TABLE p_batched_cache (key bytea PRIMARY KEY, value bytea, expires timestamptz DEFAULT now() + '1 day'::interval) WITH (autovacuum_vacuum_scale_factor='0.01', fillfactor='80');
ALTER TABLE issues ALTER title SET STATISTICS 500; ALTER TABLE projects ALTER description SET STORAGE external;
CREATE VIEW postgres_partitioned_tables AS SELECT pg_class.oid, pg_class.relname AS name, CASE partstrat WHEN 'l' THEN 'list' WHEN 'r' THEN 'range' ELSE 'hash' END AS strategy FROM pg_partitioned_table JOIN pg_class ON pg_class.oid = partrelid;
CREATE VIEW group_view AS WITH RECURSIVE tree AS (SELECT n.id, n.parent_id, 1 AS depth FROM namespaces n WHERE n.parent_id IS NULL UNION ALL SELECT c.id, c.parent_id, t.depth + 1 FROM namespaces c JOIN tree t ON c.parent_id = t.id) SELECT tree.id, tree.depth, (SELECT count(*) FROM projects p WHERE p.namespace_id = tree.id) AS projects FROM tree;
INSERT INTO namespaces (name, path) SELECT 'g' || n, 'g' || n FROM generate_series(1, 20) n; INSERT INTO users (email, projects_limit) SELECT n || '@x', 3 FROM generate_series(1, 20) n;
INSERT INTO projects (name, path, namespace_id) SELECT 'p', 'p', id FROM namespaces; INSERT INTO issues (title, project_id, iid) SELECT 't', id, 1 FROM projects; INSERT INTO issue_search_data SELECT project_id, id FROM issues;
INSERT INTO audit_events (author_id, entity_type, created_at) VALUES (1, 'x', '2023-05-05'), (2, 'y', '2024-01-05'); INSERT INTO loose_foreign_keys_deleted_records (primary_key_value, fully_qualified_table_name) VALUES (1, 'x');
