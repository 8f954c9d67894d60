{# The tables that one would look at first: by size, by dead rows, by rows read without an index. Sizes are those of the
   last vacuum or analyze, so that no file is looked at. `of` is how many tables there are. #}
with ranked as (
    select
        pg_catalog.format('%I.%I', counted.schemaname, counted.relname) as name,
        relation.relpages::bigint * pg_catalog.current_setting('block_size')::bigint as bytes,
        counted.n_live_tup,
        counted.n_dead_tup,
        counted.seq_tup_read,
        counted.idx_scan,
        counted.n_mod_since_analyze,
        pg_catalog.count(*) over () as of,
        pg_catalog.row_number() over (order by relation.relpages desc, counted.relid) as by_size,
        pg_catalog.row_number() over (order by counted.n_dead_tup desc, counted.relid) as by_dead,
        pg_catalog.row_number() over (order by counted.seq_tup_read desc, counted.relid) as by_read
    from pg_catalog.pg_stat_user_tables counted
    join pg_catalog.pg_class relation on relation.oid = counted.relid
    where counted.schemaname not in ('wgm', 'wgm_trash')
)
select
    name as "table",
    bytes,
    n_live_tup as live_rows,
    n_dead_tup as dead_rows,
    seq_tup_read as rows_read_without_index,
    coalesce(idx_scan, 0) as index_scans,
    n_mod_since_analyze as rows_changed_since_analyze,
    of
from ranked
where least(by_size, by_dead, by_read) <= {{ most | literal }}::bigint
order by least(by_size, by_dead, by_read)
limit {{ limit | literal }}::bigint
