SELECT 'membership', g.rolname, m.rolname,
       bool_or(a.admin_option),
       {% if version >= 160000 %}bool_or(a.inherit_option), bool_or(a.set_option){% else %}NULL::bool, NULL::bool{% endif %},
       0::oid, 1261, NULL::text, NULL::text[], 0
FROM pg_catalog.pg_auth_members a
JOIN pg_catalog.pg_roles g ON g.oid = a.roleid
JOIN pg_catalog.pg_roles m ON m.oid = a.member
WHERE m.rolname NOT LIKE 'pg\_%'
GROUP BY g.rolname, m.rolname
ORDER BY g.rolname, m.rolname
