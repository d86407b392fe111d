-- The invoice is out before the goods have arrived.
with invoices as (
    select * from warehouse.fct_invoice
),

orders as (
    select * from warehouse.fct_order
),

-- delivered_at stands only where the whole order has arrived; it is the moment of the last parcel.
final as (
    select
        'invoice_before_delivery' as rule,
        'invoice' as subject_type,
        invoices.invoice_id as subject_id,
        invoices.customer_id,
        invoices.finalized_at as found_at,
        invoices.order_id,
        cast(null as bigint) as ticket_id,
        invoices.invoice_id,
        cast(null as text) as payment_id
    from invoices
    inner join orders on invoices.order_id = orders.order_id
    where invoices.finalized_at is not null
        and invoices.finalized_at < $as_of
        and invoices.status <> 'void'
        and not orders.is_cancelled
        and (not orders.is_delivered or invoices.finalized_at < orders.delivered_at)
)

select * from final
