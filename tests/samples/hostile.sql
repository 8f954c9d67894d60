-- Names and texts that must be quoted in SQL, in YAML, in Jinja or in all of them.
CREATE SCHEMA "a.b";
CREATE TABLE "a.b"."select" ("on" text, "yes" integer DEFAULT 1, "x y" text DEFAULT '{{ 1 }}', "Größe" int, "#" int, "- a: b" int,
  "null" int PRIMARY KEY, "1" int UNIQUE, "quote""d" int CHECK ("quote""d" > 0), "it's" text CHECK ("it's" IN ('{% x %}', 'b\c', 'true')));
CREATE TABLE "Mixed Case" ("Id" int PRIMARY KEY, "order" int REFERENCES "a.b"."select", "user" text COLLATE "C", "a,b" int, "f(x)" int);
CREATE INDEX "Mixed, Index" ON "Mixed Case" ("f(x)", "a,b" DESC, lower("user"), (("order" + 1)));
COMMENT ON TABLE "Mixed Case" IS E'{{ not jinja }}\n  two lines: "x" # no\n\ttab\\';
COMMENT ON COLUMN "Mixed Case"."Id" IS ' leading and trailing: ';
CREATE FUNCTION "Do.It"("a b" text, "default" int DEFAULT 0) RETURNS text LANGUAGE plpgsql AS $body$
begin
  -- {% raw %} {{ x }} $body2$ 'it''s' \
  return "a b" || '{{1,2}}';
end
$body$;
CREATE FUNCTION "Fire It"() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';
CREATE TRIGGER "a trigger" AFTER UPDATE OF "a,b" ON "Mixed Case" FOR EACH ROW EXECUTE FUNCTION "Fire It"('x', 'it''s');
CREATE VIEW "View: 1" AS SELECT "Id", '{{1}}'::text AS "{%", E'line\nline' AS "two lines" FROM "Mixed Case";
CREATE TYPE "Mood: x" AS ENUM ('on', 'yes', '1', '', 'null', '~', '{{', 'a''b', ' x ');
CREATE DOMAIN "Dom ain" AS text CHECK (VALUE <> '{#');
CREATE TABLE moods (a "Mood: x" DEFAULT 'on' CHECK (a IN ('on', '1')), b "Mood: x"[] DEFAULT '{on}', c "Dom ain" DEFAULT E'a\nb');
