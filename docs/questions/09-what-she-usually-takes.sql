-- What does this customer usually take, on which day and by which way, and when is she due again?
-- Here for the customer who has ordered most; put any other customer_id into `who`.
with who as (
    select customer_id
    from marts.customer_360
    order by orders_count desc, customer_id
    limit 1
),

favourites as (
    select
        customer_id,
        max(case when kind = 'product' and rank = 1 then label end) as product,
        max(case when kind = 'product' and rank = 2 then label end) as second_product,
        max(case when kind = 'category' and rank = 1 then label end) as category,
        max(case when kind = 'channel' and rank = 1 then label end) as channel,
        max(case when kind = 'weekday' and rank = 1 then label end) as weekday
    from marts.preferences
    group by customer_id
),

orders as (
    select
        customer_id,
        count(*) as orders,
        max(ordered_at) as last_at,
        div_round(epoch_us(max(ordered_at)) - epoch_us(min(ordered_at)), (count(*) - 1) * 86400000000, 0) as gap_days
    from warehouse.fct_order
    where not is_cancelled
    group by customer_id
    having count(*) > 1
)

select
    orders.orders,
    favourites.product,
    favourites.second_product,
    favourites.category,
    favourites.channel,
    favourites.weekday,
    local_date(orders.last_at, 'Europe/Berlin') as last_order,
    local_date(add_days(orders.last_at, cast(orders.gap_days as bigint)), 'Europe/Berlin') as due_about
from who
inner join orders on who.customer_id = orders.customer_id
inner join favourites on who.customer_id = favourites.customer_id
