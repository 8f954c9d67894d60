-- PostgreSQL 15 and later
-- In the style of a multi-tenant service: row level security for each tenant and role, composite keys with the tenant first, security invoker views, publications by rows and columns.
CREATE SCHEMA app; CREATE SCHEMA app_private; CREATE SCHEMA app_hidden; CREATE SCHEMA "tenant-1";
COMMENT ON SCHEMA app_private IS 'Not for the API';
CREATE TYPE app.role AS ENUM ('viewer', 'editor', 'owner');
CREATE TYPE app_private.jwt AS (role text, tenant_id uuid, user_id bigint, exp timestamptz);
CREATE DOMAIN app.tenant_id AS uuid NOT NULL;
CREATE DOMAIN app.money AS numeric(18, 4) DEFAULT 0 CHECK (VALUE >= 0) CHECK (scale(VALUE) <= 4);
CREATE DOMAIN app.price AS app.money CONSTRAINT below CHECK (VALUE < 1000000 AND (VALUE <> 13 OR VALUE IS NULL));
CREATE FUNCTION app.current_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$ select nullif(current_setting('app.tenant', true), '')::uuid $$;
CREATE FUNCTION app.current_user_id() RETURNS bigint LANGUAGE sql STABLE LEAKPROOF COST 1 RETURN NULLIF(current_setting('app.user', true), '')::bigint;
CREATE FUNCTION app.is_member(t uuid, lowest app.role DEFAULT 'viewer') RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = app, pg_temp SET work_mem = '8MB'
BEGIN ATOMIC
  SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class WHERE relname = t::text AND lowest = 'viewer'::app.role);
END;
CREATE TABLE app.tenants (id app.tenant_id DEFAULT gen_random_uuid() PRIMARY KEY, slug text NOT NULL UNIQUE NULLS NOT DISTINCT, name text NOT NULL, region text NOT NULL DEFAULT 'eu' CHECK (region IN ('eu', 'us', 'ap')), config jsonb NOT NULL DEFAULT jsonb_build_object('seats', 5), created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE app.users (tenant_id app.tenant_id REFERENCES app.tenants ON DELETE CASCADE, id bigint GENERATED ALWAYS AS IDENTITY, email text NOT NULL, name text COLLATE "POSIX", role app.role NOT NULL DEFAULT 'viewer', PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, email));
CREATE TABLE app.projects (tenant_id app.tenant_id, id bigint GENERATED ALWAYS AS IDENTITY (MINVALUE -5 START WITH -5), owner_id bigint, title text NOT NULL, archived boolean NOT NULL DEFAULT false, budget app.price,
    PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, owner_id) REFERENCES app.users ON DELETE SET NULL (owner_id), FOREIGN KEY (tenant_id) REFERENCES app.tenants (id));
CREATE TABLE app.tasks (tenant_id app.tenant_id, project_id bigint NOT NULL, id uuid DEFAULT gen_random_uuid(), assignee bigint, title text NOT NULL, done boolean NOT NULL DEFAULT false, due date, weight numeric DEFAULT 1.0, labels text[] DEFAULT ARRAY['a', 'b'], "order" integer, PRIMARY KEY (tenant_id, id),
    CONSTRAINT tasks_project FOREIGN KEY (tenant_id, project_id) REFERENCES app.projects (tenant_id, id) MATCH FULL ON DELETE CASCADE ON UPDATE CASCADE DEFERRABLE,
    CONSTRAINT due_when_done CHECK (done OR due IS NOT NULL OR (weight > 0 AND (weight < 100 AND weight <> 50)))) PARTITION BY HASH (tenant_id);
