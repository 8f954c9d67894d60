-- PostgreSQL 15 and later
-- In the style of Hasura: event triggers as tables in hdb_catalog, computed fields as functions, enums as tables.
CREATE SCHEMA hdb_catalog; CREATE SCHEMA audit;
CREATE EXTENSION citext;
CREATE EXTENSION hstore;
CREATE FUNCTION hdb_catalog.gen_hasura_uuid() RETURNS uuid LANGUAGE sql AS 'select gen_random_uuid()';
CREATE TABLE hdb_catalog.hdb_version (hasura_uuid uuid DEFAULT hdb_catalog.gen_hasura_uuid() PRIMARY KEY, version text NOT NULL, upgraded_on timestamptz NOT NULL, cli_state jsonb DEFAULT '{}'::jsonb NOT NULL);
CREATE UNIQUE INDEX hdb_version_one_row ON hdb_catalog.hdb_version (((version IS NOT NULL)));
CREATE TABLE hdb_catalog.hdb_metadata (id integer PRIMARY KEY, metadata json NOT NULL, resource_version integer DEFAULT 1 NOT NULL UNIQUE);
CREATE TABLE hdb_catalog.event_log (id text DEFAULT hdb_catalog.gen_hasura_uuid() NOT NULL PRIMARY KEY, schema_name text NOT NULL, table_name text NOT NULL, trigger_name text NOT NULL,
    payload jsonb NOT NULL, delivered boolean DEFAULT false NOT NULL, error boolean DEFAULT false NOT NULL, tries integer DEFAULT 0 NOT NULL, created_at timestamp DEFAULT now(), locked timestamptz, next_retry_at timestamp);
CREATE INDEX event_log_fetch_events ON hdb_catalog.event_log (locked NULLS FIRST, next_retry_at NULLS FIRST, created_at) WHERE ((delivered = false) AND (error = false));
CREATE INDEX event_log_trigger_name_idx ON hdb_catalog.event_log (trigger_name);
CREATE TABLE hdb_catalog.event_invocation_logs (id text DEFAULT hdb_catalog.gen_hasura_uuid() PRIMARY KEY, event_id text REFERENCES hdb_catalog.event_log (id), status integer, request json, response json);
CREATE TABLE hdb_catalog.hdb_cron_events (id text DEFAULT hdb_catalog.gen_hasura_uuid() PRIMARY KEY, trigger_name text NOT NULL, scheduled_time timestamptz NOT NULL, status text DEFAULT 'scheduled'::text NOT NULL,
    tries integer DEFAULT 0 NOT NULL, CONSTRAINT valid_status CHECK ((status = ANY (ARRAY['scheduled'::text, 'locked'::text, 'delivered'::text, 'error'::text, 'dead'::text]))));
CREATE UNIQUE INDEX hdb_cron_events_unique_scheduled ON hdb_catalog.hdb_cron_events (trigger_name, scheduled_time) WHERE (status = 'scheduled'::text);
CREATE FUNCTION hdb_catalog.insert_event_log(schema_name text, table_name text, trigger_name text, op text, row_data json) RETURNS text LANGUAGE plpgsql AS $$
  DECLARE
    id text;
    payload json;
  BEGIN
    id := gen_random_uuid();
    payload := json_build_object('op', op, 'data', row_data);
    INSERT INTO hdb_catalog.event_log (id, schema_name, table_name, trigger_name, payload) VALUES (id, schema_name, table_name, trigger_name, payload);
    RETURN id;
  END;
$$;
CREATE TABLE public.order_statuses (value text PRIMARY KEY, comment text);
INSERT INTO public.order_statuses VALUES ('NEW', 'just made'), ('PAID', NULL), ('SENT', 'on its way');
CREATE TYPE public.money_amount AS (currency char(3), amount numeric(14,2));
CREATE TYPE public.floatrange AS RANGE (subtype = double precision, subtype_diff = float8mi);
CREATE TABLE public.users (id uuid DEFAULT gen_random_uuid() PRIMARY KEY, email citext NOT NULL UNIQUE, first_name text NOT NULL, last_name text NOT NULL, created_at timestamptz DEFAULT now() NOT NULL, updated_at timestamptz DEFAULT now() NOT NULL, attributes hstore, height public.floatrange);
CREATE TABLE public.orders (id serial PRIMARY KEY, user_id uuid NOT NULL REFERENCES public.users (id) ON UPDATE RESTRICT ON DELETE RESTRICT, status text DEFAULT 'NEW'::text NOT NULL REFERENCES public.order_statuses (value), total public.money_amount, placed_on date DEFAULT CURRENT_DATE, updated_at timestamptz DEFAULT now() NOT NULL);
CREATE TABLE public.order_items (order_id integer NOT NULL REFERENCES public.orders ON DELETE CASCADE, line smallint NOT NULL, sku text NOT NULL, quantity integer DEFAULT 1 NOT NULL, price numeric(12,2) NOT NULL, PRIMARY KEY (order_id, line), CONSTRAINT quantity_positive CHECK (quantity > 0 AND quantity < 1000 AND (price > 0 OR sku = 'gift')));
CREATE SEQUENCE public.invoice_number START 1000 INCREMENT 1 CACHE 20;
CREATE TABLE public.invoices (number bigint DEFAULT nextval('public.invoice_number'::regclass) PRIMARY KEY, order_id integer UNIQUE REFERENCES public.orders, issued timestamptz DEFAULT now());
ALTER SEQUENCE public.invoice_number OWNED BY public.invoices.number;
CREATE FUNCTION public.set_current_timestamp_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  _new record;
BEGIN
  _new := NEW;
  _new."updated_at" = NOW();
  RETURN _new;
