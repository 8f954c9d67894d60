{# Subscriptions that receive nothing. #}
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
            select from pg_catalog.pg_stat_subscription working where working.subid = subscription.oid and working.pid is not null
        )
    )
order by 1
