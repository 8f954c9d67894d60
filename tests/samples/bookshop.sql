-- A bookshop with editions, authors and orders, in two schemas.
CREATE SCHEMA sales;
CREATE TABLE authors (id bigint PRIMARY KEY, name text NOT NULL, born date CHECK (born < '2020-01-01'));
CREATE TABLE books (
    isbn char(13) PRIMARY KEY,
    title text NOT NULL CHECK (length(title) > 0),
    price numeric(8, 2) DEFAULT 0.00 CHECK (price >= 0),
    genre text NOT NULL DEFAULT 'novel' CHECK (genre IN ('novel', 'poems', 'it''s both')),
    notes jsonb NOT NULL DEFAULT '{}',
    shelf integer CHECK (shelf IN (1, 2, 3))
);
CREATE TABLE book_authors (
    isbn char(13) REFERENCES books ON UPDATE CASCADE ON DELETE CASCADE,
    author_id bigint REFERENCES authors,
    place smallint NOT NULL DEFAULT -1,
    PRIMARY KEY (isbn, author_id)
);
CREATE TABLE sales.customers (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text, boss uuid REFERENCES sales.customers);
CREATE TABLE sales.orders (
    id bigserial PRIMARY KEY,
    customer uuid NOT NULL REFERENCES sales.customers MATCH FULL ON DELETE SET NULL,
    isbn char(13) NOT NULL,
    placed timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    paid boolean NOT NULL DEFAULT false,
    CONSTRAINT orders_of_books FOREIGN KEY (isbn) REFERENCES books (isbn) NOT VALID
);
COMMENT ON CONSTRAINT orders_of_books ON sales.orders IS 'Old orders are of books that are gone';
CREATE INDEX orders_open ON sales.orders (customer, placed DESC) INCLUDE (isbn) WHERE NOT paid;
CREATE INDEX books_notes ON books USING gin (notes jsonb_path_ops) WITH (fastupdate = off);
CREATE INDEX books_title ON books (title COLLATE "C", (price * 2));
CREATE VIEW sales.open_orders AS SELECT o.*, b.title FROM sales.orders o JOIN public.books b USING (isbn) WHERE NOT paid;
COMMENT ON COLUMN sales.open_orders.title IS 'As printed';
CREATE FUNCTION sales.total(customer uuid) RETURNS numeric LANGUAGE sql STABLE AS $f$

  SELECT sum(b.price) FROM sales.orders o JOIN public.books b USING (isbn) WHERE o.customer = total.customer;
$f$;
ALTER TABLE books ALTER title SET STORAGE EXTERNAL, ALTER genre SET STATISTICS 500;
ALTER TABLE authors REPLICA IDENTITY FULL;
