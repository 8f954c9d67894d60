{# Prepared transactions that nobody finished: they keep locks and hold back vacuum, also over a restart. #}
select
    pg_catalog.quote_literal(prepared.gid) as object,
    prepared.owner::text as role,
    pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - prepared.prepared)::int as seconds
from pg_catalog.pg_prepared_xacts prepared
where prepared.database = pg_catalog.current_database()
    and prepared.prepared < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => {{ prepared | literal }})
order by prepared.prepared
