with customers as (
    select
        customer_id,
        count(order_id) as orders,
        count(order_id) filter (age > $expected_value_days) as orders_then,
        -- Days since the last order, else since she is known: today, and as many days ago as expected_value_days says.
        coalesce(min(age), any_value(epoch_us($as_of - first_seen_at) / 86400e6)) as days,
        coalesce(min(age) filter (age > $expected_value_days), any_value(epoch_us($as_of - first_seen_at) / 86400e6)) - $expected_value_days as days_then
    from warehouse.dim_customer
    left join orders using (customer_id)
    group by customer_id
),

standings as (
    select
        *,
        days_then > 0 as was_known,
        orders - orders_then as orders_since,
        [orders >= 1, orders >= 2, orders >= 3, orders >= 6, orders >= 11] as often,
        [orders_then >= 1, orders_then >= 2, orders_then >= 3, orders_then >= 6, orders_then >= 11] as often_then,
        [days > 30, days > 90, days > 180, days > 365] as long,
        [days_then > 30, days_then > 90, days_then > 180, days_then > 365] as long_then
    from customers
),

-- Whom she is compared with: the customers of then who stood where she stands, ever more coarsely.
likes as (
    select
        s.customer_id,
        count(*) filter (t.often_then = s.often and t.long_then = s.long) as closest,
        avg(t.orders_since) filter (t.often_then = s.often and t.long_then = s.long) as closest_orders,
        count(*) filter (t.often_then = s.often) as close,
        avg(t.orders_since) filter (t.often_then = s.often) as close_orders,
        count(*) filter (t.often_then[1] = s.often[1]) as far,
        avg(t.orders_since) filter (t.often_then[1] = s.often[1]) as far_orders
    from standings as s
    left join standings as t on t.was_known
    group by s.customer_id
),

expected as (
    select
        customer_id,
        s.orders,
        case
            when l.closest >= $expected_value_min_customers then 'like_customers'
            when l.close >= $expected_value_min_customers then 'like_number_of_orders'
            when l.far >= $expected_value_min_customers then if(s.orders > 0, 'like_buyers', 'like_non_buyers')
            else 'no_history'
        end as method,
        case
            when l.closest >= $expected_value_min_customers then l.closest_orders
            when l.close >= $expected_value_min_customers then l.close_orders
            when l.far >= $expected_value_min_customers then l.far_orders
        end as expected_orders
    from standings as s
    join likes as l using (customer_id)
),

-- What an order of anybody left; nothing, where nobody ordered.
everybody as (
    select coalesce(sum(value_to_date_eur)::double / nullif((select count(*) from orders where customer_id is not null), 0), 0) as average
    from marts.customer_value
)

select
    customer_id,
    e.method,
    round(e.expected_orders, 4)::decimal(18, 4) as expected_orders,
    coalesce(
        (v.value_to_date_eur::double + $expected_value_prior_orders * (select average from everybody))
        / nullif(e.orders + $expected_value_prior_orders, 0), 0
    ) as value_per_order_eur,
    round(e.expected_orders, 4)::double * value_per_order_eur as expected_value_eur
from expected as e
join marts.customer_value as v using (customer_id)
