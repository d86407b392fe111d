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

final as (

    select
        kinds.kind || ':' || stepped.source_id as touchpoint_id,
        stepped.customer_id,
        stepped.journey_id,
        stepped.matter_id,
        case
            when kinds.subject_type = 'order' then stepped.order_id
            when kinds.subject_type = 'ticket' then cast(stepped.ticket_id as varchar)
            when stepped.invoice_id is not null then stepped.invoice_id
            -- Without an invoice, a payment is a matter of its own and names it.
            else substr(stepped.matter_id, 9)
        end as subject_id,
        stepped.source_id,
        stepped.order_id,
        stepped.ticket_id,
        stepped.invoice_id,
        kinds.kind,
        stepped.department,
        stepped.channel,
        kinds.direction,
        case
            when kinds.subject_type = 'invoice' and stepped.invoice_id is null then 'payment'
            else kinds.subject_type
        end as subject_type,
        kinds.source_system,
        kinds.source_object,
        stepped.satisfaction,
        previous_kinds.kind as previous_kind,
        stepped.previous_department,
        stepped.kind_order,
        stepped.step,
        stepped.amount_eur,
        case when kinds.is_contact then coalesce(costs.cost_eur, 0) end as contact_cost_eur,
        kinds.is_contact,
        case when kinds.is_contact then costs.cost_eur is not null end as has_contact_cost,
        coalesce(stepped.previous_department <> stepped.department, false) as is_handoff,
        stepped.previous_at,
        stepped.occurred_at
    -- Outer joins, although every step has its kind: after an inner join the engine takes the result for as small as the lookup.
    from stepped
    left join kinds on stepped.kind_order = kinds.kind_order
    left join previous_kinds on stepped.previous_kind_order = previous_kinds.kind_order
    left join costs on stepped.department = costs.department and stepped.channel = costs.channel

)

select * from final
