-- Jobs without a name cannot be told from one another, and those of other roles are theirs.
SELECT 'cron_job', j.jobname::text, j.schedule, j.command,
       NULLIF(j.database, pg_catalog.current_database()), j.active, 0::oid, 0::oid, NULL::text, NULL::text[], 0
FROM cron.job AS j
WHERE j.jobname IS NOT NULL AND j.username = CURRENT_USER
ORDER BY j.jobname
