-- Who has ordered has a pace of her own, and who has not has none; what an order of hers is worth follows hers and everybody's.
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
)

select
    mart.customer_id,
    mart.method,
    mart.expected_orders
from mart
cross join averages
where (mart.method = 'own_pace' and mart.orders_count = 0)
    or (mart.method = 'like_non_buyers' and mart.orders_count > 0)
    -- With few orders her value per order is near the average, with many near her own: always between the two.
    or (
        mart.orders_count > 0
        and (
            mart.value_per_order_eur < least(averages.value_per_order_eur, div_round(mart.value_to_date_eur, mart.orders_count, 4)) - 0.0001
            or mart.value_per_order_eur > greatest(averages.value_per_order_eur, div_round(mart.value_to_date_eur, mart.orders_count, 4)) + 0.0001
        )
    )
