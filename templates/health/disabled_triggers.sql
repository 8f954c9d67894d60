{# Triggers that do not fire; those of foreign keys too, which then guard nothing: one line for each key and table. #}
select
    pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as object,
    coalesce(rule.conname, trigger.tgname)::text as attribute,
    case when trigger.tgisinternal then 'the foreign key' else 'the trigger' end as what,
    case when trigger.tgisinternal then 'ALL' else pg_catalog.quote_ident(trigger.tgname) end as name
from pg_catalog.pg_trigger trigger
join pg_catalog.pg_class relation on relation.oid = trigger.tgrelid
join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
left join pg_catalog.pg_constraint rule on rule.oid = trigger.tgconstraint and trigger.tgisinternal
where trigger.tgenabled = 'D'
    and {% include 'health/_own_schemas.sql' %}

{% if version >= 180000 %}
    and rule.conenforced is distinct from false
{% endif %}
group by 1, 2, 3, 4
order by 1, 2
