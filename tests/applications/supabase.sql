-- PostgreSQL 15 and later
-- In the style of Supabase: schemas auth and storage beside public, row level security everywhere, functions that read settings.
CREATE SCHEMA auth; CREATE SCHEMA storage; CREATE SCHEMA private; CREATE SCHEMA graphql_public;
COMMENT ON SCHEMA auth IS 'Who is who';
CREATE TYPE auth.aal_level AS ENUM ('aal1', 'aal2', 'aal3');
CREATE TYPE auth.factor_status AS ENUM ('unverified', 'verified');
CREATE TYPE public.plan AS ENUM ('free', 'pro', 'enterprise');
CREATE DOMAIN public.slug AS text CHECK (VALUE ~ '^[a-z0-9]+(-[a-z0-9]+)*$') NOT NULL;
CREATE DOMAIN public.email_address AS text CHECK (VALUE LIKE '%_@_%');
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
  select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''), (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'))::uuid
$$;
CREATE FUNCTION auth.role() RETURNS text LANGUAGE sql STABLE AS $$ select nullif(current_setting('request.jwt.claim.role', true), '')::text $$;
CREATE TABLE auth.users (
    instance_id uuid, id uuid NOT NULL PRIMARY KEY, aud varchar(255), role varchar(255), email varchar(255), encrypted_password varchar(255),
    email_confirmed_at timestamptz, invited_at timestamptz, confirmation_token varchar(255), raw_app_meta_data jsonb, raw_user_meta_data jsonb,
    is_super_admin boolean, created_at timestamptz, updated_at timestamptz, phone text DEFAULT NULL::varchar UNIQUE,
    phone_change text DEFAULT ''::varchar, confirmed_at timestamptz GENERATED ALWAYS AS (LEAST(email_confirmed_at, invited_at)) STORED,
    email_change_confirm_status smallint DEFAULT 0 CHECK (email_change_confirm_status >= 0 AND email_change_confirm_status <= 2),
    banned_until timestamptz, is_sso_user boolean NOT NULL DEFAULT false, deleted_at timestamptz, is_anonymous boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE auth.users IS 'Auth: Stores user login data within a secure schema.';
COMMENT ON COLUMN auth.users.is_sso_user IS 'Auth: Set this column to true when the account comes from SSO. These accounts can have duplicate emails.';
CREATE UNIQUE INDEX users_email_partial_key ON auth.users (email) WHERE (is_sso_user = false);
COMMENT ON INDEX auth.users_email_partial_key IS 'Auth: A partial unique index that applies only when is_sso_user is false';
CREATE INDEX users_instance_id_email_idx ON auth.users (instance_id, lower((email)::text));
CREATE UNIQUE INDEX confirmation_token_idx ON auth.users USING btree (confirmation_token) WHERE ((confirmation_token)::text !~ '^[0-9 ]*$'::text);
CREATE TABLE auth.sessions (id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE, created_at timestamptz,
    factor_id uuid, aal auth.aal_level, not_after timestamptz, refreshed_at timestamp, user_agent text, ip inet, tag text);
CREATE INDEX user_id_created_at_idx ON auth.sessions (user_id, created_at DESC);
CREATE INDEX sessions_not_after_idx ON auth.sessions (not_after DESC);
CREATE TABLE auth.refresh_tokens (id bigserial PRIMARY KEY, token varchar(255) UNIQUE, user_id varchar(255), revoked boolean, parent varchar(255),
    session_id uuid REFERENCES auth.sessions ON DELETE CASCADE);
CREATE INDEX refresh_tokens_session_id_revoked_idx ON auth.refresh_tokens (session_id, revoked);
CREATE TABLE auth.mfa_factors (id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE, friendly_name text,
    status auth.factor_status NOT NULL, secret text, UNIQUE (user_id, friendly_name));
ALTER TABLE auth.sessions ADD CONSTRAINT sessions_factor_fkey FOREIGN KEY (factor_id) REFERENCES auth.mfa_factors (id) DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE storage.buckets (id text PRIMARY KEY, name text NOT NULL, owner uuid, public boolean DEFAULT false, file_size_limit bigint,
    allowed_mime_types text[], created_at timestamptz DEFAULT now());
CREATE UNIQUE INDEX bname ON storage.buckets (name);
CREATE TABLE storage.objects (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), bucket_id text, name text, owner uuid, metadata jsonb,
    path_tokens text[] GENERATED ALWAYS AS (string_to_array(name, '/'::text)) STORED, version text,
    CONSTRAINT "objects_bucketId_fkey" FOREIGN KEY (bucket_id) REFERENCES storage.buckets (id));
CREATE UNIQUE INDEX bucketid_objname ON storage.objects (bucket_id, name);
CREATE INDEX name_prefix_search ON storage.objects (name text_pattern_ops);
CREATE FUNCTION storage.foldername(name text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE _parts text[];
BEGIN
    SELECT string_to_array(name, '/') INTO _parts;
    RETURN _parts[1 : array_length(_parts, 1) - 1];
END $$;
CREATE TABLE public.profiles (id uuid PRIMARY KEY REFERENCES auth.users ON DELETE CASCADE, username text UNIQUE CHECK (char_length(username) >= 3),
    handle public.slug DEFAULT 'new', contact public.email_address, avatar_url text, updated_at timestamptz);
CREATE TABLE public.organisations (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL, plan public.plan NOT NULL DEFAULT 'free', limits int4range DEFAULT '[1,10)');
CREATE TABLE public.members (organisation_id uuid NOT NULL REFERENCES public.organisations ON DELETE CASCADE, user_id uuid NOT NULL REFERENCES public.profiles,
    role text NOT NULL DEFAULT 'member' CHECK (role = ANY (ARRAY['owner'::text, 'admin'::text, 'member'::text])), PRIMARY KEY (organisation_id, user_id));
CREATE TABLE public.documents (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, organisation_id uuid REFERENCES public.organisations, author uuid DEFAULT auth.uid(),
    title text NOT NULL, body text, tags text[] NOT NULL DEFAULT '{}', search tsvector GENERATED ALWAYS AS (to_tsvector('english', coalesce(title, '') || ' ' || coalesce(body, ''))) STORED,
    during tstzrange, EXCLUDE USING gist (during WITH &&) WHERE (during IS NOT NULL));
CREATE INDEX documents_search ON public.documents USING gin (search);
CREATE INDEX documents_tags ON public.documents USING gin (tags);
CREATE STATISTICS documents_by_author (ndistinct, dependencies) ON organisation_id, author FROM public.documents;
CREATE TABLE public."Imported" ("rowId" int, "Kind of" text);
CREATE STATISTICS "Imported_stats" ON "rowId", "Kind of" FROM public."Imported";
CREATE FUNCTION private.is_member(organisation uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path TO '' AS $$
  select exists (select 1 from public.members m where m.organisation_id = organisation and m.user_id = (select auth.uid()))
$$;
CREATE FUNCTION public.handle_new_user() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path TO '' AS $$
begin
  insert into public.profiles (id, username) values (new.id, new.raw_user_meta_data ->> 'user_name');
  return new;
end;
$$;
CREATE TRIGGER on_auth_user_created AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION public.handle_new_user();
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$ begin new.updated_at = now(); return new; end $$;
CREATE TRIGGER touch BEFORE UPDATE ON public.profiles FOR EACH ROW WHEN (old.* IS DISTINCT FROM new.*) EXECUTE FUNCTION public.touch();
ALTER TABLE public.profiles ENABLE ROW LEVEL SECURITY; ALTER TABLE public.organisations ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.members ENABLE ROW LEVEL SECURITY; ALTER TABLE public.members FORCE ROW LEVEL SECURITY; ALTER TABLE public.documents ENABLE ROW LEVEL SECURITY; ALTER TABLE storage.objects ENABLE ROW LEVEL SECURITY;
CREATE POLICY "Public profiles are viewable by everyone." ON public.profiles FOR SELECT USING (true);
CREATE POLICY "Users can insert their own profile." ON public.profiles FOR INSERT WITH CHECK ((SELECT auth.uid()) = id);
CREATE POLICY "Users can update own profile." ON public.profiles FOR UPDATE USING ((SELECT auth.uid()) = id);
CREATE POLICY members_see_theirs ON public.organisations FOR SELECT USING (private.is_member(id));
CREATE POLICY owners_change ON public.organisations AS RESTRICTIVE FOR UPDATE USING (EXISTS (SELECT 1 FROM public.members m WHERE m.organisation_id = organisations.id AND m.role = 'owner'));
CREATE POLICY own ON public.members USING (user_id = auth.uid()) WITH CHECK (user_id = auth.uid() AND role <> 'owner');
CREATE POLICY documents_of_mine ON public.documents USING (private.is_member(organisation_id));
CREATE POLICY "Avatar images" ON storage.objects FOR SELECT TO pg_monitor, public USING (bucket_id = 'avatars' AND (storage.foldername(name))[1] = 'public');
CREATE VIEW public.member_counts WITH (security_invoker = true) AS SELECT o.id, o.name, count(m.*) AS members FROM public.organisations o LEFT JOIN public.members m ON m.organisation_id = o.id GROUP BY o.id, o.name;
CREATE MATERIALIZED VIEW public.document_words AS SELECT d.organisation_id, sum(length(d.body)) AS words FROM public.documents d GROUP BY d.organisation_id;
CREATE UNIQUE INDEX document_words_key ON public.document_words (organisation_id);
CREATE PUBLICATION supabase_realtime FOR TABLE public.documents, public.profiles WITH (publish = 'insert, update');
GRANT USAGE ON SCHEMA auth, storage TO pg_monitor; GRANT SELECT ON ALL TABLES IN SCHEMA storage TO pg_monitor; GRANT EXECUTE ON FUNCTION private.is_member(uuid) TO pg_monitor;
ALTER DEFAULT PRIVILEGES IN SCHEMA storage GRANT SELECT ON TABLES TO pg_monitor;
REVOKE EXECUTE ON FUNCTION public.handle_new_user() FROM PUBLIC;
INSERT INTO auth.users (id, email, raw_user_meta_data) SELECT gen_random_uuid(), 'u' || n || '@x.y', jsonb_build_object('user_name', 'user' || n) FROM generate_series(1, 20) n;
INSERT INTO public.organisations (name) VALUES ('a'), ('b');
INSERT INTO public.members SELECT o.id, p.id FROM public.organisations o, public.profiles p;
INSERT INTO public.documents (organisation_id, title, body) SELECT o.id, 'T', 'words' FROM public.organisations o;
