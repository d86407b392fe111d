with orders as (

    select
        id as order_id,
        customer_id as account_id,
        upper(trim(currency)) as currency,
        financial_status,
        fulfillment_status,
        cancel_reason,
        source_name,
        subtotal_price,
        total_discounts,
        total_tax,
        total_price,
        local_date(created_at, $time_zone) as order_date,
        created_at as ordered_at,
        processed_at,
        cancelled_at
    from staging.stg_shopify__orders
    where created_at < $as_of

),

accounts as (

    select
        record_id,
        customer_id
    from identity.customer_xref
    where source_system = 'shopify' and source_object = 'customers'

),

guests as (

    select
        record_id,
        customer_id
    from identity.customer_xref
    where source_system = 'shopify' and source_object = 'orders'

),

rates as (

    select * from warehouse.dim_fx_rate

),

deliveries as (

    select
        order_id,
        last_delivered_at
    from warehouse.int_order_delivery
    where delivered_parcels = parcels

),

refunds as (

    select
        order_id,
        sum(amount_eur) as refunds_eur,
        count(*) as refunds_count
    from warehouse.int_order_refund
    group by order_id

),

final as (

    select
        orders.order_id,
        -- An unknown account is not made good by the order's e-mail: that is no evidence.
        case when orders.account_id is null then guests.customer_id else accounts.customer_id end as customer_id,
        orders.currency,
        orders.financial_status,
        orders.fulfillment_status,
        orders.cancel_reason,
        orders.source_name,
        case when orders.source_name = 'pos' then 'store' else 'sales' end as department,
        case
            when orders.source_name = 'pos' then 'counter'
            when orders.source_name = 'mobile' then 'app'
            else 'web'
        end as channel,
        orders.subtotal_price,
        orders.total_discounts,
        orders.total_tax,
        orders.total_price,
        rates.rate as fx_rate,
        div_round(orders.total_price, rates.rate, 2) as total_eur,
        div_round(orders.total_price - orders.total_tax, rates.rate, 2) as net_eur,
        coalesce(refunds.refunds_eur, 0) as refunds_eur,
        coalesce(refunds.refunds_count, 0) as refunds_count,
        orders.account_id is null as is_guest,
        orders.cancelled_at is not null as is_cancelled,
        deliveries.order_id is not null as is_delivered,
        orders.order_date,
        orders.ordered_at,
        orders.processed_at,
        orders.cancelled_at,
        deliveries.last_delivered_at as delivered_at
    -- The side that is looked up stands first: its rows are what a hash join holds in memory.
    from refunds
    right join (
        deliveries
        right join (
            rates
            right join (
                guests
                right join (
                    accounts
                    right join orders on orders.account_id = accounts.record_id
                ) on orders.order_id = guests.record_id
            ) on orders.currency = rates.currency and orders.order_date = rates.date
        ) on orders.order_id = deliveries.order_id
    ) on orders.order_id = refunds.order_id

)

select * from final
