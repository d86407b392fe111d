-- An order with three teas is one order in which she took tea.
with taken as (

    select
        customer_id,
        order_id,
        category,
        max(weight_millionths) as weight_millionths,
        max(ordered_at) as ordered_at
    from warehouse.int_order_product
    where customer_id is not null
    group by customer_id, order_id, category

),

final as (

    select
        customer_id,
        category,
        count(*) as orders,
        sum(
            case
                when ordered_at >= add_days($as_of, -2 * $needs_days) and ordered_at < add_days($as_of, - $needs_days) then 1
                else 0
            end
        ) as orders_before,
        sum(case when ordered_at >= add_days($as_of, - $needs_days) then 1 else 0 end) as orders_recent,
        sum(weight_millionths) as weight_millionths,
        max(ordered_at) as last_ordered_at
    from taken
    group by customer_id, category

)

select * from final
