-- What a mart counts, against the facts that it comes from.
with touchpoints as (
    select
        count(*) as all_rows,
        count(customer_id) as known,
        sum(case when step = 1 then 1 else 0 end) as journeys,
        sum(case when is_handoff then 1 else 0 end) as handoffs,
        sum(case when direction = 'inbound' then 1 else 0 end) as inbound,
        sum(case when customer_id is not null and is_contact then 1 else 0 end) as known_contacts,
        sum(case when customer_id is not null and is_handoff then 1 else 0 end) as known_handoffs,
        sum(case when customer_id is not null and previous_at is not null then 1 else 0 end) as known_transitions,
        sum(case when customer_id is not null and order_id is not null then 1 else 0 end) as known_with_order,
        sum(case when customer_id is not null and channel is not null then 1 else 0 end) as known_with_channel,
        sum(case when customer_id is not null and satisfaction is not null then 1 else 0 end) as known_rated,
        sum(case when customer_id is not null then step else 0 end) as known_steps,
        sum(case when customer_id is not null and occurred_at < $as_of then 1 else 0 end) as known_by_as_of
    from warehouse.fct_touchpoint
),

journeys as (
    select
        count(*) as journeys,
        sum(touchpoints) as touchpoints,
        sum(handoffs) as handoffs
    from warehouse.fct_journey
),

orders as (
    select
        count(*) as placed,
        sum(case when is_cancelled then 0 else 1 end) as orders
    from warehouse.fct_order
    where customer_id is not null
),

buyers as (
    select count(*) as customers
    from (
        select customer_id
        from warehouse.fct_order
        where customer_id is not null and not is_cancelled
        group by customer_id
    ) as customers
),

tickets as (
    select count(*) as open_tickets
    from warehouse.fct_ticket
    where is_open and customer_id is not null
),

customers as (
    select count(*) as customers from warehouse.dim_customer
),

-- Every customer starts her timeline once, with a touchpoint that has none before it.
touched as (
    select count(*) as customers
    from (
        select customer_id
        from warehouse.fct_touchpoint
        where customer_id is not null
        group by customer_id
    ) as customers
),

raters as (
    select count(*) as customers
    from (
        select customer_id
        from warehouse.fct_touchpoint
        where kind = 'ticket_rated' and customer_id is not null
        group by customer_id
    ) as customers
),

frictions as (
    select
        count(*) as frictions,
        sum(
            case
                when customer_id is not null and found_at >= add_days($as_of, - $recent_friction_days) then 1
                else 0
            end
        ) as recent
    from marts.friction
),

customer_360 as (
    select
        count(*) as customers,
        sum(orders_count) as orders,
        sum(orders_placed_count) as placed,
        sum(open_tickets) as open_tickets,
        sum(friction_90d) as recent,
        count(last_touch_at) as touched,
        count(usual_channel) as buyers,
        count(last_satisfaction) as raters
    from marts.customer_360
),

customer_value as (
    select
        count(*) as customers,
        sum(contacts) as contacts
    from marts.customer_value
),

customer_timeline as (
    select
        count(*) as touchpoints,
        count(order_id) as with_order,
        count(channel) as with_channel,
        count(satisfaction) as rated,
        sum(step) as steps,
        sum(case when occurred_at < $as_of then 1 else 0 end) as by_as_of,
        sum(case when previous_department is null then 1 else 0 end) as firsts
    from marts.customer_timeline
),

journey_paths as (
    select sum(transitions) as transitions from marts.journey_paths
),

department_handoffs as (
    select sum(handoffs) as handoffs from marts.department_handoffs
),

contact_load as (
    select sum(contacts) as contacts from marts.contact_load
),

friction_summary as (
    select sum(frictions) as frictions from marts.friction_summary
),

loyalty_cohorts as (
    select sum(cohort_customers) as customers
    from marts.loyalty_cohorts
    where months_since = 0
),

