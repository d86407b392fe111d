with disputes as (

    select
        id as dispute_id,
        charge as payment_id,
        upper(trim(currency)) as currency,
        reason,
        status,
        amount,
        local_date(created, $time_zone) as dispute_date,
        created as disputed_at
    from staging.stg_stripe__disputes
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
        disputes.dispute_id,
        disputes.payment_id,
        payments.invoice_id,
        payments.order_id,
        payments.customer_id,
        coalesce(payments.matter_id, 'payment:' || disputes.payment_id) as matter_id,
        disputes.currency,
        disputes.reason,
        disputes.status,
        disputes.amount,
        div_round(disputes.amount, rates.rate, 2) as amount_eur,
        disputes.status not in ('won', 'lost') as is_open,
        disputes.dispute_date,
        disputes.disputed_at
    from disputes
    left join payments on payments.payment_id = disputes.payment_id
    left join rates
        on rates.currency = disputes.currency
        and rates.date = disputes.dispute_date

)

select * from final
