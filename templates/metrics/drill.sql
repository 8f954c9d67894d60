{# The last drill of each play. #}
select distinct on (play)
    play,
    (content ->> 'seconds')::double precision as restore_seconds,
    case when passed then 1 else 0 end as passed,
    extract(epoch from at) as timestamp_seconds
from wgm.evidence
where kind = 'drill'
order by play, id desc
