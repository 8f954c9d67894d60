{# How far each database is from the point where the server stops taking writes (manual: "Routine Vacuuming"). #}
select
    pg_catalog.quote_ident(database.datname) as object,
    case when pg_catalog.age(database.datfrozenxid) >= pg_catalog.mxid_age(database.datminmxid)
        then 'transaction ids' else 'multixact ids' end as what,
    (100 * greatest(pg_catalog.age(database.datfrozenxid), pg_catalog.mxid_age(database.datminmxid))::numeric
        / 2147483647)::int as percent
from pg_catalog.pg_database database
where greatest(pg_catalog.age(database.datfrozenxid), pg_catalog.mxid_age(database.datminmxid)) > {{ age | literal }}
order by percent desc
