{# How many connections are taken of those that roles without special rights may have, in the server, a database or a role. #}
with sessions as (
    select session.datid, session.usesysid, session.state
    from pg_catalog.pg_stat_activity session
    where session.backend_type = 'client backend'
), limits as (
    select
        'the server' as object,
        pg_catalog.count(*) as taken,
        pg_catalog.count(*) filter (where state = 'idle') as idle,
        (
            select pg_catalog.sum(case setting.name when 'max_connections' then 1 else -1 end * setting.setting::int)
            from pg_catalog.pg_settings setting
            where setting.name in ('max_connections', 'superuser_reserved_connections', 'reserved_connections')
        ) as most
    from sessions
    union all
    select
        'the database ' || pg_catalog.quote_ident(database.datname),
        pg_catalog.count(sessions.datid),
        pg_catalog.count(*) filter (where sessions.state = 'idle'),
        database.datconnlimit
    from pg_catalog.pg_database database
    left join sessions on sessions.datid = database.oid
    where database.datconnlimit > 0
    group by database.datname, database.datconnlimit
    union all
    select
        'the role ' || pg_catalog.quote_ident(role.rolname),
        pg_catalog.count(sessions.usesysid),
        pg_catalog.count(*) filter (where sessions.state = 'idle'),
        role.rolconnlimit
    from pg_catalog.pg_roles role
    left join sessions on sessions.usesysid = role.oid
    where role.rolconnlimit > 0
    group by role.rolname, role.rolconnlimit
)
select object, taken::int as taken, most::int as most, idle::int as idle, (100 * taken / most)::int as percent
from limits
where most > 0 and 100 * taken / most >= 70
order by percent desc, object
