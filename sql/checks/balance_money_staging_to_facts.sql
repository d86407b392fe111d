-- Money per currency, in the currency itself. Currencies are compared without regard to case, as the systems write them differently.
with later_orders as (
    select id as order_id
    from staging.stg_shopify__orders
    where created_at >= $as_of
),

sources as (
    select 'orders' as what, upper(trim(currency)) as currency, sum(total_price) as source_amount
    from staging.stg_shopify__orders
    where created_at < $as_of
    group by upper(trim(currency))
    union all
    select 'order tax' as what, upper(trim(currency)) as currency, sum(total_tax) as source_amount
    from staging.stg_shopify__orders
    where created_at < $as_of
    group by upper(trim(currency))
    union all
    select 'order lines' as what, upper(trim(orders.currency)) as currency, sum(lines.price * lines.quantity - lines.total_discount) as source_amount
    from staging.stg_shopify__order_lines as lines
    inner join staging.stg_shopify__orders as orders on lines.order_id = orders.id
    where orders.created_at < $as_of
    group by upper(trim(orders.currency))
    union all
    select 'order refunds' as what, upper(trim(refunds.currency)) as currency, sum(refunds.amount) as source_amount
    from staging.stg_shopify__refunds as refunds
    left join later_orders on refunds.order_id = later_orders.order_id
    where refunds.created_at < $as_of and later_orders.order_id is null
    group by upper(trim(refunds.currency))
    union all
    select 'invoices due' as what, upper(trim(currency)) as currency, sum(amount_due) as source_amount
    from staging.stg_stripe__invoices
    where created < $as_of
    group by upper(trim(currency))
    union all
    select 'invoices paid' as what, upper(trim(currency)) as currency, sum(amount_paid) as source_amount
    from staging.stg_stripe__invoices
    where created < $as_of
    group by upper(trim(currency))
    union all
    select 'invoices remaining' as what, upper(trim(currency)) as currency, sum(amount_remaining) as source_amount
    from staging.stg_stripe__invoices
    where created < $as_of
    group by upper(trim(currency))
    union all
    select 'charges ' || status as what, upper(trim(currency)) as currency, sum(amount) as source_amount
    from staging.stg_stripe__charges
    where created < $as_of
    group by status, upper(trim(currency))
    union all
    select 'refunds ' || status as what, upper(trim(currency)) as currency, sum(amount) as source_amount
    from staging.stg_stripe__refunds
    where created < $as_of
    group by status, upper(trim(currency))
    union all
    select 'disputes' as what, upper(trim(currency)) as currency, sum(amount) as source_amount
    from staging.stg_stripe__disputes
    where created < $as_of
    group by upper(trim(currency))
),

facts as (
    select 'orders' as what, currency, sum(total_price) as fact_amount from warehouse.fct_order group by currency
    union all
    select 'order tax' as what, currency, sum(total_tax) as fact_amount from warehouse.fct_order group by currency
    union all
    select 'order lines' as what, currency, sum(line_total) as fact_amount
    from warehouse.fct_order_line
    where currency is not null
    group by currency
    union all
    select 'order refunds' as what, currency, sum(amount) as fact_amount from warehouse.fct_order_refund group by currency
    union all
    select 'invoices due' as what, currency, sum(amount_due) as fact_amount from warehouse.fct_invoice group by currency
    union all
    select 'invoices paid' as what, currency, sum(amount_paid) as fact_amount from warehouse.fct_invoice group by currency
    union all
    select 'invoices remaining' as what, currency, sum(amount_remaining) as fact_amount from warehouse.fct_invoice group by currency
    union all
    select 'charges ' || status as what, currency, sum(amount) as fact_amount from warehouse.fct_payment group by status, currency
    union all
    select 'refunds ' || status as what, currency, sum(amount) as fact_amount from warehouse.fct_refund group by status, currency
    union all
    select 'disputes' as what, currency, sum(amount) as fact_amount from warehouse.fct_dispute group by currency
),

final as (
    select
        coalesce(sources.what, facts.what) as what,
        coalesce(sources.currency, facts.currency) as currency,
        coalesce(sources.source_amount, 0) as source_amount,
        coalesce(facts.fact_amount, 0) as fact_amount
    from sources
    full outer join facts
        on sources.what = facts.what
        and sources.currency = facts.currency
    where coalesce(sources.source_amount, 0) <> coalesce(facts.fact_amount, 0)
)

select * from final
