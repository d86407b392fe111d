with placed as (

    select
        touchpoints.*,
        coalesce(joined.journey_id, touchpoints.matter_id) as journey_id
    from warehouse.int_matter_journey as joined
    right join warehouse.int_touchpoint as touchpoints on touchpoints.matter_id = joined.matter_id

),

-- A few hundred large partitions instead of one for each of millions of journeys: windows cost by the partition.
bucketed as (

    select
        *,
        substr(customer_id, 11, 2) as bucket
    from placed

),

ordered as (

    select
        *,
        cast(row_number() over (
            partition by bucket order by journey_id, occurred_at, kind_order, source_id
        ) as bigint) as place,
        lag(journey_id) over (
            partition by bucket order by journey_id, occurred_at, kind_order, source_id
        ) as row_before_journey_id,
        lag(department) over (
            partition by bucket order by journey_id, occurred_at, kind_order, source_id
        ) as row_before_department,
        lag(kind_order) over (
            partition by bucket order by journey_id, occurred_at, kind_order, source_id
        ) as row_before_kind_order,
        lag(occurred_at) over (
            partition by bucket order by journey_id, occurred_at, kind_order, source_id
        ) as row_before_at
    from bucketed

),

-- The row before is the step before, unless a journey begins here; steps count from the last beginning.
stepped as (

    select
        *,
        place + 1 - max(case when row_before_journey_id = journey_id then 0 else place end) over (
            partition by bucket order by journey_id, occurred_at, kind_order, source_id
            rows between unbounded preceding and current row
        ) as step,
        case when row_before_journey_id = journey_id then row_before_department end as previous_department,
        case when row_before_journey_id = journey_id then row_before_kind_order else 0 end as previous_kind_order,
        case when row_before_journey_id = journey_id then row_before_at end as previous_at
    from ordered

),

kinds as (

    select * from warehouse.dim_touchpoint_kind

),

-- The first step of a journey has none before it.
previous_kinds as (

    select
        kind_order,
        kind
    from kinds
    union all
    select
        0 as kind_order,
        cast(null as varchar) as kind

),

costs as (

    select * from warehouse.dim_contact_cost

),

-- The id before all that is looked up: rows are put into their order, which names it, while they are still narrow.
named as (

    select
        stepped.*,
        kinds.kind || ':' || stepped.source_id as touchpoint_id
    from stepped
    left join kinds on stepped.kind_order = kinds.kind_order

),

final as (

    select
        named.touchpoint_id,
        named.customer_id,
        named.journey_id,
        named.matter_id,
        case
            when kinds.subject_type = 'order' then named.order_id
            when kinds.subject_type = 'ticket' then cast(named.ticket_id as varchar)
            when named.invoice_id is not null then named.invoice_id
            -- Without an invoice, a payment is a matter of its own and names it.
            else substr(named.matter_id, 9)
        end as subject_id,
        named.source_id,
        named.order_id,
        named.ticket_id,
        named.invoice_id,
        kinds.kind,
        named.department,
        named.channel,
        kinds.direction,
        case
            when kinds.subject_type = 'invoice' and named.invoice_id is null then 'payment'
            else kinds.subject_type
        end as subject_type,
        kinds.source_system,
        kinds.source_object,
        named.satisfaction,
        previous_kinds.kind as previous_kind,
        named.previous_department,
        named.kind_order,
        named.step,
        named.amount_eur,
        case when kinds.is_contact then coalesce(costs.cost_eur, 0) end as contact_cost_eur,
        kinds.is_contact,
        case when kinds.is_contact then costs.cost_eur is not null end as has_contact_cost,
        coalesce(named.previous_department <> named.department, false) as is_handoff,
        named.previous_at,
        named.occurred_at
    -- Outer joins, although every step has its kind: after an inner join the engine takes the result for as small as the lookup.
    from named
    left join kinds on named.kind_order = kinds.kind_order
    left join previous_kinds on named.previous_kind_order = previous_kinds.kind_order
    left join costs on named.department = costs.department and named.channel = costs.channel

)

select * from final
