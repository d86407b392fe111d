-- Rows created before as_of in staging, against rows of the fact table. A line or a refund of an order that is created later waits with its order.
with later_orders as (
    select id as order_id
    from staging.stg_shopify__orders
    where created_at >= $as_of
),

sources as (
    select 'orders' as what, count(*) as source_rows from staging.stg_shopify__orders where created_at < $as_of
    union all
    select 'order lines' as what, count(*) as source_rows
    from staging.stg_shopify__order_lines as lines
    left join later_orders on lines.order_id = later_orders.order_id
    where later_orders.order_id is null
    union all
    select 'order refunds' as what, count(*) as source_rows
    from staging.stg_shopify__refunds as refunds
    left join later_orders on refunds.order_id = later_orders.order_id
    where refunds.created_at < $as_of and later_orders.order_id is null
    union all
    select 'invoices' as what, count(*) as source_rows from staging.stg_stripe__invoices where created < $as_of
    union all
    select 'charges' as what, count(*) as source_rows from staging.stg_stripe__charges where created < $as_of
    union all
    select 'refunds' as what, count(*) as source_rows from staging.stg_stripe__refunds where created < $as_of
    union all
    select 'disputes' as what, count(*) as source_rows from staging.stg_stripe__disputes where created < $as_of
    union all
    select 'tickets' as what, count(*) as source_rows from staging.stg_zendesk__tickets where created_at < $as_of
),

facts as (
    select 'orders' as what, count(*) as fact_rows from warehouse.fct_order
    union all
    select 'order lines' as what, count(*) as fact_rows from warehouse.fct_order_line
    union all
    select 'order refunds' as what, count(*) as fact_rows from warehouse.fct_order_refund
    union all
    select 'invoices' as what, count(*) as fact_rows from warehouse.fct_invoice
    union all
    select 'charges' as what, count(*) as fact_rows from warehouse.fct_payment
    union all
    select 'refunds' as what, count(*) as fact_rows from warehouse.fct_refund
    union all
    select 'disputes' as what, count(*) as fact_rows from warehouse.fct_dispute
    union all
    select 'tickets' as what, count(*) as fact_rows from warehouse.fct_ticket
),

final as (
    select
        sources.what,
        sources.source_rows,
        facts.fact_rows
    from sources
    inner join facts on sources.what = facts.what
    where sources.source_rows <> facts.fact_rows
)

select * from final
