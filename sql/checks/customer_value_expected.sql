-- All who were known a period ago are spread over the cells; customers who stand in one cell today expect the same.
with mart as (
    select
        customers.customer_id,
        customers.method,
        customers.expected_orders,
        customers.value_to_date_eur,
        customers.value_per_order_eur,
        profile.orders_count
    from marts.customer_value as customers
    inner join marts.customer_360 as profile on customers.customer_id = profile.customer_id
),

averages as (
    select div_round(sum(value_to_date_eur), sum(orders_count), 4) as value_per_order_eur
    from mart
),

-- No cell's average is above what the busiest customer did, and nobody expects less than nothing.
busiest as (
    select max(orders) as orders
    from (
        select
            customer_id,
            count(*) as orders
        from warehouse.fct_order
        where not is_cancelled
            and customer_id is not null
            and ordered_at >= add_days($as_of, - $expected_value_days)
        group by customer_id
    ) as customers
)

select
    mart.customer_id,
    mart.method,
    mart.expected_orders
from mart
cross join averages
cross join busiest
where mart.expected_orders > coalesce(busiest.orders, 0)
    -- With few orders her value per order is near the average, with many near her own: always between the two.
    or (
        mart.orders_count > 0
        and (
            mart.value_per_order_eur < least(averages.value_per_order_eur, div_round(mart.value_to_date_eur, mart.orders_count, 4)) - 0.0001
            or mart.value_per_order_eur > greatest(averages.value_per_order_eur, div_round(mart.value_to_date_eur, mart.orders_count, 4)) + 0.0001
        )
    )
