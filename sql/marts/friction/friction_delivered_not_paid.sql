-- The goods arrived long ago, and in billing the order is still open.
with orders as (
    select * from warehouse.fct_order
),

invoices as (
    select * from warehouse.fct_invoice
),

due_orders as (
    select
        order_id,
        customer_id,
        add_days(delivered_at, $payment_days) as due_at
    from orders
    where is_delivered and add_days(delivered_at, $payment_days) <= $as_of
),

-- "At that moment": an invoice paid or voided later was still open then; an uncollectible one is not paid.
-- A paid or void invoice whose moment is not known gets the benefit of the doubt.
open_invoices as (
    select
        due_orders.order_id,
        due_orders.customer_id,
        due_orders.due_at,
        min(invoices.invoice_id) as invoice_id
    from due_orders
    inner join invoices on due_orders.order_id = invoices.order_id
    where invoices.finalized_at is not null
        and (invoices.paid_at is null or invoices.paid_at > due_orders.due_at)
        and (invoices.voided_at is null or invoices.voided_at > due_orders.due_at)
        and not (invoices.status = 'paid' and invoices.paid_at is null)
        and not (invoices.status = 'void' and invoices.voided_at is null)
    group by due_orders.order_id, due_orders.customer_id, due_orders.due_at
),

final as (
    select
        'delivered_not_paid' as rule,
        'order' as subject_type,
        order_id as subject_id,
        customer_id,
        due_at as found_at,
        order_id,
        cast(null as bigint) as ticket_id,
        invoice_id,
        cast(null as text) as payment_id
    from open_invoices
)

select * from final
