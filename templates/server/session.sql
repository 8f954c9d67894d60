{# Settings that the server knows ($2 names, $3 values), and only in a session of ours ($1 is the process that the handshake
   named): behind a pooler nothing may be set before it is known to keep sessions together. What is as it should be is left
   alone: it still tells who set it. #}
SELECT
  pg_catalog.pg_backend_pid() = $1,
  pg_catalog.count(pg_catalog.set_config(s.name, s.value, false)),
  pg_catalog.current_setting('default_transaction_read_only')
FROM ROWS FROM (pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::text[])) AS s (name, value)
WHERE pg_catalog.pg_backend_pid() = $1 AND pg_catalog.current_setting(s.name, true) <> s.value
