-- By department first: what a journey needs of its single steps is then a few rows. The customer stands in the key
-- because touchpoints come in the order of customers: the engine then groups one customer at a time.
with stays as (

    select
        customer_id,
        journey_id,
        department,
        min(step) as first_step,
        max(step) as last_step,
        count(*) as touchpoints,
        sum(case when is_handoff then 1 else 0 end) as handoffs,
        sum(case when is_contact then 1 else 0 end) as contacts,
        sum(contact_cost_eur) as contact_cost_eur,
        max(case when kind = 'refund_issued' then 1 else 0 end) as refunds,
        min(occurred_at) as started_at,
        max(occurred_at) as ended_at
    from warehouse.fct_touchpoint
    group by customer_id, journey_id, department

),

-- A few hundred large partitions instead of one for each journey: windows cost by the partition.
bucketed as (

    select
        *,
        substr(customer_id, 11, 2) as bucket
    from stays

),

ordered as (

    select
        *,
        cast(row_number() over (partition by bucket order by journey_id, first_step) as bigint) as place,
        lag(journey_id) over (partition by bucket order by journey_id, first_step) as row_before_journey_id
    from bucketed

),

ranked as (

    select
        *,
        place + 1 - max(case when row_before_journey_id = journey_id then 0 else place end) over (
            partition by bucket order by journey_id, first_step
            rows between unbounded preceding and current row
        ) as position
    from ordered

),

journeys as (

    select
        customer_id,
        journey_id,
        -- As many places as there are departments in dim_department.
        max(case when position = 1 then department end)
        || coalesce(' > ' || max(case when position = 2 then department end), '')
        || coalesce(' > ' || max(case when position = 3 then department end), '')
        || coalesce(' > ' || max(case when position = 4 then department end), '')
        || coalesce(' > ' || max(case when position = 5 then department end), '')
        || coalesce(' > ' || max(case when position = 6 then department end), '') as departments,
        max(case when position = 1 then department end) as first_department,
        -- The greatest of (step, department) holds the department of the last step.
        substr(max(lpad(cast(last_step as varchar), 9, '0') || department), 10) as last_department,
        sum(touchpoints) as touchpoints,
        sum(handoffs) as handoffs,
        sum(contacts) as contacts,
        coalesce(sum(contact_cost_eur), 0) as contact_cost_eur,
        max(refunds) as refunds,
        min(started_at) as started_at,
        max(ended_at) as ended_at
    from ranked
    group by customer_id, journey_id

),

joined as (

    select * from warehouse.int_matter_journey

),

tickets as (

    select
        coalesce(joined.journey_id, tickets.matter_id) as journey_id,
        count(*) as tickets,
        max(case when tickets.is_open then 1 else 0 end) as any_open,
        min(case when tickets.status in ('solved', 'closed') then 1 else 0 end) as all_finished
    from joined
    right join warehouse.fct_ticket as tickets on tickets.matter_id = joined.matter_id
    group by coalesce(joined.journey_id, tickets.matter_id)

),

open_invoices as (

    select coalesce(joined.journey_id, invoices.matter_id) as journey_id
    from joined
    right join warehouse.fct_invoice as invoices on invoices.matter_id = joined.matter_id
    where invoices.is_open
    group by coalesce(joined.journey_id, invoices.matter_id)

),

orders as (

    select
        'order:' || order_id as journey_id,
        order_id,
        is_cancelled,
        is_delivered
    from warehouse.fct_order

),

stated as (

    select
        journeys.journey_id,
        journeys.customer_id,
        orders.order_id,
        journeys.departments,
        journeys.first_department,
        journeys.last_department,
        journeys.touchpoints,
        journeys.handoffs,
        coalesce(tickets.tickets, 0) as tickets,
        journeys.contacts,
        journeys.contact_cost_eur,
        coalesce(tickets.any_open = 1, false)
        or open_invoices.journey_id is not null
        or coalesce(not orders.is_delivered and not orders.is_cancelled, false)
        or add_days(journeys.ended_at, $journey_gap_days) > $as_of as is_open,
        coalesce(orders.is_cancelled, false) as is_cancelled,
        journeys.refunds = 1 as is_refunded,
        coalesce(tickets.all_finished = 1, false) as is_resolved,
        journeys.started_at,
        journeys.ended_at
    -- The side that is looked up stands first: its rows are what a hash join holds in memory.
    from orders
    right join (
        open_invoices
        right join (
            tickets
            right join journeys on journeys.journey_id = tickets.journey_id
        ) on journeys.journey_id = open_invoices.journey_id
    ) on journeys.journey_id = orders.journey_id

),

final as (

    select
        journey_id,
        customer_id,
        order_id,
        departments,
        first_department,
        last_department,
        case
            when is_open then 'open'
            when is_cancelled then 'cancelled'
            when is_refunded then 'refunded'
            when is_resolved then 'resolved'
            when order_id is not null then 'bought'
            else 'ended'
        end as outcome,
        touchpoints,
        handoffs,
        tickets,
        contacts,
        contact_cost_eur,
        is_open,
        started_at,
        ended_at
    from stated

)

select * from final
