-- As Rails makes it: schema_migrations, bigserial keys, unique indexes in place of constraints, jsonb, enums, full text search.
CREATE EXTENSION pg_trgm;
CREATE EXTENSION citext;
CREATE EXTENSION btree_gin;
CREATE TYPE order_state AS ENUM ('cart', 'placed', 'paid', 'sent', 'returned');
CREATE TYPE money_amount AS (cents bigint, currency varchar(3));
CREATE DOMAIN slug AS varchar(80) CHECK (VALUE ~ '^[a-z0-9-]+$' AND length(VALUE) BETWEEN 1 AND 80);
CREATE SEQUENCE invoice_number_seq START 1000 INCREMENT 7 CACHE 5;
CREATE TABLE schema_migrations (version character varying NOT NULL PRIMARY KEY);
CREATE TABLE ar_internal_metadata (
    key character varying NOT NULL PRIMARY KEY, value character varying,
    created_at timestamp(6) without time zone NOT NULL, updated_at timestamp(6) without time zone NOT NULL
);
CREATE TABLE accounts (
    id bigserial PRIMARY KEY, name character varying NOT NULL, subdomain citext NOT NULL, slug slug, settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    flags integer DEFAULT 0 NOT NULL, created_at timestamp(6) without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL, updated_at timestamp(6) without time zone NOT NULL,
    CONSTRAINT check_flags CHECK (flags >= 0 AND flags BETWEEN 0 AND 255)
);
CREATE UNIQUE INDEX index_accounts_on_subdomain ON accounts (subdomain);
CREATE UNIQUE INDEX index_accounts_on_lower_name ON accounts (lower(name::text));
CREATE INDEX index_accounts_on_settings ON accounts USING gin (settings jsonb_path_ops);
CREATE TABLE users (
    id bigserial PRIMARY KEY, account_id bigint NOT NULL, email character varying DEFAULT ''::character varying NOT NULL,
    encrypted_password character varying DEFAULT ''::character varying NOT NULL, reset_password_token character varying,
    sign_in_count integer DEFAULT 0 NOT NULL, current_sign_in_ip inet, locked_at timestamp without time zone, role integer DEFAULT 0,
    tags character varying[] DEFAULT '{}'::character varying[] NOT NULL, time_zone character varying DEFAULT 'UTC',
    created_at timestamp(6) without time zone NOT NULL, updated_at timestamp(6) without time zone NOT NULL
);
CREATE UNIQUE INDEX index_users_on_email ON users (email);
CREATE UNIQUE INDEX index_users_on_reset_password_token ON users (reset_password_token) WHERE reset_password_token IS NOT NULL;
CREATE INDEX index_users_on_account_id_and_created_at ON users (account_id, created_at DESC NULLS LAST) INCLUDE (email);
CREATE INDEX index_users_on_email_trgm ON users USING gin (email gin_trgm_ops);
CREATE INDEX index_users_on_tags ON users USING gin (tags);
ALTER TABLE ONLY users ADD CONSTRAINT fk_rails_61ac11da2b FOREIGN KEY (account_id) REFERENCES accounts(id) ON DELETE CASCADE;
CREATE TABLE products (
    id bigserial PRIMARY KEY, account_id bigint NOT NULL REFERENCES accounts, sku character varying NOT NULL, title text NOT NULL, body text,
    price numeric(10,2) DEFAULT 0.0 NOT NULL, cost money_amount, state character varying DEFAULT 'draft'::character varying NOT NULL,
    search tsvector GENERATED ALWAYS AS (setweight(to_tsvector('english'::regconfig, COALESCE(title, ''::text)), 'A') || setweight(to_tsvector('english'::regconfig, COALESCE(body, ''::text)), 'B')) STORED,
    discontinued_on date, lock_version integer DEFAULT 0 NOT NULL,
    CONSTRAINT products_state_check CHECK (state::text = ANY (ARRAY['draft'::character varying, 'listed'::character varying, 'gone'::character varying]::text[])),
    CONSTRAINT price_is_right CHECK (price >= 0 AND (discontinued_on IS NULL OR price BETWEEN 0 AND 10000))
);
CREATE UNIQUE INDEX index_products_on_account_id_and_sku ON products (account_id, sku);
CREATE INDEX index_products_on_search ON products USING gin (search);
CREATE INDEX index_products_listed ON products (account_id) WHERE ((state)::text = 'listed'::text) AND discontinued_on IS NULL;
CREATE TABLE orders (
    id bigserial PRIMARY KEY, account_id bigint NOT NULL, user_id bigint, number bigint DEFAULT nextval('invoice_number_seq'::regclass) NOT NULL,
    state order_state DEFAULT 'cart'::order_state NOT NULL, placed_at timestamp without time zone, total numeric(12,2) DEFAULT 0 NOT NULL,
    metadata jsonb, note text COLLATE "C"
);
CREATE UNIQUE INDEX index_orders_on_number ON orders (number);
CREATE INDEX index_orders_on_state ON orders (state) WHERE state <> ALL (ARRAY['returned'::order_state, 'cart'::order_state]);
ALTER TABLE orders ADD CONSTRAINT fk_rails_orders_users FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE orders ADD CONSTRAINT fk_rails_orders_accounts FOREIGN KEY (account_id) REFERENCES accounts(id) NOT VALID;
ALTER SEQUENCE invoice_number_seq OWNED BY orders.number;
CREATE TABLE line_items (
    id bigserial PRIMARY KEY, order_id bigint NOT NULL, account_id bigint NOT NULL, sku character varying NOT NULL, quantity integer DEFAULT 1 NOT NULL,
    FOREIGN KEY (account_id, sku) REFERENCES products (account_id, sku) ON UPDATE CASCADE, CHECK (quantity > 0)
);
ALTER TABLE line_items ADD CONSTRAINT fk_rails_line_orders FOREIGN KEY (order_id) REFERENCES orders(id) ON DELETE CASCADE;
CREATE INDEX index_line_items_on_order_id ON line_items USING hash (order_id);
CREATE TABLE friendly_id_slugs (
    id bigserial PRIMARY KEY, slug character varying NOT NULL, sluggable_id integer NOT NULL, sluggable_type character varying(50), scope character varying, created_at timestamp without time zone
);
CREATE UNIQUE INDEX index_friendly_id_slugs_on_slug_and_sluggable_type_and_scope ON friendly_id_slugs (slug, sluggable_type, scope);
CREATE TABLE versions (id bigserial, item_type character varying NOT NULL, item_id bigint NOT NULL, event character varying NOT NULL, whodunnit character varying, object json, created_at timestamp without time zone) PARTITION BY RANGE (created_at);
CREATE TABLE versions_2025 PARTITION OF versions FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE versions_rest PARTITION OF versions DEFAULT;
CREATE INDEX index_versions_on_item_type_and_item_id ON versions (item_type, item_id);
CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END;
$$;
CREATE FUNCTION order_total(o bigint) RETURNS numeric LANGUAGE sql STABLE AS $$
  SELECT coalesce(sum(l.quantity * p.price), 0) FROM line_items l JOIN products p ON p.account_id = l.account_id AND p.sku = l.sku WHERE l.order_id = o