compared as (
    select 'customers in customer_360' as what, customers.customers as expected, customer_360.customers as found
    from customers cross join customer_360
    union all
    select 'customers in customer_value' as what, customers.customers as expected, customer_value.customers as found
    from customers cross join customer_value
    union all
    select 'customers in loyalty_cohorts' as what, buyers.customers as expected, loyalty_cohorts.customers as found
    from buyers cross join loyalty_cohorts
    union all
    select 'orders in customer_360' as what, orders.orders as expected, customer_360.orders as found
    from orders cross join customer_360
    union all
    select 'orders placed in customer_360' as what, orders.placed as expected, customer_360.placed as found
    from orders cross join customer_360
    union all
    select 'customers with a usual channel in customer_360' as what, buyers.customers as expected, customer_360.buyers as found
    from buyers cross join customer_360
    union all
    select 'open tickets in customer_360' as what, tickets.open_tickets as expected, customer_360.open_tickets as found
    from tickets cross join customer_360
    union all
    select 'recent frictions in customer_360' as what, frictions.recent as expected, customer_360.recent as found
    from frictions cross join customer_360
    union all
    select 'customers with a last touch in customer_360' as what, touched.customers as expected, customer_360.touched as found
    from touched cross join customer_360
    union all
    select 'customers with a last satisfaction in customer_360' as what, raters.customers as expected, customer_360.raters as found
    from raters cross join customer_360
    union all
    select 'contacts in customer_value' as what, touchpoints.known_contacts as expected, customer_value.contacts as found
    from touchpoints cross join customer_value
    union all
    select 'touchpoints in customer_timeline' as what, touchpoints.known as expected, customer_timeline.touchpoints as found
    from touchpoints cross join customer_timeline
    union all
    select 'touchpoints with an order in customer_timeline' as what, touchpoints.known_with_order as expected, customer_timeline.with_order as found
    from touchpoints cross join customer_timeline
    union all
    select 'touchpoints with a channel in customer_timeline' as what, touchpoints.known_with_channel as expected, customer_timeline.with_channel as found
    from touchpoints cross join customer_timeline
    union all
    select 'ratings in customer_timeline' as what, touchpoints.known_rated as expected, customer_timeline.rated as found
    from touchpoints cross join customer_timeline
    union all
    select 'steps in customer_timeline' as what, touchpoints.known_steps as expected, customer_timeline.steps as found
    from touchpoints cross join customer_timeline
    union all
    select 'touchpoints before as_of in customer_timeline' as what, touchpoints.known_by_as_of as expected, customer_timeline.by_as_of as found
    from touchpoints cross join customer_timeline
    union all
    select 'first touchpoints in customer_timeline' as what, touched.customers as expected, customer_timeline.firsts as found
    from touched cross join customer_timeline
    union all
    select 'journeys in fct_journey' as what, touchpoints.journeys as expected, journeys.journeys as found
    from touchpoints cross join journeys
    union all
    select 'touchpoints in fct_journey' as what, touchpoints.all_rows as expected, journeys.touchpoints as found
    from touchpoints cross join journeys
    union all
    select 'hand-offs in fct_journey' as what, touchpoints.handoffs as expected, journeys.handoffs as found
    from touchpoints cross join journeys
    union all
    select 'transitions in journey_paths' as what, touchpoints.known_transitions as expected, journey_paths.transitions as found
    from touchpoints cross join journey_paths
    union all
    select 'hand-offs in department_handoffs' as what, touchpoints.known_handoffs as expected, department_handoffs.handoffs as found
    from touchpoints cross join department_handoffs
    union all
    select 'contacts in contact_load' as what, touchpoints.inbound as expected, contact_load.contacts as found
    from touchpoints cross join contact_load
    union all
    select 'frictions in friction_summary' as what, frictions.frictions as expected, friction_summary.frictions as found
    from frictions cross join friction_summary
),

final as (
    select
        what,
        coalesce(expected, 0) as expected_count,
        coalesce(found, 0) as found_count
    from compared
    where coalesce(expected, 0) <> coalesce(found, 0)
)

select * from final
