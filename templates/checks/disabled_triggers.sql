{# Triggers that do not fire; those of foreign keys too, which then guard nothing. #}
select
    pg_catalog.quote_ident(trigger.tgname) as object,
    pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as relation,
    case when trigger.tgisinternal then 'ALL' else pg_catalog.quote_ident(trigger.tgname) end as name
from pg_catalog.pg_trigger trigger
join pg_catalog.pg_class relation on relation.oid = trigger.tgrelid
join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
where trigger.tgenabled = 'D'
    and namespace.nspname not in ('pg_catalog', 'information_schema', 'wgm_trash')
order by 2, 1
