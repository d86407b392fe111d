with customers as (
    select * from warehouse.dim_customer
),

products as (
    select * from warehouse.dim_product
),

orders as (
    select * from warehouse.fct_order
),

order_lines as (
    select * from warehouse.fct_order_line
),

invoices as (
    select * from warehouse.fct_invoice
),

tickets as (
    select * from warehouse.fct_ticket
),

touchpoints as (
    select * from warehouse.fct_touchpoint
),

frictions as (
    select * from marts.friction
),

next_steps as (
    select * from marts.next_best_step
),

-- Per channel first: the sums of a customer and her usual channel come from the same small table.
orders_by_channel as (
    select
        customer_id,
        channel,
        count(*) as orders_placed_count,
        sum(case when is_cancelled then 0 else 1 end) as orders_count,
        sum(case when is_cancelled then 0 else coalesce(total_eur, 0) end) as total_eur,
        sum(case when is_cancelled then 0 else refunds_eur end) as refunds_eur,
        max(case when is_cancelled then null else ordered_at end) as last_ordered_at
    from orders
    where customer_id is not null
    group by customer_id, channel
),

sales as (
    select
        customer_id,
        sum(orders_placed_count) as orders_placed_count,
        sum(orders_count) as orders_count,
        sum(total_eur) - sum(refunds_eur) as revenue_eur,
        sum(refunds_eur) as refunds_eur
    from orders_by_channel
    group by customer_id
),

usual_channels as (
    select
        customer_id,
        channel as usual_channel
    from (
        select
            customer_id,
            channel,
            row_number() over (
                partition by customer_id
                order by orders_count desc, last_ordered_at desc, channel
            ) as place
        from orders_by_channel
        where orders_count > 0
    ) as ranked
    where place = 1
),

lines_by_product as (
    select
        customer_id,
        product_id,
        sum(quantity) as units,
        sum(margin_eur) as margin_eur,
        max(ordered_at) as last_ordered_at
    from order_lines
    where customer_id is not null and is_cancelled = false
    group by customer_id, product_id
),

margins as (
    select
        customer_id,
        sum(margin_eur) as margin_eur
    from lines_by_product
    group by customer_id
),

usual_products as (
    select
        ranked.customer_id,
        ranked.product_id as usual_product_id,
        coalesce(nullif(products.title, ''), ranked.product_id) as usual_product
    from (
        select
            customer_id,
            product_id,
            row_number() over (
                partition by customer_id
                order by units desc, last_ordered_at desc, product_id
            ) as place
        from lines_by_product
        where product_id is not null and units > 0
    ) as ranked
    left join products on ranked.product_id = products.product_id
    where ranked.place = 1
),

open_tickets as (
    select
        customer_id,
        count(*) as open_tickets
    from tickets
    where is_open and customer_id is not null
    group by customer_id
),

overdue as (
    select
        customer_id,
        sum(overdue_eur) as overdue_eur
    from invoices
    where is_overdue and customer_id is not null
    group by customer_id
),

last_satisfactions as (
    select
        customer_id,
        satisfaction as last_satisfaction
    from (
        select
            customer_id,
            satisfaction,
            row_number() over (
                partition by customer_id
                order by occurred_at desc, kind_order desc, touchpoint_id desc
            ) as place
        from touchpoints
        where kind = 'ticket_rated' and customer_id is not null
    ) as ranked
    where place = 1
),

-- The moment first, then the few touchpoints of that moment: cheaper than numbering all of them.
last_moments as (
    select
        customer_id,
        max(occurred_at) as last_touch_at
    from touchpoints
    where customer_id is not null
    group by customer_id
),

last_touches as (
    select
        customer_id,
        last_touch_at,
        department as last_touch_department
    from (
        select
            last_moments.customer_id,
            last_moments.last_touch_at,
            touchpoints.department,
            row_number() over (
                partition by last_moments.customer_id
                order by touchpoints.kind_order desc, touchpoints.touchpoint_id desc
            ) as place
        from last_moments
        inner join touchpoints
            on last_moments.customer_id = touchpoints.customer_id
            and last_moments.last_touch_at = touchpoints.occurred_at
    ) as ranked
    where place = 1
),

recent_frictions as (
    select
        customer_id,
        count(*) as friction_90d
    from frictions
    where found_at >= add_days($as_of, - $recent_friction_days)
        and customer_id is not null
    group by customer_id
),

final as (
    select
        customers.customer_id,
        usual_products.usual_product_id,
        customers.display_name,
        customers.email,
        customers.phone,
        customers.city,
        customers.country,
        last_satisfactions.last_satisfaction,
        usual_products.usual_product,
        usual_channels.usual_channel,
        last_touches.last_touch_department,
        coalesce(next_steps.next_best_step, 'none') as next_best_step,
        coalesce(next_steps.reason, 'Nothing is waiting.') as next_best_step_reason,
        customers.systems_known,
        coalesce(sales.orders_count, 0) as orders_count,
        coalesce(sales.orders_placed_count, 0) as orders_placed_count,
        coalesce(sales.revenue_eur, 0) as revenue_eur,
        coalesce(sales.refunds_eur, 0) as refunds_eur,
        coalesce(margins.margin_eur, 0) as margin_eur,
        coalesce(open_tickets.open_tickets, 0) as open_tickets,
        coalesce(overdue.overdue_eur, 0) as overdue_eur,
        coalesce(recent_frictions.friction_90d, 0) as friction_90d,
        customers.is_business,
        customers.has_marketing_consent,
        customers.first_seen_at,
        last_touches.last_touch_at
    from customers
    left join sales on customers.customer_id = sales.customer_id
    left join margins on customers.customer_id = margins.customer_id
    left join usual_products on customers.customer_id = usual_products.customer_id
    left join usual_channels on customers.customer_id = usual_channels.customer_id
    left join open_tickets on customers.customer_id = open_tickets.customer_id
    left join overdue on customers.customer_id = overdue.customer_id
    left join last_satisfactions on customers.customer_id = last_satisfactions.customer_id
    left join last_touches on customers.customer_id = last_touches.customer_id
    left join recent_frictions on customers.customer_id = recent_frictions.customer_id
    left join next_steps on customers.customer_id = next_steps.customer_id
)

select * from final
