with refunds as (

    select
        id as refund_id,
        order_id,
        upper(trim(currency)) as currency,
        amount,
        local_date(created_at, $time_zone) as refund_date,
        created_at as refunded_at
    from staging.stg_shopify__refunds
    where created_at < $as_of

),

rates as (

    select * from warehouse.dim_fx_rate

),

final as (

    select
        refunds.refund_id,
        refunds.order_id,
        refunds.currency,
        refunds.amount,
        div_round(refunds.amount, rates.rate, 2) as amount_eur,
        refunds.refund_date,
        refunds.refunded_at
    from refunds
    left join rates
        on rates.currency = refunds.currency
        and rates.date = refunds.refund_date

)

select * from final
