{# Collations whose library sorts otherwise than when the indexes were built: these may miss rows. #}
{% if version >= 150000 %}
select
    pg_catalog.quote_ident(database.datname) as object,
    'database' as what,
    'DATABASE' as statement,
    'COLLATION VERSION' as version,
    pg_catalog.quote_ident(database.datname) as database,
    database.datcollversion as was,
    pg_catalog.pg_database_collation_actual_version(database.oid) as now
from pg_catalog.pg_database database
where database.datname = pg_catalog.current_database()
    and database.datcollversion <> pg_catalog.pg_database_collation_actual_version(database.oid)
union all
{% endif %}
select
    pg_catalog.format('%I.%I', namespace.nspname, collation_of.collname) as object,
    'collation' as what,
    'COLLATION' as statement,
    'VERSION' as version,
    pg_catalog.quote_ident(pg_catalog.current_database()) as database,
    collation_of.collversion as was,
    pg_catalog.pg_collation_actual_version(collation_of.oid) as now
from pg_catalog.pg_collation collation_of
join pg_catalog.pg_namespace namespace on namespace.oid = collation_of.collnamespace
where collation_of.collversion <> pg_catalog.pg_collation_actual_version(collation_of.oid)
    {# The library's own collations matter where a column or an index uses them. #}
    and (
        exists (select from pg_catalog.pg_attribute used where used.attcollation = collation_of.oid and used.attnum > 0)
        or namespace.nspname <> 'pg_catalog'
    )
order by 1
