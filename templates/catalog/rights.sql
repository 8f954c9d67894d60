-- Where what names no tablespace lies; who changes the database, and whether he may keep all ordinary triggers from acting (manual: session_replication_role).
SELECT current_user::text, session_user::text, r.rolsuper,
       r.rolsuper
       {% if version >= 150000 %}OR pg_catalog.has_parameter_privilege('session_replication_role', 'SET'){% endif %},
       (SELECT t.spcname FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace
        WHERE d.datname = current_database())
FROM pg_catalog.pg_roles r
WHERE r.rolname = current_user
