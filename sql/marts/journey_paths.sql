with touchpoints as (
    select * from warehouse.fct_touchpoint
),

transitions as (
    select
        customer_id,
        journey_id,
        previous_department || ':' || previous_kind as from_step,
        department || ':' || kind as to_step,
        epoch_us(occurred_at) - epoch_us(previous_at) as elapsed_us
    from touchpoints
    where previous_at is not null and customer_id is not null
),

by_journey as (
    select
        from_step,
        to_step,
        customer_id,
        journey_id,
        count(*) as transitions
    from transitions
    group by from_step, to_step, customer_id, journey_id
),

by_customer as (
    select
        from_step,
        to_step,
        customer_id,
        count(*) as journeys,
        sum(transitions) as transitions
    from by_journey
    group by from_step, to_step, customer_id
),

counts as (
    select
        from_step,
        to_step,
        count(*) as customers,
        sum(journeys) as journeys,
        sum(transitions) as transitions
    from by_customer
    group by from_step, to_step
),

-- Microseconds are whole numbers up to here and again from here on: the interpolation between two of them is the only
-- step in floating point, and it is rounded at once.
durations as (
    select
        from_step,
        to_step,
        cast(round(percentile_cont(0.5) within group (order by cast(elapsed_us as double))) as bigint) as median_us,
        cast(round(percentile_cont(0.9) within group (order by cast(elapsed_us as double))) as bigint) as p90_us
    from transitions
    group by from_step, to_step
),

departures as (
    select
        from_step,
        sum(transitions) as transitions
    from counts
    group by from_step
),

final as (
    select
        counts.from_step,
        counts.to_step,
        counts.journeys,
        counts.customers,
        counts.transitions,
        div_round(durations.median_us, 3600000000, 2) as median_hours,
        div_round(durations.p90_us, 3600000000, 2) as p90_hours,
        div_round(counts.transitions, departures.transitions, 6) as share
    from counts
    inner join durations
        on counts.from_step = durations.from_step
        and counts.to_step = durations.to_step
    inner join departures on counts.from_step = departures.from_step
)

select * from final