$$;
CREATE TRIGGER touch BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE OF email, role ON users FOR EACH ROW WHEN (old.* IS DISTINCT FROM new.*) EXECUTE FUNCTION touch_updated_at();
CREATE VIEW open_orders AS SELECT o.*, u.email, order_total(o.id) AS computed FROM orders o LEFT JOIN users u ON u.id = o.user_id WHERE o.state <> 'returned' AND o.total BETWEEN 1 AND 1e6;
CREATE MATERIALIZED VIEW sales_by_month AS SELECT date_trunc('month', placed_at) AS month, account_id, sum(total) AS total, count(*) AS orders FROM orders WHERE placed_at IS NOT NULL GROUP BY 1, 2 WITH NO DATA;
CREATE UNIQUE INDEX index_sales_by_month ON sales_by_month (month, account_id);
CREATE STATISTICS products_state_account ON account_id, state FROM products;
COMMENT ON TABLE orders IS 'What people bought; "carts" too: see state';
COMMENT ON COLUMN orders.number IS E'Shown to people\nNot the id';
COMMENT ON INDEX index_orders_on_number IS 'Once';
INSERT INTO schema_migrations VALUES ('20250101000000'), ('20250201000000');
INSERT INTO accounts (name, subdomain, updated_at) VALUES ('One', 'one', now()), ('Two', 'two', now());
INSERT INTO users (account_id, email, created_at, updated_at) SELECT 1, 'u' || n || '@example.org', now(), now() FROM generate_series(1, 20) n;
INSERT INTO products (account_id, sku, title) VALUES (1, 'a', 'A thing'), (1, 'b', 'B thing');
INSERT INTO orders (account_id, user_id) SELECT 1, n FROM generate_series(1, 10) n;
INSERT INTO line_items (order_id, account_id, sku) SELECT id, 1, 'a' FROM orders;