CREATE TABLE app.tasks_0 PARTITION OF app.tasks FOR VALUES WITH (modulus 2, remainder 0);
CREATE TABLE app.tasks_1 PARTITION OF app.tasks FOR VALUES WITH (modulus 2, remainder 1) WITH (fillfactor = 80);
CREATE INDEX tasks_due ON app.tasks (tenant_id, due) WHERE NOT done;
CREATE UNIQUE INDEX tasks_order ON app.tasks (tenant_id, project_id, "order") NULLS NOT DISTINCT;
CREATE TABLE app.secrets (tenant_id app.tenant_id PRIMARY KEY REFERENCES app.tenants, value bytea, hint text);
CREATE TABLE app_private.sessions (token uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id uuid, claims app_private.jwt, seen inet DEFAULT inet_client_addr());
CREATE TABLE app.audit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id uuid DEFAULT app.current_tenant(), at timestamptz DEFAULT clock_timestamp(), who text DEFAULT SESSION_USER, what jsonb);
CREATE TABLE "tenant-1"."Order Lines" ("Line No" integer, "it's" text DEFAULT 'it''s', "a""b" text, PRIMARY KEY ("Line No")) ;
CREATE INDEX "odd name" ON "tenant-1"."Order Lines" ("a""b", lower("it's")) WHERE "a""b" <> '';
CREATE POLICY "odd ""policy""" ON "tenant-1"."Order Lines" USING ("it's" = 'x');
ALTER TABLE "tenant-1"."Order Lines" ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.tenants ENABLE ROW LEVEL SECURITY; ALTER TABLE app.users ENABLE ROW LEVEL SECURITY; ALTER TABLE app.users FORCE ROW LEVEL SECURITY; ALTER TABLE app.projects ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.tasks ENABLE ROW LEVEL SECURITY; ALTER TABLE app.tasks_0 ENABLE ROW LEVEL SECURITY; ALTER TABLE app.secrets ENABLE ROW LEVEL SECURITY; ALTER TABLE app.secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY tenants_read ON app.tenants FOR SELECT USING (id = app.current_tenant() OR app.is_member(id));
CREATE POLICY tenants_all ON app.tenants AS RESTRICTIVE TO pg_read_all_data, PUBLIC USING (((config ->> 'blocked'::text)) IS NULL);
CREATE POLICY users_self ON app.users FOR UPDATE USING (tenant_id = app.current_tenant() AND id = app.current_user_id()) WITH CHECK (tenant_id = app.current_tenant() AND role = (SELECT u.role FROM app.users u WHERE u.id = users.id AND u.tenant_id = users.tenant_id));
CREATE POLICY users_read ON app.users FOR SELECT USING ((SELECT app.current_tenant()) = tenant_id);
CREATE POLICY projects_rw ON app.projects USING (tenant_id = app.current_tenant() AND NOT archived AND budget BETWEEN 0 AND 10) WITH CHECK (title !~~* 'x%');
CREATE POLICY tasks_rw ON app.tasks USING (tenant_id = app.current_tenant() AND EXISTS (SELECT 1 FROM app.projects p WHERE p.tenant_id = tasks.tenant_id AND p.id = tasks.project_id AND (p.archived IS FALSE)));
CREATE POLICY tasks_insert ON app.tasks FOR INSERT TO pg_write_all_data, CURRENT_USER WITH CHECK (true);
CREATE POLICY none ON app.secrets FOR DELETE USING (false);
COMMENT ON POLICY none ON app.secrets IS 'Nobody';
CREATE VIEW app.my_tasks WITH (security_invoker = true) AS SELECT t.*, p.title AS project FROM app.tasks t JOIN app.projects p USING (tenant_id) WHERE t.assignee = app.current_user_id();
CREATE VIEW app.open_projects WITH (security_barrier = true, check_option = cascaded) AS SELECT tenant_id, id, title, archived FROM app.projects WHERE NOT archived;
CREATE VIEW app.members(tenant, how_many, roles) AS SELECT tenant_id, count(*), array_agg(DISTINCT role ORDER BY role DESC) FROM app.users GROUP BY GROUPING SETS ((tenant_id), ());
CREATE FUNCTION app_private.log() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ begin insert into app.audit (what) values (jsonb_build_object('op', tg_op, 'new', to_jsonb(new))); return null; end $$;
CREATE FUNCTION app_private.insert_open() RETURNS trigger LANGUAGE plpgsql AS $$ begin insert into app.projects (tenant_id, title) values (new.tenant_id, new.title); return new; end $$;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.tasks FOR EACH ROW EXECUTE FUNCTION app_private.log();
CREATE TRIGGER audit AFTER INSERT ON app.projects FOR EACH ROW WHEN (new.budget > 5 OR new.archived) EXECUTE FUNCTION app_private.log();
CREATE TRIGGER io INSTEAD OF INSERT ON app.open_projects FOR EACH ROW EXECUTE FUNCTION app_private.insert_open();
CREATE PROCEDURE app.close_project(IN p bigint, INOUT n integer DEFAULT 0) LANGUAGE plpgsql AS $$ begin update app.tasks set done = true where project_id = p; get diagnostics n = row_count; commit; end $$;
CREATE FUNCTION app.search(q text, VARIADIC labels text[] DEFAULT '{}') RETURNS TABLE (id uuid, title text, rank real) LANGUAGE sql STABLE ROWS 10 AS $$ select id, title, ts_rank(to_tsvector(title), to_tsquery(q)) from app.tasks where tasks.labels @> search.labels $$;
CREATE PUBLICATION tenants_eu FOR TABLE app.tenants (id, slug, region) WHERE (region = 'eu'), app.audit WITH (publish = 'insert, update');
CREATE PUBLICATION app_all FOR TABLES IN SCHEMA app_hidden;
ALTER TABLE app.audit REPLICA IDENTITY FULL; ALTER TABLE app.tenants REPLICA IDENTITY DEFAULT;
REVOKE ALL ON SCHEMA app_private FROM PUBLIC; GRANT USAGE ON SCHEMA app TO PUBLIC; GRANT USAGE ON SCHEMA app TO pg_monitor WITH GRANT OPTION;
GRANT SELECT (tenant_id, email), UPDATE (name) ON app.users TO pg_monitor; GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA app TO pg_read_all_settings; REVOKE INSERT ON app.audit FROM pg_read_all_settings;
REVOKE EXECUTE ON FUNCTION app.is_member(uuid, app.role) FROM PUBLIC; GRANT EXECUTE ON FUNCTION app.is_member(uuid, app.role) TO pg_monitor; REVOKE USAGE ON TYPE app.role FROM PUBLIC; GRANT USAGE ON TYPE app.role TO pg_monitor;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO pg_monitor; ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT USAGE ON SEQUENCES TO pg_monitor; ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
INSERT INTO app.tenants (slug, name) SELECT 's' || n, 'T' || n FROM generate_series(1, 10) n;
INSERT INTO app.users (tenant_id, email) SELECT id, 'x' || n || '@y' FROM app.tenants, generate_series(1, 9) n;
INSERT INTO app.projects (tenant_id, title) SELECT id, 'P' FROM app.tenants;
INSERT INTO app.tasks (tenant_id, project_id, title, "order") SELECT p.tenant_id, p.id, 't' || n, n FROM app.projects p, generate_series(1, 9) n;
