{# Published tables whose rows subscribers cannot find: each UPDATE and DELETE of them fails. #}
select
    pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as object,
    pg_catalog.min(published.pubname::text) as publication
from pg_catalog.pg_publication publication
join pg_catalog.pg_publication_tables published on published.pubname = publication.pubname
join pg_catalog.pg_namespace namespace on namespace.nspname = published.schemaname
join pg_catalog.pg_class relation on relation.relnamespace = namespace.oid and relation.relname = published.tablename
where (publication.pubupdate or publication.pubdelete)
    and (
        relation.relreplident = 'n'
        or relation.relreplident = 'd'
        and not exists (
            select from pg_catalog.pg_index index where index.indrelid = relation.oid and index.indisprimary
        )
    )
    and {% include 'health/_own_schemas.sql' %}

group by 1
order by 1
