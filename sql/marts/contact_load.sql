with touchpoints as (
    select * from warehouse.fct_touchpoint
),

-- The observed days: from the first to the last local day with any touchpoint, inbound or not.
observed as (
    select
        local_date(min(occurred_at), $time_zone) as first_day,
        local_date(max(occurred_at), $time_zone) as last_day
    from touchpoints
),

by_hour as (
    select
        department,
        coalesce(channel, 'unknown') as channel,
        local_date(occurred_at, $time_zone) as date,
        local_hour(occurred_at, $time_zone) as hour,
        count(*) as contacts
    from touchpoints
    where direction = 'inbound'
    group by
        department,
        coalesce(channel, 'unknown'),
        local_date(occurred_at, $time_zone),
        local_hour(occurred_at, $time_zone)
),

-- Days with at least one contact in this hour, the quietest first.
ranked as (
    select
        department,
        channel,
        extract(isodow from date) as weekday,
        hour,
        contacts,
        row_number() over (
            partition by department, channel, extract(isodow from date), hour
            order by contacts, date
        ) as place
    from by_hour
),

totals as (
    select
        department,
        channel,
        weekday,
        hour,
        count(*) as busy_days,
        sum(contacts) as contacts,
        max(contacts) as peak
    from ranked
    group by department, channel, weekday, hour
),

-- Days from the first day of this weekday to the last observed day.
spans as (
    select
        totals.*,
        observed.last_day - observed.first_day
        - (totals.weekday - extract(isodow from observed.first_day) + 7) % 7 as span
    from totals
    cross join observed
),

counted as (
    select
        department,
        channel,
        weekday,
        hour,
        busy_days,
        contacts,
        peak,
        cast(div_round(span - span % 7, 7, 0) as bigint) + 1 as days
    from spans
),

-- Nearest rank: the ceil(0.95 × days)-th of all days of this weekday, of which the days without a contact come first.
ranks as (
    select
        *,
        cast(div_round(days * 95 + 99 - (days * 95 + 99) % 100, 100, 0) as bigint) - (days - busy_days) as p95_place
    from counted
),

final as (
    select
        ranks.department,
        ranks.channel,
        ranks.weekday,
        ranks.hour,
        ranks.days,
        ranks.contacts,
        div_round(ranks.contacts, ranks.days, 4) as mean,
        coalesce(ranked.contacts, 0) as p95,
        ranks.peak
    from ranks
    left join ranked
        on ranks.department = ranked.department
        and ranks.channel = ranked.channel
        and ranks.weekday = ranked.weekday
        and ranks.hour = ranked.hour
        and ranks.p95_place = ranked.place
)

select * from final
