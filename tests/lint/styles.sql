--! Hibernate, quoted words => C02
alter table if exists "orders" add column "tenant_id" bigint not null;
--! Rails' structure.sql, an expression => I01
CREATE UNIQUE INDEX index_users_on_lower_email ON public.users USING btree (lower((email)::text));
INSERT INTO "schema_migrations" (version) VALUES ('20260101000000');
--! Prisma, two changes behind a comment that warns => C02 C10
/*
  Warnings:
  - You are about to drop the column `name` on the `User` table.
*/
ALTER TABLE "User" DROP COLUMN "name", ADD COLUMN     "fullName" TEXT NOT NULL;
--! Supabase, a foreign key to another schema => K02
alter table "public"."profiles" add constraint "profiles_owner_fkey" FOREIGN KEY (owner) REFERENCES auth.users(id);
--! a constraint within IF NOT EXISTS of a block => K01
DO $do$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'ck') THEN
    ALTER TABLE accounts ADD CONSTRAINT ck CHECK (balance >= 0);
  END IF;
END
$do$;
--! comments between all words => T02
ALTER /* the */ TABLE /* big one */ ONLY -- really
  "Weird ""Name""" /* x */ RENAME /* y */ TO "Other";
--! psql's variables for the schema => T01
\set ON_ERROR_STOP on
\set schema shop
DROP TABLE :"schema".orders;
--! a block in a string, EXECUTE in it => C10
DO 'BEGIN EXECUTE ''ALTER TABLE orders DROP COLUMN note''; END';
--! an extension with all that uses it => S11 S13
DROP EXTENSION hstore CASCADE;
--! an attribute with its values => Y06
ALTER TYPE addr DROP ATTRIBUTE zip;
--! a policy that is always true, beside others => V05
CREATE POLICY everybody ON orders FOR SELECT USING (true);
--! a policy that restricts, and one of a new table => nothing
CREATE POLICY mine ON orders AS RESTRICTIVE USING (true);
CREATE POLICY own ON orders USING (owner = current_user);
CREATE TABLE posts (id bigint PRIMARY KEY);
CREATE POLICY everybody ON posts FOR SELECT USING (true);
--! Rails' structure.sql of a new table => nothing
CREATE TABLE public.posts (id bigint NOT NULL, title character varying, user_id bigint NOT NULL);
CREATE SEQUENCE public.posts_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.posts_id_seq OWNED BY public.posts.id;
ALTER TABLE ONLY public.posts ALTER COLUMN id SET DEFAULT nextval('public.posts_id_seq'::regclass);
ALTER TABLE ONLY public.posts ADD CONSTRAINT posts_pkey PRIMARY KEY (id);
CREATE INDEX index_posts_on_user_id ON public.posts USING btree (user_id);
SET search_path TO "$user", public;
--! Supabase, a new table with its policies => nothing
create table "public"."notes" ("id" uuid not null default gen_random_uuid(), "owner" uuid not null, "body" text);
alter table "public"."notes" enable row level security;
CREATE UNIQUE INDEX notes_pkey ON public.notes USING btree (id);
alter table "public"."notes" add constraint "notes_pkey" PRIMARY KEY using index "notes_pkey";
create policy "own" on "public"."notes" as permissive for select to authenticated using (true);
grant select on table "public"."notes" to "authenticated";
--! pg_dump with rows => nothing
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE public.items (id integer NOT NULL, data jsonb);
ALTER TABLE public.items OWNER TO shop;
COPY public.items (id, data) FROM stdin;
1	{"a": 1}
\.
ALTER TABLE ONLY public.items ADD CONSTRAINT items_pkey PRIMARY KEY (id);
CREATE INDEX items_data ON public.items USING gin (data);
--! dangerous words in strings => nothing
INSERT INTO changelog (what) VALUES ('ALTER TABLE users DROP COLUMN email; TRUNCATE x'), (E'it''s \\ fine'), ($q$DROP TABLE y;$q$);
