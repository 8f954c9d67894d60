{# The log, its archive, and the checkpoints. #}
select
    case when pg_catalog.pg_is_in_recovery() then 1 else 0 end as in_recovery,
    pg_catalog.pg_wal_lsn_diff(
        case when pg_catalog.pg_is_in_recovery()
            then pg_catalog.pg_last_wal_replay_lsn() else pg_catalog.pg_current_wal_lsn() end,
        '0/0'
    ) as log_bytes,
    archive.archived_count as archived,
    archive.failed_count as archive_failures,
{% if version >= 170000 %}
    checkpoint.num_timed as checkpoints_timed,
    checkpoint.num_requested as checkpoints_requested
from pg_catalog.pg_stat_archiver archive, pg_catalog.pg_stat_checkpointer checkpoint
{% else %}
    checkpoint.checkpoints_timed,
    checkpoint.checkpoints_req as checkpoints_requested
from pg_catalog.pg_stat_archiver archive, pg_catalog.pg_stat_bgwriter checkpoint
{% endif %}
