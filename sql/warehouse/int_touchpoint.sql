with orders as (

    select
        order_id,
        customer_id,
        department,
        channel,
        total_eur,
        ordered_at
    from warehouse.fct_order

),

future_orders as (

    -- A name of its own: a filter on a column that both sides of a join have may be pushed to the wrong one.
    select order_id as future_order_id from warehouse.int_order_future

),

deliveries as (

    select
        id as fulfillment_id,
        order_id,
        delivered_at
    from staging.stg_shopify__fulfillments
    where status = 'success' and created_at < $as_of and delivered_at < $as_of

),

tickets as (

    select * from warehouse.int_ticket

),

audits as (

    select * from warehouse.int_ticket_audit

),

-- One row for each thing that an audit did to the customer.
audit_steps as (

    select audit_id, ticket_id, department, happened_at, 4 as kind_order from audits where is_reply
    union all
    select audit_id, ticket_id, department, happened_at, 5 as kind_order from audits where is_follow_up
    union all
    select audit_id, ticket_id, department, happened_at, 6 as kind_order from audits where is_transfer
    union all
    select audit_id, ticket_id, department, happened_at, 7 as kind_order from audits where is_reopen
    union all
    select audit_id, ticket_id, department, happened_at, 8 as kind_order from audits where is_solve

),

ratings as (

    select * from warehouse.int_ticket_rating

),

invoices as (

    select * from warehouse.fct_invoice

),

final as (

    select
        customer_id,
        'order:' || order_id as matter_id,
        order_id as source_id,
        order_id,
        cast(null as bigint) as ticket_id,
        cast(null as varchar) as invoice_id,
        department,
        channel,
        cast(null as varchar) as satisfaction,
        1 as kind_order,
        total_eur as amount_eur,
        ordered_at as occurred_at
    from orders
    union all
    select
        orders.customer_id,
        'order:' || deliveries.order_id as matter_id,
        deliveries.fulfillment_id as source_id,
        deliveries.order_id,
        null as ticket_id,
        null as invoice_id,
        coalesce(orders.department, 'sales') as department,
        coalesce(orders.channel, 'web') as channel,
        null as satisfaction,
        2 as kind_order,
        null as amount_eur,
        deliveries.delivered_at as occurred_at
    -- The side that is looked up stands first: its rows are what a hash join holds in memory.
    from future_orders
    right join (
        orders
        right join deliveries on deliveries.order_id = orders.order_id
    ) on deliveries.order_id = future_orders.future_order_id
    where future_orders.future_order_id is null
    union all
    select
        customer_id,
        matter_id,
        cast(ticket_id as varchar) as source_id,
        order_id,
        ticket_id,
        null as invoice_id,
        opened_department as department,
        channel,
        null as satisfaction,
        3 as kind_order,
        null as amount_eur,
        opened_at as occurred_at
    from tickets
    union all
    select
        tickets.customer_id,
        tickets.matter_id,
        cast(audit_steps.audit_id as varchar) as source_id,
        tickets.order_id,
        tickets.ticket_id,
        null as invoice_id,
        audit_steps.department,
        tickets.channel,
        null as satisfaction,
        audit_steps.kind_order,
        null as amount_eur,
        audit_steps.happened_at as occurred_at
    from tickets
    inner join audit_steps on audit_steps.ticket_id = tickets.ticket_id
    union all
    select
        tickets.customer_id,
        tickets.matter_id,
        cast(tickets.ticket_id as varchar) as source_id,
        tickets.order_id,
        tickets.ticket_id,
        null as invoice_id,
        ratings.department,
        tickets.channel,
        ratings.satisfaction,
        9 as kind_order,
        null as amount_eur,
        ratings.rated_at as occurred_at
    from ratings
    inner join tickets on tickets.ticket_id = ratings.ticket_id
    union all
    select
        customer_id,
        matter_id,
        invoice_id as source_id,
        order_id,
        null as ticket_id,
        invoice_id,
        'billing' as department,
        'email' as channel,
        null as satisfaction,
        10 as kind_order,
        amount_due_eur as amount_eur,
        finalized_at as occurred_at
    from invoices
    where finalized_at < $as_of
    union all
    select
        customer_id,
        matter_id,
        invoice_id as source_id,
        order_id,
        null as ticket_id,
        invoice_id,
        'billing' as department,
        'email' as channel,
        null as satisfaction,
        11 as kind_order,
        amount_paid_eur as amount_eur,
        paid_at as occurred_at
    from invoices
    where paid_at < $as_of
    union all
    select
        customer_id,
        matter_id,
        payment_id as source_id,
        order_id,
        null as ticket_id,
        invoice_id,
        'billing' as department,
        'email' as channel,
        null as satisfaction,
        12 as kind_order,
        amount_eur,
        paid_at as occurred_at
    from warehouse.fct_payment
    where is_failed
    union all
    select
        customer_id,
        matter_id,
        refund_id as source_id,
        order_id,
        null as ticket_id,
        invoice_id,
        'billing' as department,
        'email' as channel,
        null as satisfaction,
        13 as kind_order,
        amount_eur,
        refunded_at as occurred_at
    from warehouse.fct_refund
    where is_succeeded
    union all
    select
        customer_id,
        matter_id,
        dispute_id as source_id,
        order_id,
        null as ticket_id,
        invoice_id,
        'billing' as department,
        'email' as channel,
        null as satisfaction,
        14 as kind_order,
        amount_eur,
        disputed_at as occurred_at
    from warehouse.fct_dispute

)

select * from final
