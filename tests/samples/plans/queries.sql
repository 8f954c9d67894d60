select * from customer where id = 5
select * from customer where lower(email) = 'u77@x.org'
select * from customer where doc @> '{"tag":17}'
select * from customer where region = 3
select count(*) from customer where region = 49
select * from customer where mood = 'bad'
select * from customer where vip
select * from sale where customer_id = 17
select * from sale where status = 'open' and placed > '2026-01-10'
select * from sale where placed between '2026-01-05' and '2026-01-06'
select * from sale where to_tsvector('simple', note) @@ to_tsquery('simple', 'w77')
select * from sale where tags @> array['t3']
select * from sale where tags @> array['u3']
select * from sale where span @> 7
select * from sale where status = 'paid' order by placed desc limit 20
select * from sale where status in ('open', 'paid')
select * from sale where note like 'note 1%'
select * from sale where placed > now()
select * from sale order by id desc limit 10
select id from open_sale where customer_id = 5
select c.email, o.total from customer c join sale o on o.customer_id = c.id where c.region = 12
select c.region, sum(o.total) from customer c join sale o on o.customer_id = c.id group by 1
select o.id, l.product from sale o join line l on l.sale_id = o.id where o.status = 'open'
select product, sum(qty) from line where product = 5 group by 1
select product, sum(qty) from line group by 1 order by 2 desc limit 5
select * from line where sale_id = 777
select count(*) from line where product between 900 and 999
select * from event where at between '2026-02-03' and '2026-02-04'
select kind, count(*) from event group by 1
select * from event where kind = 'k3' and at > '2026-03-10'
select * from event where at = '2026-01-15 10:00'
select city, zip, count(*) from place group by 1, 2
select * from place where city = 'c7' and zip = 'z7'
select * from top where q > 1000
select c.id from customer c where not exists (select 1 from sale o where o.customer_id = c.id and o.status = 'open')
select c.id from customer c where exists (select 1 from sale o where o.customer_id = c.id and o.status = 'open')
select o.status, l.product, count(*) from customer c join sale o on o.customer_id = c.id join line l on l.sale_id = o.id where c.region in (1, 2) and l.product < 10 group by 1, 2
select distinct region from customer
select max(placed) from sale
select * from sale o join lateral (select * from line l where l.sale_id = o.id limit 1) x on true where o.customer_id < 50
with few as (select id from customer where region = 7) select count(*) from sale where customer_id in (select id from few)
update sale set status = 'done' where status = 'open' and placed < '2026-01-10'
delete from customer where id = 9
select $1::bigint, * from sale where customer_id = $1
select * from sale where status = $1 and placed > $2
