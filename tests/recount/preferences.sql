with taken as (
    select distinct customer_id, order_id, moment, age, 'product' as kind, product_id as value from order_products
    union all
    select distinct customer_id, order_id, moment, age, 'category', category from order_products
    union all
    select customer_id, order_id, moment, age, 'channel', channel from orders
    union all
    select customer_id, order_id, moment, age, 'weekday', cast(isodow(day) as varchar) from orders
),

totals as (
    select customer_id, count(*) as n from orders group by customer_id
),

-- n: of how many orders; p: in what share of them.
counted as (
    select
        customer_id,
        kind,
        value,
        count(*) as orders,
        any_value(n) as n,
        count(*) / any_value(n) as p,
        sum(round(pow(0.5, age / $preference_half_life_days), 6)::decimal(18, 6)) as weight,
        max(moment) as last_ordered_at
    from taken
    join totals using (customer_id)
    group by customer_id, kind, value
)

select
    customer_id,
    kind,
    value,
    row_number() over (partition by customer_id, kind order by weight desc, last_ordered_at desc, value) as rank,
    orders,
    p as share,
    weight,
    -- Wilson's interval as the textbooks have it.
    (p + 1.96 ^ 2 / (2 * n) - 1.96 * sqrt(p * (1 - p) / n + 1.96 ^ 2 / (4 * n ^ 2))) / (1 + 1.96 ^ 2 / n) as confidence,
    last_ordered_at
from counted
qualify rank <= $preference_places
