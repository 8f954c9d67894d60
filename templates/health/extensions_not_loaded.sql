{# Extensions that were created and do nothing, because the server did not load their library when it started. #}
select
    pg_catalog.quote_ident(extension.extname) as object,
    {# What only counts is missed by nobody but who looks. #}
    case when extension.extname in ('pg_stat_statements', 'pg_stat_kcache', 'pg_wait_sampling', 'pg_qualstats') then 0 else 100 end as percent
from pg_catalog.pg_extension extension
join pg_catalog.pg_settings setting on setting.name = 'shared_preload_libraries'
where extension.extname in ('pg_stat_statements', 'pg_cron', 'pg_stat_kcache', 'pg_wait_sampling', 'pg_qualstats', 'pgaudit', 'timescaledb', 'citus', 'pg_squeeze')
    and not exists (
        select
        from pg_catalog.regexp_split_to_table(setting.setting, '\s*,\s*') as loaded(library)
        where pg_catalog.regexp_replace(pg_catalog.btrim(loaded.library, ' "'), '^.*/|[.]so$', '', 'g') = extension.extname
    )
order by 1
