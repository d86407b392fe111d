with customers as (

    select
        customer_id,
        first_seen_at
    from warehouse.dim_customer

),

xref as (

    select
        source_system,
        source_object,
        record_id,
        customer_id
    from identity.customer_xref

),

systems as (

    select
        xref.customer_id,
        xref.source_system,
        min(record.first_seen_at) as first_seen_at
    from identity.record
    inner join xref
        on xref.source_system = record.source_system
        and xref.source_object = record.source_object
        and xref.record_id = record.record_id
    group by xref.customer_id, xref.source_system

),

-- A system that does not say since when counts from the first day on.
dated as (

    select
        customers.customer_id,
        customers.first_seen_at,
        coalesce(systems.first_seen_at, customers.first_seen_at) as system_seen_at
    from customers
    inner join systems on customers.customer_id = systems.customer_id

),

final as (

    select
        customer_id,
        min(first_seen_at) as first_known_at,
        -- The second smallest: two systems may know her from the same moment on.
        case
            when sum(case when system_seen_at = first_seen_at then 1 else 0 end) > 1 then min(first_seen_at)
            else min(case when system_seen_at > first_seen_at then system_seen_at end)
        end as second_known_at
    from dated
    group by customer_id

)

select * from final
