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

-- A few hundred large partitions instead of one for each customer: windows cost by the partition.
touchpoints as (

    select
        touchpoints.customer_id,
        substr(touchpoints.customer_id, 11, 2) as bucket,
        touchpoints.matter_id,
        touchpoints.source_id,
        touchpoints.kind_order,
        touchpoints.occurred_at
    from searching_customers
    inner join warehouse.int_touchpoint as touchpoints on touchpoints.customer_id = searching_customers.customer_id

),

ordered as (

    select
        customer_id,
        matter_id,
        occurred_at,
        row_number() over (
            partition by bucket order by customer_id, occurred_at, kind_order, source_id
        ) as place,
        lag(customer_id) over (
            partition by bucket order by customer_id, occurred_at, kind_order, source_id
        ) as row_before_customer_id,
        lag(matter_id) over (
            partition by bucket order by customer_id, occurred_at, kind_order, source_id
        ) as row_before_matter_id,
        lag(occurred_at) over (
            partition by bucket order by customer_id, occurred_at, kind_order, source_id
        ) as row_before_at
    from touchpoints

),

loose as (

    select * from ordered
    where matter_id not like 'order:%'

),

beginnings as (

    select
        matter_id,
        min(place) as place
    from loose
    group by matter_id

),

final as (

    select
        loose.matter_id,
        loose.row_before_matter_id as previous_matter_id
    from beginnings
    inner join loose
        on loose.matter_id = beginnings.matter_id
        and loose.place = beginnings.place
    where
        loose.row_before_customer_id = loose.customer_id
        and loose.occurred_at <= add_days(loose.row_before_at, $journey_gap_days)

)

select * from final
