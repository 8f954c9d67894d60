{# What the server has counted for this database. #}
select
    counted.xact_commit as commits,
    counted.xact_rollback as rollbacks,
    counted.blks_read as blocks_read,
    counted.blks_hit as blocks_hit,
    counted.tup_returned as rows_returned,
    counted.tup_fetched as rows_fetched,
    counted.tup_inserted as rows_inserted,
    counted.tup_updated as rows_updated,
    counted.tup_deleted as rows_deleted,
    counted.temp_bytes as temporary_bytes,
    counted.deadlocks,
    counted.conflicts,
    pg_catalog.age(own.datfrozenxid) as transaction_age
from pg_catalog.pg_stat_database counted
join pg_catalog.pg_database own on own.oid = counted.datid
where counted.datname = pg_catalog.current_database()
