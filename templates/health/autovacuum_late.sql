{# Tables so large that a share of them is long to wait for: what autovacuum waits for, where as much comes about (manual: "The Autovacuum Daemon"). #}
with said as (
    select
        namespace.nspname::text as schema,
        relation.relname::text as name,
        pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as object,
        greatest(relation.reltuples, activity.n_live_tup)::float8 as rows,
        pg_catalog.pg_relation_size(relation.oid) as bytes,
        activity.n_tup_ins as inserted,
        activity.n_tup_upd + activity.n_tup_del as died,
        activity.last_autovacuum,
        (
            select pg_catalog.jsonb_object_agg(own.option_name, own.option_value)
            from pg_catalog.pg_options_to_table(relation.reloptions) as own
        ) as own
    from pg_catalog.pg_class relation
    join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
    join pg_catalog.pg_stat_user_tables activity on activity.relid = relation.oid
    where relation.relkind in ('r', 'm') and relation.relpersistence <> 't'
        and {% include 'health/_own_schemas.sql' %}

), effective as (
    select
        said.*,
        {% for what in ('vacuum', 'vacuum_insert', 'analyze') %}
        coalesce(own ->> {{ ('autovacuum_' ~ what ~ '_threshold') | literal }}, pg_catalog.current_setting({{ ('autovacuum_' ~ what ~ '_threshold') | literal }}))::float8
            + rows * coalesce(own ->> {{ ('autovacuum_' ~ what ~ '_scale_factor') | literal }}, pg_catalog.current_setting({{ ('autovacuum_' ~ what ~ '_scale_factor') | literal }}))::float8
            as {{ (what ~ '_at') | ident }},
        {% endfor %}
        coalesce(own ->> 'autovacuum_vacuum_insert_threshold', pg_catalog.current_setting('autovacuum_vacuum_insert_threshold'))::float8 >= 0
            as by_inserts,
        {# A ceiling since 18. #}
        nullif(coalesce(own ->> 'autovacuum_vacuum_max_threshold', pg_catalog.current_setting('autovacuum_vacuum_max_threshold', true))::float8, -1)
            as ceiling
    from said
    where coalesce(own ->> 'autovacuum_enabled', 'on') !~* '^(f|fa|fal|fals|false|of|off|n|no|0)$'
)
select
    schema, name, object, rows, died, inserted,
    pg_catalog.pg_size_pretty(bytes) as size,
    least(vacuum_at, ceiling) as dead_at,
    vacuum_insert_at as inserted_at,
    analyze_at as changed_at,
    least(vacuum_at, ceiling) > {{ dead | literal }} and died > {{ share | literal }} * least(vacuum_at, ceiling) as late,
    by_inserts and vacuum_insert_at > {{ inserts | literal }} and inserted > {{ share | literal }} * vacuum_insert_at as late_by_inserts,
    analyze_at > {{ dead | literal }} and died + inserted > {{ share | literal }} * analyze_at as late_to_analyze,
    coalesce(pg_catalog.to_char(last_autovacuum at time zone 'UTC', '"last done "YYYY-MM-DD HH24:MI" UTC"'), 'never done') as last
from effective
order by rows desc, object
