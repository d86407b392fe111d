-- Every buyer as she stands today, and as she stood when the look-back began: how often and when she had ordered by then. What follows from it is told in
-- int_customer_pace and int_expected_orders.
with orders as (

    select
        customer_id,
        epoch_us($as_of) - epoch_us(ordered_at) as age_us
    from warehouse.fct_order
    where not is_cancelled and customer_id is not null

),

-- As long as the period that is foretold, but no more than half of what the company remembers: there has to be something before it.
look_back as (

    select
        least(
            cast($expected_value_days as bigint),
            cast(div_round(coalesce(max(age_us), 0), 172800000000, 0) as bigint)
        ) as days
    from orders

),

by_customer as (

    select
        orders.customer_id,
        count(*) as orders_now,
        max(orders.age_us) as first_us,
        min(orders.age_us) as last_us,
        sum(case when orders.age_us > look_back.days * 86400000000 then 1 else 0 end) as orders_then,
        min(case when orders.age_us > look_back.days * 86400000000 then orders.age_us - look_back.days * 86400000000 end) as last_then_us,
        max(orders.age_us - look_back.days * 86400000000) as first_then_us
    from orders
    cross join look_back
    group by orders.customer_id

),

-- Her first order says when she begins, the others how often she comes.
standings as (

    select
        'now' as moment,
        customer_id,
        orders_now - 1 as repeats,
        cast(div_round(first_us, 86400000000, 0) as bigint) as days,
        cast(div_round(last_us, 86400000000, 0) as bigint) as silent_days,
        0 as orders_next
    from by_customer
    union all
    select
        'then' as moment,
        customer_id,
        orders_then - 1 as repeats,
        cast(div_round(first_then_us, 86400000000, 0) as bigint) as days,
        cast(div_round(last_then_us, 86400000000, 0) as bigint) as silent_days,
        orders_now - orders_then as orders_next
    from by_customer
    where orders_then > 0

)

select
    standings.*,
    look_back.days as look_back_days
from standings
cross join look_back
