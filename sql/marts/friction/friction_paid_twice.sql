-- An invoice was collected more than once.
with invoices as (
    select * from warehouse.fct_invoice
),

payments as (
    select * from warehouse.fct_payment
),

numbered as (
    select
        invoice_id,
        payment_id,
        paid_at,
        row_number() over (partition by invoice_id order by paid_at, payment_id) as place
    from payments
    where is_succeeded and invoice_id is not null
),

final as (
    select
        'paid_twice' as rule,
        'invoice' as subject_type,
        invoices.invoice_id as subject_id,
        invoices.customer_id,
        numbered.paid_at as found_at,
        invoices.order_id,
        cast(null as bigint) as ticket_id,
        invoices.invoice_id,
        numbered.payment_id
    from numbered
    inner join invoices on numbered.invoice_id = invoices.invoice_id
    where numbered.place = 2
)

select * from final
