{# Slots that nobody reads: the server keeps WAL for them until its disk is full. #}
select
    pg_catalog.quote_literal(slot.slot_name) as object,
    coalesce(pg_catalog.pg_size_pretty(
        pg_catalog.pg_wal_lsn_diff(
            case when pg_catalog.pg_is_in_recovery()
                then pg_catalog.pg_last_wal_receive_lsn() else pg_catalog.pg_current_wal_lsn() end,
            slot.restart_lsn
        )
    ), 'no WAL') as kept,
    coalesce(slot.wal_status, 'unknown') as status
from pg_catalog.pg_replication_slots slot
where not slot.active and not slot.temporary
order by 1
