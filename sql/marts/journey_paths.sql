with touchpoints as (
    select * from warehouse.fct_touchpoint
),

departments as (
    select
        department,
        position
    from warehouse.dim_department
),

kinds as (
    select
        kind,
        kind_order
    from warehouse.dim_touchpoint_kind
),

-- Every way that there could be, under one number: grouping millions of rows by a number is much cheaper than by names.
steps as (
    select
        departments.department || ':' || kinds.kind as step,
        departments.position * 1000 + kinds.kind_order as step_id
    from departments
    cross join kinds
),

ways as (
    select
        from_steps.step as from_step,
        to_steps.step as to_step,
        from_steps.step_id * 1000000 + to_steps.step_id as way_id
    from steps as from_steps
    cross join steps as to_steps
),

transitions as (
    select
        touchpoints.customer_id,
        touchpoints.journey_id,
        (from_departments.position * 1000 + from_kinds.kind_order) * 1000000
        + to_departments.position * 1000
        + touchpoints.kind_order as way_id,
        epoch_us(touchpoints.occurred_at) - epoch_us(touchpoints.previous_at) as elapsed_us
    from touchpoints
    -- Outer joins, although each finds its row: after an inner join the engine takes the result for as small as the lookup.
    left join departments as to_departments on touchpoints.department = to_departments.department
    left join departments as from_departments on touchpoints.previous_department = from_departments.department
    left join kinds as from_kinds on touchpoints.previous_kind = from_kinds.kind
    where touchpoints.customer_id is not null and touchpoints.previous_kind is not null
),

-- Distinct journeys and customers by grouping step by step. The customer stands in the key of a journey because the
-- touchpoints come in the order of customers: the engine then groups one customer at a time.
by_journey as (
    select
        customer_id,
        way_id,
        journey_id
    from transitions
    group by customer_id, way_id, journey_id
),

by_customer as (
    select
        customer_id,
        way_id,
        count(*) as journeys
    from by_journey
    group by customer_id, way_id
),

counts as (
    select
        way_id,
        count(*) as customers,
        sum(journeys) as journeys
    from by_customer
    group by way_id
),

-- Microseconds are whole numbers up to here and again from here on: the interpolation between two of them is the only
-- step in floating point, and it is rounded at once.
durations as (
    select
        way_id,
        count(*) as transitions,
        cast(round(percentile_cont(0.5) within group (order by cast(elapsed_us as double))) as bigint) as median_us,
        -- A trillionth above 0.9: the engine cuts the weight of the interpolation to six digits, and 0.9 × (n − 1) in binary may lie just below its tenth.
        cast(round(percentile_cont(0.9000000000001) within group (order by cast(elapsed_us as double))) as bigint) as p90_us
    from transitions
    group by way_id
),

named as (
    select
        ways.from_step,
        ways.to_step,
        counts.journeys,
        counts.customers,
        durations.transitions,
        sum(durations.transitions) over (partition by ways.from_step) as departures,
        durations.median_us,
        durations.p90_us
    from durations
    inner join counts on durations.way_id = counts.way_id
    inner join ways on durations.way_id = ways.way_id
),

final as (
    select
        from_step,
        to_step,
        journeys,
        customers,
        transitions,
        div_round(median_us, 3600000000, 2) as median_hours,
        div_round(p90_us, 3600000000, 2) as p90_hours,
        div_round(transitions, departures, 6) as share
    from named
)

select * from final
