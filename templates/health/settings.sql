{# The settings that this session has, and where they come from. #}
select
    setting.name,
    setting.setting as value,
    coalesce(setting.unit, '') as unit,
    setting.boot_val as usual,
    setting.source,
    setting.context,
    {# What the command line says is not waited for. #}
    setting.pending_restart and setting.source <> 'command line' as pending_restart
from pg_catalog.pg_settings setting
where (setting.pending_restart or setting.name = any (array[{{ names | strings }}]::text[]))
    {# What a session says for itself is nobody else's. #}
    and setting.source not in ('client', 'session')
order by setting.name
