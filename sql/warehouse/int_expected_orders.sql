-- What customers like her did: those who stood a year ago where she stands today, by number of orders and days since the last
-- one, and the orders that they placed in the year that followed.
with customers as (

    select
        customer_id,
        first_seen_at
    from warehouse.dim_customer

),

orders as (

    select
        customer_id,
        count(*) as orders_now,
        sum(case when ordered_at < add_days($as_of, - $expected_value_days) then 1 else 0 end) as orders_then,
        max(ordered_at) as last_now,
        max(case when ordered_at < add_days($as_of, - $expected_value_days) then ordered_at end) as last_then
    from warehouse.fct_order
    where not is_cancelled and customer_id is not null
    group by customer_id

),

-- Who has not ordered yet is as old as the acquaintance. Who was not known then has no then.
standings as (

    select
        customers.customer_id,
        coalesce(orders.orders_now, 0) as orders_now,
        coalesce(orders.orders_then, 0) as orders_then,
        coalesce(orders.last_now, customers.first_seen_at) as last_now,
        coalesce(
            orders.last_then,
            case when customers.first_seen_at < add_days($as_of, - $expected_value_days) then customers.first_seen_at end
        ) as last_then
    from customers
    left join orders on customers.customer_id = orders.customer_id

),

banded as (

    select
        customer_id,
        orders_now - orders_then as orders_next,
        last_then is not null as was_known,
        case
            when orders_now < 3 then orders_now
            when orders_now < 6 then 3
            when orders_now < 11 then 6
            else 11
        end as frequency_now,
        case
            when orders_then < 3 then orders_then
            when orders_then < 6 then 3
            when orders_then < 11 then 6
            else 11
        end as frequency_then,
        case
            when last_now >= add_days($as_of, -30) then 0
            when last_now >= add_days($as_of, -90) then 30
            when last_now >= add_days($as_of, -180) then 90
            when last_now >= add_days($as_of, -365) then 180
            else 365
        end as recency_now,
        case
            when last_then >= add_days($as_of, - $expected_value_days - 30) then 0
            when last_then >= add_days($as_of, - $expected_value_days - 90) then 30
            when last_then >= add_days($as_of, - $expected_value_days - 180) then 90
            when last_then >= add_days($as_of, - $expected_value_days - 365) then 180
            else 365
        end as recency_then
    from standings

),

cells as (

    select
        frequency_then,
        recency_then,
        count(*) as customers,
        sum(orders_next) as orders_next
    from banded
    where was_known
    group by frequency_then, recency_then

),

frequencies as (

    select
        frequency_then,
        sum(customers) as customers,
        sum(orders_next) as orders_next
    from cells
    group by frequency_then

),

buyers as (

    select
        frequency_then > 0 as had_ordered,
        sum(customers) as customers,
        sum(orders_next) as orders_next
    from cells
    group by frequency_then > 0

),

final as (

    select
        banded.customer_id,
        case
            when cells.customers >= $expected_value_min_customers then 'like_customers'
            when frequencies.customers >= $expected_value_min_customers then 'like_number_of_orders'
            when buyers.customers >= $expected_value_min_customers and buyers.had_ordered then 'like_buyers'
            when buyers.customers >= $expected_value_min_customers then 'like_non_buyers'
            else 'no_history'
        end as method,
        case
            when cells.customers >= $expected_value_min_customers then div_round(cells.orders_next, cells.customers, 4)
            when frequencies.customers >= $expected_value_min_customers then div_round(frequencies.orders_next, frequencies.customers, 4)
            when buyers.customers >= $expected_value_min_customers then div_round(buyers.orders_next, buyers.customers, 4)
        end as expected_orders
    from banded
    left join cells
        on banded.frequency_now = cells.frequency_then
        and banded.recency_now = cells.recency_then
    left join frequencies on banded.frequency_now = frequencies.frequency_then
    left join buyers on (banded.frequency_now > 0) = buyers.had_ordered

)

select * from final
