with touchpoints as (
    select * from warehouse.fct_touchpoint
),

handoffs as (
    select
        journey_id,
        step,
        customer_id,
        cast(date_trunc('month', local_date(occurred_at, $time_zone)) as date) as month,
        previous_department as from_department,
        department as to_department,
        direction,
        occurred_at,
        previous_at
    from touchpoints
    where is_handoff and customer_id is not null
),

-- Where the company itself made the hand-off, the receiving department acted by it. Where the customer came to the
-- receiving department, what followed in the journey tells who moved next.
customer_made as (
    select
        handoffs.journey_id,
        handoffs.step,
        min(case when later.direction = 'inbound' then later.step end) as asked_step,
        min(case when later.direction = 'inbound' then later.occurred_at end) as asked_at,
        min(
            case when later.direction = 'outbound' and later.department = handoffs.to_department then later.step end
        ) as acted_step,
        min(
            case
                when later.direction = 'outbound' and later.department = handoffs.to_department then later.occurred_at
            end
        ) as acted_at
    from handoffs
    inner join touchpoints as later
        on handoffs.journey_id = later.journey_id
    where handoffs.direction = 'inbound' and later.step > handoffs.step
    group by handoffs.journey_id, handoffs.step
),

-- The wait for the receiving department begins where the matter reached it: with the customer's coming, else with
-- the last thing that the department before did.
measured as (
    select
        handoffs.month,
        handoffs.from_department,
        handoffs.to_department,
        epoch_us(handoffs.occurred_at) - epoch_us(handoffs.previous_at) as between_us,
        case
            when handoffs.direction = 'outbound' then epoch_us(handoffs.occurred_at) - epoch_us(handoffs.previous_at)
            else epoch_us(customer_made.acted_at) - epoch_us(handoffs.occurred_at)
        end as acted_us,
        case
            when customer_made.asked_at <= add_days(handoffs.occurred_at, $ask_again_days)
                and customer_made.asked_step < coalesce(customer_made.acted_step, customer_made.asked_step + 1)
                then 1
            else 0
        end as asked_again
    from handoffs
    left join customer_made
        on handoffs.journey_id = customer_made.journey_id
        and handoffs.step = customer_made.step
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
