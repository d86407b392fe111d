-- The two windows: the last days, and as many before them.
with orders as (
    select
        customer_id,
        sum(case when ordered_at < add_days($as_of, - $needs_days) then 1 else 0 end) as orders_before,
        sum(case when ordered_at < add_days($as_of, - $needs_days) then 0 else 1 end) as orders_recent
    from warehouse.fct_order
    where not is_cancelled
        and customer_id is not null
        and ordered_at >= add_days($as_of, -2 * $needs_days)
    group by customer_id
),

by_category as (
    select
        customer_id,
        category,
        orders_before as before,
        orders_recent as recent
    from warehouse.int_customer_category
    where orders_before + orders_recent > 0
),

totals as (
    select
        customer_id,
        sum(before) as before,
        sum(recent) as recent
    from by_category
    group by customer_id
),

-- The change of the category's share, times both totals: whole numbers, so that equal is equal. Where one window is empty
-- there are no two shares to compare; all is gain then, or all is loss.
gains as (
    select
        by_category.customer_id,
        by_category.category,
        totals.before * totals.recent as scale,
        case
            when totals.before > 0 and totals.recent > 0
                then by_category.recent * totals.before - by_category.before * totals.recent
            else by_category.recent - by_category.before
        end as gain
    from totals
    inner join by_category on totals.customer_id = by_category.customer_id
),

extremes as (
    select
        customer_id,
        max(scale) as scale,
        max(gain) as greatest_gain,
        min(gain) as greatest_loss,
        sum(abs(gain)) as moved
    from gains
    group by customer_id
),

directions as (
    select
        gains.customer_id,
        min(case when gains.gain < 0 and gains.gain = extremes.greatest_loss then gains.category end) as from_category,
        min(case when gains.gain > 0 and gains.gain = extremes.greatest_gain then gains.category end) as to_category
    from extremes
    inner join gains on extremes.customer_id = gains.customer_id
    group by gains.customer_id
),

-- Half of all that moved: what one category gains, others lose. NULL where one of the windows is empty.
measured as (
    select
        orders.customer_id,
        directions.from_category,
        directions.to_category,
        orders.orders_before,
        orders.orders_recent,
        div_round(extremes.moved, 2 * extremes.scale, 6) as shift,
        case when extremes.moved > 0 then div_round(extremes.greatest_gain, extremes.scale, 6) end as to_gain
    from orders
    left join extremes on orders.customer_id = extremes.customer_id
    left join directions on orders.customer_id = directions.customer_id
),

final as (
    select
        customer_id,
        case
            when orders_before = 0 then 'started'
            when orders_recent = 0 then 'stopped'
            when shift is null then 'unknown'
            when shift > 0 then 'shifted'
            else 'same'
        end as change,
        from_category,
        to_category,
        orders_before,
        orders_recent,
        shift,
        to_gain,
        least(orders_before, orders_recent) as support,
        shift is not null and least(orders_before, orders_recent) >= $needs_min_orders as is_supported
    from measured
)

select * from final
