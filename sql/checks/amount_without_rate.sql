with amounts as (
    select 'order' as what, currency, order_date as date, total_eur as amount_eur from warehouse.fct_order
    union all
    select 'order refund' as what, currency, refund_date as date, amount_eur from warehouse.fct_order_refund
    union all
    select 'invoice' as what, currency, invoice_date as date, amount_due_eur as amount_eur from warehouse.fct_invoice
    union all
    select 'payment' as what, currency, payment_date as date, amount_eur from warehouse.fct_payment
    union all
    select 'refund' as what, currency, refund_date as date, amount_eur from warehouse.fct_refund
    union all
    select 'dispute' as what, currency, dispute_date as date, amount_eur from warehouse.fct_dispute
),

final as (
    select
        what,
        currency,
        count(*) as amounts,
        min(date) as first_date,
        max(date) as last_date
    from amounts
    where amount_eur is null
    group by what, currency
)

select * from final
