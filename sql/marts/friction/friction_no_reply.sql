-- A customer waits too long for the first answer, counted in hours of business days.
with tickets as (
    select * from warehouse.fct_ticket
),

calendar as (
    select
        date,
        is_business_day,
        epoch_us(day_starts_at) as starts_us,
        epoch_us(day_ends_at) as ends_us,
        business_seconds_before * 1000000 as business_us_before
    from project.calendar
),

-- The wait ends with the first answer; without one it lasts until now. Whoever waited less than the limit by
-- the clock cannot have waited longer in business time.
waits as (
    select
        ticket_id,
        customer_id,
        order_id,
        opened_at,
        least(coalesce(first_staff_comment_at, $as_of), $as_of) as answered_at
    from tickets
    where epoch_us(least(coalesce(first_staff_comment_at, $as_of), $as_of)) - epoch_us(opened_at)
        > $no_reply_business_hours * 3600000000
),

-- A moment as business time since the calendar began: that of the days before, and of its own day so far.
measured as (
    select
        waits.ticket_id,
        waits.customer_id,
        waits.order_id,
        opening.business_us_before
        + case when opening.is_business_day then epoch_us(waits.opened_at) - opening.starts_us else 0 end
        + $no_reply_business_hours * 3600000000 as limit_us,
        answer.business_us_before
        + case when answer.is_business_day then epoch_us(waits.answered_at) - answer.starts_us else 0 end as answered_us
    from waits
    inner join calendar as opening on local_date(waits.opened_at, $time_zone) = opening.date
    inner join calendar as answer on local_date(waits.answered_at, $time_zone) = answer.date
),

late as (
    select
        ticket_id,
        customer_id,
        order_id,
        limit_us,
        (limit_us - limit_us % 86400000000) as slot_us
    from measured
    where answered_us > limit_us
),

-- Which business day holds a given business time? Days are found by slots of 24 hours, so that the join has an equal
-- sign: a day of at most 25 hours touches at most three of them.
business_days as (
    select
        calendar.business_us_before,
        calendar.business_us_before + calendar.ends_us - calendar.starts_us as business_us_after,
        calendar.starts_us,
        calendar.date,
        calendar.business_us_before - calendar.business_us_before % 86400000000 + slots.offset_us as slot_us
    from calendar
    cross join (values (0), (86400000000), (172800000000)) as slots (offset_us)
    where calendar.is_business_day
),

-- The limit is reached at the first such moment: on the day that ends with it, not on the one that begins with it.
reached as (
    select
        late.ticket_id,
        late.customer_id,
        late.order_id,
        business_days.date,
        late.limit_us - business_days.business_us_before as us_into_day
    from late
    inner join business_days on late.slot_us = business_days.slot_us
    where late.limit_us > business_days.business_us_before
        and late.limit_us <= business_days.business_us_after
),

final as (
    select
        'no_reply' as rule,
        'ticket' as subject_type,
        cast(reached.ticket_id as text) as subject_id,
        reached.customer_id,
        day.day_starts_at + cast(cast(reached.us_into_day as text) || ' microseconds' as interval) as found_at,
        reached.order_id,
        reached.ticket_id,
        cast(null as text) as invoice_id,
        cast(null as text) as payment_id
    from reached
    inner join project.calendar as day on reached.date = day.date
)

select * from final
