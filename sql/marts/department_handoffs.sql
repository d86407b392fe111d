with touchpoints as (
    select
        *,
        -- What a department does towards the customer is an act of it; that it was handed a ticket is none.
        direction = 'outbound' and kind <> 'ticket_transferred' as is_act
    from warehouse.fct_touchpoint
),

handoffs as (
    select
        journey_id,
        step,
        customer_id,
        cast(date_trunc('month', local_date(occurred_at, $time_zone)) as date) as month,
        previous_department as from_department,
        department as to_department,
        is_act,
        occurred_at,
        previous_at
    from touchpoints
    where is_handoff and customer_id is not null
),

-- Where the receiving department's own act is the hand-off, nobody waited for it. Where the customer came to it, or a
-- ticket was passed to it, what followed in the journey tells who moved next.
waited_for as (
    select
        handoffs.journey_id,
        handoffs.step,
        min(case when later.direction = 'inbound' then later.step end) as asked_step,
        min(case when later.direction = 'inbound' then later.occurred_at end) as asked_at,
        min(case when later.is_act and later.department = handoffs.to_department then later.step end) as acted_step,
        min(case when later.is_act and later.department = handoffs.to_department then later.occurred_at end) as acted_at
    from handoffs
    inner join touchpoints as later
        on handoffs.journey_id = later.journey_id
    where not handoffs.is_act and later.step > handoffs.step
    group by handoffs.journey_id, handoffs.step
),

-- The wait for the receiving department begins where the matter reached it: with the customer's coming or the ticket's,
-- else with the last thing that the department before did.
measured as (
    select
        handoffs.month,
        handoffs.from_department,
        handoffs.to_department,
        epoch_us(handoffs.occurred_at) - epoch_us(handoffs.previous_at) as between_us,
        case
            when handoffs.is_act then epoch_us(handoffs.occurred_at) - epoch_us(handoffs.previous_at)
            else epoch_us(waited_for.acted_at) - epoch_us(handoffs.occurred_at)
        end as acted_us,
        case
            when waited_for.asked_at <= add_days(handoffs.occurred_at, $ask_again_days)
                and waited_for.asked_step < coalesce(waited_for.acted_step, waited_for.asked_step + 1)
                then 1
            else 0
        end as asked_again
    from handoffs
    left join waited_for
        on handoffs.journey_id = waited_for.journey_id
        and handoffs.step = waited_for.step
),

-- A department that never acted leaves no duration; such hand-offs stay out of the median.
measures as (
    select
        month,
        from_department,
        to_department,
        count(*) as handoffs,
        count(acted_us) as acted,
        sum(asked_again) as asked_again,
        cast(round(percentile_cont(0.5) within group (order by cast(acted_us as double))) as bigint) as acted_us,
        cast(round(percentile_cont(0.5) within group (order by cast(between_us as double))) as bigint) as between_us
    from measured
    group by month, from_department, to_department
),

customers as (
    select
        month,
        from_department,
        to_department,
        count(*) as customers
    from (
        select
            customer_id,
            month,
            from_department,
            to_department
        from handoffs
        group by customer_id, month, from_department, to_department
    ) as once_each
    group by month, from_department, to_department
),

final as (
    select
        measures.month,
        measures.from_department,
        measures.to_department,
        measures.handoffs,
        customers.customers,
        measures.acted,
        div_round(measures.acted_us, 3600000000, 2) as median_hours,
        div_round(measures.between_us, 3600000000, 2) as median_hours_between,
        div_round(measures.asked_again, measures.handoffs, 6) as asked_again_share
    from measures
    inner join customers
        on measures.month = customers.month
        and measures.from_department = customers.from_department
        and measures.to_department = customers.to_department
)

select * from final
