with taken as (
    select * from warehouse.int_order_product
    where customer_id is not null
),

categories as (
    select * from warehouse.int_customer_category
),

-- An order weighs 1 at as_of and half of it with every half-life of age, as in int_order_product.
orders as (
    select
        customer_id,
        channel,
        extract(isodow from order_date) as weekday,
        ordered_at,
        cast(round(1000000 * power(
            cast(0.5 as double),
            cast(epoch_us($as_of) - epoch_us(ordered_at) as double)
            / (cast(greatest($preference_half_life_days, 1) as double) * 86400000000)
        )) as bigint) as weight_millionths
    from warehouse.fct_order
    where not is_cancelled and customer_id is not null
),

totals as (
    select
        customer_id,
        count(*) as customer_orders
    from orders
    group by customer_id
),

counted as (
    select
        customer_id,
        'product' as kind,
        product_id as value,
        max(product) as label,
        count(*) as orders,
        sum(weight_millionths) as weight_millionths,
        max(ordered_at) as last_ordered_at
    from taken
    group by customer_id, product_id
    union all
    select
        customer_id,
        'category' as kind,
        category as value,
        category as label,
        orders,
        weight_millionths,
        last_ordered_at
    from categories
    union all
    select
        customer_id,
        'channel' as kind,
        channel as value,
        channel as label,
        count(*) as orders,
        sum(weight_millionths) as weight_millionths,
        max(ordered_at) as last_ordered_at
    from orders
    group by customer_id, channel
    union all
    select
        customer_id,
        'weekday' as kind,
        cast(weekday as text) as value,
        case weekday
            when 1 then 'Monday'
            when 2 then 'Tuesday'
            when 3 then 'Wednesday'
            when 4 then 'Thursday'
            when 5 then 'Friday'
            when 6 then 'Saturday'
            else 'Sunday'
        end as label,
        count(*) as orders,
        sum(weight_millionths) as weight_millionths,
        max(ordered_at) as last_ordered_at
    from orders
    group by customer_id, weekday
),

ranked as (
    select
        *,
        row_number() over (
            partition by customer_id, kind
            order by weight_millionths desc, last_ordered_at desc, value
        ) as rank
    from counted
),

-- Lower bound of Wilson's interval at 95 %: with k of n orders and z = 1.96,
-- (2k + z² - z · root(4k(n - k) / n + z²)) / (2 (n + z²)).
-- The root of a whole number, cut to seven digits, is the same on every machine; all else is exact.
rooted as (
    select
        ranked.*,
        totals.customer_orders,
        cast(floor(10000 * sqrt(cast(
            4 * cast(div_round(ranked.orders * (totals.customer_orders - ranked.orders) * 1000000, totals.customer_orders, 0) as bigint)
            + 3841600 as double
        ))) as bigint) as root_ten_millionths
    from totals
    inner join ranked on totals.customer_id = ranked.customer_id
    where ranked.rank <= $preference_places
),

final as (
    select
        customer_id,
        kind,
        value,
        label,
        rank,
        orders,
        div_round(orders, customer_orders, 6) as share,
        div_round(weight_millionths, 1000000, 6) as weight,
        div_round(
            orders * 2000000000 + 3841600000 - 196 * root_ten_millionths,
            (customer_orders * 20000 + 76832) * 100000,
            6
        ) as confidence,
        last_ordered_at
    from rooted
)

select * from final
