create type mood as enum ('fine', 'bad', 'other');
create table customer (id bigint primary key, email text not null, region int, doc jsonb, mood mood, vip boolean, created timestamptz);
create unique index customer_email on customer (lower(email));
create index customer_doc on customer using gin (doc jsonb_path_ops);
create table sale (
    id bigint primary key, customer_id bigint references customer, status text, total numeric, placed timestamptz, note text,
    tags text[], span int4range
);
create index sale_customer on sale (customer_id);
create index sale_open on sale (placed) where status = 'open';
create index sale_status on sale (status);
create index sale_brin on sale using brin (placed);
create index sale_note on sale using gin (to_tsvector('simple', note));
create index sale_tags on sale using gin (tags);
create table line (sale_id bigint references sale, n int, product int, qty int, primary key (sale_id, n));
create index line_product on line (product) include (qty);
create table event (id bigint, at timestamptz not null, kind text, payload text) partition by range (at);
create table event_1 partition of event for values from ('2026-01-01') to ('2026-02-01');
create table event_2 partition of event for values from ('2026-02-01') to ('2026-03-01');
create table event_3 partition of event for values from ('2026-03-01') to ('2026-04-01');
create index event_at on event (at);
create index event_kind on event (kind);
create table place (city text, zip text, region int);
create statistics place_pairs (ndistinct, dependencies) on city, zip from place;
create index place_city on place (city);
create view open_sale as select s.id, s.customer_id, s.placed from sale s where s.status = 'open';
create materialized view top as select product, sum(qty) as q from line group by product;
