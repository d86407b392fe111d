-- Rows, and money in its own currency. Currencies are compared without regard to case, as the systems write them differently.
with source_rows as (
    select
        'invoices due' as measure,
        'warehouse.fct_invoice' as target,
        currency,
        amount_due as amount,
        created
    from staging.stg_stripe__invoices
    union all
    select
        'invoices paid' as measure,
        'warehouse.fct_invoice' as target,
        currency,
        amount_paid as amount,
        created
    from staging.stg_stripe__invoices
    union all
    select
        'invoices remaining' as measure,
        'warehouse.fct_invoice' as target,
        currency,
        amount_remaining as amount,
        created
    from staging.stg_stripe__invoices
    union all
    select
        'payments ' || status as measure,
        'warehouse.fct_payment' as target,
        currency,
        amount,
        created
    from staging.stg_stripe__charges
    union all
    select
        'refunds ' || status as measure,
        'warehouse.fct_refund' as target,
        currency,
        amount,
        created
    from staging.stg_stripe__refunds
    union all
    select
        'disputes' as measure,
        'warehouse.fct_dispute' as target,
        currency,
        amount,
        created
    from staging.stg_stripe__disputes
),

sources as (
    select
        measure,
        target,
        coalesce(upper(trim(currency)), 'no currency') as currency,
        count(*) as all_rows,
        sum(amount) as amount,
        sum(case when created >= $as_of then 1 else 0 end) as waiting_rows,
        sum(case when created >= $as_of then amount else 0 end) as waiting_amount
    from source_rows
    group by measure, target, coalesce(upper(trim(currency)), 'no currency')
),

fact_rows as (
    select 'invoices due' as measure, 'warehouse.fct_invoice' as target, currency, amount_due as amount
    from warehouse.fct_invoice
    union all
    select 'invoices paid' as measure, 'warehouse.fct_invoice' as target, currency, amount_paid as amount
    from warehouse.fct_invoice
    union all
    select 'invoices remaining' as measure, 'warehouse.fct_invoice' as target, currency, amount_remaining as amount
    from warehouse.fct_invoice
    union all
    select 'payments ' || status as measure, 'warehouse.fct_payment' as target, currency, amount
    from warehouse.fct_payment
    union all
    select 'refunds ' || status as measure, 'warehouse.fct_refund' as target, currency, amount
    from warehouse.fct_refund
    union all
    select 'disputes' as measure, 'warehouse.fct_dispute' as target, currency, amount
    from warehouse.fct_dispute
),

facts as (
    select
        measure,
        target,
        coalesce(currency, 'no currency') as currency,
        count(*) as all_rows,
        sum(amount) as amount
    from fact_rows
    group by measure, target, coalesce(currency, 'no currency')
),

paired as (
    select
        coalesce(sources.measure, facts.measure) as measure,
        coalesce(sources.target, facts.target) as target,
        coalesce(sources.currency, facts.currency) as currency,
        coalesce(sources.all_rows, 0) as source_rows,
        coalesce(sources.waiting_rows, 0) as waiting_rows,
        coalesce(facts.all_rows, 0) as fact_rows,
        coalesce(sources.amount, 0) as source_amount,
        coalesce(sources.waiting_amount, 0) as waiting_amount,
        coalesce(facts.amount, 0) as fact_amount
    from sources
    full outer join facts on sources.measure = facts.measure and sources.currency = facts.currency
),

compared as (
    -- The three amounts of an invoice are of one row.
    select
        measure,
        target,
        currency,
        'rows' as unit,
        waiting_rows,
        cast(source_rows as decimal(38, 4)) as origin_value,
        cast(waiting_rows as decimal(38, 4)) as waiting_value,
        cast(fact_rows as decimal(38, 4)) as target_value
    from paired
    where measure not in ('invoices paid', 'invoices remaining')
    union all
    select
        measure,
        target,
        currency,
        currency as unit,
        waiting_rows,
        cast(source_amount as decimal(38, 4)) as origin_value,
        cast(waiting_amount as decimal(38, 4)) as waiting_value,
        cast(fact_amount as decimal(38, 4)) as target_value
    from paired
),

final as (
    select
        'staging → facts' as step,
        case when unit = 'rows' then measure || ' in ' || currency else measure end as measure,
        unit,
        'staging.stg_stripe__*' as origin,
        origin_value,
        target,
        target_value,
        case
            when waiting_rows > 0 and origin_value - waiting_value = target_value
                then cast(waiting_rows as varchar) || ' created after the business day'
        end as reason
    from compared
)

select * from final
order by measure, unit
