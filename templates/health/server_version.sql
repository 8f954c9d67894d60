{# The version that runs. #}
select pg_catalog.current_setting('server_version_num')::int as number
