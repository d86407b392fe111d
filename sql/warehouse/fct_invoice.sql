with invoices as (

    select
        id as invoice_id,
        customer as account_id,
        order_id,
        number,
        upper(trim(currency)) as currency,
        status,
        amount_due,
        amount_paid,
        amount_remaining,
        attempt_count,
        status = 'open' as is_open,
        status = 'open' and coalesce(due_date < $as_of, false) as is_overdue,
        local_date(created, $time_zone) as invoice_date,
        created as created_at,
        finalized_at,
        due_date as due_at,
        paid_at,
        voided_at
    from staging.stg_stripe__invoices
    where created < $as_of

),

accounts as (

    select
        record_id,
        customer_id
    from identity.customer_xref
    where source_system = 'stripe' and source_object = 'customers'

),

orders as (

    select
        order_id,
        customer_id
    from warehouse.fct_order

),

rates as (

    select * from warehouse.dim_fx_rate

),

converted as (

    select
        invoices.*,
        epoch_us($as_of) - epoch_us(invoices.due_at) as overdue_us,
        accounts.customer_id,
        -- An order of somebody else, or of nobody known, makes no common matter.
        case
            when orders.customer_id = accounts.customer_id then 'order:' || invoices.order_id
            else 'invoice:' || invoices.invoice_id
        end as matter_id,
        div_round(invoices.amount_due, rates.rate, 2) as amount_due_eur,
        div_round(invoices.amount_paid, rates.rate, 2) as amount_paid_eur,
        div_round(invoices.amount_remaining, rates.rate, 2) as amount_remaining_eur
    -- The side that is looked up stands first: its rows are what a hash join holds in memory.
    from rates
    right join (
        orders
        right join (
            accounts
            right join invoices on invoices.account_id = accounts.record_id
        ) on invoices.order_id = orders.order_id
    ) on invoices.currency = rates.currency and invoices.invoice_date = rates.date

),

final as (

    select
        invoice_id,
        customer_id,
        order_id,
        matter_id,
        number,
        currency,
        status,
        amount_due,
        amount_paid,
        amount_remaining,
        amount_due_eur,
        amount_paid_eur,
        amount_remaining_eur,
        case when is_overdue then amount_remaining_eur else 0 end as overdue_eur,
        -- Whole days of 24 hours.
        case
            when is_overdue then cast(
                div_round(overdue_us - overdue_us % 86400000000, 86400000000, 0) as bigint
            )
            else 0
        end as overdue_days,
        attempt_count,
        is_open,
        is_overdue,
        invoice_date,
        created_at,
        finalized_at,
        finalized_at as issued_at,
        due_at,
        paid_at,
        voided_at
    from converted

)

select * from final
