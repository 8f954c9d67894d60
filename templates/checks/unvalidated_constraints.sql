{# Constraints that hold for new rows only: old rows may break them. #}
select
    pg_catalog.quote_ident(rule.conname) as object,
    pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as relation
from pg_catalog.pg_constraint rule
join pg_catalog.pg_class relation on relation.oid = rule.conrelid
join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
where not rule.convalidated
    and namespace.nspname not in ('pg_catalog', 'information_schema', 'wgm_trash')
{% if version >= 180000 %}
    {# NOT ENFORCED is declared, and is never validated. #}
    and rule.conenforced
{% endif %}
order by 2, 1
