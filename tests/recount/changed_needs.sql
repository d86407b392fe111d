with windows as (
    select *, age <= $needs_days as is_recent from orders
    where customer_id is not null and age <= 2 * $needs_days
),

counted as (
    select
        customer_id,
        count(*) filter (not is_recent) as orders_before,
        count(*) filter (is_recent) as orders_recent
    from windows
    group by customer_id
),

-- Every category that she took in either window, with its share of each.
occasions as (
    select distinct customer_id, order_id, category, age <= $needs_days as is_recent
    from order_products
    where customer_id is not null and age <= 2 * $needs_days
),

shares as (
    select
        customer_id,
        category,
        count(*) filter (not is_recent) / nullif(sum(count(*) filter (not is_recent)) over (partition by customer_id), 0) as before,
        count(*) filter (is_recent) / nullif(sum(count(*) filter (is_recent)) over (partition by customer_id), 0) as recent
    from occasions
    group by customer_id, category
),

gains as (
    select *, round(coalesce(recent, 0) - coalesce(before, 0), 9) as gain from shares
),

told as (
    select
        customer_id,
        min(category) filter (gain < 0 and gain = (select min(g.gain) from gains as g where g.customer_id = gains.customer_id)) as from_category,
        min(category) filter (gain > 0 and gain = (select max(g.gain) from gains as g where g.customer_id = gains.customer_id)) as to_category,
        -- What all categories that gained gained together. Without one of the windows there is nothing to compare.
        case when count(before) > 0 and count(recent) > 0 then coalesce(sum(gain) filter (gain > 0), 0) end as shift,
        max(gain) as greatest
    from gains
    group by customer_id
)

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
    case when shift > 0 then greatest end as to_gain,
    least(orders_before, orders_recent) as support,
    shift is not null and least(orders_before, orders_recent) >= $needs_min_orders as is_supported
from counted
left join told using (customer_id)
