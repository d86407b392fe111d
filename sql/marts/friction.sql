-- Every friction that the rules found, with what it cost and what it puts at risk. A rule of your own is one more file
-- `friction_<rule>.sql` of the same shape, and one line here.
with found as (
    select * from marts.friction_retry_while_open
    union all
    select * from marts.friction_invoice_before_delivery
    union all
    select * from marts.friction_refund_not_paid
    union all
    select * from marts.friction_transferred_twice
    union all
    select * from marts.friction_reopened
    union all
    select * from marts.friction_asks_again
    union all
    select * from marts.friction_delivered_not_paid
    union all
    select * from marts.friction_no_reply
    union all
    select * from marts.friction_paid_twice
),

touchpoints as (
    select * from warehouse.fct_touchpoint
),

orders as (
    select * from warehouse.fct_order
),

-- A matter is the order, or the ticket where it names none.
frictions as (
    select
        rule || ':' || subject_id as friction_id,
        rule,
        customer_id,
        found_at,
        add_days(found_at, $friction_cost_days) as cost_until,
        subject_type,
        subject_id,
        order_id,
        ticket_id,
        invoice_id,
        payment_id,
        coalesce('order:' || order_id, 'ticket:' || cast(ticket_id as text)) as matter,
        epoch_us(found_at) - epoch_us(found_at) % (greatest($friction_cost_days, 1) * 86400000000) as slot_us
    from found
),

-- Moments are laid into slots as long as the time looked at: what follows a friction in time is in its slot or in the
-- next one. So an order number that very many tickets name (a placeholder) does not compare all with all.
contacts as (
    select
        coalesce('order:' || touchpoints.order_id, 'ticket:' || touchpoints.subject_id) as matter,
        touchpoints.occurred_at,
        touchpoints.contact_cost_eur,
        epoch_us(touchpoints.occurred_at) - epoch_us(touchpoints.occurred_at) % (greatest($friction_cost_days, 1) * 86400000000)
        - slots.place * greatest($friction_cost_days, 1) * 86400000000 as slot_us
    from touchpoints
    cross join (values (0), (1)) as slots (place)
    where touchpoints.is_contact
),

-- The contact that made the friction happened at found_at itself, and so is left out.
costs as (
    select
        frictions.friction_id,
        sum(contacts.contact_cost_eur) as cost_eur
    from frictions
    inner join contacts
        on frictions.matter = contacts.matter
        and frictions.slot_us = contacts.slot_us
    where contacts.occurred_at > frictions.found_at
        and contacts.occurred_at <= frictions.cost_until
    group by frictions.friction_id
),

revenues as (
    select
        customer_id,
        sum(coalesce(total_eur, 0)) - sum(refunds_eur) as revenue_eur
    from orders
    where not is_cancelled
        and ordered_at >= add_days($as_of, - $revenue_at_risk_days)
        and customer_id is not null
    group by customer_id
),

final as (
    select
        frictions.friction_id,
        frictions.customer_id,
        frictions.rule,
        frictions.subject_type,
        frictions.subject_id,
        frictions.order_id,
        frictions.ticket_id,
        frictions.invoice_id,
        frictions.payment_id,
        coalesce(costs.cost_eur, 0) as cost_eur,
        coalesce(revenues.revenue_eur, 0) as revenue_at_risk_eur,
        frictions.found_at
    from frictions
    left join costs on frictions.friction_id = costs.friction_id
    left join revenues on frictions.customer_id = revenues.customer_id
)

select * from final
