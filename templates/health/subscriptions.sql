{# Subscriptions that receive nothing. Before PostgreSQL 14 nobody but a superuser reads their oid: the name has to do. #}
select
    pg_catalog.quote_ident(subscription.subname) as object,
    case when subscription.subenabled then 'has no worker' else 'is disabled' end as state
from pg_catalog.pg_subscription subscription
where subscription.subdbid = (
        select own.oid from pg_catalog.pg_database own where own.datname = pg_catalog.current_database()
    )
    and (
        not subscription.subenabled
        or not exists (
            select from pg_catalog.pg_stat_subscription working
            where {% if version < 140000 %}working.subname = subscription.subname{% else %}working.subid = subscription.oid{% endif %}

                and working.pid is not null
        )
    )
order by 1
