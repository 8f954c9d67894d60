{# Partitions whose DETACH CONCURRENTLY was cut short: rows go nowhere until it is finished. #}
{% if version >= 140000 %}
select
    pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as object,
    pg_catalog.format('%I.%I', parent_namespace.nspname, parent.relname) as relation
from pg_catalog.pg_inherits link
join pg_catalog.pg_class relation on relation.oid = link.inhrelid
join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
join pg_catalog.pg_class parent on parent.oid = link.inhparent
join pg_catalog.pg_namespace parent_namespace on parent_namespace.oid = parent.relnamespace
where link.inhdetachpending
    {# One that is being detached waits for old transactions, and holds this lock while it does. #}
    and not exists (
        select
        from pg_catalog.pg_locks lock
        where lock.locktype = 'relation' and lock.relation = relation.oid and lock.granted
            and lock.mode in ('ShareUpdateExclusiveLock', 'AccessExclusiveLock')
    )
order by 1
{% else %}
select null::text as object, null::text as relation where false
{% endif %}
