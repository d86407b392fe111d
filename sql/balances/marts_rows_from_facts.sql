-- What is left out is counted in the facts; only where that explains the difference does it stand as its reason.
with touchpoints as (
    select
        count(*) as all_rows,
        sum(case when customer_id is null then 1 else 0 end) as unknown_rows,
        sum(case when is_contact then 1 else 0 end) as contacts,
        sum(case when is_contact and customer_id is null then 1 else 0 end) as unknown_contacts,
        sum(case when is_handoff then 1 else 0 end) as handoffs,
        sum(case when is_handoff and customer_id is null then 1 else 0 end) as unknown_handoffs,
        sum(case when direction = 'inbound' then 0 else 1 end) as outbound_rows
    from warehouse.fct_touchpoint
),

orders as (
    select
        count(*) as all_rows,
        sum(case when customer_id is null then 1 else 0 end) as unknown_rows,
        sum(case when customer_id is not null and is_cancelled then 1 else 0 end) as cancelled_rows
    from warehouse.fct_order
),

tickets as (
    select
        count(*) as all_rows,
        sum(case when is_open then 0 else 1 end) as settled_rows,
        sum(case when is_open and customer_id is null then 1 else 0 end) as unknown_rows
    from warehouse.fct_ticket
),

customers as (
    select count(*) as all_rows from warehouse.dim_customer
),

customer_360 as (
    select
        count(*) as customers,
        sum(orders_placed_count) as placed,
        sum(orders_count) as orders,
        sum(open_tickets) as open_tickets
    from marts.customer_360
),

customer_value as (
    select
        count(*) as customers,
        sum(contacts) as contacts
    from marts.customer_value
),

customer_timeline as (
    select count(*) as touchpoints from marts.customer_timeline
),

department_handoffs as (
    select sum(handoffs) as handoffs from marts.department_handoffs
),

contact_load as (
    select sum(contacts) as contacts from marts.contact_load
),

friction as (
    select count(*) as frictions from marts.friction
),

friction_summary as (
    select sum(frictions) as frictions from marts.friction_summary
),

compared as (
    select
        1 as place,
        'customers' as measure,
        'warehouse.dim_customer' as origin,
        customers.all_rows as origin_rows,
        'marts.customer_360' as target,
        customer_360.customers as target_rows,
        0 as left_out,
        '' as what
    from customers cross join customer_360
    union all
    select
        2 as place,
        'customers' as measure,
        'warehouse.dim_customer' as origin,
        customers.all_rows as origin_rows,
        'marts.customer_value' as target,
        customer_value.customers as target_rows,
        0 as left_out,
        '' as what
    from customers cross join customer_value
    union all
    select
        3 as place,
        'orders placed' as measure,
        'warehouse.fct_order' as origin,
        orders.all_rows as origin_rows,
        'marts.customer_360' as target,
        customer_360.placed as target_rows,
        orders.unknown_rows as left_out,
        'of nobody known' as what
    from orders cross join customer_360
    union all
    select
        4 as place,
        'orders' as measure,
        'warehouse.fct_order' as origin,
        orders.all_rows as origin_rows,
        'marts.customer_360' as target,
        customer_360.orders as target_rows,
        orders.unknown_rows + orders.cancelled_rows as left_out,
        'of nobody known, or cancelled' as what
    from orders cross join customer_360
    union all
    select
        5 as place,
        'open tickets' as measure,
        'warehouse.fct_ticket' as origin,
        tickets.all_rows as origin_rows,
        'marts.customer_360' as target,
        customer_360.open_tickets as target_rows,
        tickets.settled_rows + tickets.unknown_rows as left_out,
        'solved or closed, or of nobody known' as what
    from tickets cross join customer_360
    union all
    select
        6 as place,
        'touchpoints' as measure,
        'warehouse.fct_touchpoint' as origin,
        touchpoints.all_rows as origin_rows,
        'marts.customer_timeline' as target,
        customer_timeline.touchpoints as target_rows,
        touchpoints.unknown_rows as left_out,
        'of nobody known' as what
    from touchpoints cross join customer_timeline
    union all
    select
        7 as place,
        'contacts' as measure,
        'warehouse.fct_touchpoint' as origin,
        touchpoints.contacts as origin_rows,
        'marts.customer_value' as target,
        customer_value.contacts as target_rows,
        touchpoints.unknown_contacts as left_out,
        'of nobody known' as what
    from touchpoints cross join customer_value
    union all
    select
        8 as place,
        'hand-offs' as measure,
        'warehouse.fct_touchpoint' as origin,
        touchpoints.handoffs as origin_rows,
        'marts.department_handoffs' as target,
        department_handoffs.handoffs as target_rows,
        touchpoints.unknown_handoffs as left_out,
        'of nobody known' as what
    from touchpoints cross join department_handoffs
    union all
    select
        9 as place,
        'contacts' as measure,
        'warehouse.fct_touchpoint' as origin,
        touchpoints.all_rows as origin_rows,
        'marts.contact_load' as target,
        contact_load.contacts as target_rows,
        touchpoints.outbound_rows as left_out,
        'of the company itself' as what
    from touchpoints cross join contact_load
    union all
    select
        10 as place,
        'frictions' as measure,
        'marts.friction' as origin,
        friction.frictions as origin_rows,
        'marts.friction_summary' as target,
        friction_summary.frictions as target_rows,
        0 as left_out,
        '' as what
    from friction cross join friction_summary
),

final as (
    select
        'facts → ' || target as step,
        measure,
        'rows' as unit,
        origin,
        cast(coalesce(origin_rows, 0) as decimal(38, 4)) as origin_value,
        target,
        cast(coalesce(target_rows, 0) as decimal(38, 4)) as target_value,
        case
            when left_out > 0 and coalesce(origin_rows, 0) - left_out = coalesce(target_rows, 0)
                then cast(left_out as varchar) || ' ' || what
        end as reason,
        place
    from compared
)

select
    step,
    measure,
    unit,
    origin,
    origin_value,
    target,
    target_value,
    reason
from final
order by place
