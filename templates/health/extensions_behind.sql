{# Extensions whose files hold a later version than the database: there is a way from the one to the other. #}
select
    pg_catalog.quote_ident(extension.extname) as object,
    extension.extversion as version,
    available.default_version as later
from pg_catalog.pg_extension extension
join pg_catalog.pg_available_extensions available on available.name = extension.extname
where available.default_version is not null
    and available.default_version <> extension.extversion
    and exists (
        select
        from pg_catalog.pg_extension_update_paths(extension.extname) way
        where way.source = extension.extversion and way.target = available.default_version and way.path is not null
    )
    {# A way back is no update: some extensions have both. #}
    and (
        pg_catalog.string_to_array(pg_catalog.regexp_replace(extension.extversion, '[^0-9.].*$', ''), '.')::text
        = pg_catalog.string_to_array(pg_catalog.regexp_replace(available.default_version, '[^0-9.].*$', ''), '.')::text
        or (
            select pg_catalog.array_agg(nullif(part, '')::numeric order by place)
            from pg_catalog.unnest(pg_catalog.string_to_array(pg_catalog.regexp_replace(extension.extversion, '[^0-9.].*$', ''), '.'))
                with ordinality as own(part, place)
        ) < (
            select pg_catalog.array_agg(nullif(part, '')::numeric order by place)
            from pg_catalog.unnest(pg_catalog.string_to_array(pg_catalog.regexp_replace(available.default_version, '[^0-9.].*$', ''), '.'))
                with ordinality as other(part, place)
        )
    )
order by 1
