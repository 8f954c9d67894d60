{# Whether this role is shown the settings that only some may read. #}
select current_user::text as object
where not exists (
    select from pg_catalog.pg_settings setting where setting.name = 'shared_preload_libraries'
)
