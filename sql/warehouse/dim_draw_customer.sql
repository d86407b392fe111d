-- Customers whom some draw leaves out, and those whom it has instead. Both are counted from their records, so that a part of a
-- customer can be counted too.
with changed as (

    select
        customer_id,
        max(change) as change
    from identity.draw_customer
    group by customer_id

),

members as (

    select
        changed.customer_id,
        xref.source_system,
        xref.source_object,
        xref.record_id
    from changed
    inner join identity.customer_xref as xref on xref.customer_id = changed.customer_id
    union all
    select
        customer_id,
        source_system,
        source_object,
        record_id
    from identity.draw_record

),

-- An order hangs on its account, else on its own guest record.
accounts as (

    select
        record_id,
        customer_id
    from members
    where source_system = 'shopify' and source_object = 'customers'

),

account_orders as (

    select
        accounts.customer_id,
        orders.id as order_id
    from accounts
    inner join staging.stg_shopify__orders as orders on orders.customer_id = accounts.record_id

),

guest_orders as (

    select
        customer_id,
        record_id as order_id
    from members
    where source_system = 'shopify' and source_object = 'orders'

),

orders as (

    select
        owned.customer_id,
        count(*) as orders_count
    from (
        select * from account_orders
        union all
        select * from guest_orders
    ) as owned
    inner join warehouse.fct_order as orders on orders.order_id = owned.order_id
    where not orders.is_cancelled
    group by owned.customer_id

),

-- A ticket hangs on its requester.
requesters as (

    select
        record_id,
        customer_id
    from members
    where source_system = 'zendesk' and source_object = 'users'

),

tickets as (

    select
        requesters.customer_id,
        count(*) as open_tickets
    from requesters
    inner join warehouse.fct_ticket as tickets on cast(tickets.requester_id as varchar) = requesters.record_id
    where tickets.is_open
    group by requesters.customer_id

),

systems as (

    select
        customer_id,
        count(*) as systems_known
    from (
        select
            customer_id,
            source_system
        from members
        group by customer_id, source_system
    ) as known
    group by customer_id

),

final as (

    select
        changed.customer_id,
        changed.change > 0 as is_drawn,
        coalesce(orders.orders_count, 0) as orders_count,
        coalesce(tickets.open_tickets, 0) as open_tickets,
        systems.systems_known
    from changed
    inner join systems on systems.customer_id = changed.customer_id
    left join orders on orders.customer_id = changed.customer_id
    left join tickets on tickets.customer_id = changed.customer_id

)

select * from final
