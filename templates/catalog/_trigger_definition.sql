{# A trigger as it is without the condition that keeps it from acting in batches (operations/online/acting.py). -#}
pg_catalog.regexp_replace(pg_catalog.regexp_replace(pg_catalog.pg_get_triggerdef(t.oid),
         ' WHEN \({% include "catalog/_kept_out.sql" %}\) EXECUTE ', ' EXECUTE '),
         ' WHEN \(\({% include "catalog/_kept_out.sql" %} AND (.*)\)\) EXECUTE (FUNCTION|PROCEDURE) ', ' WHEN (\1) EXECUTE \2 ')
