-- When do we need people at the counter?
-- What customers do towards customer service, by weekday and time of day: contacts an hour. `mean` and `p95` of the mart are for one channel; here they are
-- worked out again for all channels together.
with load as (
    select
        weekday,
        hour,
        max(days) as days,
        sum(contacts) as contacts
    from marts.contact_load
    where department = 'support'
    group by weekday, hour
)

select
    weekday,
    div_round(sum(case when hour < 8 then contacts else 0 end), 8 * max(days), 3) as night_0_to_8,
    div_round(sum(case when hour >= 8 and hour < 12 then contacts else 0 end), 4 * max(days), 3) as morning_8_to_12,
    div_round(sum(case when hour >= 12 and hour < 18 then contacts else 0 end), 6 * max(days), 3) as afternoon_12_to_18,
    div_round(sum(case when hour >= 18 then contacts else 0 end), 6 * max(days), 3) as evening_18_to_24,
    sum(contacts) as contacts
from load
group by weekday
order by weekday
