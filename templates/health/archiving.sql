{# The archive command fails: WAL that is not archived is missing for a recovery, and fills the disk. #}
select
    'the archiver' as object,
    archiver.failed_count::text as failed,
    archiver.last_failed_wal as segment,
    pg_catalog.to_char(archiver.last_failed_time at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as last
from pg_catalog.pg_stat_archiver archiver
where pg_catalog.current_setting('archive_mode') <> 'off'
    and archiver.last_failed_time is not null
    and (archiver.last_archived_time is null or archiver.last_failed_time > archiver.last_archived_time)
