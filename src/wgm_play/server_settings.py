"""The settings that an environment may give to the embedded server: those that run nothing and open nothing.

In: names and values. Out: the ones that are refused. An `archive_command` would be run by a shell of this machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# Libraries of PostgreSQL itself that only measure.
LIBRARIES = frozenset(("auto_explain", "pg_prewarm", "pg_stat_statements"))
_HARMLESS = re.compile(
    r"""(?:
      allow_in_place_tablespaces | application_name | array_nulls | backend_flush_after | bgwriter_\w+ | bytea_output
    | checkpoint_(?:completion_target|flush_after|timeout|warning) | client_encoding | client_min_messages | cluster_name
    | commit_(?:delay|siblings) | compute_query_id | constraint_exclusion | cpu_\w+_cost | cursor_tuple_fraction
    | data_sync_retry | datestyle | deadlock_timeout | default_(?:statistics_target|table_access_method|text_search_config
      |toast_compression|transaction_\w+) | effective_(?:cache_size|io_concurrency) | enable_\w+ | escape_string_warning
    | extra_float_digits | from_collapse_limit | fsync | full_page_writes | geqo\w* | gin_\w+ | hash_mem_multiplier
    | huge_pages | idle_(?:in_transaction_)?session_timeout | intervalstyle | io_method | io_workers
    | jit(?:_\w+_cost)? | join_collapse_limit | lc_\w+ | lo_compat_privileges | lock_timeout
    | log_(?:autovacuum_min_duration|checkpoints|connections|disconnections|duration|error_verbosity|line_prefix|lock_waits
      |min_\w+|parameter_max_length\w*|replication_commands|statement|statement_sample_rate|temp_files|timezone
      |transaction_sample_rate) | logical_decoding_work_mem
    | maintenance_\w+ | max_(?:connections|files_per_process|locks_per_\w+|logical_replication_workers
      |parallel_\w+|pred_locks_per_\w+|prepared_transactions|replication_slots|slot_wal_keep_size|stack_depth
      |standby_\w+_delay|sync_workers_per_subscription|wal_senders|wal_size|worker_processes)
    | min_(?:dynamic_shared_memory|parallel_\w+|wal_size) | old_snapshot_threshold | parallel_\w+ | password_encryption
    | pg_stat_statements\.\w+ | plan_cache_mode | random_page_cost | recursive_worktable_factor | row_security | search_path
    | seq_page_cost | shared_buffers | standard_conforming_strings | statement_timeout | stats_fetch_consistency
    | superuser_reserved_connections | synchronize_seqscans | synchronous_commit | temp_buffers | temp_file_limit
    | timezone | track_\w+ | transaction_timeout | transform_null_equals | vacuum_\w+ | autovacuum\w*
    | wal_(?:buffers|compression|init_zero|keep_size|level|log_hints|recycle|sender_timeout|skip_threshold|sync_method
      |writer_\w+) | work_mem | xmlbinary | xmloption | scram_iterations
    )\Z""",
    re.VERBOSE | re.IGNORECASE,
)


def refused(settings: Mapping[str, str]) -> list[str]:
    """Return the names of the settings that an environment may not give."""
    return [name for name, value in settings.items() if not _harmless(name, value)]


def _harmless(name: str, value: str) -> bool:
    if name.lower() == "shared_preload_libraries":
        return {one.strip() for one in value.split(",") if one.strip()} <= LIBRARIES
    return _HARMLESS.match(name) is not None
