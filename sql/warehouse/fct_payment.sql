with charges as (

    select
        id as payment_id,
        customer as account_id,
        invoice as invoice_id,
        upper(trim(currency)) as currency,
        status,
        failure_code,
        amount,
        amount_refunded,
        local_date(created, $time_zone) as payment_date,
        created as paid_at
    from staging.stg_stripe__charges
    where created < $as_of

),

accounts as (

    select
        record_id,
        customer_id
    from identity.customer_xref
    where source_system = 'stripe' and source_object = 'customers'

),

invoices as (

    select
        invoice_id,
        customer_id,
        order_id,
        matter_id
    from warehouse.fct_invoice

),

rates as (

    select * from warehouse.dim_fx_rate

),

final as (

    select
        charges.payment_id,
        charges.invoice_id,
        invoices.order_id,
        -- A charge hangs on its invoice; only without one does its own customer count.
        case when invoices.invoice_id is null then accounts.customer_id else invoices.customer_id end as customer_id,
        coalesce(invoices.matter_id, 'payment:' || charges.payment_id) as matter_id,
        charges.currency,
        charges.status,
        charges.failure_code,
        charges.amount,
        charges.amount_refunded,
        div_round(charges.amount, rates.rate, 2) as amount_eur,
        charges.status = 'succeeded' as is_succeeded,
        charges.status = 'failed' as is_failed,
        charges.payment_date,
        charges.paid_at
    -- The side that is looked up stands first: its rows are what a hash join holds in memory.
    from rates
    right join (
        accounts
        right join (
            invoices
            right join charges on charges.invoice_id = invoices.invoice_id
        ) on charges.account_id = accounts.record_id
    ) on charges.currency = rates.currency and charges.payment_date = rates.date

)

select * from final
