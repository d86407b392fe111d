-- Rows, and money in its own currency. A row that is created at or after as_of waits, and so does one of an order that does.
with later_orders as (
    select id as order_id
    from staging.stg_shopify__orders
    where created_at >= $as_of
),

orders as (
    select
        id,
        coalesce(upper(trim(currency)), 'no currency') as currency
    from staging.stg_shopify__orders
),

source_rows as (
    select
        'orders' as measure,
        coalesce(upper(trim(currency)), 'no currency') as currency,
        cast(total_price as decimal(38, 4)) as amount,
        created_at >= $as_of as waits
    from staging.stg_shopify__orders
    union all
    select
        'order tax' as measure,
        coalesce(upper(trim(currency)), 'no currency') as currency,
        cast(total_tax as decimal(38, 4)) as amount,
        created_at >= $as_of as waits
    from staging.stg_shopify__orders
    union all
    -- A line has its order's currency; without an order it has none.
    select
        'order lines' as measure,
        coalesce(orders.currency, 'no currency') as currency,
        cast(lines.price * lines.quantity - lines.total_discount as decimal(38, 4)) as amount,
        later_orders.order_id is not null as waits
    from staging.stg_shopify__order_lines as lines
    left join orders on lines.order_id = orders.id
    left join later_orders on lines.order_id = later_orders.order_id
    union all
    select
        'order refunds' as measure,
        coalesce(upper(trim(refunds.currency)), 'no currency') as currency,
        cast(refunds.amount as decimal(38, 4)) as amount,
        refunds.created_at >= $as_of or later_orders.order_id is not null as waits
    from staging.stg_shopify__refunds as refunds
    left join later_orders on refunds.order_id = later_orders.order_id
),

sources as (
    select
        measure,
        currency,
        count(*) as all_rows,
        sum(amount) as amount,
        sum(case when waits then 1 else 0 end) as waiting_rows,
        sum(case when waits then amount else 0 end) as waiting_amount
    from source_rows
    group by measure, currency
),

facts as (
    select 'orders' as measure, coalesce(currency, 'no currency') as currency, count(*) as fact_rows, sum(total_price) as amount
    from warehouse.fct_order
    group by coalesce(currency, 'no currency')
    union all
    select 'order tax' as measure, coalesce(currency, 'no currency') as currency, count(*) as fact_rows, sum(total_tax) as amount
    from warehouse.fct_order
    group by coalesce(currency, 'no currency')
    union all
    select 'order lines' as measure, coalesce(currency, 'no currency') as currency, count(*) as fact_rows, sum(line_total) as amount
    from warehouse.fct_order_line
    group by coalesce(currency, 'no currency')
    union all
    select 'order refunds' as measure, coalesce(currency, 'no currency') as currency, count(*) as fact_rows, sum(amount) as amount
    from warehouse.fct_order_refund
    group by coalesce(currency, 'no currency')
),

paired as (
    select
        coalesce(sources.measure, facts.measure) as measure,
        coalesce(sources.currency, facts.currency) as currency,
        coalesce(sources.all_rows, 0) as source_rows,
        coalesce(sources.waiting_rows, 0) as waiting_rows,
        coalesce(facts.fact_rows, 0) as fact_rows,
        coalesce(sources.amount, 0) as source_amount,
        coalesce(sources.waiting_amount, 0) as waiting_amount,
        coalesce(facts.amount, 0) as fact_amount
    from sources
    full outer join facts on sources.measure = facts.measure and sources.currency = facts.currency
),

compared as (
    select
        measure,
        'rows' as unit,
        currency,
        waiting_rows,
        cast(source_rows as decimal(38, 4)) as origin_value,
        cast(waiting_rows as decimal(38, 4)) as waiting_value,
        cast(fact_rows as decimal(38, 4)) as target_value
    from paired
    where measure <> 'order tax'
    union all
    select
        measure,
        currency as unit,
        currency,
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
        'staging.stg_shopify__*' as origin,
        origin_value,
        'warehouse.fct_order*' as target,
        target_value,
        case
            when waiting_rows > 0 and origin_value - waiting_value = target_value
                then cast(waiting_rows as varchar) || ' of orders created after the business day'
        end as reason
    from compared
)

select * from final
order by measure, unit
