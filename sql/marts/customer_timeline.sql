with touchpoints as (
    select * from warehouse.fct_touchpoint
),

-- The warehouse knows the touchpoint before in the same journey; here it is the one before of the same customer,
-- whatever it was about. The order is the warehouse's own.
with_previous as (
    select
        *,
        lag(department) over (
            partition by customer_id
            order by occurred_at, kind_order, touchpoint_id
        ) as customers_previous_department,
        lag(occurred_at) over (
            partition by customer_id
            order by occurred_at, kind_order, touchpoint_id
        ) as customers_previous_at
    from touchpoints
    where customer_id is not null
),

final as (
    select
        touchpoint_id,
        customer_id,
        journey_id,
        order_id,
        subject_id,
        source_id,
        kind,
        department,
        channel,
        direction,
        subject_type,
        satisfaction,
        source_system,
        source_object,
        customers_previous_department as previous_department,
        kind_order,
        step,
        amount_eur,
        contact_cost_eur,
        div_round(epoch_us(occurred_at) - epoch_us(customers_previous_at), 3600000000, 2) as hours_since_previous,
        is_contact,
        occurred_at
    from with_previous
)

select * from final
