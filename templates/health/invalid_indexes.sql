{# Indexes that cost writes and serve no query: a concurrent build that failed. One that is being built is none. #}
select
    pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as object,
    pg_catalog.format('%I.%I', namespace.nspname, owner.relname) as relation,
    case
        when index.indisprimary or index.indisunique then 'unique index'
        else 'index'
    end as what
from pg_catalog.pg_index index
join pg_catalog.pg_class relation on relation.oid = index.indexrelid
join pg_catalog.pg_class owner on owner.oid = index.indrelid
join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
where not (index.indisvalid and index.indisready and index.indislive)
    {# A partitioned index is not valid until each partition has its part; that is no failed build. #}
    and relation.relkind = 'i'
    and {% include 'health/_own_schemas.sql' %}

    {# A build or a rebuild holds this lock on the table until it ends, whoever looks. #}
    and not exists (
        select
        from pg_catalog.pg_locks lock
        where lock.locktype = 'relation'
            and lock.database = (
                select own.oid from pg_catalog.pg_database own where own.datname = pg_catalog.current_database()
            )
            and lock.relation = owner.oid
            and lock.mode = 'ShareUpdateExclusiveLock'
            and lock.granted
            {# VACUUM and ANALYZE take the same lock. #}
            and not exists (select from pg_catalog.pg_stat_progress_vacuum vacuum where vacuum.pid = lock.pid)
            and not exists (select from pg_catalog.pg_stat_progress_analyze study where study.pid = lock.pid)
    )
order by 1
