with refunds as (

    select
        id as refund_id,
        charge as payment_id,
        upper(trim(currency)) as currency,
        reason,
        status,
        amount,
        local_date(created, $time_zone) as refund_date,
        created as refunded_at
    from staging.stg_stripe__refunds
    where created < $as_of

),

payments as (

    select
        payment_id,
        invoice_id,
        order_id,
        customer_id,
        matter_id
    from warehouse.fct_payment

),

rates as (

    select * from warehouse.dim_fx_rate

),

final as (

    select
        refunds.refund_id,
        refunds.payment_id,
        payments.invoice_id,
        payments.order_id,
        payments.customer_id,
        coalesce(payments.matter_id, 'payment:' || refunds.payment_id) as matter_id,
        refunds.currency,
        refunds.reason,
        refunds.status,
        refunds.amount,
        div_round(refunds.amount, rates.rate, 2) as amount_eur,
        refunds.status = 'succeeded' as is_succeeded,
        refunds.refund_date,
        refunds.refunded_at
    from refunds
    left join payments on payments.payment_id = refunds.payment_id
    left join rates
        on rates.currency = refunds.currency
        and rates.date = refunds.refund_date

)

select * from final
