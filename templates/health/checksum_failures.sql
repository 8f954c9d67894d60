{# Pages that did not have the content that was written: the storage loses data. #}
select
    pg_catalog.quote_ident(own.datname) as object,
    own.checksum_failures as number,
    pg_catalog.to_char(own.checksum_last_failure at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as last
from pg_catalog.pg_stat_database own
where own.checksum_failures > 0 and own.datname is not null
order by 1
