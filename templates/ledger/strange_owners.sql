-- A superuser is a member of every role: of him only what he was given counts.
SELECT n.nspname::text, o.rolname::text
FROM pg_catalog.pg_namespace n
JOIN pg_catalog.pg_roles o ON o.oid = n.nspowner
JOIN pg_catalog.pg_roles me ON me.rolname = current_user
JOIN pg_catalog.pg_database d ON d.datname = current_database()
WHERE n.nspname IN ('wgm', 'wgm_trash') AND NOT o.rolsuper AND o.oid <> me.oid
  AND CASE WHEN me.rolsuper
           THEN NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members m WHERE m.roleid = o.oid AND m.member = me.oid)
           ELSE NOT pg_catalog.pg_has_role(me.oid, o.oid, 'MEMBER') AND o.oid <> d.datdba
                AND pg_catalog.has_database_privilege(d.oid, 'CREATE')
      END
ORDER BY 1
