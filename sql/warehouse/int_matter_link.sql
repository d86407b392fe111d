with loose_matters as (

    select matter_id, customer_id
    from warehouse.int_touchpoint
    where customer_id is not null and matter_id not like 'order:%'
    group by matter_id, customer_id

),

-- Only customers with a matter that no order opened have anything to look back for.
searching_customers as (

    select customer_id
    from loose_matters
    group by customer_id

),

touchpoints as (

    select
        touchpoints.customer_id,
        touchpoints.matter_id,
        touchpoints.source_id,
        touchpoints.kind_order,
        touchpoints.occurred_at
    from searching_customers
    inner join warehouse.int_touchpoint as touchpoints on touchpoints.customer_id = searching_customers.customer_id

),

ordered as (

    select
        matter_id,
        occurred_at,
        row_number() over (partition by customer_id order by occurred_at, kind_order, source_id) as position,
        lag(matter_id) over (partition by customer_id order by occurred_at, kind_order, source_id) as previous_matter_id,
        lag(occurred_at) over (partition by customer_id order by occurred_at, kind_order, source_id) as previous_at
    from touchpoints

),

loose as (

    select * from ordered
    where matter_id not like 'order:%'

),

beginnings as (

    select
        matter_id,
        min(position) as position
    from loose
    group by matter_id

),

final as (

    select
        loose.matter_id,
        loose.previous_matter_id
    from beginnings
    inner join loose
        on loose.matter_id = beginnings.matter_id
        and loose.position = beginnings.position
    where loose.occurred_at <= add_days(loose.previous_at, $journey_gap_days)

)

select * from final