END;
$$;
CREATE TRIGGER set_public_users_updated_at BEFORE UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION public.set_current_timestamp_updated_at();
COMMENT ON TRIGGER set_public_users_updated_at ON public.users IS 'trigger to set value of column "updated_at" to current timestamp on row update';
CREATE TRIGGER set_public_orders_updated_at BEFORE UPDATE ON public.orders FOR EACH ROW EXECUTE FUNCTION public.set_current_timestamp_updated_at();
COMMENT ON TRIGGER set_public_orders_updated_at ON public.orders IS 'trigger to set value of column "updated_at" to current timestamp on row update';
CREATE FUNCTION hdb_catalog."notify_hasura_order_placed_INSERT"() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM hdb_catalog.insert_event_log(CAST(TG_TABLE_SCHEMA AS text), CAST(TG_TABLE_NAME AS text), CAST('order_placed' AS text), TG_OP, row_to_json(NEW));
    RETURN NULL;
  END;
$$;
CREATE TRIGGER "notify_hasura_order_placed_INSERT" AFTER INSERT ON public.orders FOR EACH ROW EXECUTE FUNCTION hdb_catalog."notify_hasura_order_placed_INSERT"();
CREATE FUNCTION public.user_full_name(user_row public.users) RETURNS text LANGUAGE sql STABLE AS $$ SELECT user_row.first_name || ' ' || user_row.last_name $$;
CREATE FUNCTION public.search_orders(search text, "limit" integer DEFAULT 10) RETURNS SETOF public.orders LANGUAGE sql STABLE AS $$ SELECT o.* FROM public.orders o JOIN public.users u ON u.id = o.user_id WHERE u.email ILIKE '%' || search || '%' LIMIT "limit" $$;
CREATE AGGREGATE public.total_of(numeric) (SFUNC = numeric_add, STYPE = numeric, INITCOND = '0');
CREATE VIEW public.order_totals AS SELECT o.id, public.total_of(i.price * i.quantity) AS total, rank() OVER (PARTITION BY o.user_id ORDER BY o.id DESC) AS recent FROM public.orders o JOIN public.order_items i ON i.order_id = o.id GROUP BY o.id;
CREATE VIEW public.open_orders AS SELECT o.id, o.status FROM public.orders o WHERE o.status <> 'SENT' WITH CASCADED CHECK OPTION;
CREATE RULE open_orders_delete AS ON DELETE TO public.open_orders DO INSTEAD UPDATE public.orders SET status = 'SENT' WHERE orders.id = old.id;
CREATE TABLE audit.logged_actions (event_id bigserial, schema_name text NOT NULL, table_name text NOT NULL, at timestamptz NOT NULL DEFAULT now(), action text NOT NULL CHECK (action IN ('I', 'D', 'U', 'T')), row_data hstore, PRIMARY KEY (event_id, at)) PARTITION BY RANGE (at);
CREATE TABLE audit.logged_actions_2024 PARTITION OF audit.logged_actions FOR VALUES FROM ('2024-01-01 00:00+00') TO ('2025-01-01 00:00+00');
CREATE TABLE audit.logged_actions_rest PARTITION OF audit.logged_actions DEFAULT;
CREATE INDEX logged_actions_table ON audit.logged_actions (schema_name, table_name);
CREATE FUNCTION audit.if_modified_func() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path TO pg_catalog, public AS $$
BEGIN
  INSERT INTO audit.logged_actions (schema_name, table_name, action, row_data) VALUES (TG_TABLE_SCHEMA, TG_TABLE_NAME, left(TG_OP, 1), NULL);
  RETURN NULL;
END $$;
CREATE TRIGGER audit_trigger_stm AFTER TRUNCATE ON public.orders FOR EACH STATEMENT EXECUTE FUNCTION audit.if_modified_func();
CREATE TRIGGER audit_trigger_row AFTER INSERT OR DELETE OR UPDATE OF status, total ON public.orders FOR EACH ROW EXECUTE FUNCTION audit.if_modified_func();
CREATE CONSTRAINT TRIGGER items_are_there AFTER INSERT ON public.orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.if_modified_func();
CREATE MATERIALIZED VIEW public.sales_by_day AS SELECT placed_on, count(*) AS orders FROM public.orders GROUP BY placed_on WITH DATA;
CREATE UNIQUE INDEX sales_by_day_key ON public.sales_by_day (placed_on);
CREATE STATISTICS orders_by_user ON user_id, status FROM public.orders;
GRANT SELECT, INSERT (sku, price), UPDATE (price) ON public.order_items TO pg_monitor; GRANT SELECT ON public.orders TO pg_monitor WITH GRANT OPTION;
INSERT INTO public.users (email, first_name, last_name) SELECT 'a' || n || '@b.c', 'A', n::text FROM generate_series(1, 30) n;
INSERT INTO public.orders (user_id) SELECT id FROM public.users;
INSERT INTO public.order_items SELECT id, 1, 'sku' || id, 2, 9.5 FROM public.orders;
INSERT INTO public.invoices (order_id) SELECT id FROM public.orders;
