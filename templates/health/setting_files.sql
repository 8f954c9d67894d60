{# Lines of the server's configuration files that are wrong, or did not take effect. #}
select
    coalesce(line.name, '') as object,
    coalesce(line.error, 'not applied') as error,
    coalesce(line.sourcefile, '') as file,
    coalesce(line.sourceline, 0) as line
from pg_catalog.pg_file_settings line
where line.error is not null
    {# What waits for a restart is told as that, and what the command line says is meant. #}
    and not exists (
        select
        from pg_catalog.pg_settings setting
        where setting.name = line.name and (setting.pending_restart or setting.source = 'command line')
    )
order by file, line
