{# Extended statistics that were created and hold nothing yet: the planner cannot use them. #}
select
    pg_catalog.format('%I.%I', namespace.nspname, object.stxname) as object,
    pg_catalog.format('%I.%I', table_namespace.nspname, relation.relname) as relation
from pg_catalog.pg_statistic_ext object
join pg_catalog.pg_namespace namespace on namespace.oid = object.stxnamespace
join pg_catalog.pg_class relation on relation.oid = object.stxrelid
join pg_catalog.pg_namespace table_namespace on table_namespace.oid = relation.relnamespace
join pg_catalog.pg_stat_user_tables activity on activity.relid = relation.oid
where {% include 'health/_own_schemas.sql' %}

    {# An empty table has nothing to know. #}
    and (activity.n_live_tup > 0 or relation.reltuples > 0)
    and pg_catalog.has_table_privilege(relation.oid, 'SELECT')
    and object.stxstattarget is distinct from 0
    and not exists (
        select
        from pg_catalog.pg_stats_ext study
        where study.statistics_schemaname = namespace.nspname and study.statistics_name = object.stxname
{% if version < 150000 %}
            {# Before PostgreSQL 15 there was a row from the beginning, with nothing in it. #}
            and (study.n_distinct is not null or study.dependencies is not null or study.most_common_vals is not null)
{% endif %}
    )
{% if version < 150000 %}
    {# Of most common values alone there may be none. #}
    and object.stxkind::text <> '{m}'
{% else %}
    and not exists (
        select
        from pg_catalog.pg_stats_ext_exprs study
        where study.statistics_schemaname = namespace.nspname and study.statistics_name = object.stxname
    )
{% endif %}
order by 1
