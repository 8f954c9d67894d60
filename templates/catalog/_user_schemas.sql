n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'wgm', 'wgm_trash')
