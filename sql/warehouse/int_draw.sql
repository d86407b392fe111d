with changes as (

    select
        changes.draw,
        sum(changes.change) as customers,
        sum(case when customers.orders_count > 0 then changes.change else 0 end) as with_order,
        sum(case when customers.orders_count > 1 then changes.change else 0 end) as with_orders,
        sum(case when customers.open_tickets > 0 then changes.change else 0 end) as with_open_ticket,
        sum(case when customers.systems_known = 1 then changes.change else 0 end) as of_one_department
    from identity.draw_customer as changes
    inner join warehouse.dim_draw_customer as customers on customers.customer_id = changes.customer_id
    group by changes.draw

),

final as (

    select
        draws.draw,
        coalesce(changes.customers, 0) as customers,
        coalesce(changes.with_order, 0) as with_order,
        coalesce(changes.with_orders, 0) as with_orders,
        coalesce(changes.with_open_ticket, 0) as with_open_ticket,
        coalesce(changes.of_one_department, 0) as of_one_department
    from identity.draw as draws
    left join changes on changes.draw = draws.draw

)

select * from final
