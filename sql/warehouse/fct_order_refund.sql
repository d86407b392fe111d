with refunds as (

    select * from warehouse.int_order_refund

),

orders as (

    select
        order_id,
        customer_id,
        is_cancelled
    from warehouse.fct_order

),

future_orders as (

    -- A name of its own: a filter on a column that both sides of a join have may be pushed to the wrong one.
    select order_id as future_order_id from warehouse.int_order_future

),

final as (

    select
        refunds.refund_id,
        refunds.order_id,
        orders.customer_id,
        refunds.currency,
        refunds.amount,
        refunds.amount_eur,
        orders.is_cancelled,
        refunds.refund_date,
        refunds.refunded_at
    from refunds
    left join orders on orders.order_id = refunds.order_id
    left join future_orders on future_orders.future_order_id = refunds.order_id
    where future_orders.future_order_id is null

)

select * from final
